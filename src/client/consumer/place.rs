//! Where reading each partition begins and ends, asked of leaders that may be moving.

use std::collections::{BTreeMap, btree_map::Entry};
use std::net::SocketAddr;
use std::time::Instant;

use super::{ConsumeError, Consumer, End, RETRY_PAUSE, Reader, Start, TIMEOUT};
use crate::client::admin::{self, Admin, OffsetSpec};
use crate::client::error::CallError;
use crate::spec::NodeId;

impl Consumer {
    /// Finds all of them; asks again, with fresh metadata, as long as the settings allow.
    pub(super) async fn place(&mut self) -> Result<(), ConsumeError> {
        let mut admins: BTreeMap<NodeId, Admin> = BTreeMap::new();
        let give_up = Instant::now() + self.settings.place_within;
        for at in 0..self.readers.len() {
            while let Err(source) = self.place_one(at, &mut admins).await {
                let partition = self.readers[at].partition;
                if !source.is_retriable() {
                    return Err(ConsumeError::Offsets { partition, source });
                }
                if Instant::now() >= give_up {
                    return Err(ConsumeError::Unplaced { partition, source });
                }
                admins.clear();
                self.ask_who_leads().await;
            }
        }
        // The patience of reading begins with reading.
        let now = Instant::now();
        self.readers.iter_mut().for_each(|reader| reader.good = now);
        Ok(())
    }

    /// Leaders move right after a start: the next broker is asked for them. One that does not
    /// answer leaves what was known, and the one after it is asked next.
    async fn ask_who_leads(&mut self) {
        let addr = self.next_to_ask();
        tokio::time::sleep(RETRY_PAUSE).await;
        let topic = self.settings.topic.as_str();
        if let Ok(view) = admin::metadata(addr, Some(&[topic]), TIMEOUT).await {
            self.learn(&view);
        }
    }

    async fn place_one(
        &mut self,
        at: usize,
        admins: &mut BTreeMap<NodeId, Admin>,
    ) -> Result<(), CallError> {
        let topic = &self.settings.topic;
        let reader = &mut self.readers[at];
        let said = self.settings.partitions.offset(reader.partition);
        let spec = match said.map_or(self.settings.start, Start::Offset) {
            Start::Earliest => Some(OffsetSpec::Earliest),
            Start::Latest => Some(OffsetSpec::Latest),
            Start::Offset(offset) => {
                reader.offset = offset;
                None
            }
        };
        if spec.is_none() && self.settings.end == End::Never {
            // Nothing is to be asked: a leader that is gone is found while reading.
            return Ok(());
        }
        let admin = leader_of(reader, &self.addrs, &self.settings.bootstrap, admins).await?;
        if let Some(spec) = spec {
            reader.offset = admin
                .list_offset(topic, reader.partition, spec)
                .await?
                .offset;
        }
        if self.settings.end == End::Now {
            let end = admin
                .list_offset(topic, reader.partition, OffsetSpec::Latest)
                .await?;
            reader.end = Some(end.offset);
        }
        Ok(())
    }
}

/// A connection to a partition's leader, or to any broker when it has none; that one says so.
async fn leader_of<'a>(
    reader: &Reader,
    addrs: &BTreeMap<NodeId, SocketAddr>,
    bootstrap: &[SocketAddr],
    admins: &'a mut BTreeMap<NodeId, Admin>,
) -> Result<&'a Admin, CallError> {
    let node = reader.leader.unwrap_or_default();
    match admins.entry(node) {
        Entry::Occupied(known) => Ok(known.into_mut()),
        Entry::Vacant(unknown) => {
            let addr = addrs.get(&node).copied().unwrap_or(bootstrap[0]);
            Ok(unknown.insert(Admin::connect(addr, TIMEOUT).await?))
        }
    }
}
