//! Cluster names: file names that need no quoting in a shell.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name.
const MAX: usize = 64;

/// The name by which a user calls a cluster: `[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,63}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterName(String);

/// A text that is no cluster name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a cluster name: 1 to {MAX} of a-z, A-Z, 0-9, '.', '_' and '-', without a leading '.' or '-'"
)]
pub struct BadName(String);

impl ClusterName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClusterName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let lawful = (1..=MAX).contains(&text.len())
            && text.chars().all(fits)
            && !text.starts_with(['.', '-']);
        if lawful {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadName(text.to_owned()))
        }
    }
}

impl TryFrom<String> for ClusterName {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<ClusterName> for String {
    fn from(name: ClusterName) -> Self {
        name.0
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_file_names() {
        for name in ["dev", "a.b_c-9", &"x".repeat(64)] {
            assert!(name.parse::<ClusterName>().is_ok(), "{name:?} was refused");
        }
        for name in [
            "",
            ".",
            "..",
            ".hidden",
            "-x",
            "a/b",
            "a b",
            &"x".repeat(65),
        ] {
            assert!(name.parse::<ClusterName>().is_err(), "{name:?} was taken");
        }
    }
}
