//! The scenarios: drive `supervisor`, observe through `client`, judge. Blind to `node`.

pub mod history;
pub mod judge;
mod law;
pub mod metrics;

pub use law::Law;
