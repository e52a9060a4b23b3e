//! A reader that chose its partition itself: one task for each partition, from the log start on;
//! and one that asks for the log start alone.

use std::time::Duration;

use tokio::sync::watch;

use super::cursor::{Cursor, Reader};
use super::wire::{self, Appetite};
use crate::scenarios::history::{Assignment, ClientId};

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

/// A fetch for the sake of the high watermark.
const SIP: Appetite = Appetite {
    bytes: 1,
    wait: Duration::ZERO,
    most: 1,
};
/// Between two sips.
const SIP_EVERY: Duration = Duration::from_millis(50);

/// Asks for the start of the log until told to stop, each time as if for the first time.
///
/// Whoever waits at the log's end is told nothing by a leader that is behind it but to ask again
/// (KIP-392): that its high watermark is below what another told is seen by those who ask for less.
pub(super) async fn sip(mut cursor: Cursor, client: ClientId, mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(SIP_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for turn in 0.. {
        let reader = Reader {
            client,
            assignment: Assignment::Own(turn),
        };
        cursor.position = 0;
        tokio::select! {
            biased;
            _told = stop.wait_for(|stop| *stop) => return,
            _now = ticks.tick() => {}
        }
        tokio::select! {
            biased;
            _told = stop.wait_for(|stop| *stop) => return,
            () = cursor.step(&reader, SIP) => {}
        }
    }
}
