//! A reader that chose its partition itself: one task for each partition, from the log start on.

use std::time::Duration;

use tokio::sync::watch;

use super::cursor::{Cursor, Reader};
use super::wire::{self, Appetite};

/// Some tens of fetches a second under load, so that they do not fill the history.
const APPETITE: Appetite = Appetite {
    bytes: 16 << 10,
    wait: Duration::from_millis(25),
    most: wire::FETCH_BYTES,
};

/// Reads until told to stop.
pub(super) async fn run(mut cursor: Cursor, reader: Reader, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            biased;
            _told = stop.wait_for(|stop| *stop) => return,
            () = cursor.step(&reader, APPETITE) => {}
        }
    }
}
