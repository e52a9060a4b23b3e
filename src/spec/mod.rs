//! The vocabulary that all rooms share: ids, specs, defaults and the parent/child contract.
//!
//! Pure data: no I/O, no clock, no async. Everything that crosses the process wall is here.

mod bug;
mod cluster;
pub mod configs;
pub mod defaults;
mod duration;
mod ids;
mod node;
mod report;
mod seal;
mod settings;
mod status;

pub use bug::Bug;
pub use cluster::{ClusterSpec, PortPlan, Ports, Service};
pub use duration::{DurationError, parse_duration, show_duration};
pub use ids::{BootId, ClusterId, GroupId, NodeId, TopicId};
pub use node::{NodeSpec, Peer};
pub use report::{NodeExit, NodeReport};
pub use seal::{SealError, seal, unseal};
pub use settings::{SettingError, Settings, SyncMode};
pub use status::{LinkStatus, MetadataStatus, NodeStatus, PartitionStatus, Role};
