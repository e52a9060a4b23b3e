//! What a batch must be before it may be appended to a topic, from plain values.

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;

use super::detached;
use crate::protocol::records::{
    BatchHeader, Compression, RecordError, TimestampType, fix_max_timestamp, inspect,
    set_append_time, validate_for_append,
};
use crate::spec::configs::TopicConfigs;

/// The first version whose clients know zstd (KIP-110).
const ZSTD: i16 = 7;

/// Why a batch was not appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: ResponseError,
    /// In words, where there is more to say than the code does.
    pub(super) message: Option<String>,
    /// The record that is to blame, counted from 0 (KIP-467).
    pub(super) record: Option<i32>,
}

impl From<ResponseError> for Refused {
    fn from(code: ResponseError) -> Self {
        Self {
            code,
            message: None,
            record: None,
        }
    }
}

impl From<RecordError> for Refused {
    fn from(error: RecordError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl Refused {
    fn new(code: ResponseError, message: impl Into<String>) -> Self {
        Self {
            code,
            message: Some(message.into()),
            record: None,
        }
    }
}

/// What holds for every batch of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Law {
    pub(super) version: i16,
    pub(super) transactional: bool,
    pub(super) now_ms: i64,
}

impl Law {
    /// The batch to append, with the timestamps that the topic wants.
    pub(super) fn check(&self, batch: Bytes, topic: TopicConfigs<'_>) -> Result<Bytes, Refused> {
        let header = validate_for_append(&batch, topic.max_message_bytes())?;
        self.check_client(&header)?;
        if topic.is_compacted() {
            check_keys(&batch)?;
        }
        if topic.is_log_append_time() {
            return Ok(self.stamped(&batch));
        }
        self.with_producers_time(batch, &header, topic)
    }

    fn check_client(&self, header: &BatchHeader) -> Result<(), Refused> {
        if self.transactional || header.is_transactional() {
            let words = "transactions are not supported";
            return Err(Refused::new(ResponseError::InvalidTxnState, words));
        }
        if self.version < ZSTD && header.compression()? == Compression::Zstd {
            let words = "zstd needs version 7 of Produce";
            return Err(Refused::new(
                ResponseError::UnsupportedCompressionType,
                words,
            ));
        }
        Ok(())
    }

    fn stamped(&self, batch: &[u8]) -> Bytes {
        let mut own = BytesMut::from(batch);
        set_append_time(&mut own, self.now_ms);
        own.freeze()
    }

    fn with_producers_time(
        &self,
        batch: Bytes,
        header: &BatchHeader,
        topic: TopicConfigs<'_>,
    ) -> Result<Bytes, Refused> {
        if header.timestamp_type() == TimestampType::LogAppendTime {
            let words = "a producer may not set the timestamp type to LogAppendTime";
            return Err(Refused::new(ResponseError::InvalidTimestamp, words));
        }
        let (batch, max) = with_max_timestamp(batch, header)?;
        self.check_time(header.base_timestamp, max, topic)?;
        Ok(batch)
    }

    fn check_time(&self, base: i64, max: i64, topic: TopicConfigs<'_>) -> Result<(), Refused> {
        let (before, after) = (
            topic.timestamp_before_max_ms(),
            topic.timestamp_after_max_ms(),
        );
        let ahead = max.saturating_sub(self.now_ms);
        if ahead > after {
            let words = format!("a timestamp is {ahead} ms ahead, more than {after} ms");
            return Err(Refused::new(ResponseError::InvalidTimestamp, words));
        }
        let behind = self.now_ms.saturating_sub(base);
        if base >= 0 && behind > before {
            let words = format!("a timestamp is {behind} ms behind, more than {before} ms");
            return Err(Refused::new(ResponseError::InvalidTimestamp, words));
        }
        Ok(())
    }
}

/// The batch and its largest timestamp, found out where the producer left it open.
fn with_max_timestamp(batch: Bytes, header: &BatchHeader) -> Result<(Bytes, i64), Refused> {
    if header.max_timestamp >= header.base_timestamp {
        return Ok((detached(batch), header.max_timestamp));
    }
    let mut own = BytesMut::from(&batch[..]);
    let max = fix_max_timestamp(&mut own)?;
    Ok((own.freeze(), max))
}

fn check_keys(batch: &[u8]) -> Result<(), Refused> {
    match inspect(batch)?.keyless {
        None => Ok(()),
        Some(record) => Err(Refused {
            record: Some(record),
            ..Refused::new(
                ResponseError::InvalidRecord,
                "a compacted topic takes records with keys only",
            )
        }),
    }
}
