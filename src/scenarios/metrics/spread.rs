//! One metric over several runs.

use serde::Serialize;

/// The usual figures of several runs, in the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// Half are no larger.
    pub p50: f64,
    /// 95 of 100 are no larger.
    pub p95: f64,
    /// The largest.
    pub max: f64,
}

impl Spread {
    /// The spread of the runs in which the metric was measured; `None` when there are none.
    ///
    /// Each figure is one of the values: the nearest rank, nothing in between.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        Some(Self {
            min,
            p50: rank(&values, 50),
            p95: rank(&values, 95),
            max,
        })
    }
}

fn rank(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted[rank.max(1) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_is_one_of_the_values() {
        let spread = Spread::of((1..=20).rev().map(f64::from)).unwrap();
        let figures = (spread.min, spread.p50, spread.p95, spread.max);
        assert_eq!(figures, (1.0, 10.0, 19.0, 20.0));
        let one = Spread::of([7.5]).unwrap();
        assert_eq!((one.min, one.p50, one.p95, one.max), (7.5, 7.5, 7.5, 7.5));
        assert_eq!(Spread::of([]), None);
    }
}
