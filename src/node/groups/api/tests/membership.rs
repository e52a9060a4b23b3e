//! JoinGroup, SyncGroup, Heartbeat and LeaveGroup.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    LeaveGroupResponse, SyncGroupRequest, SyncGroupResponse,
};

use super::*;
use crate::node::groups::api::{Client, heartbeat, join, leave, sync};
use crate::node::groups::limits;

const CLIENT: Client<'_> = Client {
    id: "tester",
    host: "/127.0.0.1",
};

fn join_request() -> JoinGroupRequest {
    let range = JoinGroupRequestProtocol::default()
        .with_name(text("range"))
        .with_metadata(Bytes::from_static(b"topics"));
    JoinGroupRequest::default()
        .with_group_id(group("g"))
        .with_session_timeout_ms(10_000)
        .with_rebalance_timeout_ms(60_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![range])
}

async fn join_at(stage: &Stage, version: i16, request: JoinGroupRequest) -> JoinGroupResponse {
    let response = join::serve(home(stage), version, CLIENT, request).await;
    let body = ResponseKind::JoinGroup(response);
    match through_the_wire(ApiKey::JoinGroup, version, &body) {
        ResponseKind::JoinGroup(response) => response,
        other => panic!("{other:?}"),
    }
}

async fn sync_at(stage: &Stage, version: i16, request: SyncGroupRequest) -> SyncGroupResponse {
    let body = ResponseKind::SyncGroup(sync::serve(home(stage), request).await);
    match through_the_wire(ApiKey::SyncGroup, version, &body) {
        ResponseKind::SyncGroup(response) => response,
        other => panic!("{other:?}"),
    }
}

async fn beat_at(stage: &Stage, version: i16, request: HeartbeatRequest) -> HeartbeatResponse {
    let body = ResponseKind::Heartbeat(heartbeat::serve(home(stage), request).await);
    match through_the_wire(ApiKey::Heartbeat, version, &body) {
        ResponseKind::Heartbeat(response) => response,
        other => panic!("{other:?}"),
    }
}

async fn leave_at(stage: &Stage, version: i16, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let body = ResponseKind::LeaveGroup(leave::serve(home(stage), version, request).await);
    match through_the_wire(ApiKey::LeaveGroup, version, &body) {
        ResponseKind::LeaveGroup(response) => response,
        other => panic!("{other:?}"),
    }
}

/// Joins an empty group as this version's clients do; gives the member's id.
async fn enter(stage: &Stage, version: i16) -> StrBytes {
    let mut response = join_at(stage, version, join_request()).await;
    if version >= 4 {
        assert_eq!(
            response.error_code,
            ResponseError::MemberIdRequired.code(),
            "v{version}"
        );
        let request = join_request().with_member_id(response.member_id);
        response = join_at(stage, version, request).await;
    }
    assert_eq!(response.error_code, 0, "v{version}");
    assert_eq!(response.generation_id, 1);
    assert_eq!(response.leader, response.member_id);
    assert_eq!(response.members.len(), 1);
    assert_eq!(response.protocol_name, Some(text("range")));
    assert!(response.member_id.starts_with("tester-"));
    response.member_id
}

fn assignment(member: &StrBytes) -> Vec<SyncGroupRequestAssignment> {
    let work = SyncGroupRequestAssignment::default()
        .with_member_id(member.clone())
        .with_assignment(Bytes::from_static(b"work"));
    vec![work]
}

async fn settle(stage: &Stage) -> StrBytes {
    let member = enter(stage, 9).await;
    let request = SyncGroupRequest::default()
        .with_group_id(group("g"))
        .with_generation_id(1)
        .with_member_id(member.clone())
        .with_assignments(assignment(&member));
    assert_eq!(sync_at(stage, 5, request).await.error_code, 0);
    member
}

#[tokio::test]
async fn a_member_joins_at_every_version() {
    for version in versions(ApiKey::JoinGroup) {
        enter(&Stage::leading(), version).await;
    }
}

#[tokio::test]
async fn a_refused_join_encodes_at_every_version() {
    for version in versions(ApiKey::JoinGroup) {
        let request = join_request().with_member_id(text("stranger"));
        let response = join_at(&Stage::leading(), version, request).await;
        assert_eq!(response.error_code, ResponseError::UnknownMemberId.code());
        assert_eq!(response.generation_id, -1);
        let nameless = if version >= 7 { None } else { Some(text("")) };
        assert_eq!(response.protocol_name, nameless, "v{version}");
    }
}

#[tokio::test]
async fn a_restarted_static_member_is_answered_at_every_version_that_has_them() {
    for version in versions(ApiKey::JoinGroup).filter(|version| *version >= 5) {
        let stage = Stage::leading();
        let request = join_request().with_group_instance_id(Some(text("i")));
        let first = join_at(&stage, version, request.clone()).await;
        assert_eq!(first.error_code, 0, "static members need no id first");
        let sync = SyncGroupRequest::default()
            .with_group_id(group("g"))
            .with_generation_id(1)
            .with_member_id(first.member_id.clone())
            .with_assignments(assignment(&first.member_id));
        sync_at(&stage, 3, sync).await;
        let again = join_at(&stage, version, request).await;
        assert_eq!((again.error_code, again.generation_id), (0, 1));
        assert_ne!(again.member_id, first.member_id);
        assert_eq!(again.skip_assignment, version >= 9);
    }
}

#[tokio::test]
async fn what_a_join_may_not_say() {
    let stage = Stage::leading();
    let long = || StrBytes::from_string("x".repeat(limits::GROUP_ID + 1));
    let cases = [
        (
            join_request().with_group_id(group("")),
            ResponseError::InvalidGroupId,
        ),
        (
            join_request().with_group_id(GroupId(long())),
            ResponseError::InvalidGroupId,
        ),
        (
            join_request().with_session_timeout_ms(5_999),
            ResponseError::InvalidSessionTimeout,
        ),
        (
            join_request().with_session_timeout_ms(1_800_001),
            ResponseError::InvalidSessionTimeout,
        ),
        (
            join_request().with_session_timeout_ms(-1),
            ResponseError::InvalidSessionTimeout,
        ),
        (
            join_request().with_protocol_type(long()),
            ResponseError::InvalidRequest,
        ),
        (
            join_request().with_member_id(long()),
            ResponseError::InvalidRequest,
        ),
        (
            join_request().with_protocols(Vec::new()),
            ResponseError::InconsistentGroupProtocol,
        ),
        (
            join_request().with_protocols(vec![
                JoinGroupRequestProtocol::default();
                limits::PROTOCOLS + 1
            ]),
            ResponseError::InvalidRequest,
        ),
    ];
    for (request, error) in cases {
        let response = join_at(&stage, 3, request).await;
        assert_eq!(response.error_code, error.code(), "{error}");
    }
}

#[tokio::test]
async fn a_long_client_id_is_cut_between_characters() {
    let stage = Stage::leading();
    let client = Client {
        id: &"ü".repeat(1000),
        host: "/127.0.0.1",
    };
    let response = join::serve(home(&stage), 3, client, join_request()).await;
    assert_eq!(response.error_code, 0);
    assert!(response.member_id.len() < limits::MEMBER_ID);
}

#[tokio::test]
async fn a_sync_is_answered_at_every_version() {
    for version in versions(ApiKey::SyncGroup) {
        let stage = Stage::leading();
        let member = enter(&stage, 3).await;
        let request = SyncGroupRequest::default()
            .with_group_id(group("g"))
            .with_generation_id(1)
            .with_member_id(member.clone())
            .with_assignments(assignment(&member));
        let response = sync_at(&stage, version, request.clone()).await;
        assert_eq!(response.error_code, 0);
        assert_eq!(response.assignment, "work");
        let kind = (version >= 5).then(|| text("consumer"));
        assert_eq!(response.protocol_type, kind);
        let old = sync_at(&stage, version, request.with_generation_id(9)).await;
        assert_eq!(old.error_code, ResponseError::IllegalGeneration.code());
    }
}

#[tokio::test]
async fn a_heartbeat_is_answered_at_every_version() {
    let stage = Stage::leading();
    let member = settle(&stage).await;
    for version in versions(ApiKey::Heartbeat) {
        let request = HeartbeatRequest::default()
            .with_group_id(group("g"))
            .with_generation_id(1)
            .with_member_id(member.clone());
        let response = beat_at(&stage, version, request.clone()).await;
        assert_eq!(response.error_code, 0);
        let stranger = request.with_member_id(text("x"));
        let response = beat_at(&stage, version, stranger).await;
        assert_eq!(response.error_code, ResponseError::UnknownMemberId.code());
    }
}

#[tokio::test]
async fn a_member_leaves_at_every_version() {
    for version in versions(ApiKey::LeaveGroup) {
        let stage = Stage::leading();
        let member = settle(&stage).await;
        let request = LeaveGroupRequest::default().with_group_id(group("g"));
        let request = if version >= 3 {
            let leaver = MemberIdentity::default().with_member_id(member.clone());
            let stranger = MemberIdentity::default().with_group_instance_id(Some(text("x")));
            request.with_members(vec![leaver, stranger])
        } else {
            request.with_member_id(member.clone())
        };
        let response = leave_at(&stage, version, request.clone()).await;
        assert_eq!(response.error_code, 0);
        if version >= 3 {
            let codes: Vec<i16> = response.members.iter().map(|it| it.error_code).collect();
            assert_eq!(codes, [0, ResponseError::UnknownMemberId.code()]);
            assert_eq!(response.members[0].member_id, member);
            assert_eq!(response.members[1].group_instance_id, Some(text("x")));
        }
        let again = leave_at(&stage, version, request).await;
        let unknown = ResponseError::UnknownMemberId.code();
        let told = if version >= 3 {
            again.members[0].error_code
        } else {
            again.error_code
        };
        assert_eq!(told, unknown);
    }
}

#[tokio::test]
async fn a_wrong_node_says_so_at_every_version() {
    let away = || Err(ResponseError::NotCoordinator);
    let code = ResponseError::NotCoordinator.code();
    for version in versions(ApiKey::JoinGroup) {
        let response = join::serve::<MemoryLog>(away(), version, CLIENT, join_request()).await;
        assert_eq!(response.error_code, code);
        through_the_wire(
            ApiKey::JoinGroup,
            version,
            &ResponseKind::JoinGroup(response),
        );
    }
    for version in versions(ApiKey::LeaveGroup) {
        let request = LeaveGroupRequest::default().with_group_id(group("g"));
        let response = leave::serve::<MemoryLog>(away(), version, request).await;
        assert_eq!(response.error_code, code);
        let body = ResponseKind::LeaveGroup(response);
        through_the_wire(ApiKey::LeaveGroup, version, &body);
    }
    let request = SyncGroupRequest::default().with_group_id(group("g"));
    let response = sync::serve::<MemoryLog>(away(), request).await;
    assert_eq!(response.error_code, code);
    let request = HeartbeatRequest::default().with_group_id(group("g"));
    let response = heartbeat::serve::<MemoryLog>(away(), request).await;
    assert_eq!(response.error_code, code);
}

#[tokio::test]
async fn while_loading_only_requests_that_know_the_error_see_it() {
    let stage = Stage::leading();
    stage.commit_one().await;
    stage.lose_reads();
    let request = HeartbeatRequest::default().with_group_id(group("g"));
    assert_eq!(beat_at(&stage, 4, request).await.error_code, 0);
    let request = SyncGroupRequest::default().with_group_id(group("g"));
    let response = sync_at(&stage, 5, request).await;
    assert_eq!(
        response.error_code,
        ResponseError::RebalanceInProgress.code()
    );
    let response = join_at(&stage, 9, join_request()).await;
    let loading = ResponseError::CoordinatorLoadInProgress.code();
    assert_eq!(response.error_code, loading);
}
