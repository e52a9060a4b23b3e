//! Moments as they are written in documents.

use tantivy::DateTime;
use tantivy::time::format_description::well_known::Rfc3339;
use tantivy::time::{OffsetDateTime, UtcOffset};

/// Bytes of a date alone.
const DATE: usize = "2006-01-02".len();
/// Bytes of the longest that is one: nanoseconds and an offset.
const LONGEST: usize = "2006-01-02T15:04:05.123456789+07:00".len();

/// The moment that a text is: a date, or a date and a time as RFC 3339 has it, where the offset
/// may be missing. Anything else is text.
pub(in crate::node::search) fn parse(text: &str) -> Option<DateTime> {
    if !looks_like_one(text.as_bytes()) {
        return None;
    }
    let whole = if text.len() == DATE {
        format!("{text}T00:00:00Z")
    } else if has_offset(text) {
        text.to_owned()
    } else {
        format!("{text}Z")
    };
    let moment = OffsetDateTime::parse(&whole, &Rfc3339).ok()?;
    DateTime::try_from_utc(moment.to_offset(UtcOffset::UTC))
}

fn looks_like_one(text: &[u8]) -> bool {
    let digits = |range: std::ops::Range<usize>| text[range].iter().all(u8::is_ascii_digit);
    (DATE..=LONGEST).contains(&text.len())
        && digits(0..4)
        && text[4] == b'-'
        && digits(5..7)
        && text[7] == b'-'
        && digits(8..10)
        && (text.len() == DATE || matches!(text[10], b'T' | b't'))
}

fn has_offset(text: &str) -> bool {
    let time = &text[DATE..];
    time.ends_with(['Z', 'z']) || time.contains(['+', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_told_from_text() {
        let at = |text: &str| parse(text).map(DateTime::into_timestamp_millis);
        assert_eq!(at("1970-01-02"), Some(86_400_000));
        assert_eq!(at("1970-01-01T00:00:01Z"), Some(1000));
        assert_eq!(at("1970-01-01T00:00:01"), Some(1000));
        assert_eq!(at("1970-01-01T01:00:00+01:00"), Some(0));
        for text in [
            "",
            "1970",
            "1970-13-01",
            "1970-01-01 and",
            "9999-12-31T00:00:00Z",
            "1970-01-0é",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
