//! Opening a storage: believe the checkpoint, replay what came after it, judge the end.
//!
//! 1. Collect what the rows of all groups prove.
//! 2. Read the checkpoint. A missing or damaged one is replaced by the write-ahead log when that
//!    reaches back to the beginning; otherwise every log is set aside.
//! 3. Hold every retained byte against the checkpoint, and cut what lies behind it.
//! 4. Replay the whole batches of the write-ahead log.
//! 5. Judge its end: a torn tail, or damage (see [`salvage`]).
//! 6. Check the stored states, set the damaged logs aside, and make that durable.
//!
//! A damaged log starts again, empty, with a mark up to which it must be repaired before its group
//! may vote; its files stay under `.bad-<n>`. Nothing is deleted while anything is damaged.

mod salvage;
mod scan;
mod verify;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use super::checkpoint::{self, Checkpoint};
use super::disk::Disk;
use super::group::directory;
use super::handles::Handles;
use super::record::{Change, Record};
use super::segments::{BatchId, Segments, Written, committed_here};
use super::states::States;
use super::synced;
use super::view::LogView;
use super::wal::{self, Maker, Mark};
use super::{Damage, GroupId, LogKind, SavedVote};
use crate::spec::{SyncMode, TopicId};
use scan::WalReader;
use verify::Proof;

/// What was found.
pub(super) struct Recovered {
    pub(super) segments: Segments,
    /// Where the write-ahead log goes on.
    pub(super) mark: Mark,
    pub(super) damage: Vec<Damage>,
    pub(super) states: BTreeMap<GroupId, States>,
    /// The next number for a segment's files.
    pub(super) next_number: u64,
    /// Whether segments were written that no checkpoint describes.
    pub(super) replayed: bool,
    /// Whether an unfinished batch was dropped.
    pub(super) torn: bool,
}

/// A log that cannot be believed, and what is still known of it.
#[derive(Debug, Default)]
struct Failed {
    what: String,
    kind: Option<LogKind>,
    vote: Option<SavedVote>,
    /// The highest index it ever had.
    index: Option<u64>,
    group_seq: u64,
}

/// The work in progress.
struct Recovery {
    disk: Arc<Disk>,
    handles: Arc<Handles>,
    reader: WalReader,
    segments: Segments,
    proofs: BTreeMap<GroupId, Proof>,
    /// The newest batch that is known to have been synced.
    proven: u64,
    failed: BTreeMap<GroupId, Failed>,
    /// Paths that the checkpoint on disk describes.
    described: BTreeSet<String>,
    damage: Vec<Damage>,
    highest_number: u64,
    replayed: bool,
    torn: bool,
    /// Whether a log may have lost records without being known.
    lost_track: bool,
}

/// Where replay starts.
enum Start {
    /// At a checkpoint, perhaps the empty one before everything.
    At(Checkpoint),
    /// Nothing can be believed, for this reason.
    Lost(String),
}

/// Recovers the storage on `disk`.
pub(super) fn recover(
    disk: &Arc<Disk>,
    handles: &Arc<Handles>,
    maker: &Maker,
    sync: SyncMode,
) -> io::Result<Recovered> {
    let reader = WalReader::new(disk.clone())?;
    let oldest = reader.numbers.first().copied().unwrap_or(1);
    let mut recovery = Recovery {
        disk: disk.clone(),
        handles: handles.clone(),
        reader,
        segments: Segments::new(disk.clone(), handles.clone(), maker.clone(), oldest),
        proofs: BTreeMap::new(),
        proven: 0,
        failed: BTreeMap::new(),
        described: BTreeSet::new(),
        damage: Vec::new(),
        highest_number: 0,
        replayed: false,
        torn: false,
        lost_track: false,
    };
    recovery.collect_proofs()?;
    let mark = match recovery.start()? {
        Start::At(checkpoint) => recovery.resume(checkpoint, sync)?,
        Start::Lost(what) => recovery.lose_all(&what)?,
    };
    recovery.finish(mark)
}

impl Recovery {
    fn collect_proofs(&mut self) -> io::Result<()> {
        for name in self.disk.list("groups")? {
            if let Some(id) = group_id(&name) {
                let proof = verify::proof(&self.disk, id)?;
                self.highest_number = self.highest_number.max(proof.number);
                self.proven = self.proven.max(proof.batch_seq);
                self.proofs.insert(id, proof);
            }
        }
        let note = self.disk.read(synced::PATH)?.unwrap_or_default();
        self.proven = self.proven.max(synced::decode(&note));
        Ok(())
    }

    fn start(&self) -> io::Result<Start> {
        let found = self.disk.read(checkpoint::PATH)?;
        let what = match found.as_deref().map(Checkpoint::decode) {
            Some(Ok(checkpoint)) => return Ok(Start::At(checkpoint)),
            Some(Err(what)) => {
                let bad = free_name(&self.disk, checkpoint::PATH);
                self.disk.copy(checkpoint::PATH, &bad)?;
                tracing::error!(what, kept = bad, "the checkpoint is damaged");
                format!("the checkpoint is damaged: {what}; kept as {bad}")
            }
            None => "the checkpoint is missing".to_owned(),
        };
        // A state can be durable before the first batch is.
        let no_segment = self.proofs.values().all(|proof| *proof == Proof::default());
        let nothing = found.is_none() && self.reader.numbers.is_empty() && no_segment;
        if nothing || self.reader.numbers.first() == Some(&Mark::ORIGIN.file) {
            return Ok(Start::At(Checkpoint {
                mark: Mark::ORIGIN,
                groups: BTreeMap::new(),
            }));
        }
        Ok(Start::Lost(what))
    }

    fn resume(&mut self, checkpoint: Checkpoint, sync: SyncMode) -> io::Result<Mark> {
        let mut mark = checkpoint.mark;
        let fresh = mark == Mark::ORIGIN && self.reader.numbers.is_empty();
        let reachable = fresh || self.reader.reaches(mark)?;
        self.believe(checkpoint)?;
        self.trim()?;
        let mut unsynced = None;
        while let Some(batch) = self.reader.next(mark)? {
            for run in batch.records.chunk_by(|a, b| a.group == b.group) {
                self.take(run, batch.id)?;
            }
            mark = batch.after;
            unsynced = Some(batch.id.unsynced);
        }
        let end = salvage::End {
            mark,
            reachable,
            unsynced,
            sync,
        };
        self.judge(&end)
    }

    /// Takes over what the checkpoint says, where the segments agree.
    fn believe(&mut self, checkpoint: Checkpoint) -> io::Result<()> {
        let seqs: BTreeMap<GroupId, u64> = checkpoint
            .groups
            .iter()
            .map(|(id, (_, seq))| (*id, *seq))
            .collect();
        let logs: BTreeMap<GroupId, LogView> = checkpoint
            .groups
            .into_iter()
            .map(|(id, (view, _))| (id, view))
            .collect();
        let mut verdicts = verify::verify_all(&self.handles, &logs)?;
        for (id, view) in logs {
            self.describe(id, &view);
            let written = Written::found(view, seqs[&id]);
            self.segments.groups.insert(id, written);
            if let Some(what) = verdicts.remove(&id) {
                self.fail(id, what);
            }
        }
        Ok(())
    }

    fn describe(&mut self, id: GroupId, view: &LogView) {
        let directory = directory(id);
        for segment in &view.segments {
            self.highest_number = self.highest_number.max(segment.number);
            for name in [segment.data_file(), segment.row_file()] {
                self.described.insert(format!("{directory}/{name}"));
            }
        }
        self.described.insert(directory);
    }

    /// Cuts what lies behind the checkpoint in files that will be written again.
    fn trim(&mut self) -> io::Result<()> {
        for (id, written) in &self.segments.groups {
            let view = &written.view;
            let Some(segment) = view.segments.last().filter(|_| !view.must_open) else {
                continue;
            };
            let directory = directory(*id);
            let rows = segment.rows() * super::row::ROW as u64;
            let ends = [
                (segment.data_file(), segment.bytes),
                (segment.row_file(), rows),
            ];
            for (name, length) in ends {
                let file = self.handles.get(&format!("{directory}/{name}"))?;
                if file.len()? > length {
                    file.set_len(length)?;
                }
            }
        }
        Ok(())
    }

    /// Takes records of one group; whether the group has every record up to these.
    fn take(&mut self, records: &[Record], batch: BatchId) -> io::Result<bool> {
        let Some(first) = records.first() else {
            return Ok(true);
        };
        let id = first.group;
        for number in records.iter().filter_map(opened_number) {
            self.highest_number = self.highest_number.max(number);
        }
        if self.failed.contains_key(&id) {
            self.note(records);
            return Ok(false);
        }
        let known = self
            .segments
            .groups
            .get(&id)
            .map_or(0, |written| written.group_seq);
        let expected = (known + 1..).take(records.len());
        if !records.iter().map(|record| record.group_seq).eq(expected) {
            let found = first.group_seq;
            self.fail(
                id,
                format!("record {} is missing where {found} follows", known + 1),
            );
            self.note(records);
            return Ok(false);
        }
        self.replayed = true;
        match self.segments.apply(records, batch) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.fail(id, format!("the write-ahead log does not fit it: {error}"));
                self.note(records);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives a log up; what is known of it is kept.
    fn fail(&mut self, id: GroupId, what: String) {
        let written = self.segments.groups.remove(&id).unwrap_or_default();
        let view = written.view;
        let failed = self.failed.entry(id).or_insert_with(|| Failed {
            what,
            ..Failed::default()
        });
        failed.kind = failed.kind.or(view.kind);
        failed.vote = view.vote.or(failed.vote);
        let last = view.last.map(|last| last.index);
        let known = self.proofs.get(&id).and_then(|proof| proof.index);
        failed.index = failed.index.max(last).max(view.repair_until).max(known);
        failed.group_seq = failed.group_seq.max(written.group_seq);
    }

    /// Learns from records of failed logs.
    fn note(&mut self, records: &[Record]) {
        for record in records {
            let Some(failed) = self.failed.get_mut(&record.group) else {
                continue;
            };
            failed.group_seq = failed.group_seq.max(record.group_seq);
            match &record.change {
                Change::Create(kind) => failed.kind = Some(*kind),
                Change::Append(entry) => failed.index = failed.index.max(Some(entry.at.index)),
                Change::Reset { at, .. } => failed.index = failed.index.max(Some(at.index)),
                Change::RequireRepair { until } => failed.index = failed.index.max(Some(*until)),
                Change::Vote(vote) => failed.vote = Some(*vote),
                Change::Remove => {
                    self.failed.remove(&record.group);
                }
                _ => {}
            }
        }
    }

    /// Sets every log aside; votes and indexes come from what can be read of the write-ahead log.
    fn lose_all(&mut self, what: &str) -> io::Result<Mark> {
        self.lost_track = true;
        let beginning = Mark {
            file: 0,
            position: wal::START,
            seq: 0,
        };
        let found = self.reader.behind(beginning, u64::MAX)?;
        let mut seq = self.proven;
        for id in self.proofs.keys().copied().collect::<Vec<_>>() {
            self.fail(id, what.to_owned());
        }
        for found in found {
            seq = seq.max(found.head.batch_seq);
            let record = Record::from_head(&found.head, found.payload.unwrap_or_default());
            if let Some(record) = record {
                self.fail(record.group, what.to_owned());
                self.note(&[record]);
            }
        }
        Ok(self.fresh_mark(seq))
    }

    /// The start of a file that was never used.
    fn fresh_mark(&self, seq: u64) -> Mark {
        Mark {
            file: self.reader.numbers.last().map_or(1, |last| last + 1),
            position: wal::START,
            seq,
        }
    }

    fn finish(mut self, mark: Mark) -> io::Result<Recovered> {
        self.fail_unknown();
        let mut states = self.find_states()?;
        let damaged = !self.failed.is_empty() || self.lost_track;
        for (id, failed) in std::mem::take(&mut self.failed) {
            states.insert(id, States::default());
            self.set_aside(id, failed)?;
        }
        for written in self.segments.groups.values_mut() {
            let view = &mut written.view;
            view.committed = committed_here(view.committed, view.last);
        }
        if damaged {
            self.disk.sync_dir("groups")?;
            self.segments.checkpoint(mark)?;
            self.replayed = false;
        } else {
            self.remove_orphans()?;
        }
        Ok(Recovered {
            segments: self.segments,
            mark,
            damage: self.damage,
            states,
            next_number: self.highest_number + 1,
            replayed: self.replayed,
            torn: self.torn,
        })
    }

    /// Directories of groups that nothing speaks of, when something may have been lost.
    fn fail_unknown(&mut self) {
        let known =
            |id: &GroupId| self.segments.groups.contains_key(id) || self.failed.contains_key(id);
        let unknown: Vec<GroupId> = self
            .proofs
            .keys()
            .copied()
            .filter(|id| self.lost_track && !known(id))
            .collect();
        for id in unknown {
            self.fail(id, "what created it is lost".to_owned());
        }
    }

    fn find_states(&mut self) -> io::Result<BTreeMap<GroupId, States>> {
        let mut all = BTreeMap::new();
        for id in self.segments.groups.keys().copied().collect::<Vec<_>>() {
            let (states, damaged) = States::find(&self.disk, &directory(id))?;
            let purged = self.segments.groups[&id].view.purged;
            let needed = purged.is_some_and(|purged| !states.reach_back_to(purged));
            for what in damaged {
                if needed {
                    self.fail(id, what);
                } else {
                    self.damage.push(Damage { group: id, what });
                }
            }
            all.insert(id, states);
        }
        Ok(all)
    }

    fn set_aside(&mut self, id: GroupId, failed: Failed) -> io::Result<()> {
        let directory = directory(id);
        let mut what = failed.what;
        if self.disk.exists(&directory) {
            let bad = free_name(&self.disk, &directory);
            self.handles.forget_directory(&directory);
            self.disk.rename(&directory, &bad)?;
            what = format!("{what}; set aside as {bad}");
        }
        let view = LogView {
            kind: failed.kind,
            vote: failed.vote,
            repair_until: Some(failed.index.unwrap_or(0)),
            must_open: true,
            ..LogView::default()
        };
        self.segments
            .groups
            .insert(id, Written::found(view, failed.group_seq));
        self.damage.push(Damage { group: id, what });
        Ok(())
    }

    /// Removes files that neither the checkpoint nor any log knows: what a crash left half done.
    fn remove_orphans(&mut self) -> io::Result<()> {
        let views: Vec<(GroupId, LogView)> = (self.segments.groups.iter())
            .map(|(id, written)| (*id, written.view.clone()))
            .collect();
        for (id, view) in views {
            self.describe(id, &view);
        }
        for id in self.proofs.keys() {
            let directory = directory(*id);
            if !self.described.contains(&directory) && !self.segments.groups.contains_key(id) {
                self.disk.remove_dir(&directory)?;
                continue;
            }
            for name in self.disk.list(&directory)? {
                let path = format!("{directory}/{name}");
                let segment = verify::segment_number(&name).is_some();
                let unfinished = matches!(name.rsplit_once('.'), Some((_, "new")));
                if unfinished || (segment && !self.described.contains(&path)) {
                    self.disk.remove(&path)?;
                }
            }
        }
        Ok(())
    }
}

fn opened_number(record: &Record) -> Option<u64> {
    match &record.change {
        Change::Append(entry) => entry.opens,
        _ => None,
    }
}

/// The group of a directory's name.
fn group_id(name: &str) -> Option<GroupId> {
    let id = if name == GroupId::METADATA.to_string() {
        GroupId::METADATA
    } else {
        let (topic, partition) = name.rsplit_once('-')?;
        GroupId {
            topic: TopicId(uuid::Uuid::try_parse(topic).ok()?),
            partition: partition.parse().ok()?,
        }
    };
    (id.to_string() == name).then_some(id)
}

/// `<path>.bad-<n>` with the first free n.
fn free_name(disk: &Disk, path: &str) -> String {
    let names = (1_u64..).map(|n| format!("{path}.bad-{n}"));
    let mut free = names.filter(|name| !disk.exists(name));
    free.next().unwrap_or_else(|| format!("{path}.bad"))
}
