//! HELLO: how two nodes prove to each other who they are and that they share a cluster.
//!
//! It rides in the call's metadata, so that a stranger is refused before one byte of a message
//! is buffered for it. A refusal names both ids and never the secret.

use prost::Message;
use subtle::ConstantTimeEq;
use tonic::metadata::{BinaryMetadataValue, MetadataMap};
use tonic::{Code, Status};
use uuid::Uuid;

use super::Lane;
use super::generated::{self as wire};
use crate::spec::{BootId, ClusterId, NodeId, NodeSpec};

const METADATA_KEY: &str = "chronik-hello-bin";

/// Who this node is, as it tells its peers.
pub(super) struct Identity {
    /// This node.
    pub(super) node: NodeId,
    /// This life of it.
    pub(super) boot: BootId,
    cluster: ClusterId,
    secret: String,
}

/// A HELLO that was believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Greeting {
    /// Who sent it.
    pub(super) node: NodeId,
    /// Its life.
    pub(super) boot: BootId,
    /// What the connection is for.
    pub(super) lane: Lane,
    /// The sender's attempt within its life.
    pub(super) attempt: u64,
}

/// Why a HELLO was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejection {
    /// There is none, or it does not parse.
    #[error("no valid HELLO: {0}")]
    Malformed(&'static str),
    /// The sender belongs to another cluster.
    #[error("cluster id mismatch: {here} is of cluster {ours}, {there} is of cluster {theirs}")]
    Cluster {
        /// This node.
        here: NodeId,
        /// Its cluster.
        ours: ClusterId,
        /// The sender.
        there: NodeId,
        /// Its cluster.
        theirs: ClusterId,
    },
    /// The sender does not know the cluster's secret.
    #[error("wrong secret: {there} does not have the cluster secret of {here}")]
    Secret {
        /// This node.
        here: NodeId,
        /// The sender.
        there: NodeId,
    },
    /// The sender meant another node.
    #[error("node id mismatch: this is {here}, {there} wanted {wanted}")]
    Address {
        /// This node.
        here: NodeId,
        /// The sender.
        there: NodeId,
        /// The node that it meant.
        wanted: NodeId,
    },
    /// Another node answered than was dialled.
    #[error("node id mismatch: {here} dialled {wanted} and {there} answered")]
    Answer {
        /// This node.
        here: NodeId,
        /// The node that answered.
        there: NodeId,
        /// The node that was dialled.
        wanted: NodeId,
    },
    /// The sender is not in this node's spec.
    #[error("{there} is not a peer of {here}")]
    Stranger {
        /// This node.
        here: NodeId,
        /// The sender.
        there: NodeId,
    },
    /// The sender has since dialled again.
    #[error("{there} has a newer connection than attempt {attempt}")]
    Outdated {
        /// The sender.
        there: NodeId,
        /// Its attempt.
        attempt: u64,
    },
}

impl From<Rejection> for Status {
    fn from(rejection: Rejection) -> Self {
        let code = match rejection {
            Rejection::Malformed(_) => Code::InvalidArgument,
            Rejection::Secret { .. } => Code::Unauthenticated,
            Rejection::Stranger { .. } => Code::PermissionDenied,
            Rejection::Outdated { .. } => Code::Aborted,
            Rejection::Cluster { .. } | Rejection::Address { .. } | Rejection::Answer { .. } => {
                Code::FailedPrecondition
            }
        };
        Self::new(code, rejection.to_string())
    }
}

impl Identity {
    /// Who a spec says that this node is, in this life.
    pub(super) fn new(spec: &NodeSpec, boot: BootId) -> Self {
        Self {
            node: spec.node,
            boot,
            cluster: spec.cluster_id,
            secret: spec.secret.clone(),
        }
    }

    /// Says HELLO in the metadata of a call or of its answer.
    pub(super) fn greet(&self, to: NodeId, lane: Lane, attempt: u64, metadata: &mut MetadataMap) {
        let hello = wire::Hello {
            node: self.node.0,
            to: to.0,
            boot: self.boot.0,
            cluster: self.cluster.0.as_bytes().to_vec().into(),
            secret: self.secret.clone(),
            lane: wire::Lane::from(lane) as i32,
            attempt,
        };
        let mut value = BinaryMetadataValue::from_bytes(&hello.encode_to_vec());
        value.set_sensitive(true);
        metadata.insert_bin(METADATA_KEY, value);
    }

    /// Judges the HELLO of a node that dialled us.
    pub(super) fn judge_caller(&self, metadata: &MetadataMap) -> Result<Greeting, Rejection> {
        let (greeting, wanted) = self.judge(metadata)?;
        if wanted != self.node {
            return Err(Rejection::Address {
                here: self.node,
                there: greeting.node,
                wanted,
            });
        }
        Ok(greeting)
    }

    /// Judges the HELLO with which a dialled node answered.
    pub(super) fn judge_answer(
        &self,
        dialled: NodeId,
        metadata: &MetadataMap,
    ) -> Result<Greeting, Rejection> {
        let (greeting, _) = self.judge(metadata)?;
        if greeting.node != dialled {
            return Err(Rejection::Answer {
                here: self.node,
                there: greeting.node,
                wanted: dialled,
            });
        }
        Ok(greeting)
    }

    fn judge(&self, metadata: &MetadataMap) -> Result<(Greeting, NodeId), Rejection> {
        let hello = read(metadata)?;
        let there = NodeId(hello.node);
        let theirs = Uuid::from_slice(&hello.cluster)
            .map(ClusterId)
            .map_err(|_| Rejection::Malformed("a cluster id has 16 bytes"))?;
        let here = self.node;
        if theirs != self.cluster {
            let ours = self.cluster;
            return Err(Rejection::Cluster {
                here,
                ours,
                there,
                theirs,
            });
        }
        if !bool::from(hello.secret.as_bytes().ct_eq(self.secret.as_bytes())) {
            return Err(Rejection::Secret { here, there });
        }
        let lane = wire::Lane::try_from(hello.lane)
            .map_err(|_| Rejection::Malformed("there is no such lane"))?;
        let greeting = Greeting {
            node: there,
            boot: BootId(hello.boot),
            lane: lane.into(),
            attempt: hello.attempt,
        };
        Ok((greeting, NodeId(hello.to)))
    }
}

fn read(metadata: &MetadataMap) -> Result<wire::Hello, Rejection> {
    let bytes = metadata
        .get_bin(METADATA_KEY)
        .ok_or(Rejection::Malformed("there is none"))?
        .to_bytes()
        .map_err(|_| Rejection::Malformed("it is not base64"))?;
    wire::Hello::decode(bytes).map_err(|_| Rejection::Malformed("it is not a Hello"))
}

impl From<Lane> for wire::Lane {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Control => Self::Control,
            Lane::Bulk => Self::Bulk,
        }
    }
}

impl From<wire::Lane> for Lane {
    fn from(lane: wire::Lane) -> Self {
        match lane {
            wire::Lane::Control => Self::Control,
            wire::Lane::Bulk => Self::Bulk,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn identity(node: u64, cluster: u128, secret: &str) -> Identity {
        Identity {
            node: NodeId(node),
            boot: BootId(node * 10),
            cluster: ClusterId(Uuid::from_u128(cluster)),
            secret: secret.to_owned(),
        }
    }

    fn hello(from: &Identity, to: u64) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        from.greet(NodeId(to), Lane::Bulk, 7, &mut metadata);
        metadata
    }

    #[test]
    fn a_lawful_hello_is_believed() {
        let (one, two) = (identity(1, 5, "s"), identity(2, 5, "s"));
        let greeting = Greeting {
            node: NodeId(1),
            boot: BootId(10),
            lane: Lane::Bulk,
            attempt: 7,
        };
        assert_eq!(two.judge_caller(&hello(&one, 2)), Ok(greeting));
        assert_eq!(two.judge_answer(NodeId(1), &hello(&one, 2)), Ok(greeting));
    }

    #[test]
    fn the_cluster_is_judged_before_the_secret_and_the_secret_before_the_address() {
        let (here, there) = (NodeId(2), NodeId(1));
        let two = identity(2, 5, "s");
        let judged = two.judge_caller(&hello(&identity(1, 6, "t"), 3));
        assert!(matches!(judged, Err(Rejection::Cluster { .. })));
        let judged = two.judge_caller(&hello(&identity(1, 5, "t"), 3));
        assert_eq!(judged, Err(Rejection::Secret { here, there }));
        let judged = two.judge_caller(&hello(&identity(1, 5, "s"), 3));
        let wanted = NodeId(3);
        let address = Rejection::Address {
            here,
            there,
            wanted,
        };
        assert_eq!(judged, Err(address));
    }

    #[test]
    fn an_answer_of_another_node_names_both() {
        let two = identity(2, 5, "s");
        let judged = two.judge_answer(NodeId(3), &hello(&identity(1, 5, "s"), 2));
        let words = "node id mismatch: node-2 dialled node-3 and node-1 answered";
        assert_eq!(judged.unwrap_err().to_string(), words);
    }

    #[test]
    fn the_secret_is_not_in_what_is_printed() {
        let metadata = hello(&identity(1, 5, "hush"), 2);
        assert!(metadata.get_bin(METADATA_KEY).unwrap().is_sensitive());
        assert!(!format!("{metadata:?}").contains("hush"));
    }

    #[test]
    fn no_hello_is_malformed() {
        let judged = identity(2, 5, "s").judge_caller(&MetadataMap::new());
        assert_eq!(judged, Err(Rejection::Malformed("there is none")));
    }

    proptest! {
        #[test]
        fn random_bytes_are_never_believed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut metadata = MetadataMap::new();
            metadata.insert_bin(METADATA_KEY, BinaryMetadataValue::from_bytes(&bytes));
            prop_assert!(identity(2, 5, "s").judge_caller(&metadata).is_err());
        }
    }
}
