//! The transport's numbers, with their reasons, and the HTTP/2 builders that carry them.

use std::time::Duration;

use hyper::{client, server};

use super::crew::Spawner;

/// A connection says (and hears) HELLO within this time, or it is closed. On loopback it takes
/// under a millisecond; a stopped peer is noticed by its silence long before.
pub(super) const HELLO_DEADLINE: Duration = Duration::from_secs(2);
/// Connections that have not said HELLO yet; a full house of 100 nodes dials with fewer.
pub(super) const MAX_STRANGERS: usize = 256;
/// The first pause after a failed attempt.
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// The longest pause: waking up for a peer that stays dead costs more than the refused connect,
/// and a peer that comes back is dialled as soon as its own HELLO arrives.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_millis(200);
/// After a HELLO was not believed: only a person changes that.
pub(super) const REJECTED_PAUSE: Duration = Duration::from_secs(1);
/// A stream that stood this long was healthy, and an attempt that hung this long before it ended
/// has seen something change (a healed cut, say): the next attempt is made at once.
pub(super) const LASTING: Duration = Duration::from_millis(100);
/// A node that is this late for its own timer says so: it tells a starved node from a broken link.
pub(super) const NOTED_LATENESS: Duration = Duration::from_millis(100);
/// A bulk connection without a call for this long is closed.
pub(super) const BULK_IDLE: Duration = Duration::from_secs(30);
/// Requests of one connection that are being handled; more are answered with a failure.
pub(super) const MAX_IN_FLIGHT: usize = 16_384;
/// What their payloads may weigh together.
pub(super) const MAX_IN_FLIGHT_BYTES: usize = 128 << 20;

/// One stream's window: hyper's own 1-2 MiB stall a batch on its way.
const STREAM_WINDOW: u32 = 8 << 20;
/// One connection carries one stream; twice its window is never the bound.
const CONNECTION_WINDOW: u32 = 16 << 20;
/// Larger HTTP/2 frames mean fewer headers and wake-ups for a large batch.
const FRAME_BYTES: u32 = 256 << 10;
/// What is buffered towards the socket for one stream.
const SEND_BYTES: usize = 1 << 20;
/// Our HELLO needs a few hundred bytes.
const HEADER_BYTES: u32 = 16 << 10;

/// HTTP/2 as a dialler speaks it.
pub(super) fn client(spawner: Spawner) -> client::conn::http2::Builder<Spawner> {
    let mut builder = client::conn::http2::Builder::new(spawner);
    builder
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .adaptive_window(false)
        .max_frame_size(FRAME_BYTES)
        .max_header_list_size(HEADER_BYTES)
        .max_send_buf_size(SEND_BYTES);
    builder
}

/// HTTP/2 as an acceptor speaks it: one stream for each connection.
pub(super) fn server(spawner: Spawner) -> server::conn::http2::Builder<Spawner> {
    let mut builder = server::conn::http2::Builder::new(spawner);
    builder
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .adaptive_window(false)
        .max_frame_size(FRAME_BYTES)
        .max_header_list_size(HEADER_BYTES)
        .max_send_buf_size(SEND_BYTES)
        .max_concurrent_streams(1)
        .auto_date_header(false);
    builder
}
