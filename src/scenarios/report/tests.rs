//! Reports of made-up runs: their shapes, their words, and that no string escapes its place.

mod documents;
mod files;
mod wellformed;

use super::samples::{self, HOSTILE, Plot};
use super::*;
