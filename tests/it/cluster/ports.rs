//! Port bases for test clusters: far from the defaults, and no two alike in one test run.
//!
//! A base is a guess: whether it is free is for `up` to say.

use std::sync::atomic::{AtomicU32, Ordering};

/// Where the first block of bases lies.
const FLOOR: u32 = 13_000;
/// Three nodes, a hundred ports apart.
const BLOCK: u32 = 300;
/// Each node has four ports.
const STEP: u32 = 4;
const PER_BLOCK: u32 = 25;
const BASES: u32 = 60 * PER_BLOCK;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The next base.
pub(super) fn next_base() -> u16 {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    // Test runs that live side by side begin far from each other.
    let number = std::process::id().wrapping_mul(97).wrapping_add(number) % BASES;
    let base = FLOOR + number / PER_BLOCK * BLOCK + number % PER_BLOCK * STEP;
    u16::try_from(base).expect("the last base is below 32,000")
}
