//! Frames of the Kafka protocol: requests and responses with their headers.
//!
//! Both directions, for the broker and for the client. Before the codec sees a body, the guard
//! has walked it by its shape (the codec trusts counts from the wire and would allocate for
//! them). A frame is consumed to its last byte or refused.
//!
//! The four bytes of length in front belong to whoever reads the socket; encoded frames have
//! them.

mod error;
mod guard;
mod head;
mod length;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub use error::FrameError;
pub use head::{RequestHead, peek};
pub use request::{Request, decode_request, encode_request};
pub use response::{decode_response, encode_response};
