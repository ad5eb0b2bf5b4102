//! zabra-sim
