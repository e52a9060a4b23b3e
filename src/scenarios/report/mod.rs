//! Reports: what scenarios found out, for people and for programs.
//!
//! A [`RunReport`] joins a history's header with its judgement and its metrics, and keeps of the
//! history only what the charts need, so that a hundred runs fit in memory. From a [`Report`] come
//! the JSON data ([`data`]), the lines of the printed summary ([`summary`]), JUnit ([`junit`]), the
//! page ([`html`]), and a directory with all of them ([`write()`], [`keep`]). Nothing is judged here
//! and nothing is printed.

mod conclusion;
mod course;
mod directory;
mod html;
mod json;
mod junit;
mod model;
#[cfg(test)]
pub(crate) mod samples;
mod summary;
#[cfg(test)]
mod tests;
mod text;

pub use conclusion::Conclusion;
pub use directory::{Artifacts, keep, write};
pub use html::html;
pub use json::{data, full};
pub use junit::junit;
pub use model::{Report, RunReport, ScenarioReport};
pub use summary::{Line, Span, Tone, summary};
pub use text::title;
