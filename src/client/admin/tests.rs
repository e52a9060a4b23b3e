//! Typed calls against answers that the test writes.

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    BrokerId, CreateTopicsResponse, MetadataResponse, RequestKind, ResponseKind,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::protocol::frame::{decode_request, encode_response};
use crate::spec::NodeId;

const SOON: Duration = Duration::from_secs(5);

/// Answers one request with what `reply` makes of it.
async fn serve(listener: TcpListener, reply: impl FnOnce(RequestKind) -> ResponseKind) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let length = stream.read_i32().await.unwrap();
    let mut frame = BytesMut::zeroed(usize::try_from(length).unwrap());
    stream.read_exact(&mut frame).await.unwrap();
    let request = decode_request(frame.freeze()).unwrap();
    let answer: Bytes = encode_response(&request.head, &reply(request.body)).unwrap();
    stream.write_all(&answer).await.unwrap();
    // Held open until the client leaves.
    let _ = stream.read(&mut [0]).await;
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

fn described() -> MetadataResponse {
    let broker = |id, port| {
        MetadataResponseBroker::default()
            .with_node_id(BrokerId(id))
            .with_host(StrBytes::from_static_str("127.0.0.1"))
            .with_port(port)
    };
    let partition = MetadataResponsePartition::default()
        .with_partition_index(0)
        .with_leader_id(BrokerId(-1))
        .with_leader_epoch(4)
        .with_error_code(5)
        .with_replica_nodes(vec![BrokerId(1), BrokerId(2)])
        .with_isr_nodes(vec![BrokerId(2)]);
    let topic = MetadataResponseTopic::default()
        .with_name(Some(topic_name("orders")))
        .with_partitions(vec![partition]);
    MetadataResponse::default()
        .with_cluster_id(Some(StrBytes::from_static_str("c")))
        .with_controller_id(BrokerId(2))
        .with_brokers(vec![broker(2, 9192), broker(1, 9092)])
        .with_topics(vec![topic])
}

#[tokio::test]
async fn metadata_becomes_a_view() {
    let (listener, addr) = listen().await;
    let serving = serve(listener, |request| {
        let RequestKind::Metadata(asked) = request else {
            panic!("not a Metadata request");
        };
        assert!(!asked.allow_auto_topic_creation);
        assert_eq!(asked.topics.unwrap().len(), 1);
        ResponseKind::Metadata(described())
    });
    let (view, ()) = tokio::join!(metadata(addr, Some(&["orders"]), SOON), serving);
    let view = view.unwrap();
    assert_eq!(view.controller, Some(NodeId(2)));
    assert_eq!(
        view.addr(NodeId(1)),
        Some("127.0.0.1:9092".parse().unwrap())
    );
    assert_eq!(view.leader("orders", 0), None);
    let partition = view.topic("orders").unwrap().partition(0).unwrap();
    assert_eq!(partition.epoch, 4);
    assert_eq!(partition.isr, [NodeId(2)]);
    assert_eq!(partition.error, Some(ErrorCode(5)));
}

#[tokio::test]
async fn a_brokers_no_is_an_error_with_its_words() {
    let (listener, addr) = listen().await;
    let serving = serve(listener, |request| {
        let RequestKind::CreateTopics(asked) = request else {
            panic!("not a CreateTopics request");
        };
        assert_eq!(asked.topics[0].num_partitions, -1);
        assert_eq!(asked.topics[0].replication_factor, 3);
        let refused = CreatableTopicResult::default()
            .with_error_code(36)
            .with_error_message(Some(StrBytes::from_static_str("there is one")));
        ResponseKind::CreateTopics(CreateTopicsResponse::default().with_topics(vec![refused]))
    });
    let topic = NewTopic {
        name: "orders".to_owned(),
        replication_factor: Some(3),
        ..NewTopic::default()
    };
    let creating = async { Admin::connect(addr, SOON).await?.create_topic(topic).await };
    let (created, ()) = tokio::join!(creating, serving);
    let error: CallError = created.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TOPIC_EXISTS));
    assert!(error.to_string().ends_with("(36): there is one"));
}

#[tokio::test]
async fn an_answer_without_the_result_is_malformed() {
    let (listener, addr) = listen().await;
    let serving = serve(listener, |_| {
        ResponseKind::CreateTopics(CreateTopicsResponse::default())
    });
    let creating = async {
        let admin = Admin::connect(addr, SOON).await?;
        admin.create_topic(NewTopic::default()).await
    };
    let (created, ()) = tokio::join!(creating, serving);
    let error = created.unwrap_err();
    assert!(matches!(
        error,
        CallError::Client(ClientError::Malformed { .. })
    ));
}
