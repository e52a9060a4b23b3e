//! Every value that was sent, under a dense index.

use super::super::super::history::{Run, ValueId};

/// Values with consecutive numbers and consecutive indexes.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: u64,
    end: u64,
    index: u32,
}

/// Numbers to indexes and back.
#[derive(Debug)]
pub(in super::super) struct Values {
    spans: Vec<Span>,
    len: u32,
}

impl Values {
    /// The values of these runs, which may overlap.
    pub(super) fn new(runs: impl Iterator<Item = Run>) -> Self {
        let mut runs: Vec<(u64, u64)> = runs
            .map(|run| (run.0.0, run.0.0 + u64::from(run.1)))
            .collect();
        runs.sort_unstable();
        let mut spans: Vec<Span> = Vec::new();
        let mut len = 0;
        for (first, end) in runs {
            match spans.last_mut() {
                Some(last) if first <= last.end => {
                    len += end.saturating_sub(last.end) as u32;
                    last.end = last.end.max(end);
                }
                _ => {
                    spans.push(Span {
                        first,
                        end,
                        index: len,
                    });
                    len += (end - first) as u32;
                }
            }
        }
        Self { spans, len }
    }

    /// How many there are.
    pub(in super::super) fn len(&self) -> usize {
        self.len as usize
    }

    /// The index of a value that was sent.
    pub(in super::super) fn index(&self, value: ValueId) -> usize {
        let next = self.spans.partition_point(|span| span.end <= value.0);
        let span = self.spans[next];
        assert!(span.first <= value.0, "the value was sent");
        (u64::from(span.index) + value.0 - span.first) as usize
    }

    /// The number of the value with this index.
    pub(in super::super) fn id(&self, index: u32) -> ValueId {
        let after = self.spans.partition_point(|span| span.index <= index);
        let span = self.spans[after - 1];
        ValueId(span.first + u64::from(index - span.index))
    }

    /// Visits a run piece by piece: the first place in the run, how many, and the first index where
    /// they were sent.
    pub(super) fn pieces(&self, run: Run, mut visit: impl FnMut(u32, u32, Option<u32>)) {
        let (start, end) = (run.0.0, run.0.0 + u64::from(run.1));
        let mut at = start;
        let mut next = self.spans.partition_point(|span| span.end <= at);
        while at < end {
            let (until, index) = match self.spans.get(next) {
                Some(span) if span.first <= at => {
                    next += 1;
                    (span.end, Some(span.index + (at - span.first) as u32))
                }
                Some(span) => (span.first, None),
                None => (end, None),
            };
            let until = until.min(end);
            visit((at - start) as u32, (until - at) as u32, index);
            at = until;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_runs_are_one() {
        let runs = [(10, 5), (12, 6), (30, 1), (18, 2)];
        let values = Values::new(
            runs.iter()
                .map(|(first, count)| Run(ValueId(*first), *count)),
        );
        assert_eq!(values.len(), 11);
        assert_eq!(
            (values.id(0), values.id(9), values.id(10)),
            (ValueId(10), ValueId(19), ValueId(30))
        );
        let mut pieces = Vec::new();
        values.pieces(Run(ValueId(8), 24), |place, count, index| {
            pieces.push((place, count, index));
        });
        let expected = [
            (0, 2, None),
            (2, 10, Some(0)),
            (12, 10, None),
            (22, 1, Some(10)),
            (23, 1, None),
        ];
        assert_eq!(pieces, expected);
    }
}
