//! zabra-reports
