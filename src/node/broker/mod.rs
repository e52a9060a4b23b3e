//! broker
mod connection;
mod intake;
mod limits;
mod outbox;
mod server;
mod stats;
