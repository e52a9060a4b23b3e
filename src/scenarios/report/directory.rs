//! The report's directory.
//!
//! ```text
//! DIR/report.json  junit.xml  report.html
//! DIR/leader-failover/run-1/history.jsonl
//!                           logs/node-1.log ...
//!                           data/node-1/ ...       when the run did not pass
//! DIR/history.jsonl                                the same file, when there was one run
//! ```
//! Directories are made with mode 0700, files with 0600: logs and records are nobody else's.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::conclusion::Conclusion;
use super::model::{Report, RunReport};
use super::{full, html, junit};
use crate::spec::NodeId;

/// What a run leaves behind; what is not there is not kept.
#[derive(Debug, Clone, Default)]
pub struct Artifacts {
    /// The recorded history.
    pub history: Option<PathBuf>,
    /// The nodes' logs.
    pub logs: Vec<(NodeId, PathBuf)>,
    /// The nodes' data directories.
    pub data: Vec<(NodeId, PathBuf)>,
}

/// Writes `report.json`, `junit.xml` and `report.html`; makes the directory where it is missing.
///
/// Each replaces its forerunner as a whole, so it may be called after each scenario.
pub fn write(dir: &Path, report: &Report) -> io::Result<()> {
    make(dir)?;
    let json = format!("{:#}\n", full(report));
    replace(&dir.join("report.json"), &json)?;
    replace(&dir.join("junit.xml"), &junit(report))?;
    replace(&dir.join("report.html"), &html(report))?;
    match only_run(report).and_then(|run| run.kept.as_ref()) {
        Some(kept) => link(&kept.join("history.jsonl"), &dir.join("history.jsonl")),
        None => Ok(()),
    }
}

fn only_run(report: &Report) -> Option<&RunReport> {
    let mut runs = report.scenarios.iter().flat_map(|one| &one.runs);
    let first = runs.next();
    first.filter(|_| runs.next().is_none())
}

/// The same file under another name, in place of what had that name.
fn link(file: &Path, name: &Path) -> io::Result<()> {
    if !file.is_file() {
        return Ok(());
    }
    match std::fs::remove_file(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    std::fs::hard_link(file, name).or_else(|_other_device| copy_file(file, name))
}

/// Copies what the `number`-th run (from 1) of a scenario leaves behind, and notes in the run's
/// report where. Data directories are copied only if the run did not pass. To be called before the
/// cluster is removed.
pub fn keep(
    dir: &Path,
    number: usize,
    run: &mut RunReport,
    artifacts: &Artifacts,
) -> io::Result<()> {
    let kept = dir.join(&run.header.scenario).join(format!("run-{number}"));
    make(&kept)?;
    if let Some(history) = &artifacts.history {
        copy_file(history, &kept.join("history.jsonl"))?;
    }
    make(&kept.join("logs"))?;
    for (node, log) in artifacts.logs.iter().filter(|(_, log)| log.is_file()) {
        copy_file(log, &kept.join("logs").join(format!("{node}.log")))?;
    }
    if run.conclusion != Conclusion::Pass {
        for (node, data) in artifacts.data.iter().filter(|(_, data)| data.is_dir()) {
            copy_tree(data, &kept.join("data").join(node.to_string()))?;
        }
    }
    run.kept = Some(kept);
    Ok(())
}

fn make(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}

/// A file is never seen half written.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = path.with_extension("unfinished");
    create(&unfinished)?.write_all(text.as_bytes())?;
    std::fs::rename(&unfinished, path)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let copied = File::open(from).and_then(|mut source| io::copy(&mut source, &mut create(to)?));
    let named = |source: io::Error| {
        let what = format!("cannot copy {}: {source}", from.display());
        io::Error::new(source.kind(), what)
    };
    copied.map(|_bytes| ()).map_err(named)
}

/// Files and directories only: a link leads elsewhere, and a socket nowhere.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    make(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else if kind.is_file() {
            copy_file(&entry.path(), &target)?;
        }
    }
    Ok(())
}
