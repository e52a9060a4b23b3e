//! The law of topic names.
//!
//! Names only: whether a topic exists, or collides with another, is the metadata's business.

/// The longest name: Kafka's, so that a directory `<name>-<partition>` fits a file system.
const MAX_LEN: usize = 249;

/// Whether `name` may name a topic: 1 to 249 of `[a-zA-Z0-9._-]`, and neither `.` nor `..`.
///
/// The error is the reason, ready to be shown.
pub fn valid_name(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("a topic name cannot be empty"),
        "." | ".." => Err("a topic name cannot be . or .."),
        _ if name.len() > MAX_LEN => Err("a topic name cannot be longer than 249 characters"),
        _ if name.bytes().all(is_legal) => Ok(()),
        _ => Err("a topic name has only ASCII letters, digits, '.', '_' and '-'"),
    }
}

fn is_legal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lawful_names_pass() {
        let longest = "a".repeat(MAX_LEN);
        for name in [
            "a",
            "...",
            "._-",
            "__consumer_offsets",
            "A.b-C_9",
            longest.as_str(),
        ] {
            assert_eq!(valid_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn unlawful_names_are_refused_with_the_reason() {
        let too_long = "a".repeat(MAX_LEN + 1);
        for (name, reason) in [
            ("", "empty"),
            (".", ". or .."),
            ("..", ". or .."),
            (too_long.as_str(), "longer"),
            ("a b", "only ASCII"),
            ("a/b", "only ASCII"),
            ("ä", "only ASCII"),
            ("a\0", "only ASCII"),
        ] {
            assert!(valid_name(name).unwrap_err().contains(reason), "{name:?}");
        }
    }
}
