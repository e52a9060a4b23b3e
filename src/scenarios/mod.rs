//! The scenarios: drive `supervisor`, observe through `client`, judge. Blind to `node`.

pub mod catalogue;
mod halt;
pub mod history;
pub mod judge;
mod law;
pub mod metrics;
mod nemesis;
pub mod report;
pub mod runner;
pub mod workload;

pub use halt::Halt;
pub use law::Law;
