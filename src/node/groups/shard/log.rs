//! What a shard needs of its partition.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use tokio::sync::watch;

use crate::node::groups::limits;
use crate::node::partition::{Acks, Appended, Offsets, Partition, Serving};

/// A replica of one partition of `__consumer_offsets`; see [`Partition`] for each method.
pub(in crate::node::groups) trait OffsetsLog:
    Send + Sync + 'static
{
    /// The partition's index.
    fn index(&self) -> i32;
    /// What this replica may do right now.
    fn serving(&self) -> Serving;
    /// Changes when that may have changed.
    fn watch_serving(&self) -> watch::Receiver<Serving>;
    /// The offsets right now.
    fn offsets(&self) -> Offsets;
    /// Changes when the high watermark moves.
    fn watch_offsets(&self) -> watch::Receiver<Offsets>;
    /// Whole batches from the one that holds `from`, below the high watermark.
    fn read(&self, from: i64, max_bytes: usize) -> Result<Bytes, ResponseError>;
    /// Appends a batch and waits until it is as durable as an acks=all record.
    fn append(
        self: Arc<Self>,
        batch: Bytes,
    ) -> impl Future<Output = Result<Appended, ResponseError>> + Send;
}

impl OffsetsLog for Partition {
    fn index(&self) -> i32 {
        Partition::index(self)
    }

    fn serving(&self) -> Serving {
        Partition::serving(self)
    }

    fn watch_serving(&self) -> watch::Receiver<Serving> {
        Partition::watch_serving(self)
    }

    fn offsets(&self) -> Offsets {
        Partition::offsets(self)
    }

    fn watch_offsets(&self) -> watch::Receiver<Offsets> {
        Partition::watch_offsets(self)
    }

    fn read(&self, from: i64, max_bytes: usize) -> Result<Bytes, ResponseError> {
        Partition::read(self, from, max_bytes)
    }

    async fn append(self: Arc<Self>, batch: Bytes) -> Result<Appended, ResponseError> {
        Partition::append(&self, batch, Acks::All, limits::APPEND_WAIT).await
    }
}
