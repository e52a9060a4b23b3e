//! InitProducerId (22): an id for an idempotent producer (KIP-98, KIP-360).
//!
//! There are no transactions yet: a transactional id gets `UnsupportedVersion`. The retriable
//! coordinator errors would keep the client trying until its own deadline, and the authorization
//! errors would send people to look for ACLs; this one says that the broker cannot do it. It is
//! fatal at once in Java's client and in kafka-python; librdkafka logs it, and ends with it when its
//! own time is over.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use super::Context;

/// Answers with an id that no producer ever had.
pub(in crate::node::broker) async fn handle(
    cx: &Context,
    request: &InitProducerIdRequest,
) -> InitProducerIdResponse {
    let allocated = match check(request) {
        Ok(()) => allocate(cx).await,
        Err(error) => Err(error),
    };
    respond(allocated)
}

/// A producer that already has an id gets a new one, as in Apache Kafka: without a transactional
/// id nothing ties it to the old one.
fn check(request: &InitProducerIdRequest) -> Result<(), ResponseError> {
    if request.transactional_id.is_some() {
        return Err(ResponseError::UnsupportedVersion);
    }
    let has_id = request.producer_id.0 >= 0;
    let has_epoch = request.producer_epoch >= 0;
    if has_id == has_epoch {
        Ok(())
    } else {
        Err(ResponseError::InvalidRequest)
    }
}

/// Whatever keeps the metadata group from handing out ids passes: every client retries this one.
async fn allocate(cx: &Context) -> Result<i64, ResponseError> {
    cx.cluster
        .allocate_producer_id()
        .await
        .map_err(|_passing| ResponseError::CoordinatorLoadInProgress)
}

fn respond(allocated: Result<i64, ResponseError>) -> InitProducerIdResponse {
    match allocated {
        Ok(id) => InitProducerIdResponse::default()
            .with_producer_id(ProducerId(id))
            .with_producer_epoch(0),
        Err(error) => InitProducerIdResponse::default()
            .with_error_code(error.code())
            .with_producer_epoch(-1),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{ApiKey, ResponseKind, TransactionalId};

    use super::super::fixture::encodes_at_all_versions;
    use super::super::text;
    use super::*;

    #[test]
    fn encodes_at_every_version() {
        encodes_at_all_versions(ApiKey::InitProducerId, |_| {
            [Ok(7), Err(ResponseError::UnsupportedVersion)]
                .map(|allocated| ResponseKind::InitProducerId(respond(allocated)))
                .into()
        });
    }

    #[test]
    fn only_idempotent_producers_get_an_id() {
        let idempotent = InitProducerIdRequest::default().with_transactional_id(None);
        assert_eq!(check(&idempotent), Ok(()));
        let again = idempotent
            .clone()
            .with_producer_id(ProducerId(5))
            .with_producer_epoch(3);
        assert_eq!(check(&again), Ok(()));
        let half = idempotent.clone().with_producer_id(ProducerId(5));
        assert_eq!(check(&half).unwrap_err().code(), 42);
        let transactional = idempotent.with_transactional_id(Some(TransactionalId(text("t"))));
        assert_eq!(check(&transactional).unwrap_err().code(), 35);
    }
}
