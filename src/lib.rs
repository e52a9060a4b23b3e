//! chronik-dev: a real, Raft-replicated, Kafka-compatible cluster on one machine.
//!
//! The rooms and who may enter which are described in ARCHITECTURE.md; a test enforces it.

pub mod cli;
pub mod client;
pub mod node;
pub mod ports;
pub mod protocol;
pub mod scenarios;
pub mod spec;
pub mod supervisor;
