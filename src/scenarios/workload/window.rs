//! The batches of one lane that are not yet settled, in their order.
//!
//! Pure: it is told what was sent and what came of it, and says what may be sent next. While all
//! goes well as many are under way as the producer may have; after a failure the first one goes
//! alone until it has landed, so that batches land in their order.

use std::collections::VecDeque;

use bytes::Bytes;

use super::outcome::Next;

/// A sealed batch: every attempt sends the same bytes.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    pub(super) bytes: Bytes,
    /// The lane's number of its first record.
    pub(super) first: u64,
    pub(super) records: u32,
    /// The sequence number of its first record.
    pub(super) sequence: i32,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Flying,
}

impl Batch {
    pub(super) fn new(bytes: Bytes, first: u64, records: u32, sequence: i32) -> Self {
        Self {
            bytes,
            first,
            records,
            sequence,
            state: State::Waiting,
        }
    }
}

/// What the lane must do beside going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing.
    None,
    /// All that was under way has ended, and some of it badly: pause, and ask another broker.
    Elsewhere,
    /// The producer must begin anew, without the batches that it still has.
    Anew,
}

/// The unsettled batches.
#[derive(Debug)]
pub(super) struct Window {
    batches: VecDeque<Batch>,
    most: usize,
    probing: bool,
    failed: bool,
    /// How often the first batch was told that its sequence does not fit.
    unfit: u32,
}

/// A first batch that does not fit so often in a row never will.
const UNFIT: u32 = 40;

impl Window {
    /// A window of at most so many batches under way.
    pub(super) fn new(most: usize) -> Self {
        Self {
            batches: VecDeque::new(),
            most,
            probing: false,
            failed: false,
            unfit: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    fn flying(&self) -> usize {
        let flies = |batch: &&Batch| batch.state == State::Flying;
        self.batches.iter().filter(flies).count()
    }

    /// Whether a new batch may be sealed now, to be sent at once.
    pub(super) fn has_room(&self) -> bool {
        !self.probing && !self.failed && self.batches.len() < self.most
    }

    /// Takes a sealed batch.
    pub(super) fn push(&mut self, batch: Batch) {
        self.batches.push_back(batch);
    }

    /// The next batch to send, which is then under way.
    pub(super) fn launch(&mut self) -> Option<Batch> {
        if self.failed || (self.probing && self.flying() > 0) {
            return None;
        }
        let waits = |batch: &&mut Batch| batch.state == State::Waiting;
        let next = self.batches.iter_mut().find(waits)?;
        next.state = State::Flying;
        Some(next.clone())
    }

    /// Takes a batch back that could not be sent.
    pub(super) fn withdraw(&mut self, first: u64) -> Turn {
        self.settle(first, Next::Again)
    }

    /// Takes note of how an attempt ended.
    pub(super) fn settle(&mut self, first: u64, next: Next) -> Turn {
        let Some(place) = self.batches.iter().position(|batch| batch.first == first) else {
            return Turn::None;
        };
        match next {
            Next::Landed => {
                self.batches.remove(place);
                (self.probing, self.unfit) = (false, 0);
            }
            Next::Hopeless => {
                self.batches.remove(place);
                self.failed = true;
            }
            Next::Again | Next::NewIdentity => {
                self.batches[place].state = State::Waiting;
                self.failed = true;
                self.unfit += u32::from(place == 0 && next == Next::NewIdentity);
            }
        }
        self.turn()
    }

    fn turn(&mut self) -> Turn {
        if !self.failed || self.flying() > 0 {
            return Turn::None;
        }
        (self.failed, self.probing) = (false, true);
        if self.unfit < UNFIT {
            return Turn::Elsewhere;
        }
        self.batches.clear();
        (self.probing, self.unfit) = (false, 0);
        Turn::Anew
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(batches: u64) -> Window {
        let mut window = Window::new(5);
        for number in 0..batches {
            assert!(window.has_room());
            window.push(Batch::new(Bytes::new(), number, 1, number as i32));
            assert_eq!(window.launch().map(|batch| batch.first), Some(number));
        }
        window
    }

    #[test]
    fn five_are_under_way_and_a_sixth_waits_for_room() {
        let mut window = window(5);
        assert!(!window.has_room());
        assert!(window.launch().is_none());
        assert_eq!(window.settle(0, Next::Landed), Turn::None);
        assert!(window.has_room());
    }

    #[test]
    fn after_a_failure_all_are_awaited_and_the_first_goes_alone() {
        let mut window = window(3);
        assert_eq!(window.settle(1, Next::Again), Turn::None);
        assert!(window.launch().is_none(), "two are still under way");
        assert_eq!(window.settle(0, Next::Landed), Turn::None);
        assert_eq!(window.settle(2, Next::Again), Turn::Elsewhere);
        assert_eq!(window.launch().map(|batch| batch.first), Some(1));
        assert!(window.launch().is_none());
        assert!(!window.has_room());
        assert_eq!(window.settle(1, Next::Landed), Turn::None);
        assert_eq!(window.launch().map(|batch| batch.first), Some(2));
        assert!(window.has_room());
    }

    #[test]
    fn a_first_batch_that_never_fits_ends_the_identity() {
        let mut window = window(1);
        for _ in 1..UNFIT {
            assert_eq!(window.settle(0, Next::NewIdentity), Turn::Elsewhere);
            assert!(window.launch().is_some());
        }
        assert_eq!(window.settle(0, Next::NewIdentity), Turn::Anew);
        assert!(window.is_empty() && window.has_room());
    }

    #[test]
    fn a_later_batch_that_does_not_fit_only_follows_from_the_first() {
        let mut window = window(2);
        window.settle(0, Next::Again);
        for _ in 0..2 * UNFIT {
            window.settle(1, Next::NewIdentity);
        }
        assert!(!window.is_empty());
    }
}
