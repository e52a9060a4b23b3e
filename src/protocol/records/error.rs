//! What can be wrong with record batches, and what a broker answers.

use kafka_protocol::ResponseError;

/// Why bytes are no record batch that this system keeps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes end before the batch does.
    #[error("the batch needs {need} bytes, but there are {have}")]
    Truncated {
        /// Bytes that the batch needs.
        need: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// The batch's length field cannot be true.
    #[error("the batch length {0} cannot be true")]
    BadLength(i32),
    /// A message format other than 2.
    #[error("magic {0} is not supported, only 2 is")]
    UnsupportedMagic(i8),
    /// The checksum does not match the bytes.
    #[error("the checksum is {stored:#010x} in the header and {computed:#010x} in truth")]
    Crc {
        /// What the header says.
        stored: u32,
        /// What the bytes give.
        computed: u32,
    },
    /// The batch is larger than it may be.
    #[error("the batch has {size} bytes, more than {max}")]
    TooLarge {
        /// The batch's size.
        size: usize,
        /// The limit.
        max: usize,
    },
    /// A compression codec that nobody has defined.
    #[error("compression codec {0} is unknown")]
    UnsupportedCompression(u8),
    /// The compressed bytes do not decompress, or to more than the cap.
    #[error("the records do not decompress: {0}")]
    Decompression(String),
    /// The batch's fields or records contradict each other.
    #[error("invalid batch: {0}")]
    Invalid(&'static str),
}

impl RecordError {
    /// The error of Kafka's that a broker answers.
    pub fn code(&self) -> ResponseError {
        match self {
            Self::Truncated { .. }
            | Self::BadLength(_)
            | Self::Crc { .. }
            | Self::Decompression(_) => ResponseError::CorruptMessage,
            Self::UnsupportedMagic(_) => ResponseError::UnsupportedForMessageFormat,
            Self::TooLarge { .. } => ResponseError::MessageTooLarge,
            Self::UnsupportedCompression(_) => ResponseError::UnsupportedCompressionType,
            Self::Invalid(_) => ResponseError::InvalidRecord,
        }
    }
}
