//! What an answer, or its absence, says about a batch: done, not done, or nobody knows.

use kafka_protocol::messages::ProduceResponse;

use super::wire::produced;
use crate::client::{ClientError, ErrorCode};
use crate::scenarios::history::Outcome;

/// Errors by which a broker says that it did not append: it checked before it began, as Apache
/// Kafka does. Unlike these, `NOT_LEADER_OR_FOLLOWER` (6) and `REQUEST_TIMED_OUT` (7) may come after
/// an append.
const NOT_DONE: [i16; 15] = [
    2,  // CORRUPT_MESSAGE
    3,  // UNKNOWN_TOPIC_OR_PARTITION
    10, // MESSAGE_TOO_LARGE
    17, // INVALID_TOPIC_EXCEPTION
    18, // RECORD_LIST_TOO_LARGE
    19, // NOT_ENOUGH_REPLICAS
    21, // INVALID_REQUIRED_ACKS
    29, // TOPIC_AUTHORIZATION_FAILED
    31, // CLUSTER_AUTHORIZATION_FAILED
    35, // UNSUPPORTED_VERSION
    45, // OUT_OF_ORDER_SEQUENCE_NUMBER
    47, // INVALID_PRODUCER_EPOCH
    59, // UNKNOWN_PRODUCER_ID
    87, // INVALID_RECORD
    90, // PRODUCER_FENCED
];

/// What a lane does after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The batch is in the log.
    Landed,
    /// Another attempt.
    Again,
    /// No attempt with this producer identity can succeed once the batches before it are settled.
    NewIdentity,
    /// No attempt can succeed.
    Hopeless,
}

/// What came of an attempt, and what to do next.
pub(super) fn judge(answer: &Result<ProduceResponse, ClientError>) -> (Outcome, Next) {
    match answer {
        Ok(answer) => match produced(answer) {
            Some((0, base)) if base >= 0 => (Outcome::Ok { base }, Next::Landed),
            Some((0, base)) => unknown(Some(0), format!("acked at offset {base}")),
            Some((code, _)) => by_code(code),
            None => unknown(None, "an answer without the partition".to_owned()),
        },
        Err(error) => unknown(None, error.to_string()),
    }
}

fn unknown(code: Option<i16>, why: String) -> (Outcome, Next) {
    (Outcome::Unknown { code, why }, Next::Again)
}

fn by_code(code: i16) -> (Outcome, Next) {
    let outcome = if NOT_DONE.contains(&code) {
        Outcome::Failed { code }
    } else {
        let why = ErrorCode(code).to_string();
        Outcome::Unknown {
            code: Some(code),
            why,
        }
    };
    let next = match code {
        // It is in the log, at an offset that the broker does not remember.
        46 => Next::Landed,
        45 | 47 | 59 | 90 => Next::NewIdentity,
        2 | 10 | 17 | 18 | 21 | 29 | 31 | 35 | 87 => Next::Hopeless,
        _ => Next::Again,
    };
    (outcome, next)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::produce_response::{
        PartitionProduceResponse, TopicProduceResponse,
    };

    use super::*;

    fn answered(code: i16, base: i64) -> (Outcome, Next) {
        let partition = PartitionProduceResponse::default()
            .with_error_code(code)
            .with_base_offset(base);
        let topic = TopicProduceResponse::default().with_partition_responses(vec![partition]);
        judge(&Ok(ProduceResponse::default().with_responses(vec![topic])))
    }

    #[test]
    fn an_ack_has_an_offset() {
        assert_eq!(answered(0, 7), (Outcome::Ok { base: 7 }, Next::Landed));
        assert!(matches!(
            answered(0, -1),
            (Outcome::Unknown { .. }, Next::Again)
        ));
    }

    #[test]
    fn what_may_have_got_in_is_unknown() {
        for code in [-1, 5, 6, 7, 20, 46] {
            assert!(
                matches!(answered(code, -1), (Outcome::Unknown { .. }, _)),
                "{code}"
            );
        }
        for code in [3, 10, 19, 45, 90] {
            assert!(
                matches!(answered(code, -1), (Outcome::Failed { .. }, _)),
                "{code}"
            );
        }
        let silent = judge(&Ok(ProduceResponse::default()));
        assert!(matches!(silent, (Outcome::Unknown { code: None, .. }, _)));
    }
}
