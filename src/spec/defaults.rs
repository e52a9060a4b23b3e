//! Every default, with its reason.

use std::time::Duration;

/// Nodes of `up` without `--nodes`: the smallest cluster that survives the loss of one.
pub const NODES: u16 = 3;
/// More nodes than this share a laptop badly, and the port plan ends here.
pub const MAX_NODES: u16 = 100;
/// The port that every Kafka client tries first.
pub const PORT_BASE: u16 = 9092;
/// Node i's ports start this much above node i-1's: the plan that the project's users know.
pub const PORT_STRIDE: u16 = 100;
/// A plan that collides moves up by this much.
pub const PORT_MOVE: u16 = 10;
/// Linux hands out ephemeral ports from 32768; plans stay below.
pub const PORT_CEILING: u16 = 32_000;
/// Above this many nodes the relays, N(N-1) of them, are left out, and `up` says so.
pub const MAX_RELAYED_NODES: usize = 16;

/// Kafka's default is 1; three shows a newcomer that partitions exist.
pub const NUM_PARTITIONS: u32 = 3;
/// Survives the loss of one node; capped by the cluster's size.
pub const REPLICATION_FACTOR: usize = 3;
/// With three replicas: an acked record is on two.
pub const MIN_INSYNC_REPLICAS: usize = 2;
/// Kafka has 50; a development cluster starts faster with 3.
pub const OFFSETS_PARTITIONS: u32 = 3;
/// Kafka's seven days.
pub const RETENTION_MS: i64 = 7 * 24 * 3_600_000;
/// Small enough that retention by size is exact on a laptop, large enough for few files.
pub const SEGMENT_BYTES: u64 = 64 << 20;
/// One write-ahead log file.
pub const WAL_BYTES: u64 = 64 << 20;
/// The first write-ahead log file is small: zero-filling 64 MiB costs 120 ms of formation.
pub const FIRST_WAL_BYTES: u64 = 4 << 20;
/// Kafka's `message.max.bytes`, 1 MiB and the batch's overhead.
pub const MESSAGE_MAX_BYTES: usize = 1_048_588;
/// The largest frame on the Kafka port.
pub const MAX_FRAME_BYTES: usize = 100 << 20;
/// The largest frame before the first valid request: a stranger gets no memory.
pub const FIRST_FRAME_BYTES: usize = 64 << 10;
/// Kafka connections a node accepts.
pub const MAX_CONNECTIONS: usize = 1024;
/// Partitions a cluster accepts without a flag.
pub const MAX_PARTITIONS: usize = 1000;
/// A connection that sends no complete first frame within this time is closed.
pub const FIRST_FRAME_DEADLINE: Duration = Duration::from_secs(10);
/// An idle connection is closed after this time, as in Kafka.
pub const CONNECTION_IDLE: Duration = Duration::from_mins(10);

/// A ping on every link this often.
pub const PING_EVERY: Duration = Duration::from_millis(50);
/// Silence of this length means dead; twenty times the p99.9 of a ping on a loaded machine.
pub const DEAD_AFTER: Duration = Duration::from_millis(250);
/// The node's clock: claims are said again, and a follower that has not reached in one beat where
/// the leader's log ended in the one before leaves the ISR.
pub const BEAT: Duration = Duration::from_secs(1);
/// After a death the second-best survivor stands this much later.
pub const NEXT_CANDIDATE: Duration = Duration::from_millis(100);
/// A handover that has not happened by then goes to the next candidate.
pub const NEXT_HANDOVER: Duration = Duration::from_millis(150);
/// All handovers of a leaving node together.
pub const HANDOVER_BUDGET: Duration = Duration::from_secs(2);
/// Auto-creation waits this long for leaders, then answers error 5.
pub const AUTO_CREATE_WAIT: Duration = Duration::from_secs(1);

/// `up --timeout`.
pub const READY_TIMEOUT: Duration = Duration::from_mins(1);
/// SIGTERM to SIGKILL: a launcher that hangs on Ctrl-C is worse than a torn log tail, which
/// recovery is built to repair.
pub const STOP_GRACE: Duration = Duration::from_secs(5);
/// The longest path that a Unix socket can be bound to on Linux.
pub const MAX_SOCKET_PATH: usize = 107;
