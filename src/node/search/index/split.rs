//! One split: an immutable index of one segment over a range of offsets.
//!
//! In memory while it is young, on disk when it is sealed. A sealed one is believed when its
//! manifest is whole and names its partition, its format and its files, and when each file has its
//! checksum.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tantivy::{Index, IndexReader, ReloadPolicy, Searcher, SegmentReader};

use super::directory::SplitDirectory;
use super::entry::Kinds;
use super::schema::{FORMAT, tokenizers};
use crate::node::search::answer::note;
use crate::spec::{self, GroupId};

/// The file beside a sealed split's own.
const MANIFEST: &str = "manifest";

/// What a split holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Content {
    /// The first offset.
    pub(super) first: i64,
    /// The offset after the last.
    pub(super) end: i64,
    /// The leader epoch of the last offset: a log that has another one there is another log.
    pub(super) epoch: i32,
    /// Records that can be found.
    pub(super) records: u64,
    /// Records that could not be read.
    pub(super) unread: u64,
    /// Kinds of value by path.
    pub(super) kinds: Kinds,
}

impl Content {
    /// Nothing yet.
    pub(super) fn starting_at(first: i64) -> Self {
        Self {
            first,
            end: first,
            epoch: -1,
            records: 0,
            unread: 0,
            kinds: Kinds::new(),
        }
    }

    /// The same with what follows.
    pub(super) fn followed_by(mut self, next: &Self) -> Self {
        assert_eq!(self.end, next.first, "splits are joined without a gap");
        for (path, kind) in &next.kinds {
            note(&mut self.kinds, path, *kind);
        }
        Self {
            end: next.end,
            epoch: next.epoch,
            records: self.records + next.records,
            unread: self.unread + next.unread,
            ..self
        }
    }

    /// The offsets.
    pub(super) fn range(&self) -> Range<i64> {
        self.first..self.end
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    group: GroupId,
    files: Vec<(String, u64)>,
    content: Content,
}

/// Where a split is.
#[derive(Debug)]
enum Place {
    Memory,
    Disk(PathBuf),
}

/// One split.
pub(in crate::node::search) struct Split {
    content: Content,
    place: Place,
    bytes: u64,
    index: Index,
    searcher: Searcher,
}

/// Why a split on disk is not used.
#[derive(Debug, thiserror::Error)]
pub(in crate::node::search) enum Refused {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("its manifest: {0}")]
    Seal(#[from] spec::SealError),
    #[error("{0}")]
    Index(#[from] tantivy::TantivyError),
    #[error("it is of {0}")]
    Foreign(GroupId),
    #[error("its format is {0}, and this chronik-dev reads {FORMAT}")]
    Format(u32),
    #[error("its file {0} is missing or damaged")]
    File(String),
}

impl Split {
    /// A split that was made in memory.
    pub(super) fn young(index: Index, content: Content) -> tantivy::Result<Self> {
        let mut split = Self::over(index, content, Place::Memory, 0)?;
        split.bytes = split.searcher.space_usage()?.total().get_bytes();
        Ok(split)
    }

    /// Writes the manifest of a split that was made in `from`, and moves it to its place in
    /// `home`.
    pub(super) fn seal(
        (from, home): (&Path, &Path),
        group: GroupId,
        content: Content,
    ) -> Result<Self, Refused> {
        let manifest = Manifest {
            format: FORMAT,
            group,
            files: files(from)?,
            content,
        };
        fs::write(from.join(MANIFEST), spec::seal(&manifest)?)?;
        let Range { start, end } = manifest.content.range();
        let to = home.join(format!("{start:020}-{end:020}"));
        remove(&to)?;
        fs::rename(from, &to)?;
        Self::open(&to, manifest)
    }

    /// Opens a sealed split; its files are read once, for their checksums.
    pub(super) fn sealed(home: &Path, group: GroupId) -> Result<Self, Refused> {
        let manifest = read_manifest(home, group)?;
        let split = Self::open(home, manifest)?;
        let damaged = split.index.validate_checksum()?;
        match damaged.into_iter().next() {
            None => Ok(split),
            Some(file) => Err(Refused::File(file.display().to_string())),
        }
    }

    fn open(home: &Path, manifest: Manifest) -> Result<Self, Refused> {
        let mut index = Index::open(SplitDirectory::open(home))?;
        index.set_tokenizers(tokenizers());
        index.set_fast_field_tokenizers(tokenizers());
        let bytes = manifest.files.iter().map(|(_, bytes)| bytes).sum();
        let place = Place::Disk(home.to_owned());
        Ok(Self::over(index, manifest.content, place, bytes)?)
    }

    fn over(index: Index, content: Content, place: Place, bytes: u64) -> tantivy::Result<Self> {
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual);
        let reader: IndexReader = reader.try_into()?;
        let searcher = reader.searcher();
        Ok(Self {
            content,
            place,
            bytes,
            index,
            searcher,
        })
    }

    /// The same without its records (a planted bug).
    pub(super) fn emptied(mut self) -> Self {
        self.content.records = 0;
        self
    }

    /// What it holds.
    pub(super) fn content(&self) -> &Content {
        &self.content
    }

    /// Its bytes, in memory or on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it is on disk.
    pub(super) fn is_sealed(&self) -> bool {
        matches!(self.place, Place::Disk(_))
    }

    /// The index, to be joined with others; `None` when it holds no record.
    pub(super) fn index(&self) -> Option<&Index> {
        (self.content.records > 0).then_some(&self.index)
    }

    /// The searcher and its one segment; `None` when there is no record.
    pub(in crate::node::search) fn segment(&self) -> Option<(&Searcher, &SegmentReader)> {
        let segment = self.searcher.segment_readers().first()?;
        (self.content.records > 0).then_some((&self.searcher, segment))
    }

    /// Takes it from the disk. Who searches it right now still can.
    pub(super) fn discard(&self) {
        if let Place::Disk(home) = &self.place
            && let Err(error) = remove(home)
        {
            tracing::warn!(split = %home.display(), %error, "an old split stays on disk");
        }
    }
}

/// Removes a directory with all that is in it, where there is one.
pub(in crate::node::search) fn remove(home: &Path) -> io::Result<()> {
    match fs::remove_dir_all(home) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The names and lengths of the files in a directory.
fn files(home: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(home)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push((name, entry.metadata()?.len()));
    }
    files.sort();
    Ok(files)
}

fn read_manifest(home: &Path, group: GroupId) -> Result<Manifest, Refused> {
    let text = fs::read_to_string(home.join(MANIFEST))?;
    let manifest: Manifest = spec::unseal(&text)?;
    if manifest.format != FORMAT {
        return Err(Refused::Format(manifest.format));
    }
    if manifest.group != group {
        return Err(Refused::Foreign(manifest.group));
    }
    for (name, bytes) in &manifest.files {
        let found = fs::metadata(home.join(name)).map(|file| file.len());
        if found.ok() != Some(*bytes) {
            return Err(Refused::File(name.clone()));
        }
    }
    Ok(manifest)
}
