//! One sweep over time: what was the largest before each start?

use super::super::history::Micros;

/// Something that begins, and wants to know what was there before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Start {
    /// When it begins.
    pub(super) at: Micros,
    /// Its place in the history.
    pub(super) place: usize,
}

/// Something that is known from a time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Known {
    /// From when.
    pub(super) at: Micros,
    /// What is known.
    pub(super) size: i64,
    /// Its place in the history.
    pub(super) place: usize,
}

/// Visits each start with the largest thing that was known strictly before it, where there is one.
///
/// Two things in one microsecond have no order, so none is claimed.
pub(super) fn largest_before(
    mut starts: Vec<Start>,
    mut known: Vec<Known>,
    mut visit: impl FnMut(usize, Known),
) {
    starts.sort_unstable();
    known.sort_unstable();
    let mut next = 0;
    let mut largest: Option<Known> = None;
    for start in starts {
        while let Some(candidate) = known.get(next).filter(|known| known.at < start.at) {
            if largest.is_none_or(|largest| candidate.size > largest.size) {
                largest = Some(*candidate);
            }
            next += 1;
        }
        if let Some(largest) = largest {
            visit(start.place, largest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_strictly_before_counts() {
        let start = |at, place| Start {
            at: Micros(at),
            place,
        };
        let known = |at, size, place| Known {
            at: Micros(at),
            size,
            place,
        };
        let mut seen = Vec::new();
        largest_before(
            vec![start(9, 2), start(1, 0), start(5, 1)],
            vec![known(1, 7, 0), known(5, 9, 1), known(6, 8, 2)],
            |place, largest| seen.push((place, largest.size)),
        );
        assert_eq!(seen, [(1, 7), (2, 9)]);
    }
}
