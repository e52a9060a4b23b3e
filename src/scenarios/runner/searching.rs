//! The steps of a scenario that asks the nodes' search.

use std::time::Duration;

use tokio::time::Instant;

use super::stage::Stage;
use crate::scenarios::halt::Halt;
use crate::scenarios::history::Event;
use crate::scenarios::workload::{Field, Searcher, Searchers};

impl Stage {
    /// Asks every node's search again and again from here on; an error where search is off.
    pub fn search_along(&mut self, field: &Field) -> Result<(), Halt> {
        let searchers = self.searchers(field)?;
        self.searching = Some(Searchers::start(searchers));
        Ok(())
    }

    /// Reads every partition through every node's search, until all of it is found or the deadline
    /// has passed.
    pub async fn search_all(&mut self, field: &Field, within: Duration) -> Result<(), Halt> {
        self.step("searching for every record");
        if let Some(along) = self.searching.take() {
            along.end().await;
        }
        let deadline = Instant::now() + within;
        for partition in field.all() {
            let goal = self.goal(field, partition).await?;
            for searcher in self.searchers(field)? {
                let read = searcher.read(partition, goal, deadline).await;
                self.arena.recorder.record(Event::Search(read));
            }
        }
        Ok(())
    }

    fn searchers(&self, field: &Field) -> Result<Vec<Searcher>, Halt> {
        let nodes = self.site.search.iter();
        let searchers: Vec<Searcher> = nodes
            .map(|(node, addr)| Searcher {
                recorder: self.arena.recorder.clone(),
                node: *node,
                addr: *addr,
                field: field.clone(),
            })
            .collect();
        if searchers.is_empty() {
            return Err(Halt::SearchOff);
        }
        Ok(searchers)
    }
}
