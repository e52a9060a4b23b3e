//! `__consumer_offsets` itself: created on first use, by whichever node is asked first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use kafka_protocol::ResponseError;

use super::limits;
use super::placement::OFFSETS_TOPIC;
use crate::node::cluster::{Check, Cluster, NewTopic, Refusal};
use crate::node::metadata::TopicImage;

type Created = Result<Arc<TopicImage>, Refusal>;
type Pending = Shared<BoxFuture<'static, Created>>;

/// At most one creation at a time on this node; whoever comes meanwhile shares its outcome.
#[derive(Default)]
pub(super) struct Creation {
    pending: Mutex<Option<Pending>>,
}

impl Creation {
    /// The topic, created if need be.
    pub(super) async fn topic(&self, cluster: &Cluster) -> Created {
        if let Some(topic) = cluster.image().topic(OFFSETS_TOPIC) {
            return Ok(Arc::clone(topic));
        }
        let pending = self
            .lock()
            .get_or_insert_with(|| create(cluster.clone()).boxed().shared())
            .clone();
        let created = pending.await;
        // Another one may be under way by now: only a finished one is dropped.
        self.lock().take_if(|pending| pending.peek().is_some());
        created
    }

    fn lock(&self) -> MutexGuard<'_, Option<Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn create(cluster: Cluster) -> Created {
    let compact = ("cleanup.policy".to_owned(), "compact".to_owned());
    let topic = NewTopic {
        name: OFFSETS_TOPIC.to_owned(),
        partitions: Some(cluster.spec().settings.offsets_partitions()),
        replication_factor: None,
        assignments: None,
        configs: BTreeMap::from([compact]),
    };
    let mut created = cluster
        .create_topics(vec![topic], limits::CREATE_WAIT, Check::AndDo)
        .await;
    match created.pop() {
        Some(Err(refusal)) if refusal.code == ResponseError::TopicAlreadyExists => {
            existing(&cluster).await
        }
        // It is there; what it lacks is a leader, and that is waited for in another place.
        Some(Err(refusal)) if refusal.code == ResponseError::RequestTimedOut => {
            existing(&cluster).await.map_err(|_| refusal)
        }
        Some(created) => created,
        None => Err(missing()),
    }
}

/// The topic that another node has just created.
async fn existing(cluster: &Cluster) -> Created {
    // Without a quorum the image may lag; the client asks again.
    let _ = cluster.read_barrier().await;
    let image = cluster.image();
    image.topic(OFFSETS_TOPIC).cloned().ok_or_else(missing)
}

fn missing() -> Refusal {
    Refusal {
        code: ResponseError::CoordinatorNotAvailable,
        message: format!("{OFFSETS_TOPIC} is not known here yet"),
    }
}
