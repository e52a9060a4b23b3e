//! Search: finds committed records by their words.
//!
//! Off the write path and derived from the log: whatever is here can be thrown away and is built
//! again. Only the leader of a partition indexes it and answers for it, so a record is found once.
//!
//! ```text
//!  HTTP ─▶ face: Elasticsearch's words ─▶ Question ─┬▶ Search::find  (partitions led here)
//!                                                   └▶ peer link ─▶ Search::find (led elsewhere)
//!  the best of all ─▶ Wanted ─▶ Search::fetch (the records themselves, from the log)
//! ```
//!
//! [`question`] and [`answer`] are what crosses; they know no wire's shape.

mod answer;
mod question;
