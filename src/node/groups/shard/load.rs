//! Reading the log: whole when leadership begins, a piece when an append seemed to have failed.

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::{OffsetsLog, Shard, now};
use crate::node::groups::coordinator::{Coordinator, ReplayMode};
use crate::node::groups::limits;
use crate::protocol::records::{BatchHeader, Record, records, split};

impl<L: OffsetsLog> Shard<L> {
    /// Reads all that is committed; gives the offset after it.
    pub(super) async fn load(&self) -> Result<(Coordinator, i64), ResponseError> {
        let mut coordinator = Coordinator::new(self.initial_delay);
        let mut next = self.log.offsets().log_start;
        while next < self.log.offsets().high_watermark {
            next = self.replay(&mut coordinator, next, ReplayMode::Load)?;
            tokio::task::yield_now().await;
        }
        coordinator.loaded(now());
        Ok((coordinator, next))
    }

    /// Applies what was committed from `from` up to `upto`.
    pub(super) fn catch_up(
        &self,
        coordinator: &mut Coordinator,
        from: i64,
        upto: i64,
    ) -> Result<(), ResponseError> {
        let mut next = from;
        while next < upto {
            next = self.replay(coordinator, next, ReplayMode::CatchUp)?;
        }
        Ok(())
    }

    /// Applies a chunk of the log from `from`; gives the offset after it.
    fn replay(
        &self,
        coordinator: &mut Coordinator,
        from: i64,
        mode: ReplayMode,
    ) -> Result<i64, ResponseError> {
        let chunk = self.log.read(from, limits::LOAD_CHUNK)?;
        let mut next = from;
        for batch in split(chunk).map_err(|error| error.code())? {
            let header = BatchHeader::parse(&batch).map_err(|error| error.code())?;
            if !header.is_control() {
                replay_batch(coordinator, &batch, from, mode)?;
            }
            next = header.last_offset() + 1;
        }
        if next == from {
            // Below the high watermark there is always a batch.
            return Err(ResponseError::KafkaStorageError);
        }
        Ok(next)
    }
}

fn replay_batch(
    coordinator: &mut Coordinator,
    batch: &Bytes,
    from: i64,
    mode: ReplayMode,
) -> Result<(), ResponseError> {
    let records = records(batch).map_err(|error| error.code())?;
    for record in records.iter().filter(|record| record.offset >= from) {
        replay_record(coordinator, record, mode);
    }
    Ok(())
}

/// A record that cannot be read is passed over, loudly: the group that it belongs to loses its
/// last change, where refusing it would take every group of the partition away.
fn replay_record(coordinator: &mut Coordinator, record: &Record, mode: ReplayMode) {
    let Some(key) = &record.key else {
        return;
    };
    let value = record.value.as_ref();
    if let Err(error) = coordinator.replay(key, value, mode, now()) {
        let offset = record.offset;
        tracing::error!(offset, %error, "cannot read a record of the offsets topic");
    }
}
