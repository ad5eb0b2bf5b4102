//! zabra-checker
