//! What tonic makes of `proto/peer.proto`; nothing else is in this module.

#![expect(
    clippy::pedantic,
    clippy::allow_attributes,
    unreachable_pub,
    reason = "generated code"
)]

tonic::include_proto!("chronik.peer");
