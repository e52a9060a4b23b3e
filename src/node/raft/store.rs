//! openraft's log storage over one group's log.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};

use futures::{Stream, StreamExt, stream};
use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader};
use tokio::sync::{oneshot, watch};

use super::types::{self, Entry, LogId, Types, Vote};
use crate::node::bugs;
use crate::node::storage::{Done, GroupLog, LogPosition};
use crate::spec::Bug;

/// Bytes of entries in one append request, or in one step of applying.
const READ_BYTES: usize = 1 << 20;

/// One group's log as openraft's storage; clones read the same log.
#[derive(Clone)]
pub(in crate::node::raft) struct Store {
    log: GroupLog,
    /// The last index, as it grows.
    end: watch::Sender<u64>,
}

impl Store {
    pub(in crate::node::raft) fn new(log: GroupLog) -> Self {
        let end = log.state().last.map_or(0, |last| last.index);
        let end = watch::Sender::new(end);
        Self { log, end }
    }

    /// The log's last index, as entries are appended.
    pub(in crate::node::raft) fn end(&self) -> watch::Receiver<u64> {
        self.end.subscribe()
    }

    fn read(&self, start: u64, end: u64, max_bytes: usize) -> io::Result<Vec<Entry>> {
        if start >= end {
            return Ok(Vec::new());
        }
        let entries = self.log.read(start..end, max_bytes)?;
        entries
            .into_iter()
            .map(|entry| {
                types::raft_entry(entry).ok_or_else(|| {
                    io::Error::new(io::ErrorKind::InvalidData, "an unreadable membership entry")
                })
            })
            .collect()
    }

    fn bounds(&self, range: &impl RangeBounds<u64>) -> (u64, u64) {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last + 1,
            Bound::Excluded(end) => *end,
            Bound::Unbounded => self.log.state().last.map_or(0, |last| last.index + 1),
        };
        (start, end)
    }

    /// One step of [`RaftLogReader::entries_stream`]: the next entries and where to go on.
    fn step(&self, start: u64, end: u64) -> Option<(Vec<io::Result<Entry>>, u64)> {
        if start >= end {
            return None;
        }
        match self.read(start, end, READ_BYTES) {
            Ok(entries) if entries.is_empty() => {
                let error = io::Error::other(format!("no entry at index {start}"));
                Some((vec![Err(error)], end))
            }
            Ok(entries) => {
                let next = start + entries.len() as u64;
                Some((entries.into_iter().map(Ok).collect(), next))
            }
            Err(error) => Some((vec![Err(error)], end)),
        }
    }
}

impl RaftLogReader<Types> for Store {
    async fn entries_stream<R>(&mut self, range: R) -> impl Stream<Item = io::Result<Entry>> + Send
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (start, end) = self.bounds(&range);
        let store = self.clone();
        Box::pin(
            stream::iter(std::iter::successors(
                store.step(start, end),
                move |(_, next)| store.step(*next, end),
            ))
            .flat_map(|(entries, _)| stream::iter(entries)),
        )
    }

    async fn try_get_log_entries<R>(&mut self, range: R) -> io::Result<Vec<Entry>>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (start, end) = self.bounds(&range);
        self.read(start, end, usize::MAX)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start, end, READ_BYTES)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.log.state().vote.map(types::vote))
    }
}

impl RaftLogStorage<Types> for Store {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let state = self.log.state();
        Ok(LogState {
            last_purged_log_id: state.purged.map(types::log_id),
            last_log_id: state.last.map(types::log_id),
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let (done, waiting) = completion();
        self.log.save_vote(types::saved_vote(vote), done)?;
        wait(waiting).await
    }

    /// Not synced on its own: a restart applies at once what it knows to be committed, and hears
    /// the rest from the leader.
    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.log
            .save_committed(committed.as_ref().map(types::position))
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.log.state().committed.map(types::log_id))
    }

    async fn append<I>(&mut self, entries: I, flushed: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries.into_iter().map(types::log_entry);
        let entries: Vec<_> = entries.map(bugs::stored).collect();
        let last = entries.last().map(|entry| entry.at.index);
        if bugs::planted(Bug::AckBeforeSync) {
            self.log.append(entries, Box::new(drop))?;
            flushed.io_completed(Ok(()));
        } else {
            let done = Box::new(move |result| flushed.io_completed(result));
            self.log.append(entries, done)?;
        }
        if let Some(last) = last {
            self.end.send_replace(last);
        }
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        self.log.truncate_after(last.as_ref().map(types::position))
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        let upto: LogPosition = types::position(&upto);
        if self.log.state().purged.is_some_and(|purged| purged >= upto) {
            return Ok(());
        }
        self.log.purge(upto)
    }
}

/// A callback for storage and the future that ends with it.
pub(in crate::node::raft) fn completion() -> (Done, oneshot::Receiver<io::Result<()>>) {
    let (sender, receiver) = oneshot::channel();
    // The waiter may be gone when its group is being shut down.
    (Box::new(move |result| drop(sender.send(result))), receiver)
}

/// Waits for a [`completion`].
pub(in crate::node::raft) async fn wait(
    waiting: oneshot::Receiver<io::Result<()>>,
) -> io::Result<()> {
    waiting
        .await
        .map_err(|_| io::Error::other("the storage was closed"))?
}
