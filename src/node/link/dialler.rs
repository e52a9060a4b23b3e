//! The tasks that keep one peer dialled: the control lane always, the bulk lane when wanted.
//!
//! A lost link is dialled again at once, then after growing pauses with jitter; a HELLO of the
//! peer ends the pause. Each attempt's outcome is an event for the failure detector.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::detector::Event;
use super::dial::{self, DialError, Standing};
use super::edge::Edge;
use super::room::Room;
use super::wire::Wire;
use super::{Lane, tuning};
use crate::spec::NodeId;

/// Keeps the control lane to one peer dialled, for ever.
pub(super) async fn keep_control(room: Arc<Room>, peer: NodeId) {
    let (room, edge) = (&*room, &room.edges[&peer]);
    let mut pause = Pause::default();
    loop {
        let mut since = Instant::now();
        let rest = match attempt(room, edge, Lane::Control).await {
            Ok(standing) => {
                since = Instant::now();
                use_control(room, edge, standing).await;
                pause.after(since.elapsed())
            }
            Err(DialError::Rejected(_)) => tuning::REJECTED_PAUSE,
            Err(DialError::Ended(_)) => pause.after(since.elapsed()),
            Err(DialError::Silent(_)) => pause.next(),
        };
        // A notification that came during the attempt makes one more attempt at once.
        let _ = tokio::time::timeout(rest, edge.redial.notified()).await;
    }
}

async fn attempt(room: &Room, edge: &Edge, lane: Lane) -> Result<Standing, DialError> {
    let began = Instant::now();
    let call = (lane, edge.next_attempt());
    let outcome = dial::dial(&room.identity, &edge.peer, call, &room.tracker).await;
    if let (Err(error), Lane::Control) = (&outcome, lane) {
        report(room, edge, began, error);
    }
    outcome
}

fn report(room: &Room, edge: &Edge, began: Instant, error: &DialError) {
    let reason = error.to_string();
    let event = match error {
        DialError::Silent(_) => Event::Silent { reason },
        DialError::Ended(_) | DialError::Rejected(_) => Event::Ended { began, reason },
    };
    let news = room.apply(edge.id(), event);
    if news && matches!(error, DialError::Rejected(_)) {
        tracing::warn!(peer = %edge.id(), reason = %error, "no link");
    }
}

async fn use_control(room: &Room, edge: &Edge, standing: Standing) {
    let boot = standing.greeting.boot;
    let held = Held::new(edge, Lane::Control, &standing);
    room.apply(edge.id(), Event::Dialled { boot });
    let reason = read_answers(standing).await;
    tracing::debug!(peer = %edge.id(), reason, "lost the link");
    drop(held);
    room.apply(edge.id(), Event::Lost { reason });
}

/// Dials the bulk lane when somebody wants it, and closes it when nobody has for a while.
pub(super) async fn keep_bulk(room: Arc<Room>, peer: NodeId) {
    let (room, edge) = (&*room, &room.edges[&peer]);
    loop {
        edge.bulk_wanted.notified().await;
        match attempt(room, edge, Lane::Bulk).await {
            Ok(standing) => use_bulk(edge, standing).await,
            Err(error) => {
                tracing::debug!(peer = %edge.id(), %error, "no bulk connection");
                edge.bulk_failed();
            }
        }
    }
}

async fn use_bulk(edge: &Edge, standing: Standing) {
    let wire = Arc::clone(&standing.wire);
    let _held = Held::new(edge, Lane::Bulk, &standing);
    tokio::select! {
        reason = read_answers(standing) => {
            tracing::debug!(peer = %edge.id(), reason, "lost the bulk connection");
        }
        () = until_idle(&wire) => {}
    }
}

async fn until_idle(wire: &Wire) {
    while !wire.is_idle(tuning::BULK_IDLE) {
        tokio::time::sleep(tuning::BULK_IDLE).await;
    }
}

/// Hands answers to their calls until the stream ends; returns why, in words.
async fn read_answers(mut standing: Standing) -> String {
    loop {
        let batch = match standing.answers.message().await {
            Ok(Some(batch)) => batch,
            Ok(None) => return "the peer closed the link".to_owned(),
            Err(status) => return dial::root_cause(&status),
        };
        if let Err(reason) = standing.wire.take(batch) {
            return reason.to_owned();
        }
    }
}

/// A standing stream's place in its edge; given up when dropped, however its task ends.
struct Held<'a> {
    edge: &'a Edge,
    lane: Lane,
    wire: Arc<Wire>,
}

impl<'a> Held<'a> {
    fn new(edge: &'a Edge, lane: Lane, standing: &Standing) -> Self {
        let wire = Arc::clone(&standing.wire);
        edge.stand(lane, Arc::clone(&wire));
        Self { edge, lane, wire }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.edge.fall(self.lane);
        self.wire.close();
    }
}

/// The pause before the next attempt.
struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(tuning::FIRST_PAUSE)
    }
}

impl Pause {
    /// Doubles up to a bound; half of it is jitter, so that nodes do not dial in step.
    fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(tuning::LONGEST_PAUSE);
        pause.mul_f64(rand::random_range(0.5..1.0))
    }

    /// None after what lasted; what falls at once must not spin.
    fn after(&mut self, lasted: Duration) -> Duration {
        if lasted < tuning::LASTING {
            return self.next();
        }
        *self = Self::default();
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_bound_and_start_again() {
        let mut pause = Pause::default();
        assert!(pause.next() <= tuning::FIRST_PAUSE);
        for _ in 0..20 {
            assert!(pause.next() <= tuning::LONGEST_PAUSE);
        }
        assert!(pause.next() >= tuning::LONGEST_PAUSE / 2);
        assert_eq!(pause.after(tuning::LASTING), Duration::ZERO);
        assert!(pause.after(Duration::ZERO) <= tuning::FIRST_PAUSE);
    }
}
