//! The one integration binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod import_law;
mod lifecycle;
mod user;
