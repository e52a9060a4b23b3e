//! Who leads which group in which term, as the nodes themselves say.

use std::collections::BTreeMap;

use chronik_dev::spec::NodeId;

use crate::cluster::{Cluster, NODES};
use crate::wait::until;

/// Each group's term and leader.
pub(crate) type Terms = BTreeMap<String, (u64, Option<NodeId>)>;

/// The terms of all groups, once every node says the same.
pub(crate) async fn terms(cluster: &Cluster) -> Terms {
    until("all nodes agree on the terms", async || {
        let mut pictures = Vec::new();
        for node in NODES {
            let status = cluster.node_status(node).await?;
            let metadata = (status.metadata.term, status.metadata.leader);
            let mut terms = BTreeMap::from([("metadata".to_owned(), metadata)]);
            for part in status.partitions {
                let name = format!("{}/{}", part.topic, part.partition);
                terms.insert(name, (part.term, part.leader));
            }
            pictures.push(terms);
        }
        let first = pictures[0].clone();
        let led = first.values().all(|(_, leader)| leader.is_some());
        if led && pictures.iter().all(|picture| *picture == first) {
            Ok(first)
        } else {
            Err(format!("{pictures:?}"))
        }
    })
    .await
}
