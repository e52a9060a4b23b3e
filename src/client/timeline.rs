//! When a partition was acked, so that the time in which it was not can be measured.
//!
//! A gap is the time between two consecutive acks. Only gaps are facts: the timeline does not know
//! what was to be acked, so its owner looks at windows in which records were sent all the time.

use std::time::{Duration, Instant};

/// Acks closer than this are one entry: a gap of interest is much longer.
const RESOLUTION: Duration = Duration::from_micros(100);

/// The time between two consecutive acks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The ack before it, or the start of the window.
    pub from: Instant,
    /// The ack after it, or the end of the window.
    pub to: Instant,
}

impl Gap {
    /// How long it was.
    pub fn length(&self) -> Duration {
        self.to.duration_since(self.from)
    }
}

/// The acks of one partition in the order of their arrival.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// First and last instant of acks that follow each other closely.
    entries: Vec<(Instant, Instant)>,
    records: u64,
}

impl Timeline {
    /// Takes note of an ack of `records`; acks come in the order of time.
    pub fn ack(&mut self, at: Instant, records: u32) {
        self.records += u64::from(records);
        match self.entries.last_mut() {
            Some((first, last)) if at.duration_since(*first) < RESOLUTION => *last = at,
            _ => self.entries.push((at, at)),
        }
    }

    /// How many records were acked.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The first ack at or after `at`.
    pub fn first_since(&self, at: Instant) -> Option<Instant> {
        let next = self.entries.partition_point(|(_, last)| *last < at);
        let (first, last) = self.entries.get(next)?;
        Some(if *first < at { *last } else { *first })
    }

    /// The largest gap that reaches into the window from `from` to `to`.
    ///
    /// A gap around `from` counts from the ack before it. One that no ack ends counts up to `to`;
    /// one before the first ack of all, from `from`.
    pub fn largest_gap(&self, from: Instant, to: Instant) -> Gap {
        assert!(from <= to, "a window does not end before it starts");
        let before = self.entries.partition_point(|(_, last)| *last <= from);
        let start = match before {
            0 => from,
            before => self.entries[before - 1].1,
        };
        let inside = self.entries[before..]
            .iter()
            .take_while(|(first, _)| *first < to);
        let (mut largest, mut previous) = (
            Gap {
                from: start,
                to: start,
            },
            start,
        );
        let mut consider = |gap: Gap| {
            if gap.length() > largest.length() {
                largest = gap;
            }
        };
        for (first, last) in inside {
            let gap_from = previous;
            consider(Gap {
                from: gap_from,
                to: (*first).max(gap_from),
            });
            previous = *last;
        }
        consider(Gap {
            from: previous.min(to),
            to: self.end_of(to, previous),
        });
        largest
    }

    /// Where the gap after `previous` ends, which reaches to `to` or beyond it.
    fn end_of(&self, to: Instant, previous: Instant) -> Instant {
        let next = self.entries.partition_point(|(_, last)| *last < to);
        let ack = self.entries.get(next).map_or(to, |(first, _)| *first);
        ack.max(previous).max(to)
    }
}

/// The largest gap so far, without the acks themselves.
#[derive(Debug, Clone, Copy, Default)]
pub struct LargestGap {
    last: Option<Instant>,
    largest: Duration,
}

impl LargestGap {
    /// Takes note of an ack.
    pub fn ack(&mut self, at: Instant) {
        if let Some(last) = self.last {
            self.largest = self.largest.max(at.duration_since(last));
        }
        self.last = Some(at);
    }

    /// The largest gap between two acks; zero with fewer than two.
    pub fn length(&self) -> Duration {
        self.largest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(start: Instant, at: u64) -> Instant {
        start + Duration::from_millis(at)
    }

    fn timeline(start: Instant, acks: &[u64]) -> Timeline {
        let mut timeline = Timeline::default();
        for at in acks {
            timeline.ack(ms(start, *at), 1);
        }
        timeline
    }

    fn gap(acks: &[u64], from: u64, to: u64) -> u64 {
        let start = Instant::now();
        let found = timeline(start, acks).largest_gap(ms(start, from), ms(start, to));
        found.length().as_millis() as u64
    }

    #[test]
    fn the_gap_around_the_start_counts_from_the_ack_before_it() {
        assert_eq!(gap(&[0, 10, 20, 60, 70], 25, 100), 40);
    }

    #[test]
    fn gaps_outside_of_the_window_do_not_count() {
        assert_eq!(gap(&[0, 50, 60, 70, 80, 200], 65, 75), 10);
    }

    #[test]
    fn a_gap_that_passes_the_end_counts_to_its_ack() {
        assert_eq!(gap(&[0, 10, 100], 5, 50), 90);
    }

    #[test]
    fn a_gap_that_no_ack_ends_counts_to_the_end() {
        assert_eq!(gap(&[0, 10], 5, 500), 490);
        assert_eq!(gap(&[], 5, 500), 495);
    }

    #[test]
    fn close_acks_are_one_entry() {
        let start = Instant::now();
        let mut timeline = Timeline::default();
        for micros in 0..90 {
            timeline.ack(start + Duration::from_micros(micros), 2);
        }
        assert_eq!((timeline.entries.len(), timeline.records()), (1, 180));
        let later = start + Duration::from_micros(50);
        assert!(timeline.first_since(later).unwrap() >= later);
        assert_eq!(timeline.first_since(ms(start, 1)), None);
    }

    #[test]
    fn the_running_gap_is_the_largest_of_all() {
        let start = Instant::now();
        let mut gap = LargestGap::default();
        for at in [0, 5, 30, 40] {
            gap.ack(ms(start, at));
        }
        assert_eq!(gap.length(), Duration::from_millis(25));
    }
}
