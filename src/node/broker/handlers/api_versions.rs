//! ApiVersions (18): which APIs at which versions (KIP-35, KIP-511).

use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, ApiVersionsResponse};

use crate::protocol::api::{SERVED, Served};

/// The first version in which clients say what they are.
const NAMED_SINCE: i16 = 3;

/// Answers with every API, or with `InvalidRequest` for a software name that is none.
pub(in crate::node::broker) fn handle(
    version: i16,
    request: &ApiVersionsRequest,
) -> ApiVersionsResponse {
    let names = [
        &request.client_software_name,
        &request.client_software_version,
    ];
    if version >= NAMED_SINCE && !names.into_iter().all(|name| is_software_name(name)) {
        return ApiVersionsResponse::default()
            .with_error_code(ResponseError::InvalidRequest.code());
    }
    ApiVersionsResponse::default().with_api_keys(SERVED.iter().copied().map(advertised).collect())
}

/// The answer to a version that is too new, in a body of version 0: its client asks again with a
/// version from the range in here.
pub(in crate::node::broker) fn too_new() -> ApiVersionsResponse {
    let own = SERVED.iter().filter(|row| row.key == ApiKey::ApiVersions);
    ApiVersionsResponse::default()
        .with_error_code(ResponseError::UnsupportedVersion.code())
        .with_api_keys(own.copied().map(advertised).collect())
}

fn advertised(row: Served) -> ApiVersion {
    ApiVersion::default()
        .with_api_key(row.key as i16)
        .with_min_version(row.advertised_min)
        .with_max_version(row.max)
}

/// `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`, as in Apache Kafka.
fn is_software_name(name: &str) -> bool {
    let ends = [name.chars().next(), name.chars().last()];
    let closed = ends
        .iter()
        .all(|end| end.is_some_and(|end| end.is_ascii_alphanumeric()));
    closed
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::ResponseKind;

    use super::super::fixture::encodes_at_all_versions;
    use super::super::text;
    use super::*;

    fn named(name: &str, version: &str) -> ApiVersionsRequest {
        ApiVersionsRequest::default()
            .with_client_software_name(text(name))
            .with_client_software_version(text(version))
    }

    #[test]
    fn encodes_at_every_version() {
        encodes_at_all_versions(ApiKey::ApiVersions, |version| {
            let mut answers = vec![
                handle(version, &named("rdkafka", "2.1-x")),
                handle(version, &named("", "")),
            ];
            // Whatever the version was, this one goes out in a body of version 0.
            answers.extend((version == 0).then(too_new));
            answers.into_iter().map(ResponseKind::ApiVersions).collect()
        });
    }

    #[test]
    fn produce_is_named_from_zero_on() {
        let answer = handle(3, &named("a", "1"));
        assert_eq!(answer.error_code, 0);
        assert_eq!(answer.api_keys.len(), SERVED.len());
        let produce = answer.api_keys.iter().find(|api| api.api_key == 0).unwrap();
        assert_eq!(produce.min_version, 0);
    }

    #[test]
    fn a_bad_software_name_is_refused_since_version_3() {
        for bad in ["", "-a", "a-", "a b", "a\n", "ü"] {
            assert_eq!(handle(3, &named(bad, "1")).error_code, 42, "{bad:?}");
            assert_eq!(handle(3, &named("a", bad)).error_code, 42, "{bad:?}");
            assert_eq!(handle(2, &named(bad, "1")).error_code, 0);
        }
        assert_eq!(
            handle(3, &named("apache-kafka-java", "4.1.0")).error_code,
            0
        );
    }

    #[test]
    fn too_new_names_its_own_range_only() {
        let answer = too_new();
        assert_eq!(answer.error_code, 35);
        assert_eq!(answer.api_keys.len(), 1);
        assert_eq!(answer.api_keys[0].api_key, 18);
    }
}
