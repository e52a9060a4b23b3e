use super::*;

fn scope(settings: &Settings) -> Scope<'_> {
    Scope {
        settings,
        nodes: 3,
        replicas: 3,
    }
}

#[test]
fn every_default_fits_its_own_key() {
    let settings = Settings::default();
    for key in TOPIC.iter().chain(BROKER) {
        let default = key.default_value(&scope(&settings));
        assert_eq!(key.check(&default), Ok(()), "{}", key.name);
    }
}

#[test]
fn names_are_unique_and_every_broker_name_is_a_broker_config() {
    for table in [TOPIC, BROKER] {
        for key in table {
            let same = table.iter().filter(|other| other.name == key.name).count();
            assert_eq!(same, 1, "{}", key.name);
            if let Some(name) = key.broker_name {
                assert!(broker_key(name).is_some(), "{name}");
            }
        }
    }
}

#[test]
fn every_setting_can_be_read_as_a_broker_config() {
    let settings = Settings::parse([
        "auto.create.topics.enable=false",
        "default.replication.factor=2",
        "group.initial.rebalance.delay.ms=7",
        "log.retention.bytes=8",
        "log.retention.ms=9",
        "log.segment.bytes=1048577",
        "max.connections=10",
        "max.partitions=11",
        "message.max.bytes=2048",
        "min.insync.replicas=1",
        "num.partitions=4",
        "offsets.topic.num.partitions=5",
        "search.default=true",
        "storage.sync=os",
        "storage.wal.bytes=4194305",
    ])
    .unwrap();
    for (name, value) in settings.iter() {
        let key = broker_key(name).expect(name);
        assert_eq!(key.default_value(&scope(&settings)), value, "{name}");
    }
}

#[test]
fn a_wrong_value_says_what_would_be_right() {
    assert_eq!(
        check_topic_config("retention.ms", "soon").unwrap_err(),
        "retention.ms=soon: expected a number, at least -1"
    );
    assert_eq!(
        check_topic_config("compression.type", "gzip").unwrap_err(),
        "compression.type=gzip: expected producer (nothing else is supported here)"
    );
    assert!(
        check_topic_config("retention.sm", "1")
            .unwrap_err()
            .starts_with("unknown topic config \"retention.sm\"; known are cleanup.policy,")
    );
    assert_eq!(
        check_topic_config("cleanup.policy", "compact, delete"),
        Ok(())
    );
    assert!(check_topic_config("cleanup.policy", "").is_err());
}

#[test]
fn the_nearest_layer_holds_and_the_rest_are_synonyms() {
    let settings = Settings::parse(["log.retention.ms=5"]).unwrap();
    let topic = BTreeMap::from([("retention.ms".to_owned(), "1".to_owned())]);
    let cluster = BTreeMap::from([("log.retention.ms".to_owned(), "3".to_owned())]);
    let layers = Layers {
        topic: Some(&topic),
        cluster: &cluster,
        scope: scope(&settings),
    };
    let values = layers.values(topic_key("retention.ms").unwrap());
    let found: Vec<_> = values
        .iter()
        .map(|value| (value.name, value.value.as_str(), value.source))
        .collect();
    assert_eq!(
        found,
        [
            ("retention.ms", "1", ConfigSource::Topic),
            ("log.retention.ms", "3", ConfigSource::Cluster),
            ("log.retention.ms", "5", ConfigSource::Static),
        ]
    );
}

#[test]
fn topic_configs_fall_back_to_the_settings() {
    let settings = Settings::parse(["message.max.bytes=4096"]).unwrap();
    let none = BTreeMap::new();
    let configs = TopicConfigs::new(&none, &settings);
    assert_eq!(configs.max_message_bytes(), 4096);
    assert!(configs.is_deleted());
    assert!(!configs.is_compacted());
    let set = BTreeMap::from([
        ("cleanup.policy".to_owned(), "compact".to_owned()),
        ("max.message.bytes".to_owned(), "10".to_owned()),
    ]);
    let configs = TopicConfigs::new(&set, &settings);
    assert_eq!(configs.max_message_bytes(), 10);
    assert!(configs.is_compacted());
    assert!(!configs.is_deleted());
}
