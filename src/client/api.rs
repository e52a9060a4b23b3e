//! Which request has which answer.
//!
//! One row per API that this client speaks; the compiler then knows what a call returns. The
//! versions are the ones that Apache Kafka 4 and the common compatible brokers all serve.

use kafka_protocol::messages::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, CreateTopicsRequest, CreateTopicsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse, DescribeConfigsRequest, DescribeConfigsResponse,
    FetchRequest, FetchResponse, FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest,
    HeartbeatResponse, InitProducerIdRequest, InitProducerIdResponse, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListOffsetsRequest,
    ListOffsetsResponse, MetadataRequest, MetadataResponse, OffsetCommitRequest,
    OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse, ProduceRequest, ProduceResponse,
    RequestKind, ResponseKind, SyncGroupRequest, SyncGroupResponse,
};

/// A request that this client can send.
pub trait Api: Sized + Into<RequestKind> {
    /// Its key on the wire.
    const KEY: ApiKey;
    /// The version in which this client writes it unless told otherwise.
    const VERSION: i16;
    /// What comes back.
    type Answer;
    /// The answer, if it is one to this request.
    fn answer(kind: ResponseKind) -> Option<Self::Answer>;
}

macro_rules! apis {
    ($($name:ident $version:literal $request:ident $response:ident;)*) => {$(
        impl Api for $request {
            const KEY: ApiKey = ApiKey::$name;
            const VERSION: i16 = $version;
            type Answer = $response;

            fn answer(kind: ResponseKind) -> Option<$response> {
                match kind {
                    ResponseKind::$name(answer) => Some(answer),
                    _ => None,
                }
            }
        }
    )*};
}

apis! {
    ApiVersions 3 ApiVersionsRequest ApiVersionsResponse;
    CreateTopics 7 CreateTopicsRequest CreateTopicsResponse;
    DeleteTopics 5 DeleteTopicsRequest DeleteTopicsResponse;
    DescribeConfigs 4 DescribeConfigsRequest DescribeConfigsResponse;
    Fetch 11 FetchRequest FetchResponse;
    FindCoordinator 3 FindCoordinatorRequest FindCoordinatorResponse;
    Heartbeat 3 HeartbeatRequest HeartbeatResponse;
    InitProducerId 4 InitProducerIdRequest InitProducerIdResponse;
    JoinGroup 5 JoinGroupRequest JoinGroupResponse;
    LeaveGroup 2 LeaveGroupRequest LeaveGroupResponse;
    ListOffsets 6 ListOffsetsRequest ListOffsetsResponse;
    Metadata 12 MetadataRequest MetadataResponse;
    OffsetCommit 8 OffsetCommitRequest OffsetCommitResponse;
    OffsetFetch 7 OffsetFetchRequest OffsetFetchResponse;
    Produce 9 ProduceRequest ProduceResponse;
    SyncGroup 3 SyncGroupRequest SyncGroupResponse;
}
