//! DescribeCluster (60): brokers, controller and the cluster's id, from local state (KIP-700).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};

use super::checks::cluster_operations;
use super::view::View;
use super::{Context, text};

/// The endpoint type that asks for brokers; the other one is for KRaft controllers (KIP-919).
const BROKERS: i8 = 1;

/// Answers from local state.
pub(in crate::node::broker) fn handle(
    cx: &Context,
    request: &DescribeClusterRequest,
) -> DescribeClusterResponse {
    respond(&View::of(&cx.cluster), request)
}

fn respond(view: &View<'_>, request: &DescribeClusterRequest) -> DescribeClusterResponse {
    if request.endpoint_type != BROKERS {
        let words = "this port is a broker's, and there are no separate controllers";
        return DescribeClusterResponse::default()
            .with_error_code(ResponseError::MismatchedEndpointType.code())
            .with_error_message(Some(text(words)))
            .with_endpoint_type(request.endpoint_type);
    }
    let brokers = view.brokers().into_iter().map(|endpoint| {
        DescribeClusterBroker::default()
            .with_broker_id(endpoint.id)
            .with_host(endpoint.host)
            .with_port(endpoint.port)
    });
    DescribeClusterResponse::default()
        .with_cluster_id(text(view.spec.cluster_id.to_string()))
        .with_controller_id(view.controller())
        .with_brokers(brokers.collect())
        .with_cluster_authorized_operations(cluster_operations(
            request.include_cluster_authorized_operations,
        ))
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{ApiKey, ResponseKind};

    use super::super::fixture::{Fixture, encodes_at_all_versions};
    use super::*;

    #[test]
    fn encodes_at_every_version() {
        let fixture = Fixture::new();
        encodes_at_all_versions(ApiKey::DescribeCluster, |version| {
            let request =
                DescribeClusterRequest::default().with_include_cluster_authorized_operations(true);
            let mut answers = vec![respond(&fixture.view(), &request)];
            if version >= 1 {
                let controllers = request.with_endpoint_type(2);
                answers.push(respond(&fixture.view(), &controllers));
            }
            answers
                .into_iter()
                .map(ResponseKind::DescribeCluster)
                .collect()
        });
    }

    #[test]
    fn names_the_live_brokers_and_a_live_controller_only() {
        let mut fixture = Fixture::new();
        let answer = respond(&fixture.view(), &DescribeClusterRequest::default());
        let ports: Vec<i32> = answer.brokers.iter().map(|broker| broker.port).collect();
        assert_eq!(ports, [9092, 9192, 9292]);
        assert_eq!(answer.controller_id, 2);
        assert_eq!(&*answer.cluster_id, fixture.spec.cluster_id.to_string());
        fixture.kill(2);
        let answer = respond(&fixture.view(), &DescribeClusterRequest::default());
        assert_eq!(answer.brokers.len(), 2);
        assert_eq!(answer.controller_id, -1);
    }

    #[test]
    fn there_are_no_controllers_to_list() {
        let request = DescribeClusterRequest::default().with_endpoint_type(2);
        let answer = respond(&Fixture::new().view(), &request);
        assert_eq!(answer.error_code, 114);
        assert!(answer.brokers.is_empty());
    }
}
