//! What was first seen at each offset of one partition.

use std::collections::HashMap;

use super::Content;

/// No record was seen.
const EMPTY: u32 = u32::MAX;
/// Cells that cost nothing worth saving.
const ALWAYS: usize = 1 << 16;

/// A table by offset: a plain array where offsets are dense, as they are in a sound log.
#[derive(Debug)]
pub(in super::super) struct Offsets {
    first: i64,
    cells: Vec<u32>,
    most: usize,
    far: HashMap<i64, u32>,
    /// All offsets at which something was seen, in order.
    present: Vec<i64>,
}

impl Offsets {
    /// A table for about `records` records from the offset `first` on.
    pub(super) fn new(first: i64, records: usize) -> Self {
        Self {
            first,
            cells: Vec::new(),
            most: records.saturating_mul(4).max(ALWAYS),
            far: HashMap::new(),
            present: Vec::new(),
        }
    }

    /// Takes note of a record; gives what else was seen at this offset before.
    pub(super) fn put(&mut self, offset: i64, content: Content) -> Option<Content> {
        let cell = self.cell(offset);
        if *cell == EMPTY {
            *cell = content.0;
            return None;
        }
        (*cell != content.0).then_some(Content(*cell))
    }

    /// To be called once, when all is noted.
    pub(super) fn settle(&mut self) {
        let near = self.cells.iter().enumerate();
        let near = near.filter(|(_, cell)| **cell != EMPTY);
        self.present = near.map(|(place, _)| self.first + place as i64).collect();
        self.present.extend(self.far.keys());
        self.present.sort_unstable();
    }

    /// All offsets at which something was seen, in order.
    pub(in super::super) fn present(&self) -> &[i64] {
        &self.present
    }

    /// The first offset from `from` on and below `to` at which something was seen.
    pub(in super::super) fn first_in(&self, from: i64, to: i64) -> Option<i64> {
        let next = self.present.partition_point(|offset| *offset < from);
        let offset = *self.present.get(next)?;
        (offset < to).then_some(offset)
    }

    fn cell(&mut self, offset: i64) -> &mut u32 {
        let place = usize::try_from(offset - self.first).unwrap_or(usize::MAX);
        if place >= self.most {
            return self.far.entry(offset).or_insert(EMPTY);
        }
        if place >= self.cells.len() {
            self.cells.resize(place + 1, EMPTY);
        }
        &mut self.cells[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_first_stays() {
        let mut offsets = Offsets::new(5, 10);
        let far = 1 << 40;
        for offset in [5, 7, far] {
            assert_eq!(offsets.put(offset, Content(1)), None);
            assert_eq!(offsets.put(offset, Content(1)), None);
            assert_eq!(offsets.put(offset, Content(2)), Some(Content(1)));
        }
        offsets.settle();
        assert_eq!(offsets.present(), [5, 7, far]);
        assert_eq!(offsets.first_in(6, 8), Some(7));
        assert_eq!(offsets.first_in(8, far), None);
    }
}
