//! The child process: one broker with its Raft groups, its storage and its HTTP face.
//!
//! Entered only through [`run`], by `chronik-dev node --spec FILE`. It talks to its parent with
//! lines on stdout ([`crate::spec::NodeReport`]), to the world with Kafka's protocol and HTTP,
//! and to its peers over the link. It never spawns a process and never reads the environment.

mod broker;
mod cluster;
mod groups;
mod http;
mod link;
mod metadata;
mod partition;
mod raft;
mod storage;
