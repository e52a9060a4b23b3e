//! Reads argv and the environment, prints, exits. Nobody else may.

use std::process::ExitCode;

/// Runs the command line.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
