//! The process: hands its arguments to the library and returns the exit code.

fn main() -> std::process::ExitCode {
    chronik_dev::cli::main()
}
