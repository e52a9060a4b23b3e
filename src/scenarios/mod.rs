//! The scenarios: drive `supervisor`, observe through `client`, judge. Blind to `node`.

pub mod history;
pub mod judge;
mod law;
pub mod workload;

pub use law::Law;
