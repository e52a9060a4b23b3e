//! What the coordinator refuses, and how long it waits; each bound with its reason.
//!
//! None of these can be set: they protect the node from its clients and carry Kafka's values
//! where Kafka has one.

use std::time::Duration;

/// Kafka's `group.min.session.timeout.ms`: a shorter session makes every pause a rebalance.
pub(super) const MIN_SESSION: Duration = Duration::from_secs(6);
/// Kafka's `group.max.session.timeout.ms`.
pub(super) const MAX_SESSION: Duration = Duration::from_mins(30);
/// A new member waits this long for its first JoinGroup to be answered, as in Kafka: until then
/// it does not know its id and cannot send heartbeats.
pub(super) const NEW_MEMBER_JOIN: Duration = Duration::from_mins(5);
/// The least that a barrier is extended by: a member may name any rebalance timeout.
pub(super) const MIN_BARRIER: Duration = Duration::from_secs(1);
/// Kafka's `offset.metadata.max.bytes`, counted in UTF-16 units as Kafka does.
pub(super) const OFFSET_METADATA: usize = 4096;
/// Kafka's `offsets.retention.minutes`: seven days after the group became empty.
pub(super) const OFFSETS_RETENTION: Duration = Duration::from_hours(7 * 24);

/// Bytes of a group id; Kafka takes 32 KiB, no person ever needed more than a line.
pub(super) const GROUP_ID: usize = 1024;
/// Bytes of a member id or a client's instance id.
pub(super) const MEMBER_ID: usize = 1024;
/// Bytes of the client id that go into a new member's id.
pub(super) const CLIENT_ID_IN_MEMBER: usize = 255;
/// Groups of one coordinator partition.
pub(super) const GROUPS: usize = 10_000;
/// Members of one group, those that have only been given an id included.
pub(super) const MEMBERS: usize = 1_000;
/// Assignment strategies that one member may offer.
pub(super) const PROTOCOLS: usize = 64;
/// Bytes of metadata that all members of a group offer together, over all strategies.
pub(super) const GROUP_METADATA: usize = 16 << 20;
/// Bytes of metadata and assignments of all members of one coordinator partition.
pub(super) const PARTITION_METADATA: usize = 64 << 20;
/// Bytes of one record: Kafka's default for `max.message.bytes` of `__consumer_offsets`.
pub(super) const RECORD: usize = 1_048_000;
/// Appends that wait for the one in flight; beyond, commits are told to come back.
pub(super) const QUEUED_WRITES: usize = 4096;

/// Kafka's `offsets.commit.timeout.ms`.
pub(super) const APPEND_WAIT: Duration = Duration::from_secs(5);
/// A request that finds its coordinator loading waits this long before it is told so: most
/// loads end sooner, and each such answer is a line in a client's log.
pub(super) const LOAD_WAIT: Duration = Duration::from_millis(500);
/// A log that could not be read is read again after this time.
pub(super) const LOAD_RETRY: Duration = Duration::from_millis(500);
/// FindCoordinator waits this long for a leader.
pub(super) const LEADER_WAIT: Duration = Duration::from_secs(1);
/// Creation of `__consumer_offsets`.
pub(super) const CREATE_WAIT: Duration = Duration::from_secs(5);
/// Added to what the state machine promises, for a request that waits for other members.
pub(super) const ANSWER_SLACK: Duration = Duration::from_secs(10);
/// How often new partitions, deleted topics and old offsets are looked for.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Kafka's `offsets.retention.check.interval.ms`.
pub(super) const EXPIRE_EVERY: Duration = Duration::from_mins(10);
/// Bytes read at a time while a partition is loaded.
pub(super) const LOAD_CHUNK: usize = 1 << 20;

const _: () = assert!(MIN_SESSION.as_millis() < MAX_SESSION.as_millis());
const _: () = assert!(RECORD < GROUP_METADATA);
const _: () = assert!(GROUP_METADATA < PARTITION_METADATA);
