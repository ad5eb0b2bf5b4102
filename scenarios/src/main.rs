//! The `zabra-lab` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    zabra_lab::main()
}
