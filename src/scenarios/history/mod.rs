//! Everything that a scenario did and saw, as data.
//!
//! The judge, the metrics and the reports work from a [`History`] and from nothing else, so that a
//! stored one gives the same verdict. [`Recording`] keeps it in memory and appends it to a file
//! line by line; [`read_history`] reads such a file back. A history holds what was observed and
//! draws no conclusion. All times are microseconds of one monotonic clock.
//!
//! ```text
//! {"header":{"version":1,...}}          what it is about
//! {"topic":{...}} {"produce":{...}} ... one event a line, as they became known
//! {"closed":{"lines":n,"crc32c":c}}     everything above was written
//! ```
//! A file without its last line is one of an interrupted scenario, or was cut: it can be read, and
//! is never enough for "passed".

mod check;
mod event;
mod fault;
mod group;
mod header;
mod ids;
mod life;
mod metadata;
mod produce;
mod read;
mod reader;
mod search;
#[cfg(test)]
mod tests;
mod value;
mod writer;

pub use check::EventError;
pub use event::Event;
pub use fault::{Fault, FaultBegan, FaultEnded, FaultId, FaultKind, FaultProven};
pub use group::{Commit, CommitOutcome, Committed};
pub use header::{Absent, Claims, Header, LEAST_ACKS, VERSION};
pub use ids::{ClientId, Micros, Run, TopicPartition, ValueId};
pub use life::{
    End, Ending, Found, Healed, Milestone, NodeEvent, NodeLife, Phase, PhaseMark, Promise, Topic,
    TopicDeleted,
};
pub use metadata::{LogEnd, MetadataSeen, PartitionSeen, TopicSeen};
pub use produce::{Attempt, Identity, Outcome};
pub use read::{
    Assignment, EpochRun, Read, ReadAnswer, Records, ReplicaRead, Strange, Strangeness, ValueRun,
};
pub use reader::{HistoryError, read_history};
pub use search::SearchRead;
pub use value::{MIN_VALUE_LEN, Parsed, ValueMark, encode_value, parse_value, topic_hash};
pub use writer::{HistoryWriter, Recording, RecordingError};

use crate::spec::NodeId;

/// A whole scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// What it is about.
    pub header: Header,
    /// The topics; a topic's number is its place here.
    pub topics: Vec<Topic>,
    /// Topics that were deleted.
    pub deleted: Vec<TopicDeleted>,
    /// Produce attempts, in the order of their ends.
    pub attempts: Vec<Attempt>,
    /// Fetches, in the order of their ends.
    pub reads: Vec<Read>,
    /// The replicas at the end.
    pub replicas: Vec<ReplicaRead>,
    /// What search found.
    pub searches: Vec<SearchRead>,
    /// Commits, in the order of their ends.
    pub commits: Vec<Commit>,
    /// What groups were told to have committed.
    pub committed: Vec<Committed>,
    /// What nodes said about the cluster.
    pub metadata: Vec<MetadataSeen>,
    /// Where logs ended.
    pub log_ends: Vec<LogEnd>,
    /// What was broken on purpose.
    pub faults: Vec<Fault>,
    /// What happened to the nodes.
    pub nodes: Vec<NodeEvent>,
    /// The phases.
    pub phases: Vec<PhaseMark>,
    /// The promises.
    pub promises: Vec<Promise>,
    /// Moments of the metrics.
    pub milestones: Vec<Milestone>,
    /// When all faults were healed; the last time counts.
    pub healed: Option<Micros>,
    /// The end; `None` in a history that was cut short.
    pub end: Option<End>,
    /// Values sent and records read so far.
    records: u64,
}

impl History {
    /// A history without events.
    pub fn new(header: Header) -> Self {
        Self {
            header,
            topics: Vec::new(),
            deleted: Vec::new(),
            attempts: Vec::new(),
            reads: Vec::new(),
            replicas: Vec::new(),
            searches: Vec::new(),
            commits: Vec::new(),
            committed: Vec::new(),
            metadata: Vec::new(),
            log_ends: Vec::new(),
            faults: Vec::new(),
            nodes: Vec::new(),
            phases: Vec::new(),
            promises: Vec::new(),
            milestones: Vec::new(),
            healed: None,
            end: None,
            records: 0,
        }
    }

    /// Takes one more event; refuses one that contradicts itself or what was said before.
    pub fn push(&mut self, event: Event) -> Result<(), EventError> {
        check::check(self, &event)?;
        self.records += check::records_in(&event);
        match event {
            Event::Topic(topic) => self.topics.push(topic),
            Event::TopicDeleted(deleted) => self.deleted.push(deleted),
            Event::Produce(attempt) => self.attempts.push(attempt),
            Event::Read(read) => self.reads.push(read),
            Event::Replica(replica) => self.replicas.push(replica),
            Event::Search(search) => self.searches.push(search),
            Event::Commit(commit) => self.commits.push(commit),
            Event::Committed(committed) => self.committed.push(committed),
            Event::Metadata(seen) => self.metadata.push(seen),
            Event::LogEnd(end) => self.log_ends.push(end),
            Event::FaultBegan(began) => self.faults.push(Fault {
                began,
                proven: None,
                ended: None,
            }),
            Event::FaultProven(proven) => {
                let fault = self.fault_mut(proven.fault);
                fault.proven = Some(proven);
            }
            Event::FaultEnded(ended) => self.fault_mut(ended.fault).ended = Some(ended.at),
            Event::Node(node) => self.nodes.push(node),
            Event::Phase(mark) => self.phases.push(mark),
            Event::Promise(promise) => self.promises.push(promise),
            Event::Milestone(milestone) => self.milestones.push(milestone),
            Event::Healed(healed) => self.healed = Some(healed.at),
            Event::End(end) => self.end = Some(end),
        }
        Ok(())
    }

    /// `orders-0`: a partition as people call it.
    pub fn name_of(&self, partition: TopicPartition) -> String {
        match self.topics.get(partition.0 as usize) {
            Some(topic) => format!("{}-{}", topic.name, partition.1),
            None => format!("topic {}-{}", partition.0, partition.1),
        }
    }

    /// The replicas of a partition; empty for one that the history does not know.
    pub fn replicas_of(&self, partition: TopicPartition) -> &[NodeId] {
        let topic = self.topics.get(partition.0 as usize);
        topic
            .and_then(|topic| topic.partitions.get(partition.1 as usize))
            .map_or(&[], Vec::as_slice)
    }

    /// Every partition of every topic.
    pub fn partitions(&self) -> impl Iterator<Item = TopicPartition> {
        let topics = self.topics.iter().enumerate();
        topics.flat_map(|(number, topic)| {
            (0..topic.partitions.len())
                .map(move |partition| TopicPartition(number as u32, partition as u32))
        })
    }

    /// Who was told to lead a partition: when, by which node, which leader, in which epoch.
    pub fn leaders_told(
        &self,
        partition: TopicPartition,
    ) -> impl Iterator<Item = (Micros, NodeId, Option<NodeId>, i32)> {
        let topic = self.topics.get(partition.0 as usize);
        self.metadata.iter().filter_map(move |seen| {
            let name = &topic?.name;
            let told = seen.topics.iter().find(|told| told.name == *name)?;
            let mut partitions = told.partitions.iter();
            let told = partitions.find(|told| told.partition == partition.1)?;
            Some((seen.at, seen.node, told.leader, told.epoch))
        })
    }

    /// Whether a topic is gone at the end.
    pub fn is_deleted(&self, topic: u32) -> bool {
        self.deleted.iter().any(|deleted| deleted.topic == topic)
    }

    fn fault_mut(&mut self, fault: FaultId) -> &mut Fault {
        let known = self
            .faults
            .iter_mut()
            .rfind(|known| known.began.fault == fault);
        known.expect("an event of an unknown fault was refused")
    }
}
