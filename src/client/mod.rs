//! The only code of this project that dials a broker.
//!
//! Plain calls over Kafka's protocol and HTTP, as any user could make them: what is asked is sent
//! once, and what came back is returned. It promises no hidden retry, no hidden reconnect and a
//! deadline on every wait. It does not know how nodes are started, nor what is judged with it.

pub mod admin;
mod api;
pub mod bench;
pub mod bootstrap;
mod connection;
pub mod consumer;
pub mod disk;
mod error;
#[cfg(test)]
mod fake;
pub mod group;
pub mod http;
pub mod latency;
pub mod partitioner;
pub mod producer;
pub mod read;
pub mod steady;
pub mod timeline;
mod wire;

pub use api::Api;
pub use connection::{Answer, Connection};
pub use error::{CallError, ClientError, ErrorCode};
