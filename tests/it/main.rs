//! The one integration binary.

mod import_law;
mod lifecycle;
mod user;
