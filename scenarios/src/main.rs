//! The `zabra-lab` command.
fn main() {}
