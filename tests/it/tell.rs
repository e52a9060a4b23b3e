//! What a test measured, for information: shown by `cargo test -- --nocapture`, judged by nobody.

/// Prints one line.
#[expect(clippy::print_stdout, reason = "the test harness captures it")]
pub(crate) fn tell(line: &str) {
    println!("{line}");
}
