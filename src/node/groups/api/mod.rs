//! The group APIs, one file each: from the wire's fields to the coordinator and back.
//!
//! Every response is built for the version of its request: a field that the version lacks stays
//! at its default, since the encoder refuses it otherwise.

mod check;
mod commit;
mod delete;
mod describe;
mod fetch;
mod find;
mod heartbeat;
mod join;
mod leave;
mod list;
mod sync;

pub(in crate::node) use join::Client;

#[cfg(test)]
mod tests;
