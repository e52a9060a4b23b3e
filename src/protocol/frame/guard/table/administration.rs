//! Shapes of the APIs that look at consumer groups from outside and remove them.
//!
//! Only the served versions; what no served version has is left out.

use super::super::shape::{Shape, bool, bytes, i16, i32, structs, text, texts};

pub(super) const DESCRIBE_GROUPS_REQUEST: Shape = Shape::new(
    5,
    &[
        texts("groups"),
        bool("include_authorized_operations").since(3),
    ],
);

pub(super) const DESCRIBE_GROUPS_RESPONSE: Shape = Shape::new(
    5,
    &[
        i32("throttle_time_ms").since(1),
        structs(
            "groups",
            &[
                i16("error_code"),
                text("error_message").nullable().since(6),
                text("group_id"),
                text("group_state"),
                text("protocol_type"),
                text("protocol_data"),
                structs(
                    "members",
                    &[
                        text("member_id"),
                        text("group_instance_id").nullable().since(4),
                        text("client_id"),
                        text("client_host"),
                        bytes("member_metadata"),
                        bytes("member_assignment"),
                    ],
                ),
                i32("authorized_operations").since(3),
            ],
        ),
    ],
);

pub(super) const LIST_GROUPS_REQUEST: Shape = Shape::new(
    3,
    &[
        texts("states_filter").since(4),
        texts("types_filter").since(5),
    ],
);

pub(super) const LIST_GROUPS_RESPONSE: Shape = Shape::new(
    3,
    &[
        i32("throttle_time_ms").since(1),
        i16("error_code"),
        structs(
            "groups",
            &[
                text("group_id"),
                text("protocol_type"),
                text("group_state").since(4),
                text("group_type").since(5),
            ],
        ),
    ],
);

pub(super) const DELETE_GROUPS_REQUEST: Shape = Shape::new(2, &[texts("groups_names")]);

pub(super) const DELETE_GROUPS_RESPONSE: Shape = Shape::new(
    2,
    &[
        i32("throttle_time_ms"),
        structs("results", &[text("group_id"), i16("error_code")]),
    ],
);

pub(super) const OFFSET_DELETE_REQUEST: Shape = Shape::new(
    i16::MAX,
    &[
        text("group_id"),
        structs(
            "topics",
            &[
                text("name"),
                structs("partitions", &[i32("partition_index")]),
            ],
        ),
    ],
);

pub(super) const OFFSET_DELETE_RESPONSE: Shape = Shape::new(
    i16::MAX,
    &[
        i16("error_code"),
        i32("throttle_time_ms"),
        structs(
            "topics",
            &[
                text("name"),
                structs("partitions", &[i32("partition_index"), i16("error_code")]),
            ],
        ),
    ],
);
