//! Records that nobody would index on purpose.

use proptest::prelude::*;

use super::*;
use crate::node::search::answer::Kind;
use crate::protocol::records::Compression;

fn is_found_by_offset(shelves: &Shelves) {
    for offset in 0..shelves.below() {
        assert_eq!(shelves.find(term(Field::Offset, offset)), [offset]);
    }
    assert_eq!(
        shelves
            .read(&(0..shelves.below()).collect::<Vec<_>>())
            .len(),
        shelves.below() as usize
    );
}

#[test]
fn odd_documents_are_capped_and_found() {
    let deep = format!("{}\"bottom\"{}", "{\"a\":".repeat(100), "}".repeat(100));
    let absurd = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    let wide: Vec<String> = (0..5000)
        .map(|n| format!(r#""field{n}":"value{n}""#))
        .collect();
    let wide = format!("{{{}}}", wide.join(","));
    let long = format!(
        r#"{{"text":"{} needle","{}":"haystack"}}"#,
        "x".repeat(100_000),
        "n".repeat(2000)
    );
    let numbers =
        r#"{"a":1e400,"b":-0.0,"c":18446744073709551615,"d":-9223372036854775808,"e":1e-320}"#;
    let names = r#"{"":"empty","a.b":"dotted","a":{"b":"nested"},"\u0000z":"zero","\u0001y":"one","\\":"slash","é😀":"wide"}"#;
    let shelves = Shelves::of(&[
        &deep,
        &absurd,
        &wide,
        &long,
        numbers,
        names,
        "",
        "{",
        "{}",
        "null",
        "\u{feff}{}",
    ]);
    is_found_by_offset(&shelves);
    assert_eq!(shelves.find(any_of(Field::Everything, "value4999")), [2]);
    assert_eq!(shelves.find(any_of(path("field1"), "value1")), [2]);
    assert_eq!(shelves.find(any_of(Field::Everything, "needle")), [3]);
    assert_eq!(shelves.find(any_of(Field::Everything, "haystack")), [3]);
    assert_eq!(shelves.find(any_of(path("a.b"), "dotted")), [5]);
    assert_eq!(shelves.find(any_of(path("a.b"), "nested")), [5]);
    assert_eq!(shelves.find(any_of(path("\\"), "slash")), [5]);
    assert_eq!(shelves.find(any_of(path("é😀"), "wide")), [5]);
    assert_eq!(shelves.find(any_of(Field::Everything, "zero")), [5]);
    assert!(shelves.index.mapping().len() <= entry::MOST_PATHS);
}

#[test]
fn tombstones_and_bytes_are_found_by_key_and_offset() {
    let mut shelves = Shelves::new();
    shelves.push_record(Some(b"gone"), None, &[]);
    shelves.push_record(Some(b"bytes"), Some(&[0xc3, 0x28, 0, 0xff]), &[]);
    shelves.push_record(None, Some(b""), &[(Bytes::from_static(b"\xff"), None)]);
    shelves.settle();
    is_found_by_offset(&shelves);
    assert_eq!(shelves.find(term(Field::Key, "gone")), [0]);
    assert_eq!(shelves.find(term(Field::Key, "bytes")), [1]);
    let documents = shelves.read(&[2, 0, 1]);
    assert_eq!(documents[0].source.as_deref(), Some(r#"{"message":""}"#));
    assert_eq!(documents[1].source.as_deref(), Some("null"));
    assert_eq!(documents[1].key.as_deref(), Some("gone"));
    let bytes = documents[2].source.as_deref().unwrap();
    assert!(bytes.starts_with(r#"{"message":""#), "{bytes}");
}

#[test]
fn whole_texts_are_as_long_as_their_characters() {
    let wide = "ü".repeat(200);
    let longer = "ü".repeat(257);
    let mut shelves = Shelves::new();
    let value = format!(r#"{{"a":"{wide}","b":"{longer}"}}"#);
    shelves.push_record(Some(wide.as_bytes()), Some(value.as_bytes()), &[]);
    shelves.push_record(Some(longer.as_bytes()), None, &[]);
    shelves.settle();
    assert_eq!(shelves.find(term(whole("a"), wide.as_str())), [0]);
    assert_eq!(shelves.find(term(Field::Key, wide.as_str())), [0]);
    assert_eq!(shelves.find(term(whole("b"), longer.as_str())), [0_i64; 0]);
    assert_eq!(shelves.find(term(Field::Key, longer.as_str())), [0_i64; 0]);
    let there = |field| Query::Exists { field };
    assert_eq!(shelves.find(there(path("b"))), [0]);
    assert_eq!(shelves.find(there(Field::Key)), [0, 1]);
}

#[test]
fn a_document_is_answered_as_it_was_produced() {
    let own =
        r#"{ "z": -943305.0469559873, "a": 123456789012345678901234567890, "n": 1.0, "z": 1e2 }"#;
    let shelves = Shelves::of(&[own, &format!(" {own}\n"), "{\"a\": 1} and more"]);
    let documents = shelves.read(&[0, 1, 2]);
    assert_eq!(documents[0].source.as_deref(), Some(own));
    assert_eq!(documents[1].source.as_deref(), Some(own));
    let text = r#"{"message":"{\"a\": 1} and more"}"#;
    assert_eq!(documents[2].source.as_deref(), Some(text));
}

#[test]
fn every_codec_is_read_and_control_batches_are_passed_over() {
    let mut shelves = Shelves::new();
    let codecs = [
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
        Compression::Zstd,
    ];
    for codec in codecs {
        let mut batch = BatchBuilder::new().compression(codec);
        batch.push(5, None, Some(b"packed words"), &[]);
        batch.push(6, None, Some(b"packed again"), &[]);
        shelves.append(batch.build());
    }
    let mut control = BatchBuilder::new()
        .transactional()
        .producer(1, 0, -1)
        .control();
    control.push(7, Some(&[0, 0, 0, 1]), Some(&[0, 0, 0, 0, 0, 0]), &[]);
    shelves.append(control.build());
    shelves.settle();
    assert_eq!(
        shelves.find(any_of(Field::Everything, "packed")),
        (0..10).collect::<Vec<_>>()
    );
    assert_eq!(shelves.index.indexed_to(shelves.below()), 11);
    shelves.push(&["after"]);
    shelves.settle();
    assert_eq!(shelves.find(any_of(Field::Everything, "after")), [11]);
}

#[test]
fn a_batch_that_does_not_unpack_is_passed_over() {
    let mut shelves = Shelves::new();
    let mut batch = BatchBuilder::new().compression(Compression::Gzip);
    batch.push(5, None, Some(b"lost"), &[]);
    let mut bytes = bytes::BytesMut::from(&batch.build()[..]);
    let last = bytes.len() - 12;
    bytes[last] ^= 0xff;
    crate::protocol::records::seal(&mut bytes);
    shelves.append(bytes.freeze());
    shelves.push(&["kept"]);
    shelves.settle();
    assert_eq!(shelves.find(Query::All), [1]);
    assert_eq!(shelves.index.indexed_to(2), 2);
    let unread: u64 = shelves
        .index
        .splits()
        .iter()
        .map(|split| split.content().unread)
        .sum();
    assert_eq!(unread, 1);
}

#[test]
fn a_document_has_one_kind_for_each_path() {
    let shelves = Shelves::of(&[
        r#"{"a":1,"b":true,"c":"x","d":"2026-01-01","e":{"f":1}}"#,
        r#"{"a":1.5,"b":"no","c":["y","z"],"d":"2026-01-02","e":{"f":null}}"#,
    ]);
    let mapping: Vec<_> = shelves.index.mapping().into_iter().collect();
    let expected = [
        ("a", Kind::Double),
        ("b", Kind::Text),
        ("c", Kind::Text),
        ("d", Kind::Date),
        ("e.f", Kind::Long),
    ];
    assert_eq!(
        mapping,
        expected.map(|(path, kind)| (path.to_owned(), kind))
    );
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[0-9T:Z+-]{8,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_found_by_their_offset(
        values in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..8),
        key in proptest::collection::vec(any::<u8>(), 0..50),
    ) {
        let mut shelves = Shelves::new();
        for value in &values {
            let header = (Bytes::from(key.clone()), Some(Bytes::from(value.clone())));
            shelves.push_record(Some(&key), Some(value), &[header]);
        }
        shelves.settle();
        is_found_by_offset(&shelves);
    }

    #[test]
    fn any_json_is_found_by_its_offset(documents in proptest::collection::vec(json(), 1..8)) {
        let mut shelves = Shelves::new();
        for document in &documents {
            shelves.push_record(None, Some(serde_json::json!({ "d": document }).to_string().as_bytes()), &[]);
        }
        shelves.settle();
        is_found_by_offset(&shelves);
    }
}

#[test]
fn values_that_are_not_wanted_take_no_room() {
    let mut shelves = Shelves::new();
    let large = "x".repeat(900_000);
    let headers = [(Bytes::from("trace"), Some(Bytes::from("7")))];
    for _ in 0..40 {
        shelves.push_record(Some(b"k"), Some(large.as_bytes()), &headers);
    }
    let all: Vec<i64> = (0..40).collect();
    let whole = shelves.read(&all);
    assert!(whole.len() < 20, "an answer is bounded");
    let places = shelves.read_of(&all, Source::Nothing);
    assert_eq!(places.len(), 40);
    for (offset, place) in all.into_iter().zip(places) {
        assert_eq!(
            (place.offset, place.timestamp, place.source),
            (offset, 1000, None)
        );
        assert_eq!(place.key.as_deref(), Some("k"));
        assert_eq!(place.headers, [("trace".to_owned(), Some("7".to_owned()))]);
    }
}
