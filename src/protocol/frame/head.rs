//! The eight bytes that every request begins with, whatever its version.

use kafka_protocol::messages::ApiKey;

use super::FrameError;
use crate::protocol::api;

/// The fixed prefix of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestHead {
    /// The API's key, known or not.
    pub api_key: i16,
    /// The version, served or not.
    pub api_version: i16,
    /// What the response must carry.
    pub correlation_id: i32,
}

/// Reads the fixed prefix, before any codec: the correlation id of a request that nobody
/// understands is still needed for the answer.
pub fn peek(frame: &[u8]) -> Result<RequestHead, FrameError> {
    let Some(&[k0, k1, v0, v1, c0, c1, c2, c3]) = frame.first_chunk::<8>() else {
        return Err(FrameError::TooShort { len: frame.len() });
    };
    Ok(RequestHead {
        api_key: i16::from_be_bytes([k0, k1]),
        api_version: i16::from_be_bytes([v0, v1]),
        correlation_id: i32::from_be_bytes([c0, c1, c2, c3]),
    })
}

impl RequestHead {
    /// The API, when it is served at this version.
    pub(super) fn served(self) -> Result<ApiKey, FrameError> {
        let row = api::served(self.api_key).ok_or(FrameError::UnknownApi(self))?;
        if row.speaks(self.api_version) {
            Ok(row.key)
        } else {
            Err(FrameError::UnsupportedVersion(self))
        }
    }
}
