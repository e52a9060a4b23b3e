//! Brokers for tests: a few sockets over one shared log, with leaders that a test can move.
//!
//! They check what the client owes a broker (one batch a partition, sequence numbers without a
//! gap, checksums) and know nothing of replication or disks.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::fetch_response::{FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{
    ApiVersionsResponse, BrokerId, CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest,
    DeleteTopicsResponse, FetchRequest, FetchResponse, InitProducerIdResponse, ListOffsetsRequest,
    ListOffsetsResponse, MetadataRequest, MetadataResponse, ProduceRequest, ProduceResponse,
    RequestKind, ResponseKind,
};
use kafka_protocol::protocol::StrBytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::protocol::frame::{decode_request, encode_response};
use crate::protocol::records::{patch, validate_for_append};
use crate::spec::defaults::{FIRST_FRAME_BYTES, MAX_FRAME_BYTES};

const REMEMBERED: usize = 5;

#[derive(Default)]
struct Partition {
    /// The largest batch that is taken; 0 for any.
    max_bytes: usize,
    leader: i32,
    epoch: i32,
    log: Vec<(i64, Bytes)>,
    next: i64,
    producers: HashMap<i64, VecDeque<(i32, i32, i64)>>,
    /// Error codes for the next produces, instead of appending.
    refusals: VecDeque<i16>,
    /// Error codes for the next questions about offsets.
    unplaced: VecDeque<i16>,
    /// Appends, but answers with this code, once.
    append_and_refuse: Option<i16>,
}

#[derive(Default)]
struct State {
    addrs: Vec<SocketAddr>,
    topics: BTreeMap<String, Vec<Partition>>,
    next_producer: i64,
    /// No majority commits a producer id.
    without_identities: bool,
    /// Records per produced batch, in order.
    batches: Vec<i32>,
}

type Shared = Arc<Mutex<State>>;

/// A cluster of fake brokers with the ids 1, 2 and so on.
pub(super) struct FakeCluster {
    state: Shared,
    brokers: BTreeMap<i32, JoinSet<()>>,
    muted: Arc<Mutex<Vec<i32>>>,
    unmuted: Arc<Notify>,
}

impl FakeCluster {
    pub(super) async fn start(brokers: i32) -> Self {
        let mut cluster = Self {
            state: Shared::default(),
            brokers: BTreeMap::new(),
            muted: Arc::default(),
            unmuted: Arc::default(),
        };
        for id in 1..=brokers {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            cluster.state().addrs.push(listener.local_addr().unwrap());
            let mut tasks = JoinSet::new();
            let muted = (Arc::clone(&cluster.muted), Arc::clone(&cluster.unmuted));
            tasks.spawn(listen(id, listener, Arc::clone(&cluster.state), muted));
            cluster.brokers.insert(id, tasks);
        }
        cluster
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn addrs(&self) -> Vec<SocketAddr> {
        self.state().addrs.clone()
    }

    /// Makes a topic whose partitions are led by 1, 2, and so on in turn.
    pub(super) fn topic(&self, name: &str, partitions: i32) {
        create(&mut self.state(), name, partitions);
    }

    pub(super) fn move_leader(&self, topic: &str, partition: usize, to: i32) {
        let mut state = self.state();
        let partition = &mut state.topics.get_mut(topic).unwrap()[partition];
        (partition.leader, partition.epoch) = (to, partition.epoch + 1);
    }

    pub(super) fn refuse(&self, topic: &str, partition: usize, codes: &[i16]) {
        let mut state = self.state();
        state.topics.get_mut(topic).unwrap()[partition]
            .refusals
            .extend(codes);
    }

    pub(super) fn refuse_offsets(&self, topic: &str, partition: usize, codes: &[i16]) {
        let mut state = self.state();
        state.topics.get_mut(topic).unwrap()[partition]
            .unplaced
            .extend(codes);
    }

    /// How many refusals are left.
    pub(super) fn refused_offsets(&self, topic: &str, partition: usize) -> usize {
        self.state().topics[topic][partition].unplaced.len()
    }

    /// Answers questions for producer ids with COORDINATOR_NOT_AVAILABLE from now on.
    pub(super) fn withhold_identities(&self) {
        self.state().without_identities = true;
    }

    /// Refuses batches of more bytes, as `max.message.bytes` does.
    pub(super) fn limit(&self, topic: &str, max_bytes: usize) {
        for partition in self.state().topics.get_mut(topic).unwrap() {
            partition.max_bytes = max_bytes;
        }
    }

    pub(super) fn append_and_refuse(&self, topic: &str, partition: usize, code: i16) {
        let mut state = self.state();
        state.topics.get_mut(topic).unwrap()[partition].append_and_refuse = Some(code);
    }

    /// Closes the broker's sockets, at once.
    pub(super) async fn kill(&mut self, broker: i32) {
        self.brokers.remove(&broker).unwrap().shutdown().await;
    }

    /// Lets the broker read no more requests, with its sockets open.
    pub(super) fn mute(&self, broker: i32) {
        self.muted.lock().unwrap().push(broker);
    }

    /// Records per batch of all produces, in the order of their arrival.
    pub(super) fn batches(&self) -> Vec<i32> {
        self.state().batches.clone()
    }

    pub(super) fn topics(&self) -> Vec<String> {
        self.state().topics.keys().cloned().collect()
    }

    /// Makes the partition forget its producers, as a broker that lost acked batches would.
    pub(super) fn forget_producers(&self, topic: &str, partition: usize) {
        let mut state = self.state();
        let partition = &mut state.topics.get_mut(topic).unwrap()[partition];
        for batches in partition.producers.values_mut() {
            *batches = VecDeque::from([(0, 0, 0)]);
        }
    }
}

type Muted = (Arc<Mutex<Vec<i32>>>, Arc<Notify>);

async fn listen(id: i32, listener: TcpListener, state: Shared, muted: Muted) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (state, muted) = (Arc::clone(&state), muted.clone());
        connections.spawn(async move {
            // Ends when the client leaves.
            let _ = serve(id, stream, &state, &muted).await;
        });
    }
}

async fn serve(
    id: i32,
    mut stream: TcpStream,
    state: &Shared,
    muted: &Muted,
) -> std::io::Result<()> {
    let mut limit = FIRST_FRAME_BYTES;
    loop {
        let length = stream.read_i32().await?;
        if length as usize > std::mem::replace(&mut limit, MAX_FRAME_BYTES) {
            return Ok(());
        }
        let mut frame = BytesMut::zeroed(usize::try_from(length).unwrap());
        stream.read_exact(&mut frame).await?;
        while muted.0.lock().unwrap().contains(&id) {
            muted.1.notified().await;
        }
        let request = decode_request(frame.freeze()).unwrap();
        let answer = answer(id, &mut state.lock().unwrap(), request.body);
        let frame = encode_response(&request.head, &answer).unwrap();
        stream.write_all(&frame).await?;
    }
}

fn answer(id: i32, state: &mut State, request: RequestKind) -> ResponseKind {
    match request {
        RequestKind::ApiVersions(_) => ResponseKind::ApiVersions(ApiVersionsResponse::default()),
        RequestKind::Metadata(asked) => ResponseKind::Metadata(metadata(state, asked)),
        RequestKind::InitProducerId(_) => {
            state.next_producer += 1;
            let code = if state.without_identities { 15 } else { 0 };
            let id = state.next_producer.into();
            let answer = InitProducerIdResponse::default().with_producer_id(id);
            ResponseKind::InitProducerId(answer.with_error_code(code))
        }
        RequestKind::Produce(asked) => ResponseKind::Produce(produce(id, state, asked)),
        RequestKind::Fetch(asked) => ResponseKind::Fetch(fetch(state, asked)),
        RequestKind::ListOffsets(asked) => ResponseKind::ListOffsets(list(state, asked)),
        RequestKind::CreateTopics(asked) => ResponseKind::CreateTopics(create_all(state, asked)),
        RequestKind::DeleteTopics(asked) => ResponseKind::DeleteTopics(delete_all(state, asked)),
        other => panic!("no test asks for {other:?}"),
    }
}

fn create(state: &mut State, name: &str, partitions: i32) {
    let brokers = state.addrs.len() as i32;
    let partition = |index| Partition {
        leader: index % brokers + 1,
        epoch: 1,
        ..Partition::default()
    };
    let partitions = (0..partitions).map(partition).collect();
    state.topics.insert(name.to_owned(), partitions);
}

fn create_all(state: &mut State, asked: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut created = Vec::new();
    for topic in asked.topics {
        create(state, &topic.name.to_string(), topic.num_partitions);
        created.push(CreatableTopicResult::default().with_name(topic.name));
    }
    CreateTopicsResponse::default().with_topics(created)
}

fn delete_all(state: &mut State, asked: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let mut deleted = Vec::new();
    for name in asked.topic_names {
        let code = state.topics.remove(&name.to_string()).map_or(3, |_| 0);
        let result = DeletableTopicResult::default().with_name(Some(name));
        deleted.push(result.with_error_code(code));
    }
    DeleteTopicsResponse::default().with_responses(deleted)
}

fn metadata(state: &State, asked: MetadataRequest) -> MetadataResponse {
    let broker = |(id, addr): (i32, &SocketAddr)| {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(id))
            .with_host(StrBytes::from_string(addr.ip().to_string()))
            .with_port(i32::from(addr.port()))
    };
    let names: Vec<String> = match asked.topics {
        None => state.topics.keys().cloned().collect(),
        Some(topics) => topics
            .into_iter()
            .map(|topic| topic.name.unwrap().to_string())
            .collect(),
    };
    let topics = names.into_iter().map(|name| described(state, &name));
    MetadataResponse::default()
        .with_controller_id(BrokerId(1))
        .with_brokers((1..).zip(&state.addrs).map(broker).collect())
        .with_topics(topics.collect())
}

fn described(state: &State, name: &str) -> MetadataResponseTopic {
    let topic = MetadataResponseTopic::default().with_name(Some(super::admin::topic_name(name)));
    let Some(partitions) = state.topics.get(name) else {
        return topic.with_error_code(3);
    };
    let partition = |(index, partition): (i32, &Partition)| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(partition.leader))
            .with_leader_epoch(partition.epoch)
    };
    topic.with_partitions((0..).zip(partitions).map(partition).collect())
}

fn produce(id: i32, state: &mut State, asked: ProduceRequest) -> ProduceResponse {
    let mut topics = Vec::new();
    for topic in asked.topic_data {
        let mut results = Vec::new();
        for data in topic.partition_data {
            let batch = data.records.unwrap();
            let header = validate_for_append(&batch, 1 << 20).unwrap();
            state.batches.push(header.count);
            let partitions = state.topics.get_mut(&topic.name.to_string()).unwrap();
            let partition = &mut partitions[data.index as usize];
            let result = PartitionProduceResponse::default().with_index(data.index);
            results.push(match partition.produce(id, &batch) {
                Ok(offset) => result.with_base_offset(offset),
                Err(code) => result.with_base_offset(-1).with_error_code(code),
            });
        }
        let result = TopicProduceResponse::default().with_name(topic.name);
        topics.push(result.with_partition_responses(results));
    }
    ProduceResponse::default().with_responses(topics)
}

impl Partition {
    fn produce(&mut self, broker: i32, batch: &Bytes) -> Result<i64, i16> {
        if self.leader != broker {
            return Err(6);
        }
        if let Some(code) = self.refusals.pop_front() {
            return Err(code);
        }
        if self.max_bytes > 0 && batch.len() > self.max_bytes {
            return Err(10);
        }
        let offset = self.append(batch)?;
        self.append_and_refuse.take().map_or(Ok(offset), Err)
    }

    fn append(&mut self, batch: &Bytes) -> Result<i64, i16> {
        let header = validate_for_append(batch, 1 << 20).unwrap();
        if header.is_idempotent() {
            let window = self.producers.entry(header.producer_id).or_default();
            let same = |(sequence, count, _): &&(i32, i32, i64)| {
                (*sequence, *count) == (header.base_sequence, header.count)
            };
            if let Some((_, _, offset)) = window.iter().find(same) {
                return Ok(*offset);
            }
            let due = window
                .back()
                .map_or(0, |(sequence, count, _)| sequence + count);
            if header.base_sequence != due {
                return Err(45);
            }
            window.push_back((header.base_sequence, header.count, self.next));
            if window.len() > REMEMBERED {
                window.pop_front();
            }
        }
        let offset = self.next;
        let mut stored = BytesMut::from(&batch[..]);
        patch(&mut stored, offset, self.epoch);
        self.log.push((offset, stored.freeze()));
        self.next += i64::from(header.count);
        Ok(offset)
    }

    /// All batches from the one that holds `offset` on.
    fn read(&self, offset: i64, max: usize) -> Bytes {
        let from = self
            .log
            .partition_point(|(base, _)| *base <= offset)
            .saturating_sub(1);
        let mut records = BytesMut::new();
        for (_, batch) in self.log.iter().skip(from) {
            if records.len() < max {
                records.extend_from_slice(batch);
            }
        }
        records.freeze()
    }
}

fn fetch(state: &mut State, asked: FetchRequest) -> FetchResponse {
    let mut topics = Vec::new();
    for topic in asked.topics {
        let partitions = state.topics.get(&topic.topic.to_string()).unwrap();
        let mut results = Vec::new();
        for wanted in topic.partitions {
            let partition = &partitions[wanted.partition as usize];
            let data = PartitionData::default()
                .with_partition_index(wanted.partition)
                .with_high_watermark(partition.next)
                .with_last_stable_offset(partition.next)
                .with_log_start_offset(0);
            let max = wanted.partition_max_bytes as usize;
            results.push(match wanted.fetch_offset {
                offset if offset > partition.next => data.with_error_code(1),
                offset if offset == partition.next => data.with_records(Some(Bytes::new())),
                offset => data.with_records(Some(partition.read(offset, max))),
            });
        }
        let result = FetchableTopicResponse::default().with_topic(topic.topic);
        topics.push(result.with_partitions(results));
    }
    FetchResponse::default().with_responses(topics)
}

fn list(state: &mut State, asked: ListOffsetsRequest) -> ListOffsetsResponse {
    let mut topics = Vec::new();
    for topic in asked.topics {
        let partitions = state.topics.get_mut(&topic.name.to_string()).unwrap();
        let mut results = Vec::new();
        for wanted in topic.partitions {
            let partition = &mut partitions[wanted.partition_index as usize];
            let (next, code) = (partition.next, partition.unplaced.pop_front());
            results.push(
                ListOffsetsPartitionResponse::default()
                    .with_partition_index(wanted.partition_index)
                    .with_error_code(code.unwrap_or(0))
                    .with_offset(if wanted.timestamp == -2 { 0 } else { next }),
            );
        }
        let result = ListOffsetsTopicResponse::default().with_name(topic.name);
        topics.push(result.with_partitions(results));
    }
    ListOffsetsResponse::default().with_topics(topics)
}
