//! The scenarios: drive `supervisor`, observe through `client`, judge. Blind to `node`.

pub mod history;
pub mod judge;
mod law;
pub mod metrics;
pub mod report;

pub use law::Law;
