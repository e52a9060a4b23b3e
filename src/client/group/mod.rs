//! Consumer groups of the classic protocol, from a member's side.
//!
//! [`Member`] is one member's calls, each sent once: scenarios record what becomes of them.
//! [`GroupConsumer`] is the loop around them that a consumer must have: it finds the coordinator
//! again when that one is lost, joins again when the group rebalances, and tells of both. The
//! leader shares partitions out with Kafka's range assignor, for members of any client.

mod assign;
mod consumer;
mod member;
pub mod offsets;

pub use consumer::{GroupConsumer, GroupError, GroupSettings, GroupTold};
pub use member::{Member, Membership, Patience, Setback};
