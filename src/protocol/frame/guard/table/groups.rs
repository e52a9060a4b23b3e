//! Shapes of the consumer group APIs.
//!
//! Only the served versions; what no served version has is left out.

use super::super::shape::{Shape, bool, bytes, i8, i16, i32, i32s, i64, structs, text, texts};

pub(super) const FIND_COORDINATOR_REQUEST: Shape = Shape::new(
    3,
    &[
        text("key").until(3),
        i8("key_type").since(1),
        texts("coordinator_keys").since(4),
    ],
);

pub(super) const FIND_COORDINATOR_RESPONSE: Shape = Shape::new(
    3,
    &[
        i32("throttle_time_ms").since(1),
        i16("error_code").until(3),
        text("error_message").nullable().since(1).until(3),
        i32("node_id").until(3),
        text("host").until(3),
        i32("port").until(3),
        structs(
            "coordinators",
            &[
                text("key"),
                i32("node_id"),
                text("host"),
                i32("port"),
                i16("error_code"),
                text("error_message").nullable(),
            ],
        )
        .since(4),
    ],
);

pub(super) const JOIN_GROUP_REQUEST: Shape = Shape::new(
    6,
    &[
        text("group_id"),
        i32("session_timeout_ms"),
        i32("rebalance_timeout_ms").since(1),
        text("member_id"),
        text("group_instance_id").nullable().since(5),
        text("protocol_type"),
        structs("protocols", &[text("name"), bytes("metadata")]),
        text("reason").nullable().since(8),
    ],
);

pub(super) const JOIN_GROUP_RESPONSE: Shape = Shape::new(
    6,
    &[
        i32("throttle_time_ms").since(2),
        i16("error_code"),
        i32("generation_id"),
        text("protocol_type").nullable().since(7),
        text("protocol_name").nullable(),
        text("leader"),
        bool("skip_assignment").since(9),
        text("member_id"),
        structs(
            "members",
            &[
                text("member_id"),
                text("group_instance_id").nullable().since(5),
                bytes("metadata"),
            ],
        ),
    ],
);

pub(super) const SYNC_GROUP_REQUEST: Shape = Shape::new(
    4,
    &[
        text("group_id"),
        i32("generation_id"),
        text("member_id"),
        text("group_instance_id").nullable().since(3),
        text("protocol_type").nullable().since(5),
        text("protocol_name").nullable().since(5),
        structs("assignments", &[text("member_id"), bytes("assignment")]),
    ],
);

pub(super) const SYNC_GROUP_RESPONSE: Shape = Shape::new(
    4,
    &[
        i32("throttle_time_ms").since(1),
        i16("error_code"),
        text("protocol_type").nullable().since(5),
        text("protocol_name").nullable().since(5),
        bytes("assignment"),
    ],
);

pub(super) const HEARTBEAT_REQUEST: Shape = Shape::new(
    4,
    &[
        text("group_id"),
        i32("generation_id"),
        text("member_id"),
        text("group_instance_id").nullable().since(3),
    ],
);

pub(super) const HEARTBEAT_RESPONSE: Shape =
    Shape::new(4, &[i32("throttle_time_ms").since(1), i16("error_code")]);

pub(super) const LEAVE_GROUP_REQUEST: Shape = Shape::new(
    4,
    &[
        text("group_id"),
        text("member_id").until(2),
        structs(
            "members",
            &[
                text("member_id"),
                text("group_instance_id").nullable(),
                text("reason").nullable().since(5),
            ],
        )
        .since(3),
    ],
);

pub(super) const LEAVE_GROUP_RESPONSE: Shape = Shape::new(
    4,
    &[
        i32("throttle_time_ms").since(1),
        i16("error_code"),
        structs(
            "members",
            &[
                text("member_id"),
                text("group_instance_id").nullable(),
                i16("error_code"),
            ],
        )
        .since(3),
    ],
);

pub(super) const OFFSET_COMMIT_REQUEST: Shape = Shape::new(
    8,
    &[
        text("group_id"),
        i32("generation_id_or_member_epoch"),
        text("member_id"),
        text("group_instance_id").nullable().since(7),
        i64("retention_time_ms").until(4),
        structs(
            "topics",
            &[
                text("name"),
                structs(
                    "partitions",
                    &[
                        i32("partition_index"),
                        i64("committed_offset"),
                        i32("committed_leader_epoch").since(6),
                        text("committed_metadata").nullable(),
                    ],
                ),
            ],
        ),
    ],
);

pub(super) const OFFSET_COMMIT_RESPONSE: Shape = Shape::new(
    8,
    &[
        i32("throttle_time_ms").since(3),
        structs(
            "topics",
            &[
                text("name"),
                structs("partitions", &[i32("partition_index"), i16("error_code")]),
            ],
        ),
    ],
);

pub(super) const OFFSET_FETCH_REQUEST: Shape = Shape::new(
    6,
    &[
        text("group_id").until(7),
        structs("topics", &[text("name"), i32s("partition_indexes")])
            .nullable()
            .until(7),
        structs(
            "groups",
            &[
                text("group_id"),
                text("member_id").nullable().since(9),
                i32("member_epoch").since(9),
                structs("topics", &[text("name"), i32s("partition_indexes")]).nullable(),
            ],
        )
        .since(8),
        bool("require_stable").since(7),
    ],
);

pub(super) const OFFSET_FETCH_RESPONSE: Shape = Shape::new(
    6,
    &[
        i32("throttle_time_ms").since(3),
        structs(
            "topics",
            &[
                text("name"),
                structs(
                    "partitions",
                    &[
                        i32("partition_index"),
                        i64("committed_offset"),
                        i32("committed_leader_epoch").since(5),
                        text("metadata").nullable(),
                        i16("error_code"),
                    ],
                ),
            ],
        )
        .until(7),
        i16("error_code").since(2).until(7),
        structs(
            "groups",
            &[
                text("group_id"),
                structs(
                    "topics",
                    &[
                        text("name"),
                        structs(
                            "partitions",
                            &[
                                i32("partition_index"),
                                i64("committed_offset"),
                                i32("committed_leader_epoch"),
                                text("metadata").nullable(),
                                i16("error_code"),
                            ],
                        ),
                    ],
                ),
                i16("error_code"),
            ],
        )
        .since(8),
    ],
);
