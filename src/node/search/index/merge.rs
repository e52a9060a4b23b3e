//! Joining neighbouring splits to one. Their postings are merged, the log is not read again: that
//! takes a third of the time that indexing takes.

use std::path::Path;
use std::sync::Arc;

use tantivy::Index;
use tantivy::directory::RamDirectory;
use tantivy::indexer::merge_indices;

use super::directory::SplitDirectory;
use super::shelf::building_site;
use super::split::{Content, Split};
use super::{IndexError, build};
use crate::spec::GroupId;

/// One split of several neighbours in memory.
pub(super) fn in_memory(run: &[Arc<Split>]) -> Result<Split, IndexError> {
    let index = merged(run, RamDirectory::create())?;
    Ok(Split::young(index, content(run))?)
}

/// One split on disk of several neighbours.
pub(super) fn to_disk(
    run: &[Arc<Split>],
    group: GroupId,
    home: &Path,
) -> Result<Split, IndexError> {
    let site = building_site(home, "join")?;
    drop(merged(run, SplitDirectory::open(&site))?);
    Ok(Split::seal((&site, home), group, content(run))?)
}

fn content(run: &[Arc<Split>]) -> Content {
    let mut contents = run.iter().map(|split| split.content());
    let first = contents.next().expect("a run has splits").clone();
    contents.fold(first, Content::followed_by)
}

fn merged(
    run: &[Arc<Split>],
    directory: impl Into<Box<dyn tantivy::Directory>>,
) -> tantivy::Result<Index> {
    let indices: Vec<Index> = run
        .iter()
        .filter_map(|split| split.index())
        .cloned()
        .collect();
    if indices.is_empty() {
        return build::empty(directory);
    }
    let mut index = merge_indices(&indices, directory)?;
    index.set_tokenizers(super::schema::tokenizers());
    index.set_fast_field_tokenizers(super::schema::tokenizers());
    Ok(index)
}
