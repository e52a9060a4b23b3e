//! The import law: who may import whom.
//!
//! ```text
//! L4 cli  >  L3 scenarios  >  L2 supervisor | node  >  L1 ports, client  >  L0 spec, protocol
//! ```
//! A room imports rooms of lower layers only. `supervisor` and `node` are one layer: they meet as
//! processes. `scenarios` is blind to `node`. Within `cli` only `cli/node.rs` enters `node`. Test
//! code is bound as all other code is. Standard library only; it reads paths, not types.

use std::fs;
use std::path::{Path, PathBuf};

/// Every room with its layer.
const ROOMS: [(&str, u8); 8] = [
    ("spec", 0),
    ("protocol", 0),
    ("ports", 1),
    ("client", 1),
    ("supervisor", 2),
    ("node", 2),
    ("scenarios", 3),
    ("cli", 4),
];

/// The one file of `cli` that enters `node`.
const DOOR: &str = "cli/node.rs";

fn layer(room: &str) -> Option<u8> {
    let found = ROOMS.iter().find(|(name, _)| *name == room);
    found.map(|(_, layer)| *layer)
}

/// Why an import is against the law; `None` when it is lawful.
fn offence(file: &str, room: &str, imported: &str) -> Option<String> {
    let (from, to) = (layer(room)?, layer(imported)?);
    let lawful = room == imported || to < from;
    let blind = room == "scenarios" && imported == "node";
    let past_the_door = room == "cli" && imported == "node" && file != DOOR;
    (!lawful || blind || past_the_door)
        .then(|| format!("src/{file}: `{room}` must not import `{imported}`"))
}

/// The rooms that a source text names: `crate::room`, `crate::{room, ...}`, `chronik_dev::room`.
fn imports(source: &str) -> Vec<String> {
    let code: String = source
        .lines()
        .map(without_comment)
        .collect::<Vec<_>>()
        .join("\n");
    let mut rooms = Vec::new();
    for root in ["crate::", "chronik_dev::"] {
        for (at, _) in code.match_indices(root) {
            let rest = &code[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => rooms.extend(heads(group)),
                None => rooms.extend(word(rest)),
            }
        }
    }
    rooms
}

/// Quotes are not parsed: a `//` inside a string hides what follows it on its line.
fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// The first word of each member of `a::b, c::{d, e}, f}`.
fn heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut at_head = true;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            c if at_head && !c.is_whitespace() => {
                heads.extend(word(&group[at..]));
                at_head = false;
            }
            _ => {}
        }
    }
    heads
}

fn word(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let word = &text[..end.unwrap_or(text.len())];
    (!word.is_empty()).then(|| word.to_owned())
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn rooms_import_downwards_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut offences = Vec::new();
    for path in &files {
        let file = path.strip_prefix(&root).unwrap().to_str().unwrap();
        let own = file.split(['/', '.']).next().unwrap();
        let source = fs::read_to_string(path).unwrap();
        let found = imports(&source).into_iter();
        offences.extend(found.filter_map(|imported| offence(file, own, &imported)));
    }
    assert!(files.len() > ROOMS.len(), "the sources were found");
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn every_room_has_a_layer() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(
            path.is_file() || layer(name).is_some(),
            "{name} has no layer"
        );
    }
}

#[test]
fn unlawful_imports_are_caught() {
    let caught = |file: &str, source: &str| {
        let room = file.split('/').next().unwrap();
        let found = imports(source);
        found
            .iter()
            .filter_map(|imported| offence(file, room, imported))
            .count()
    };
    assert_eq!(caught("supervisor/run.rs", "use crate::node::run;"), 1);
    assert_eq!(
        caught(
            "node/mod.rs",
            "use crate::{spec::NodeId, supervisor::Places};"
        ),
        1
    );
    assert_eq!(caught("scenarios/mod.rs", "crate::node::run(&spec)"), 1);
    assert_eq!(caught("cli/up.rs", "use crate::node;"), 1);
    assert_eq!(caught("cli/node.rs", "use crate::node;"), 0);
    assert_eq!(
        caught(
            "spec/mod.rs",
            "use crate::{\n    client::{admin, http},\n};"
        ),
        1
    );
    assert_eq!(caught("supervisor/run.rs", "// use crate::node::run;"), 0);
}
