//! Shapes of the APIs about the cluster, its topics and its settings.
//!
//! Only the served versions; what no served version has is left out.

use super::super::shape::{Shape, bool, i8, i16, i32, i32s, i64, structs, text, texts, uuid};

pub(super) const API_VERSIONS_REQUEST: Shape = Shape::new(
    3,
    &[
        text("client_software_name").since(3),
        text("client_software_version").since(3),
    ],
);

pub(super) const API_VERSIONS_RESPONSE: Shape = Shape::new(
    3,
    &[
        i16("error_code"),
        structs(
            "api_keys",
            &[i16("api_key"), i16("min_version"), i16("max_version")],
        ),
        i32("throttle_time_ms").since(1),
        structs(
            "supported_features",
            &[text("name"), i16("min_version"), i16("max_version")],
        )
        .since(3)
        .tag(0),
        i64("finalized_features_epoch").since(3).tag(1),
        structs(
            "finalized_features",
            &[
                text("name"),
                i16("max_version_level"),
                i16("min_version_level"),
            ],
        )
        .since(3)
        .tag(2),
        bool("zk_migration_ready").since(3).tag(3),
    ],
);

pub(super) const METADATA_REQUEST: Shape = Shape::new(
    9,
    &[
        structs(
            "topics",
            &[uuid("topic_id").since(10), text("name").nullable()],
        )
        .nullable(),
        bool("allow_auto_topic_creation").since(4),
        bool("include_cluster_authorized_operations")
            .since(8)
            .until(10),
        bool("include_topic_authorized_operations").since(8),
    ],
);

pub(super) const METADATA_RESPONSE: Shape = Shape::new(
    9,
    &[
        i32("throttle_time_ms").since(3),
        structs(
            "brokers",
            &[
                i32("node_id"),
                text("host"),
                i32("port"),
                text("rack").nullable().since(1),
            ],
        ),
        text("cluster_id").nullable().since(2),
        i32("controller_id").since(1),
        structs(
            "topics",
            &[
                i16("error_code"),
                text("name").nullable(),
                uuid("topic_id").since(10),
                bool("is_internal").since(1),
                structs(
                    "partitions",
                    &[
                        i16("error_code"),
                        i32("partition_index"),
                        i32("leader_id"),
                        i32("leader_epoch").since(7),
                        i32s("replica_nodes"),
                        i32s("isr_nodes"),
                        i32s("offline_replicas").since(5),
                    ],
                ),
                i32("topic_authorized_operations").since(8),
            ],
        ),
        i32("cluster_authorized_operations").since(8).until(10),
    ],
);

pub(super) const DESCRIBE_CLUSTER_REQUEST: Shape = Shape::new(
    0,
    &[
        bool("include_cluster_authorized_operations"),
        i8("endpoint_type").since(1),
        bool("include_fenced_brokers").since(2),
    ],
);

pub(super) const DESCRIBE_CLUSTER_RESPONSE: Shape = Shape::new(
    0,
    &[
        i32("throttle_time_ms"),
        i16("error_code"),
        text("error_message").nullable(),
        i8("endpoint_type").since(1),
        text("cluster_id"),
        i32("controller_id"),
        structs(
            "brokers",
            &[
                i32("broker_id"),
                text("host"),
                i32("port"),
                text("rack").nullable(),
                bool("is_fenced").since(2),
            ],
        ),
        i32("cluster_authorized_operations"),
    ],
);

pub(super) const CREATE_TOPICS_REQUEST: Shape = Shape::new(
    5,
    &[
        structs(
            "topics",
            &[
                text("name"),
                i32("num_partitions"),
                i16("replication_factor"),
                structs("assignments", &[i32("partition_index"), i32s("broker_ids")]),
                structs("configs", &[text("name"), text("value").nullable()]),
            ],
        ),
        i32("timeout_ms"),
        bool("validate_only"),
    ],
);

pub(super) const CREATE_TOPICS_RESPONSE: Shape = Shape::new(
    5,
    &[
        i32("throttle_time_ms"),
        structs(
            "topics",
            &[
                text("name"),
                uuid("topic_id").since(7),
                i16("error_code"),
                text("error_message").nullable(),
                i16("topic_config_error_code").since(5).tag(0),
                i32("num_partitions").since(5),
                i16("replication_factor").since(5),
                structs(
                    "configs",
                    &[
                        text("name"),
                        text("value").nullable(),
                        bool("read_only"),
                        i8("config_source"),
                        bool("is_sensitive"),
                    ],
                )
                .nullable()
                .since(5),
            ],
        ),
    ],
);

pub(super) const DELETE_TOPICS_REQUEST: Shape = Shape::new(
    4,
    &[
        structs("topics", &[text("name").nullable(), uuid("topic_id")]).since(6),
        texts("topic_names").until(5),
        i32("timeout_ms"),
    ],
);

pub(super) const DELETE_TOPICS_RESPONSE: Shape = Shape::new(
    4,
    &[
        i32("throttle_time_ms"),
        structs(
            "responses",
            &[
                text("name").nullable(),
                uuid("topic_id").since(6),
                i16("error_code"),
                text("error_message").nullable().since(5),
            ],
        ),
    ],
);

pub(super) const DESCRIBE_CONFIGS_REQUEST: Shape = Shape::new(
    4,
    &[
        structs(
            "resources",
            &[
                i8("resource_type"),
                text("resource_name"),
                texts("configuration_keys").nullable(),
            ],
        ),
        bool("include_synonyms"),
        bool("include_documentation").since(3),
    ],
);

pub(super) const DESCRIBE_CONFIGS_RESPONSE: Shape = Shape::new(
    4,
    &[
        i32("throttle_time_ms"),
        structs(
            "results",
            &[
                i16("error_code"),
                text("error_message").nullable(),
                i8("resource_type"),
                text("resource_name"),
                structs(
                    "configs",
                    &[
                        text("name"),
                        text("value").nullable(),
                        bool("read_only"),
                        i8("config_source"),
                        bool("is_sensitive"),
                        structs(
                            "synonyms",
                            &[text("name"), text("value").nullable(), i8("source")],
                        ),
                        i8("config_type").since(3),
                        text("documentation").nullable().since(3),
                    ],
                ),
            ],
        ),
    ],
);
