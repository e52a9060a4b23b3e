//! `GET /`: who answers.

use serde_json::{Value, json};

use super::Face;

/// The version of Elasticsearch whose words are spoken: the official clients look at it.
const SPOKEN: &str = "8.15.0";

/// The node, and the version that clients look for.
pub(super) fn about(face: &Face) -> Value {
    let spec = face.fan.cluster().spec();
    json!({
        "name": spec.node.to_string(),
        "cluster_name": spec.cluster_name,
        "cluster_uuid": spec.cluster_id.to_string(),
        "version": {
            "number": SPOKEN,
            "build_flavor": "default",
            "build_type": "chronik-dev",
            "build_hash": env!("CARGO_PKG_VERSION"),
            "build_date": "1970-01-01T00:00:00.000Z",
            "build_snapshot": false,
            "lucene_version": "9.11.1",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "chronik": { "version": env!("CARGO_PKG_VERSION") },
        "tagline": "You Know, for Search",
    })
}
