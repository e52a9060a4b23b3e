//! The one integration binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod advice;
#[cfg(feature = "planted-bugs")]
mod bugs;
mod cluster;
mod damage;
mod failover;
mod group;
mod hostile;
mod import_law;
mod lifecycle;
mod load;
mod metrics;
mod partition;
mod power;
mod preconditions;
mod produce;
mod restart;
mod scenario;
mod search;
mod search_disk;
#[cfg(feature = "planted-bugs")]
mod table;
mod tell;
mod terms;
mod user;
mod verify;
mod wait;
mod words;
