//! `--export DIR`: what Prometheus and Grafana need to see this cluster.
//!
//! ```text
//! DIR/prometheus.yml              the cluster's real targets
//! DIR/grafana/chronik-dev.json    a dashboard to import
//! DIR/README.md                   how to use them
//! DIR/.chronik-dev-export.json    checksums of the three, as they were written
//! ```
//! A file is written over only when it is byte for byte what an export wrote: neither a stranger's
//! file nor a person's change of ours is lost. All are looked at before the first is written.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::dashboard;
use crate::cli::outcome::{CommandResult, Exit, Failure, Outcome};
use crate::spec::{NodeId, Ports};
use crate::supervisor::command;

const MANIFEST: &str = ".chronik-dev-export.json";

/// Checksums by file name.
type Manifest = BTreeMap<String, u32>;

/// Writes the files of a cluster's nodes.
pub(super) fn run(directory: &Path, cluster: &str, nodes: &[(NodeId, Ports)]) -> CommandResult {
    let files = files(cluster, nodes);
    let manifest = read_manifest(directory)?;
    for (name, text) in &files {
        refuse_foreign(&directory.join(name), text, manifest.get(*name))?;
    }
    let sums: Manifest = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), crc32c::crc32c(text.as_bytes())))
        .collect();
    // Before the files: a write that is cut short leaves a file that the next export refuses,
    // and never one that it takes for its own by mistake.
    write(&directory.join(MANIFEST), &format!("{:#}\n", json!(sums)))?;
    for (name, text) in &files {
        write(&directory.join(name), text)?;
    }
    let written: Vec<PathBuf> = files.iter().map(|(name, _)| directory.join(name)).collect();
    let lines: Vec<String> = written
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let targets: Vec<String> = nodes.iter().map(|(_, ports)| target(*ports)).collect();
    let data = json!({ "directory": directory, "files": written, "targets": targets });
    Ok(Outcome::new(data).with_text(lines.join("\n")))
}

fn files(cluster: &str, nodes: &[(NodeId, Ports)]) -> [(&'static str, String); 3] {
    let dashboard = format!("{:#}\n", dashboard::dashboard());
    [
        ("prometheus.yml", prometheus(cluster, nodes)),
        ("grafana/chronik-dev.json", dashboard),
        ("README.md", readme(cluster, nodes)),
    ]
}

fn readme(cluster: &str, nodes: &[(NodeId, Ports)]) -> String {
    let (_, first) = nodes.first().expect("a cluster has nodes");
    include_str!("export.md")
        .replace("{metrics}", &command(cluster, "metrics"))
        .replace("{target}", &target(*first))
}

/// Names of clusters need no quoting, and are quoted.
fn prometheus(cluster: &str, nodes: &[(NodeId, Ports)]) -> String {
    let target = |(node, ports): &(NodeId, Ports)| {
        let target = target(*ports);
        format!(
            "      - targets: [\"{target}\"]\n        labels: {{ cluster: \"{cluster}\", node: \"{node}\" }}\n"
        )
    };
    let targets: Vec<String> = nodes.iter().map(target).collect();
    let targets = targets.concat();
    format!(
        "\
# Prometheus for the cluster {cluster} of chronik-dev; see README.md.
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: chronik-dev
    static_configs:
{targets}"
    )
}

fn target(ports: Ports) -> String {
    format!("127.0.0.1:{}", ports.metrics)
}

/// One that is damaged vouches for nothing: then only files that stay the same are written.
fn read_manifest(directory: &Path) -> Result<Manifest, Failure> {
    match read(&directory.join(MANIFEST))? {
        Some(text) => Ok(serde_json::from_slice(&text).unwrap_or_default()),
        None => Ok(Manifest::new()),
    }
}

fn refuse_foreign(path: &Path, text: &str, ours: Option<&u32>) -> Result<(), Failure> {
    let Some(there) = read(path)? else {
        return Ok(());
    };
    if there == text.as_bytes() || ours == Some(&crc32c::crc32c(&there)) {
        return Ok(());
    }
    let message = format!("{} is in the way", path.display());
    Err(Failure::new(Exit::Precondition, "FILE_EXISTS", message)
        .fact("chronik-dev did not write it, or it was changed since; nothing was written")
        .hint("move it away, or choose another directory"))
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused("read", path, &error)),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let parent = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = parent.and_then(|()| fs::write(path, text));
    written.map_err(|error| refused("write", path, &error))
}

fn refused(doing: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::system(format_args!("cannot {doing} {}", path.display()), error)
        .hint("choose a directory that you can write to")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(base: u16) -> Vec<(NodeId, Ports)> {
        let ports = |node: u16| Ports {
            kafka: base + 100 * node,
            raft: base + 1,
            metrics: base + 2 + 100 * node,
            search: None,
        };
        vec![(NodeId(1), ports(0)), (NodeId(3), ports(2))]
    }

    fn export(directory: &Path, base: u16) -> Result<(), Failure> {
        run(directory, "dev", &nodes(base)).map(drop)
    }

    #[test]
    fn the_targets_are_the_cluster_s() {
        insta::assert_snapshot!(prometheus("dev", &nodes(9092)));
    }

    #[test]
    fn the_readme_names_this_cluster() {
        let text = readme("blue", &nodes(9192));
        assert!(
            text.contains("chronik-dev metrics --cluster blue"),
            "{text}"
        );
        assert!(text.contains("http://127.0.0.1:9194/metrics"), "{text}");
        assert!(!text.contains(['{', '}']), "{text}");
    }

    #[test]
    fn our_own_files_are_written_again() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("made/on/the/way");
        export(&directory, 9092).unwrap();
        export(&directory, 9192).unwrap();
        let text = fs::read_to_string(directory.join("prometheus.yml")).unwrap();
        assert!(text.contains("127.0.0.1:9194"), "{text}");
        let dashboard = fs::read(directory.join("grafana/chronik-dev.json")).unwrap();
        serde_json::from_slice::<serde_json::Value>(&dashboard).unwrap();
    }

    #[test]
    fn a_stranger_s_file_and_a_changed_one_stay() {
        for name in ["prometheus.yml", "grafana/chronik-dev.json", "README.md"] {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "mine").unwrap();
            let failure = export(home.path(), 9092).unwrap_err();
            assert_eq!(failure.code, "FILE_EXISTS");
            assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
            let written = fs::read_dir(home.path()).unwrap().count();
            assert_eq!(written, 1, "nothing was written beside {name}");
            fs::remove_file(&path).unwrap();
            export(home.path(), 9092).unwrap();
            fs::write(&path, "changed").unwrap();
            assert!(export(home.path(), 9192).is_err(), "{name} was changed");
        }
    }

    #[test]
    fn a_damaged_manifest_vouches_for_nothing() {
        let home = tempfile::tempdir().unwrap();
        export(home.path(), 9092).unwrap();
        fs::write(home.path().join(MANIFEST), "{").unwrap();
        assert!(export(home.path(), 9192).is_err());
        export(home.path(), 9092).unwrap();
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_told() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        fs::write(&file, "").unwrap();
        let failure = export(&file, 9092).unwrap_err();
        assert_eq!(failure.exit, Exit::Precondition);
        assert!(failure.message.contains("cannot"), "{}", failure.message);
    }
}
