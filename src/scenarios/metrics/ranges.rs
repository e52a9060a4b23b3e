//! Sets of numbers as sorted ranges, so that a million values in a few runs cost a few steps.

use std::ops::Range;

/// A set of numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// The union of these ranges.
    pub(super) fn of(ranges: impl Iterator<Item = Range<u64>>) -> Self {
        let mut all: Vec<Range<u64>> = ranges.filter(|range| !range.is_empty()).collect();
        all.sort_unstable_by_key(|range| range.start);
        let mut merged = Vec::<Range<u64>>::new();
        for range in all {
            match merged.last_mut() {
                Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        Self(merged)
    }

    /// How many numbers there are.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// The numbers that are in both.
    pub(super) fn intersect(&self, other: &Self) -> Self {
        let (mut mine, mut theirs) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(a), Some(b)) = (mine.peek(), theirs.peek()) {
            let common = a.start.max(b.start)..a.end.min(b.end);
            if !common.is_empty() {
                both.push(common);
            }
            if a.end <= b.end {
                mine.next();
            } else {
                theirs.next();
            }
        }
        Self(both)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn sets_of_ranges_are_sets(
            a in proptest::collection::vec((0u64..60, 0u64..9), 0..9),
            b in proptest::collection::vec((0u64..60, 0u64..9), 0..9),
        ) {
            let set = |pairs: &[(u64, u64)]| {
                Ranges::of(pairs.iter().map(|(start, len)| *start..start + len))
            };
            let holds = |pairs: &[(u64, u64)], n| {
                pairs.iter().any(|(start, len)| (*start..start + len).contains(&n))
            };
            let both = (0..80).filter(|n| holds(&a, *n) && holds(&b, *n)).count() as u64;
            let first = (0..80).filter(|n| holds(&a, *n)).count() as u64;
            assert_eq!(set(&a).count(), first);
            assert_eq!(set(&a).intersect(&set(&b)).count(), both);
        }
    }
}
