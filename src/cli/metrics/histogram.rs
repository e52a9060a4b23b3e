//! A histogram as it was scraped: counts up to bounds, and what can be told from them.

/// Counts by their upper bounds, the smallest first, the last without a bound.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Histogram {
    /// `(bound, how many are no larger)`; bounds and counts only grow.
    cumulated: Vec<(f64, f64)>,
}

/// What a share of all values does not exceed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::cli) enum Quantile {
    /// About this much, as far as the bounds tell.
    About(f64),
    /// More than the largest bound.
    MoreThan(f64),
}

impl Histogram {
    /// `None` for buckets that make no histogram: the last must be without a bound.
    pub(super) fn new(mut cumulated: Vec<(f64, f64)>) -> Option<Self> {
        cumulated.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let grows = cumulated.is_sorted_by(|(_, one), (_, other)| one <= other);
        let (last, _) = cumulated.last()?;
        (grows && last.is_infinite()).then_some(Self { cumulated })
    }

    /// All values.
    pub(super) fn count(&self) -> f64 {
        self.cumulated.last().map_or(0.0, |(_, count)| *count)
    }

    /// What came after an earlier look at the same histogram; `None` when it is not the same one.
    pub(super) fn since(&self, earlier: &Self) -> Option<Self> {
        let pairs = self.cumulated.iter().zip(&earlier.cumulated);
        let same = pairs
            .clone()
            .all(|(now, then)| now.0.total_cmp(&then.0).is_eq())
            && self.cumulated.len() == earlier.cumulated.len();
        let left = pairs.map(|(now, then)| (now.0, now.1 - then.1)).collect();
        let left = Self { cumulated: left };
        let first = left.cumulated.first().map_or(0.0, |(_, count)| *count);
        (same && first >= 0.0 && left.counts().iter().all(|count| *count >= 0.0)).then_some(left)
    }

    /// How many lie in each bucket.
    pub(in crate::cli) fn counts(&self) -> Vec<f64> {
        let before = std::iter::once(0.0).chain(self.cumulated.iter().map(|(_, count)| *count));
        let pairs = self.cumulated.iter().zip(before);
        pairs.map(|((_, count), before)| count - before).collect()
    }

    /// The value that a `share` (0 to 1) does not exceed, as Prometheus' `histogram_quantile` has
    /// it: within its bucket the values are taken to be spread evenly. `None` without values.
    pub(super) fn quantile(&self, share: f64) -> Option<Quantile> {
        let rank = share * self.count();
        if self.count() <= 0.0 {
            return None;
        }
        let at = self
            .cumulated
            .iter()
            .position(|(_, count)| *count >= rank && *count > 0.0)?;
        let (from, below) = match at.checked_sub(1) {
            Some(before) => self.cumulated[before],
            None => (0.0, 0.0),
        };
        let (to, upto) = self.cumulated[at];
        if to.is_infinite() {
            return Some(Quantile::MoreThan(from));
        }
        let within = (rank - below) / (upto - below).max(f64::MIN_POSITIVE);
        Some(Quantile::About(from + (to - from) * within.clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INF: f64 = f64::INFINITY;

    fn histogram(buckets: &[(f64, f64)]) -> Histogram {
        Histogram::new(buckets.to_vec()).unwrap()
    }

    #[test]
    fn a_quantile_lies_where_the_bucket_puts_it() {
        let found = histogram(&[(1.0, 0.0), (2.0, 50.0), (4.0, 99.0), (INF, 100.0)]);
        assert_eq!(found.quantile(0.5), Some(Quantile::About(2.0)));
        assert_eq!(found.quantile(0.25), Some(Quantile::About(1.5)));
        assert_eq!(found.quantile(0.99), Some(Quantile::About(4.0)));
        assert_eq!(found.quantile(0.995), Some(Quantile::MoreThan(4.0)));
        assert_eq!(found.counts(), [0.0, 50.0, 49.0, 1.0]);
    }

    #[test]
    fn nothing_has_no_quantile() {
        let found = histogram(&[(1.0, 0.0), (INF, 0.0)]);
        assert_eq!(found.quantile(0.5), None);
    }

    #[test]
    fn what_came_later_is_the_difference() {
        let then = histogram(&[(1.0, 3.0), (INF, 4.0)]);
        let now = histogram(&[(1.0, 3.0), (INF, 9.0)]);
        assert_eq!(now.since(&then), Some(histogram(&[(1.0, 0.0), (INF, 5.0)])));
        assert_eq!(then.since(&now), None, "a counter that fell began anew");
        let other = histogram(&[(2.0, 0.0), (INF, 0.0)]);
        assert_eq!(now.since(&other), None);
    }

    #[test]
    fn buckets_that_make_no_histogram_are_refused() {
        for buckets in [
            &[][..],
            &[(1.0, 1.0)],
            &[(1.0, 2.0), (INF, 1.0)],
            &[(1.0, 1.0), (f64::NAN, 2.0)],
        ] {
            assert_eq!(Histogram::new(buckets.to_vec()), None, "{buckets:?}");
        }
    }

    proptest! {
        #[test]
        fn a_larger_share_has_no_smaller_quantile(
            counts in proptest::collection::vec(0u32..9, 2..8),
            shares in (0.0..=1.0f64, 0.0..=1.0f64),
        ) {
            let mut all = 0.0;
            let mut buckets: Vec<(f64, f64)> = counts.iter().enumerate().map(|(at, count)| {
                all += f64::from(*count);
                (at as f64 + 1.0, all)
            }).collect();
            buckets.last_mut().unwrap().0 = INF;
            let found = histogram(&buckets);
            let place = |share| found.quantile(share).map(|quantile| match quantile {
                Quantile::About(value) => value,
                Quantile::MoreThan(bound) => bound + 1.0,
            });
            let (low, high) = (shares.0.min(shares.1), shares.0.max(shares.1));
            prop_assert!(place(low) <= place(high));
        }
    }
}
