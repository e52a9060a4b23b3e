//! Shapes of the APIs around the log: produce, fetch, offsets, epochs and producer ids.
//!
//! Only the served versions; what no served version has is left out.

use super::super::shape::{Shape, bytes, i8, i16, i32, i32s, i64, one, structs, text, uuid};

pub(super) const PRODUCE_REQUEST: Shape = Shape::new(
    9,
    &[
        text("transactional_id").nullable(),
        i16("acks"),
        i32("timeout_ms"),
        structs(
            "topic_data",
            &[
                text("name"),
                structs(
                    "partition_data",
                    &[i32("index"), bytes("records").nullable()],
                ),
            ],
        ),
    ],
);

pub(super) const PRODUCE_RESPONSE: Shape = Shape::new(
    9,
    &[
        structs(
            "responses",
            &[
                text("name"),
                structs(
                    "partition_responses",
                    &[
                        i32("index"),
                        i16("error_code"),
                        i64("base_offset"),
                        i64("log_append_time_ms"),
                        i64("log_start_offset").since(5),
                        structs(
                            "record_errors",
                            &[
                                i32("batch_index"),
                                text("batch_index_error_message").nullable(),
                            ],
                        )
                        .since(8),
                        text("error_message").nullable().since(8),
                        one("current_leader", &[i32("leader_id"), i32("leader_epoch")])
                            .since(10)
                            .tag(0),
                    ],
                ),
            ],
        ),
        i32("throttle_time_ms"),
        structs(
            "node_endpoints",
            &[
                i32("node_id"),
                text("host"),
                i32("port"),
                text("rack").nullable(),
            ],
        )
        .since(10)
        .tag(0),
    ],
);

pub(super) const FETCH_REQUEST: Shape = Shape::new(
    12,
    &[
        text("cluster_id").nullable().since(12).tag(0),
        i32("replica_id").until(14),
        one("replica_state", &[i32("replica_id"), i64("replica_epoch")])
            .since(15)
            .tag(1),
        i32("max_wait_ms"),
        i32("min_bytes"),
        i32("max_bytes"),
        i8("isolation_level"),
        i32("session_id").since(7),
        i32("session_epoch").since(7),
        structs(
            "topics",
            &[
                text("topic").until(12),
                uuid("topic_id").since(13),
                structs(
                    "partitions",
                    &[
                        i32("partition"),
                        i32("current_leader_epoch").since(9),
                        i64("fetch_offset"),
                        i32("last_fetched_epoch").since(12),
                        i64("log_start_offset").since(5),
                        i32("partition_max_bytes"),
                    ],
                ),
            ],
        ),
        structs(
            "forgotten_topics_data",
            &[
                text("topic").until(12),
                uuid("topic_id").since(13),
                i32s("partitions"),
            ],
        )
        .since(7),
        text("rack_id").since(11),
    ],
);

pub(super) const FETCH_RESPONSE: Shape = Shape::new(
    12,
    &[
        i32("throttle_time_ms"),
        i16("error_code").since(7),
        i32("session_id").since(7),
        structs(
            "responses",
            &[
                text("topic").until(12),
                uuid("topic_id").since(13),
                structs(
                    "partitions",
                    &[
                        i32("partition_index"),
                        i16("error_code"),
                        i64("high_watermark"),
                        i64("last_stable_offset"),
                        i64("log_start_offset").since(5),
                        one("diverging_epoch", &[i32("epoch"), i64("end_offset")])
                            .since(12)
                            .tag(0),
                        one("current_leader", &[i32("leader_id"), i32("leader_epoch")])
                            .since(12)
                            .tag(1),
                        one("snapshot_id", &[i64("end_offset"), i32("epoch")])
                            .since(12)
                            .tag(2),
                        structs(
                            "aborted_transactions",
                            &[i64("producer_id"), i64("first_offset")],
                        )
                        .nullable(),
                        i32("preferred_read_replica").since(11),
                        bytes("records").nullable(),
                    ],
                ),
            ],
        ),
        structs(
            "node_endpoints",
            &[
                i32("node_id"),
                text("host"),
                i32("port"),
                text("rack").nullable(),
            ],
        )
        .since(16)
        .tag(0),
    ],
);

pub(super) const LIST_OFFSETS_REQUEST: Shape = Shape::new(
    6,
    &[
        i32("replica_id"),
        i8("isolation_level").since(2),
        structs(
            "topics",
            &[
                text("name"),
                structs(
                    "partitions",
                    &[
                        i32("partition_index"),
                        i32("current_leader_epoch").since(4),
                        i64("timestamp"),
                    ],
                ),
            ],
        ),
    ],
);

pub(super) const LIST_OFFSETS_RESPONSE: Shape = Shape::new(
    6,
    &[
        i32("throttle_time_ms").since(2),
        structs(
            "topics",
            &[
                text("name"),
                structs(
                    "partitions",
                    &[
                        i32("partition_index"),
                        i16("error_code"),
                        i64("timestamp"),
                        i64("offset"),
                        i32("leader_epoch").since(4),
                    ],
                ),
            ],
        ),
    ],
);

pub(super) const OFFSET_FOR_LEADER_EPOCH_REQUEST: Shape = Shape::new(
    4,
    &[
        i32("replica_id").since(3),
        structs(
            "topics",
            &[
                text("topic"),
                structs(
                    "partitions",
                    &[
                        i32("partition"),
                        i32("current_leader_epoch"),
                        i32("leader_epoch"),
                    ],
                ),
            ],
        ),
    ],
);

pub(super) const OFFSET_FOR_LEADER_EPOCH_RESPONSE: Shape = Shape::new(
    4,
    &[
        i32("throttle_time_ms"),
        structs(
            "topics",
            &[
                text("topic"),
                structs(
                    "partitions",
                    &[
                        i16("error_code"),
                        i32("partition"),
                        i32("leader_epoch"),
                        i64("end_offset"),
                    ],
                ),
            ],
        ),
    ],
);

pub(super) const INIT_PRODUCER_ID_REQUEST: Shape = Shape::new(
    2,
    &[
        text("transactional_id").nullable(),
        i32("transaction_timeout_ms"),
        i64("producer_id").since(3),
        i16("producer_epoch").since(3),
    ],
);

pub(super) const INIT_PRODUCER_ID_RESPONSE: Shape = Shape::new(
    2,
    &[
        i32("throttle_time_ms"),
        i16("error_code"),
        i64("producer_id"),
        i16("producer_epoch"),
    ],
);
