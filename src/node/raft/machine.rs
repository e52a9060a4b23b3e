//! The state machine that openraft drives: keeps the applied position and the membership, hands
//! entries to the group's [`Applier`], and stores the state at every seal.

use std::io;
use std::sync::{Arc, Mutex};

use bytes::{BufMut, Bytes, BytesMut};
use futures::{Stream, TryStreamExt};

use openraft::storage::EntryResponder;
use openraft::storage::RaftStateMachine;
use openraft::{EntryPayload, RaftSnapshotBuilder};

use super::types::{self, LogId, Snapshot, SnapshotMeta, StoredMembership, Types};
use super::wire::{self, Reader};
use crate::node::bugs;
use crate::node::metadata::Outcome;
use crate::node::storage::{GroupLog, LogPosition};

/// What applying an entry gives to the one who proposed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) enum Reply {
    /// Nothing: a blank entry or a membership.
    Nothing,
    /// The offset of the entry's first record.
    BaseOffset(i64),
    /// What became of a metadata command.
    Metadata(Outcome),
}

/// What a committed entry does to a group's state. Calls come in log order.
pub(in crate::node) trait Applier: Send + Sync + 'static {
    /// The first entry of a leader's term: from here on that leader may serve.
    fn blank(&mut self, at: LogPosition);
    /// A committed entry.
    fn data(&mut self, at: LogPosition, data: &Bytes) -> Reply;
    /// The state as of the last applied entry.
    fn state(&self) -> Bytes;
    /// Continues from a stored or received state. `fresh` says that the log was emptied for it.
    fn restore(&mut self, at: LogPosition, state: Bytes) -> io::Result<()>;
    /// The next offset that a state continues with; 0 where offsets mean nothing.
    fn next_offset(&self, state: &Bytes) -> io::Result<i64>;
}

/// The position up to which retention wants to purge; what the next snapshot is taken at.
pub(in crate::node::raft) type SnapshotTarget = Arc<Mutex<Option<LogPosition>>>;

/// One group's state machine.
pub(in crate::node::raft) struct Machine {
    log: GroupLog,
    applier: Box<dyn Applier>,
    applied: Option<LogId>,
    membership: StoredMembership,
    target: SnapshotTarget,
}

impl Machine {
    /// Continues from the newest stored state.
    pub(in crate::node::raft) async fn open(
        log: GroupLog,
        applier: Box<dyn Applier>,
        target: SnapshotTarget,
    ) -> io::Result<Self> {
        let membership = StoredMembership::default();
        let mut machine = Self {
            log,
            applier,
            applied: None,
            membership,
            target,
        };
        if let Some((at, bytes)) = machine.log.newest_state()? {
            let (meta, state) = unpack(bytes)?;
            machine.continue_from(at, meta, state).await?;
        }
        Ok(machine)
    }

    /// Goes on from a state. The log is emptied first when it does not reach it: a snapshot came,
    /// now or just before the process ended.
    async fn continue_from(
        &mut self,
        at: LogPosition,
        meta: SnapshotMeta,
        state: Bytes,
    ) -> io::Result<()> {
        if self
            .log
            .state()
            .last
            .is_none_or(|last| last.index < at.index)
        {
            let (done, waiting) = super::store::completion();
            self.log
                .reset(at, self.applier.next_offset(&state)?, done)?;
            super::store::wait(waiting).await?;
        }
        self.applier.restore(at, state)?;
        self.applied = Some(types::log_id(at));
        self.membership = meta.last_membership;
        Ok(())
    }

    async fn apply_one(&mut self, entry: &types::Entry) -> io::Result<Reply> {
        let at = types::position(&entry.log_id);
        let reply = match &entry.payload {
            EntryPayload::Blank => {
                self.applier.blank(at);
                Reply::Nothing
            }
            EntryPayload::Normal(types::Data(data)) => self.applier.data(at, data),
            EntryPayload::Membership(voters) => {
                self.membership = StoredMembership::new(Some(entry.log_id), voters.clone());
                Reply::Nothing
            }
        };
        self.applied = Some(entry.log_id);
        if self.log.is_seal(at.index) {
            self.save(at, pack(&self.meta(), &self.applier.state()))
                .await?;
        }
        Ok(reply)
    }

    /// Stores a state, synced, on a thread of its own: the node's one may not wait for a disk.
    async fn save(&self, at: LogPosition, state: Bytes) -> io::Result<()> {
        let log = self.log.clone();
        let saved = tokio::task::spawn_blocking(move || log.save_state(at, &state)).await;
        saved.map_err(io::Error::other)?
    }

    fn meta(&self) -> SnapshotMeta {
        SnapshotMeta {
            last_log_id: self.applied,
            last_membership: self.membership.clone(),
        }
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = Bytes;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + Send,
    {
        let mut is_first = true;
        while let Some((entry, responder)) = entries.try_next().await? {
            match (&responder, &entry.payload) {
                (Some(_), _) if is_first => bugs::before_own_apply().await,
                (None, EntryPayload::Normal(types::Data(data))) => bugs::before_apply(data).await,
                _ => {}
            }
            is_first = false;
            let reply = self.apply_one(&entry).await?;
            if let Some(responder) = responder {
                responder.send(reply);
            }
        }
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, _force: bool) -> Option<Builder> {
        Some(self.get_snapshot_builder().await)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        let at = *self.target.lock().expect("no holder panics");
        Builder {
            log: self.log.clone(),
            at,
        }
    }

    /// The state is stored before the log is emptied for it, so that a kill between the two
    /// leaves a log that can be continued.
    async fn install_snapshot(&mut self, meta: &SnapshotMeta, data: Bytes) -> io::Result<()> {
        let at = meta.last_log_id.as_ref().map(types::position);
        let at = at.ok_or_else(|| invalid("a snapshot of nothing"))?;
        self.save(at, pack(meta, &data)).await?;
        let (done, waiting) = super::store::completion();
        self.log.reset(at, self.applier.next_offset(&data)?, done)?;
        super::store::wait(waiting).await?;
        self.continue_from(at, meta.clone(), data).await
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        match self.log.state().purged {
            Some(at) => snapshot_at(&self.log, at),
            None => Ok(None),
        }
    }
}

/// Takes a snapshot where retention wants to purge: from the state stored at that seal.
pub(in crate::node::raft) struct Builder {
    log: GroupLog,
    at: Option<LogPosition>,
}

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = Bytes;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let at = self
            .at
            .ok_or_else(|| invalid("a snapshot that retention did not ask for"))?;
        snapshot_at(&self.log, at)?.ok_or_else(|| invalid("no state is stored at the seal"))
    }
}

fn snapshot_at(log: &GroupLog, at: LogPosition) -> io::Result<Option<Snapshot>> {
    let Some(bytes) = log.state_at(at)? else {
        return Ok(None);
    };
    let (meta, snapshot) = unpack(bytes)?;
    Ok(Some(Snapshot { meta, snapshot }))
}

fn pack(meta: &SnapshotMeta, state: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(128 + state.len());
    wire::put_meta(&mut out, meta);
    out.put_u32(u32::try_from(state.len()).expect("a state is far below 4 GiB"));
    out.put_slice(state);
    out.freeze()
}

fn unpack(bytes: Bytes) -> io::Result<(SnapshotMeta, Bytes)> {
    let mut reader = Reader::new(bytes);
    let read = |reader: &mut Reader| Ok((wire::read_meta(reader)?, reader.bytes()?));
    read(&mut reader).map_err(|error: wire::Malformed| invalid(&error.to_string()))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
