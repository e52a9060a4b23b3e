//! Indexing what is young before it is counted.

use std::time::Instant;

use super::{CATCH_UP, Heft, Search, committed};
use crate::spec::GroupId;

impl Search {
    /// Indexes what is committed now and not searched yet, as a search does: as far as there is
    /// time, and nothing where this node does not lead.
    pub(in crate::node) async fn catch_up(&self, group: GroupId, until: Instant) {
        let Ok((partition, index)) = self.inner.led(group) else {
            return;
        };
        let Some(below) = committed(&partition) else {
            return;
        };
        let until = until.min(Instant::now() + CATCH_UP);
        let Ok(mut turn) = tokio::time::timeout_at(until.into(), index.turn()).await else {
            return;
        };
        let work = move || {
            index.catch_up(&mut turn, below, until);
            Ok(())
        };
        if let Err(error) = self.inner.blocking(Heft::Light, until, work).await {
            tracing::debug!(%group, %error, "what is young is not counted");
        }
    }
}
