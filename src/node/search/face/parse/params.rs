//! The parameters behind `?`, of which each must be known.

use std::collections::BTreeMap;

use super::Parsed;
use super::object::shown;
use crate::node::search::face::refusal::Refusal;

/// Taken everywhere: how an answer looks, or hints that change no answer.
const EVERYWHERE: [&str; 4] = ["pretty", "human", "error_trace", "format"];
/// Taken wherever topics are named.
pub(in crate::node::search::face) const TOPICS: [&str; 3] =
    ["ignore_unavailable", "allow_no_indices", "expand_wildcards"];
/// Bytes of the parameters together.
const MAX_BYTES: usize = 64 << 10;

/// The parameters of one request.
#[derive(Debug, Default)]
pub(in crate::node::search::face) struct Params {
    values: BTreeMap<String, String>,
}

impl Params {
    /// Reads what stands behind the `?`; what is not in one of the lists is refused.
    pub(in crate::node::search::face) fn read(line: &str, known: &[&[&str]]) -> Parsed<Self> {
        if line.len() > MAX_BYTES {
            let reason = format!("the parameters are longer than {MAX_BYTES} bytes");
            return Err(Refusal::argument(reason));
        }
        let mut params = Self::default();
        for (key, value) in form_urlencoded::parse(line.as_bytes()) {
            let mut lists = known.iter().copied().chain([&EVERYWHERE[..]]);
            if !lists.any(|list| list.contains(&&*key)) {
                let reason = format!("request contains unrecognized parameter: [{}]", shown(&key));
                return Err(Refusal::argument(reason));
            }
            params.values.insert(key.into_owned(), value.into_owned());
        }
        Ok(params)
    }

    /// A value.
    pub(in crate::node::search::face) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// A truth value; a parameter without one is true.
    pub(in crate::node::search::face) fn flag(&self, key: &str, otherwise: bool) -> Parsed<bool> {
        match self.get(key) {
            None => Ok(otherwise),
            Some("" | "true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => Err(Refusal::argument(format!(
                "[{key}] must be true or false, not [{}]",
                shown(other)
            ))),
        }
    }

    /// A whole number from 0.
    pub(super) fn count(&self, key: &str) -> Parsed<Option<usize>> {
        let Some(text) = self.get(key) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            let reason = format!(
                "[{key}] must be a whole number from 0, not [{}]",
                shown(text)
            );
            Refusal::argument(reason)
        })
    }

    /// A list with commas.
    pub(super) fn list(&self, key: &str) -> Vec<String> {
        let list = self.get(key).into_iter().flat_map(|list| list.split(','));
        list.map(str::to_owned).collect()
    }
}
