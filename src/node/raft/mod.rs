//! The Raft groups of one node: openraft behind our own types.
//!
//! The only module that names openraft. Timers are off: who stands for election is decided by
//! `elections` from the failure detector, and openraft's rules keep every such decision safe.

mod announcer;
mod claims;
mod config;
mod election_stats;
mod elections;
mod group;
mod handover;
mod host;
mod inbox;
mod machine;
mod network;
mod store;
mod types;
mod wire;

pub(in crate::node) use announcer::Announcer;
pub(in crate::node) use claims::{Claim, Claims};
pub(in crate::node) use elections::{Elections, Parts};
pub(in crate::node) use group::{Around, Group, Members, Past, Signals, WriteError, Written};
pub(in crate::node) use handover::hand_over;
pub(in crate::node) use host::Host;
pub(in crate::node) use inbox::{RaftInbox, Survivors, Upstairs};
pub(in crate::node) use machine::{Applier, Reply};
