//! The page: everything about a report in one file that needs no network.
//!
//! All text is escaped by `maud`; a policy in the page forbids every request. It reads without
//! script: that only adds a readout under the pointer.

mod axis;
mod laws;
mod page;
mod scenario;
mod tiles;
mod timeline;

use super::model::Report;

/// The report as a page.
pub fn html(report: &Report) -> String {
    let page = page::page(report).into_string();
    // No page may hold them, and nobody can read them.
    page.replace(|c: char| c.is_control() && c != '\n', "")
}
