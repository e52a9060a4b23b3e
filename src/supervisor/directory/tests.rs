use super::*;
use crate::spec::{ClusterId, PortPlan, Ports, Settings};
use crate::supervisor::name::ClusterName;
use crate::supervisor::places::Places;
use crate::supervisor::request::Home;

fn places(root: &Path) -> Places {
    Places {
        data_home: root.join("data"),
        runtime: Some(root.to_owned()),
        temp: root.to_owned(),
    }
}

fn name() -> ClusterName {
    "dev".parse().unwrap()
}

fn spec(ephemeral: bool) -> ClusterSpec {
    ClusterSpec {
        name: "dev".into(),
        id: ClusterId::random(),
        secret: "s".into(),
        ports: PortPlan(vec![Ports {
            kafka: 1,
            raft: 2,
            metrics: 3,
            search: None,
        }]),
        settings: Settings::default(),
        direct: false,
        ephemeral,
    }
}

fn taken(claim: Claim) -> ClaimedDir {
    match claim {
        Claim::Taken(claimed) => claimed,
        Claim::Busy(dir) => panic!("{} is busy", dir.path().display()),
    }
}

#[test]
fn a_directory_is_taken_once() {
    let root = tempfile::tempdir().unwrap();
    let places = places(root.path());
    let first = taken(claim(&places, &name(), &Home::Default).unwrap());
    assert!(first.dir().is_ours());
    let second = claim(&places, &name(), &Home::Default).unwrap();
    assert!(matches!(second, Claim::Busy(dir) if dir == *first.dir()));
    drop(first);
    taken(claim(&places, &name(), &Home::Default).unwrap());
}

#[test]
fn a_spec_survives_and_a_damaged_one_is_set_aside() {
    let root = tempfile::tempdir().unwrap();
    let claimed = taken(claim(&places(root.path()), &name(), &Home::Default).unwrap());
    let dir = claimed.dir();
    assert!(dir.load_spec().unwrap().is_none());
    let spec = spec(false);
    dir.save_spec(&spec).unwrap();
    assert_eq!(dir.load_spec().unwrap(), Some(spec));
    let mut text = std::fs::read_to_string(dir.spec_file()).unwrap();
    text.truncate(40);
    std::fs::write(dir.spec_file(), text).unwrap();
    let looked = dir.load_spec();
    assert!(matches!(looked, Err(DirectoryError::Damaged { .. })));
    assert!(
        dir.spec_file().exists(),
        "only the holder of the lock sets aside"
    );
    let error = dir.load_or_set_aside().unwrap_err();
    let DirectoryError::SetAside { aside, .. } = error else {
        panic!("{error}")
    };
    assert!(aside.ends_with("cluster.json.bad") && aside.exists());
}

#[test]
fn data_without_its_spec_is_not_taken_for_a_new_cluster() {
    let root = tempfile::tempdir().unwrap();
    let places = places(root.path());
    let claimed = taken(claim(&places, &name(), &Home::Default).unwrap());
    std::fs::create_dir(claimed.dir().node(NodeId(1))).unwrap();
    drop(claimed);
    let refused = claim(&places, &name(), &Home::Default);
    assert!(matches!(refused, Err(DirectoryError::Headless(_))));
}

#[test]
fn a_foreign_directory_is_refused_and_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let foreign = root.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("thesis.txt"), "years").unwrap();
    let home = Home::Chosen(foreign.clone());
    let refused = claim(&places(root.path()), &name(), &home);
    assert!(matches!(refused, Err(DirectoryError::NotOurs(_))));
    assert!(foreign.join("thesis.txt").exists());
    assert!(find(&places(root.path()), &name()).is_none());
}

#[test]
fn a_name_leads_to_one_directory() {
    let root = tempfile::tempdir().unwrap();
    let places = places(root.path());
    let chosen = Home::Chosen(root.path().join("here"));
    let claimed = taken(claim(&places, &name(), &chosen).unwrap());
    assert_eq!(find(&places, &name()).as_ref(), Some(claimed.dir()));
    places.open_supervisor_log(&name()).unwrap();
    let other = Home::Chosen(root.path().join("there"));
    let refused = claim(&places, &name(), &other);
    assert!(matches!(refused, Err(DirectoryError::Elsewhere(_))));
    claimed.wipe().unwrap();
    assert!(!root.path().join("here").exists());
    assert!(!places.supervisor_log(&name()).exists());
    taken(claim(&places, &name(), &other).unwrap());
}

#[test]
fn only_ephemeral_directories_of_the_dead_are_swept() {
    let root = tempfile::tempdir().unwrap();
    let places = places(root.path());
    let claimed = taken(claim(&places, &name(), &Home::Ephemeral).unwrap());
    claimed.dir().save_spec(&spec(true)).unwrap();
    let path = claimed.dir().path().to_owned();
    assert!(sweep(&places).unwrap().is_empty(), "its supervisor lives");
    drop(claimed);
    assert_eq!(sweep(&places).unwrap(), [name()]);
    assert!(!path.exists());
    assert!(list(&places).unwrap().is_empty());
}

#[test]
fn files_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let root = tempfile::tempdir().unwrap();
    let claimed = taken(claim(&places(root.path()), &name(), &Home::Default).unwrap());
    claimed.dir().save_spec(&spec(false)).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(claimed.dir().path()), 0o700);
    assert_eq!(mode(&claimed.dir().spec_file()), 0o600);
}
