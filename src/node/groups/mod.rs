//! The group coordinator.

mod coordinator;
mod group;
mod limits;
mod placement;
mod records;
