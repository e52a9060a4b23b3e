//! The words of `net`: pure functions from what was typed to a [`Fault`].
//!
//! They know no cluster; whether the nodes exist is [`Fault::check`]'s business.

use std::collections::BTreeSet;

use super::fault::Fault;
use crate::spec::{DurationError, NodeId, parse_duration};

/// Words that are no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    /// A node is a number from 1, with or without `node-`.
    #[error("{0:?} is no node: expected a number such as 2, or node-2")]
    Node(String),
    /// `partition` without groups.
    #[error("partition what? expected groups such as: partition 1,2 3")]
    NoGroups,
    /// `cut` takes the two ends of a direction.
    #[error("{0:?}: expected FROM..TO, such as 1..3")]
    Cut(String),
    /// `slow` takes the two ends of a link.
    #[error("{0:?}: expected A=B, such as 1=2")]
    Pair(String),
    /// A length of time that is none.
    #[error(transparent)]
    Duration(#[from] DurationError),
}

/// `1,2` `3`: groups that cannot talk to each other.
pub fn partition<S: AsRef<str>>(groups: &[S]) -> Result<Fault, GrammarError> {
    if groups.is_empty() {
        return Err(GrammarError::NoGroups);
    }
    let parsed: Result<Vec<_>, _> = groups.iter().map(|text| group(text.as_ref())).collect();
    Ok(Fault::Partition(parsed?))
}

/// `1..3`: no byte from 1 to 3.
pub fn cut(ends: &str) -> Result<Fault, GrammarError> {
    let wrong = || GrammarError::Cut(ends.to_owned());
    let (from, to) = ends.split_once("..").ok_or_else(wrong)?;
    Ok(Fault::Cut {
        from: node(from)?,
        to: node(to)?,
    })
}

/// `1=2` `200ms`: both ways late.
pub fn slow(ends: &str, delay: &str) -> Result<Fault, GrammarError> {
    let wrong = || GrammarError::Pair(ends.to_owned());
    let (a, b) = ends.split_once('=').ok_or_else(wrong)?;
    Ok(Fault::Slow {
        a: node(a)?,
        b: node(b)?,
        delay: parse_duration(delay)?,
    })
}

fn group(text: &str) -> Result<BTreeSet<NodeId>, GrammarError> {
    text.split(',').map(node).collect()
}

fn node(text: &str) -> Result<NodeId, GrammarError> {
    let wrong = || GrammarError::Node(text.to_owned());
    let id: NodeId = text.parse().map_err(|_| wrong())?;
    if id.0 == 0 || text.contains('+') {
        return Err(wrong());
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn groups_are_read() {
        let fault = partition(&["1,node-2", "3"]).unwrap();
        assert_eq!(fault.to_string(), "partition node-1,node-2 | node-3");
        assert_eq!(partition::<&str>(&[]), Err(GrammarError::NoGroups));
        for text in [
            "",
            "1,",
            "0",
            "+1",
            "x",
            "1;2",
            "node-",
            "99999999999999999999999",
        ] {
            assert!(
                matches!(partition(&[text]), Err(GrammarError::Node(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn cuts_are_read() {
        let expected = Fault::Cut {
            from: NodeId(1),
            to: NodeId(3),
        };
        assert_eq!(cut("1..3"), Ok(expected.clone()));
        assert_eq!(cut("node-1..node-3"), Ok(expected));
        assert_eq!(cut("1-3"), Err(GrammarError::Cut("1-3".into())));
        assert!(matches!(cut("1...3"), Err(GrammarError::Node(_))));
    }

    #[test]
    fn slow_links_are_read() {
        let expected = Fault::Slow {
            a: NodeId(1),
            b: NodeId(2),
            delay: Duration::from_millis(200),
        };
        assert_eq!(slow("1=2", "200ms"), Ok(expected));
        assert!(matches!(slow("1..2", "200ms"), Err(GrammarError::Pair(_))));
        let error = slow("1=2", "200x").unwrap_err();
        assert_eq!(
            error.to_string(),
            "200x: expected a duration such as 200ms, 10s, 1m30s or 2h"
        );
    }
}
