//! zabra-client
