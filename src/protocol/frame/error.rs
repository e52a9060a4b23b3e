//! Why a frame is refused.

use super::RequestHead;

/// What a codec says; its own error type stays out of our facade.
pub(super) type CodecError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why a frame could not be decoded or encoded.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Not even the fixed head fits: close the connection.
    #[error("a frame of {len} bytes is too short for its head")]
    TooShort {
        /// Bytes in the frame.
        len: usize,
    },
    /// An API that is not served: close the connection.
    #[error("api key {} is not served", .0.api_key)]
    UnknownApi(RequestHead),
    /// A version that is not served: ApiVersions answers with a v0 body and error 35, for any
    /// other API the connection is closed.
    #[error("version {} of api key {} is not served", .0.api_version, .0.api_key)]
    UnsupportedVersion(RequestHead),
    /// The guard refused the bytes: close the connection.
    #[error("malformed frame at byte {at} in {field}: {what}")]
    Malformed {
        /// The innermost named field.
        field: &'static str,
        /// The offset in the frame.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// The codec refused what the guard let through: close the connection.
    #[error("undecodable frame")]
    Decode(#[source] CodecError),
    /// Our own message does not fit the version it is to be sent in.
    #[error("unencodable message")]
    Encode(#[source] CodecError),
}
