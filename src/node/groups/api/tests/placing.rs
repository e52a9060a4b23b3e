//! FindCoordinator's answers.

use kafka_protocol::ResponseError;

use super::*;
use crate::node::cluster::Refusal;
use crate::node::groups::api::find::{Place, response};
use crate::spec::NodeId;

#[test]
fn a_coordinator_is_named_at_every_version() {
    for version in versions(ApiKey::FindCoordinator) {
        let place = Place {
            node: NodeId(2),
            port: 9192,
        };
        let response = response(version, vec![text("g")], vec![Ok(place)]);
        let body = ResponseKind::FindCoordinator(response);
        let ResponseKind::FindCoordinator(read) =
            through_the_wire(ApiKey::FindCoordinator, version, &body)
        else {
            panic!("another kind");
        };
        let (node, host, port) = if version >= 4 {
            let only = &read.coordinators[0];
            assert_eq!(only.key, text("g"));
            (only.node_id, only.host.clone(), only.port)
        } else {
            (read.node_id, read.host, read.port)
        };
        assert_eq!((node.0, &*host, port), (2, "127.0.0.1", 9192));
    }
}

#[test]
fn a_missing_coordinator_is_an_error_at_every_version() {
    for version in versions(ApiKey::FindCoordinator) {
        let refusal = Refusal {
            code: ResponseError::CoordinatorNotAvailable,
            message: "no leader".into(),
        };
        let response = response(version, vec![text("g")], vec![Err(refusal)]);
        let body = ResponseKind::FindCoordinator(response);
        let ResponseKind::FindCoordinator(read) =
            through_the_wire(ApiKey::FindCoordinator, version, &body)
        else {
            panic!("another kind");
        };
        let (code, node, message) = if version >= 4 {
            let only = &read.coordinators[0];
            (only.error_code, only.node_id, only.error_message.clone())
        } else {
            (read.error_code, read.node_id, read.error_message)
        };
        assert_eq!(code, ResponseError::CoordinatorNotAvailable.code());
        assert_eq!(node.0, -1);
        if version >= 1 {
            assert_eq!(message, Some(text("no leader")));
        }
    }
}
