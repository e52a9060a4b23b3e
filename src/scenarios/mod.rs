//! The scenarios: drive `supervisor`, observe through `client`, judge. Blind to `node`.

pub mod history;
pub mod judge;
mod law;

pub use law::Law;
