//! The classic consumer group coordinator, as in Apache Kafka.
//!
//! The coordinator of a group lives on the leader of the group's partition of
//! `__consumer_offsets`, and all that it knows (committed offsets, members, assignments) is in
//! that log, in Kafka's own formats: whoever leads next reads it and goes on. From the inside
//! out:
//!
//! - `records`: the keys and values of that log;
//! - `group`: one group as a pure state machine;
//! - `coordinator`: all groups of one partition, pure as well;
//! - `shard`: one partition with its lock and its driver, the only part that appends and waits;
//! - `facade` and `api`: which shard a request belongs to, and the wire's fields.
//!
//! Promises: a committed offset is answered for, and seen, only when it is committed in the log,
//! and in the log's order, so a failover never takes one back. A member sees an assignment only
//! after it is stored. It does not do transactions, and not the new consumer groups (KIP-848).

mod api;
mod coordinator;
mod facade;
mod group;
mod limits;
mod placement;
mod records;
mod shard;
mod topic;

pub(in crate::node) use api::Client;
pub(in crate::node) use facade::Groups;
