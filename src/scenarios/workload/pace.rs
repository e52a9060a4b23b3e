//! When records are due: open loop, whatever the cluster does.

use std::time::{Duration, Instant};

/// Records of one partition that become due in a second, over all its producers.
pub(super) const PER_SECOND: u32 = 1_000;

/// A switch that all lanes of a workload watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Load {
    /// Not begun.
    #[default]
    Off,
    /// Records become due from this moment on.
    On(Instant),
    /// Records that were due until the second moment are still sent, and no more.
    Ebbing(Instant, Instant),
}

/// How one lane is loaded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    /// Records a second.
    pub(super) per_second: f64,
    /// No record is due beyond this number.
    pub(super) most: u64,
}

impl Pace {
    /// How many records are due by now.
    pub(super) fn due(self, load: Load, now: Instant) -> u64 {
        let (since, until) = match load {
            Load::Off => return 0,
            Load::On(since) => (since, now),
            Load::Ebbing(since, until) => (since, until.min(now)),
        };
        let elapsed = until.saturating_duration_since(since).as_secs_f64();
        // The first record is due at once.
        ((elapsed * self.per_second) as u64 + 1).min(self.most)
    }

    /// When the `number`-th record is due, from 0.
    pub(super) fn moment(self, load: Load, number: u64) -> Option<Instant> {
        let (Load::On(since) | Load::Ebbing(since, _)) = load else {
            return None;
        };
        let after = number as f64 / self.per_second;
        since.checked_add(Duration::from_secs_f64(after))
    }

    /// Whether nothing more can become due.
    pub(super) fn is_over(self, load: Load, sealed: u64) -> bool {
        match load {
            Load::Off => false,
            Load::On(_) => sealed >= self.most,
            Load::Ebbing(_, until) => sealed >= self.due(load, until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        per_second: 750.0,
        most: 1_000,
    };

    #[test]
    fn records_are_due_at_their_times_whatever_happens() {
        let since = Instant::now();
        let at = |ms| since + Duration::from_millis(ms);
        assert_eq!(PACE.due(Load::Off, at(5)), 0);
        assert_eq!(PACE.due(Load::On(since), at(0)), 1);
        assert_eq!(PACE.due(Load::On(since), at(100)), 76);
        assert_eq!(PACE.due(Load::On(since), at(10_000)), 1_000);
        assert_eq!(PACE.due(Load::Ebbing(since, at(100)), at(10_000)), 76);
        let moment = PACE.moment(Load::On(since), 75).unwrap();
        assert_eq!(moment, at(100));
    }

    #[test]
    fn a_lane_is_over_when_all_that_was_due_is_sealed() {
        let since = Instant::now();
        let ebbing = Load::Ebbing(since, since + Duration::from_millis(100));
        assert!(!PACE.is_over(ebbing, 75));
        assert!(PACE.is_over(ebbing, 76));
        assert!(!PACE.is_over(Load::On(since), 999));
        assert!(PACE.is_over(Load::On(since), 1_000));
    }
}
