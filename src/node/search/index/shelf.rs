//! The splits of a partition in the order of their offsets, and which of them are to be joined.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::split::{self, Content, Split};
use crate::spec::GroupId;

/// Neighbours of one size that are joined to one of the next.
const FACTOR: usize = 8;
/// Records up to which splits are young.
const YOUNG: u64 = 20_000;
/// Records up to which splits are joined: a larger one is rare enough to be searched on its own.
const LARGE: u64 = 100_000;
/// What a directory is called in which a split is being built.
const SITE: &str = "building";

/// Where joined splits go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Memory.
    Young,
    /// Disk.
    Sealed,
}

/// The splits of one partition; they do not overlap.
#[derive(Default)]
pub(super) struct Shelf {
    splits: Vec<Arc<Split>>,
}

impl Shelf {
    /// All, in order.
    pub(super) fn splits(&self) -> &[Arc<Split>] {
        &self.splits
    }

    /// Adds splits over offsets that are not covered.
    pub(super) fn put(&mut self, more: Vec<Arc<Split>>) {
        self.splits.extend(more);
        self.splits.sort_by_key(|split| split.content().first);
        let follows = |pair: &[Arc<Split>]| pair[0].content().end <= pair[1].content().first;
        assert!(self.splits.windows(2).all(follows), "splits do not overlap");
    }

    /// The first offsets of `wanted` that no split covers; empty at its end when there are none.
    pub(super) fn missing(&self, wanted: Range<i64>) -> Range<i64> {
        let (mut next, mut end) = (wanted.start, wanted.end.max(wanted.start));
        for split in &self.splits {
            let content = split.content();
            if content.first > next {
                end = end.min(content.first);
                break;
            }
            next = next.max(content.end);
        }
        next.min(end)..end
    }

    /// Takes out what is wholly below the log start.
    pub(super) fn expire(&mut self, log_start: i64) -> Vec<Arc<Split>> {
        let is_old = |split: &mut Arc<Split>| split.content().end <= log_start;
        self.splits.extract_if(.., is_old).collect()
    }

    /// Takes out what is in memory.
    pub(super) fn forget_young(&mut self) -> Vec<Arc<Split>> {
        self.splits
            .extract_if(.., |split| !split.is_sealed())
            .collect()
    }

    /// Neighbours that are to be joined: a number of one size, or young ones that are enough for
    /// the disk together, or will not become more since a sealed one follows.
    pub(super) fn next_run(&self) -> Option<(Vec<Arc<Split>>, Level)> {
        let end = self.splits.last()?.content().end;
        let is_due = |run: &&[Arc<Split>]| {
            let records: u64 = run.iter().map(|split| split.content().records).sum();
            let is_last = run.last().is_some_and(|last| last.content().end == end);
            !run[0].is_sealed() && (records >= YOUNG || !is_last)
        };
        let mut levels = self.runs(|a, b| a.is_sealed() == b.is_sealed());
        if let Some(run) = levels.find(is_due) {
            return Some((run.to_vec(), Level::Sealed));
        }
        drop(levels);
        let mut sizes = self.runs(|a, b| size(a) == size(b));
        let run = sizes.find(|run| run.len() >= FACTOR && size(&run[0]).is_some())?;
        let level = if run[0].is_sealed() {
            Level::Sealed
        } else {
            Level::Young
        };
        // No more at once, so that the memory and the time of one step are bounded.
        Some((run[..FACTOR].to_vec(), level))
    }

    /// Neighbours in memory.
    pub(super) fn young_run(&self) -> Option<Vec<Arc<Split>>> {
        self.runs(|a, b| a.is_sealed() == b.is_sealed())
            .find(|run| !run[0].is_sealed())
            .map(<[_]>::to_vec)
    }

    /// Runs of splits without a gap that are alike.
    fn runs(
        &self,
        alike: impl Fn(&Arc<Split>, &Arc<Split>) -> bool,
    ) -> impl Iterator<Item = &[Arc<Split>]> {
        self.splits
            .chunk_by(move |a, b| a.content().end == b.content().first && alike(a, b))
    }

    /// Puts one in the place of those that it is made of; gives those, or the new one when they
    /// are not there any more.
    pub(super) fn replace(&mut self, run: &[Arc<Split>], with: Arc<Split>) -> Vec<Arc<Split>> {
        let is_one = |split: &Arc<Split>| run.iter().any(|old| Arc::ptr_eq(old, split));
        let present = self.splits.iter().filter(|split| is_one(split)).count();
        if present < run.len() {
            return vec![with];
        }
        let replaced = self.splits.extract_if(.., |split| is_one(split)).collect();
        self.put(vec![with]);
        replaced
    }
}

/// Splits are joined with others of the same size only, so that a record is written again seldom;
/// `None` for one that is large enough.
fn size(split: &Arc<Split>) -> Option<(bool, u32)> {
    let records = split.content().records;
    let size = records.max(1).ilog(FACTOR as u64);
    (records < LARGE).then_some((split.is_sealed(), if split.is_sealed() { 0 } else { size }))
}

/// An empty directory to build in.
pub(super) fn building_site(home: &Path, what: &str) -> io::Result<PathBuf> {
    let site = home.join(format!("{SITE}-{what}"));
    split::remove(&site)?;
    fs::create_dir_all(&site)?;
    Ok(site)
}

/// The splits in a directory that can be believed. All others, and what was being built, are
/// removed: they are built again.
pub(super) fn read(
    home: &Path,
    group: GroupId,
    is_of_this_log: impl Fn(&Content) -> bool,
) -> Vec<Arc<Split>> {
    let mut found = Vec::new();
    for place in subdirectories(home) {
        match Split::sealed(&place, group) {
            Ok(split) if is_of_this_log(split.content()) => found.push(Arc::new(split)),
            Ok(_) => drop_it(&place, &"it is of another log"),
            Err(error) => drop_it(&place, &error),
        }
    }
    without_overlap(found)
}

/// A crash can leave a split beside those that it is made of: the longer one is used.
fn without_overlap(mut found: Vec<Arc<Split>>) -> Vec<Arc<Split>> {
    found.sort_by_key(|split| (split.content().first, -split.content().end));
    let mut kept: Vec<Arc<Split>> = Vec::new();
    for split in found {
        let end = kept.last().map_or(i64::MIN, |last| last.content().end);
        if split.content().first >= end {
            kept.push(split);
        } else {
            tracing::info!(group = "search", range = ?split.content().range(), "a split is in another one: removed");
            split.discard();
        }
    }
    kept
}

fn drop_it(place: &Path, why: &dyn std::fmt::Display) {
    let is_site = place
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with(SITE));
    if !is_site {
        tracing::warn!(split = %place.display(), %why, "a split is not used; it is built again");
    }
    if let Err(error) = split::remove(place) {
        tracing::warn!(split = %place.display(), %error, "a bad split stays on disk");
    }
}

/// What is in a directory; nothing where there is none.
pub(in crate::node::search) fn subdirectories(home: &Path) -> Vec<PathBuf> {
    let entries = match fs::read_dir(home) {
        Ok(entries) => entries,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(directory = %home.display(), %error, "splits cannot be listed");
            }
            return Vec::new();
        }
    };
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .collect()
}
