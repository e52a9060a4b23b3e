//! The Kafka wire: the messages of `kafka-protocol` behind our own frame guard, and our own
//! record batches.
//!
//! Pure data: no I/O, no clock, no async. Nothing here trusts a byte: every count is held against
//! the bytes that remain before a codec may allocate for it, and bad input gives a typed error.
//! It serves both faces: the broker decodes requests and encodes responses, the client the
//! reverse.

pub mod api;
pub mod frame;
pub mod records;
pub mod topic;
