//! Legal histories, made up.
