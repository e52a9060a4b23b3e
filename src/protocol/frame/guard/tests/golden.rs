//! Frames that another client's encoder made, one for each served message and version.

use super::*;

const FRAMES: &str = include_str!("../../../../../tests/corpus/protocol/kafka-python-frames.txt");

/// One line of the corpus: API, side, version and bytes.
fn parse(line: &str) -> (Subject, Vec<u8>) {
    let [api, side, version, hex] = line.split(' ').collect::<Vec<_>>()[..] else {
        panic!("not four words: {line}");
    };
    let row = SERVED
        .iter()
        .find(|row| format!("{:?}", row.key) == api)
        .expect("a served API");
    let side = if side == "request" {
        Side::Request
    } else {
        Side::Response
    };
    let bytes = hex.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).unwrap();
        u8::from_str_radix(pair, 16).unwrap()
    });
    let version = version.parse().unwrap();
    (
        Subject {
            key: row.key,
            version,
            side,
        },
        bytes.collect(),
    )
}

#[test]
fn frames_of_a_foreign_encoder_are_walked_and_decoded() {
    let mut seen = 0;
    for (subject, frame) in FRAMES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(parse)
    {
        check(subject, &frame).unwrap_or_else(|error| panic!("{subject:?}: {error}"));
        assert!(decode(subject, &frame), "{subject:?}");
        let again = through_codec(subject, &frame).unwrap();
        assert_eq!(again, frame, "{subject:?}");
        seen += 1;
    }
    assert_eq!(
        seen,
        subjects().count(),
        "one frame for each message and version"
    );
}
