//! A finding: the fact, how bad it is, and what cures it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::spec::NodeId;
use crate::supervisor::contested::ContestedPort;
use crate::supervisor::name::ClusterName;
use crate::supervisor::trouble::command;

/// Less free space than this is soon used up by one cluster.
const TIGHT_BYTES: u64 = 2 << 30;
/// Less than this does not hold the write-ahead logs of three nodes.
const FULL_BYTES: u64 = 512 << 20;
/// An SSD syncs in well under this time; every acked write waits for two syncs.
const SLOW_SYNC: Duration = Duration::from_millis(5);

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Nothing to do.
    Good,
    /// A cluster runs, and something about it will surprise.
    Poor,
    /// A cluster will not run.
    Bad,
}

/// Something that was looked at; in words by its `Display`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The limit of open files of a process.
    OpenFiles {
        /// What holds now.
        soft: u64,
        /// Up to where a user may raise it.
        hard: u64,
        /// What the hungriest process of a cluster can need.
        needed: u64,
    },
    /// The loopback has `[::1]`.
    Ipv6,
    /// It has not.
    NoIpv6,
    /// Where control sockets lie.
    Socket(PathBuf),
    /// The runtime directory's path is too long for a socket; they lie elsewhere.
    SocketElsewhere {
        /// The runtime directory.
        wanted: PathBuf,
        /// Bytes of the longest path that can be bound.
        limit: usize,
        /// Where they lie instead.
        used: PathBuf,
    },
    /// There is no place for control sockets.
    NoSocket {
        /// What is wrong with the last one tried.
        why: String,
    },
    /// All ports of the plan are free.
    PortsFree {
        /// The nodes of the plan.
        nodes: usize,
        /// Its first port.
        base: u16,
    },
    /// The plan belongs to a cluster that runs, and has its ports.
    PortsInUse(ClusterName),
    /// A port of the plan is not.
    PortTaken(ContestedPort),
    /// Free space under the clusters' directory.
    DiskSpace {
        /// Where.
        path: PathBuf,
        /// Bytes that this user may still write.
        free: u64,
    },
    /// The time of one small write with its sync.
    DiskSync {
        /// Where.
        path: PathBuf,
        /// The median.
        median: Duration,
    },
    /// An ephemeral cluster whose supervisor is gone.
    Leftover {
        /// Its name.
        name: ClusterName,
        /// Its directory.
        path: PathBuf,
    },
    /// The log of a supervisor whose cluster is gone.
    LoneLog {
        /// The cluster's name.
        name: ClusterName,
        /// The log.
        path: PathBuf,
    },
    /// A node of a running cluster that died unasked.
    NodeDied {
        /// The cluster.
        cluster: ClusterName,
        /// The node.
        node: NodeId,
        /// How its process ended.
        how: String,
    },
    /// Nothing of that kind.
    NoLeftovers,
    /// It could not be examined.
    Unknown {
        /// What.
        what: &'static str,
        /// Why not.
        why: String,
    },
}

impl Finding {
    /// What was looked at, in a word or two.
    pub fn check(&self) -> &'static str {
        match self {
            Self::OpenFiles { .. } => "open files",
            Self::Ipv6 | Self::NoIpv6 => "ipv6",
            Self::Socket(_) | Self::SocketElsewhere { .. } | Self::NoSocket { .. } => "sockets",
            Self::PortsFree { .. } | Self::PortsInUse(_) | Self::PortTaken(_) => "ports",
            Self::DiskSpace { .. } => "disk space",
            Self::DiskSync { .. } => "disk sync",
            Self::Leftover { .. } | Self::LoneLog { .. } | Self::NoLeftovers => "leftovers",
            Self::NodeDied { .. } => "nodes",
            Self::Unknown { what, .. } => what,
        }
    }

    /// How bad it is.
    pub fn health(&self) -> Health {
        match self {
            Self::OpenFiles { soft, needed, .. } if soft < needed => Health::Poor,
            Self::DiskSpace { free, .. } if *free < FULL_BYTES => Health::Bad,
            Self::DiskSpace { free, .. } if *free < TIGHT_BYTES => Health::Poor,
            Self::DiskSync { median, .. } if *median > SLOW_SYNC => Health::Poor,
            Self::NoSocket { .. } => Health::Bad,
            Self::NoIpv6
            | Self::SocketElsewhere { .. }
            | Self::PortTaken(_)
            | Self::Leftover { .. }
            | Self::LoneLog { .. }
            | Self::NodeDied { .. }
            | Self::Unknown { .. } => Health::Poor,
            _ => Health::Good,
        }
    }

    /// What to do about it; `None` when it is good.
    pub fn cure(&self) -> Option<String> {
        if self.health() == Health::Good {
            return None;
        }
        match self {
            Self::OpenFiles { hard, needed, .. } if hard >= needed => {
                Some(format!("ulimit -n {needed}, before `chronik-dev up`"))
            }
            Self::OpenFiles { needed, .. } => Some(format!(
                "as root, raise the hard limit of open files to {needed} (limits.conf, or \
                 LimitNOFILE= of the service)"
            )),
            Self::NoIpv6 => Some(
                "connect to 127.0.0.1, as `chronik-dev env` says, rather than to localhost".into(),
            ),
            Self::SocketElsewhere { .. } => Some("set XDG_RUNTIME_DIR to a shorter path".into()),
            Self::NoSocket { .. } => Some("set XDG_RUNTIME_DIR to a directory of yours".into()),
            Self::PortTaken(contested) => Some(contested.cures().join("; ")),
            Self::LoneLog { name, .. } => Some(format!("chronik-dev down --cluster {name} --wipe")),
            Self::NodeDied { cluster, node, .. } => {
                let logs = command(cluster.as_str(), &format!("logs {} --errors", node.0));
                let start = command(cluster.as_str(), &format!("start {}", node.0));
                Some(format!("{logs} shows why, {start} starts it again"))
            }
            Self::DiskSpace { .. } => {
                Some("free some space, or put the data elsewhere with --data-dir".into())
            }
            Self::DiskSync { .. } => Some(
                "put the data on a faster disk with --data-dir, or, where power loss does not \
                 matter, --set storage.sync=os"
                    .into(),
            ),
            Self::Leftover { name, .. } => Some(format!(
                "chronik-dev down --cluster {name} --wipe; the next `up` removes it too"
            )),
            _ => None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenFiles { soft, hard, needed } => {
                write!(
                    f,
                    "{soft} open files a process (hard limit {hard}); a full cluster needs {needed}"
                )
            }
            Self::Ipv6 => f.write_str("the loopback has 127.0.0.1 and [::1]"),
            Self::NoIpv6 => f.write_str("the loopback has 127.0.0.1 and no [::1]"),
            Self::Socket(path) => write!(f, "control sockets lie in {}", path.display()),
            Self::SocketElsewhere {
                wanted,
                limit,
                used,
            } => write!(
                f,
                "{} is too long for sockets ({limit} bytes); they lie in {}",
                wanted.display(),
                used.display()
            ),
            Self::NoSocket { why } => write!(f, "no place for control sockets: {why}"),
            Self::PortsFree { nodes, base } => {
                write!(f, "the ports of {nodes} nodes from {base} are free")
            }
            Self::PortsInUse(cluster) => {
                write!(
                    f,
                    "cluster {cluster} is running and has the ports of its plan"
                )
            }
            Self::PortTaken(contested) => contested.fmt(f),
            Self::DiskSpace { path, free } => {
                write!(
                    f,
                    "{:.1} GiB free under {}",
                    *free as f64 / f64::from(1 << 30),
                    path.display()
                )
            }
            Self::DiskSync { path, median } => {
                write!(
                    f,
                    "a sync under {} takes {:.2} ms",
                    path.display(),
                    median.as_secs_f64() * 1e3
                )
            }
            Self::Leftover { name, path } => {
                write!(
                    f,
                    "the ephemeral cluster {name} was left behind in {}",
                    path.display()
                )
            }
            Self::LoneLog { name, path } => write!(
                f,
                "the log of cluster {name}, which is gone, was left behind: {}",
                path.display()
            ),
            Self::NodeDied { cluster, node, how } => {
                write!(f, "{node} of cluster {cluster} died: {how}")
            }
            Self::NoLeftovers => f.write_str("nothing was left behind"),
            Self::Unknown { what, why } => write!(f, "{what} cannot be examined: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(soft: u64, hard: u64) -> Finding {
        Finding::OpenFiles {
            soft,
            hard,
            needed: 4000,
        }
    }

    fn space(free: u64) -> Finding {
        Finding::DiskSpace {
            path: "/data".into(),
            free,
        }
    }

    #[test]
    fn the_cure_fits_the_limit() {
        assert_eq!(files(4000, 4000).cure(), None);
        let within = files(1024, 8000).cure().unwrap();
        assert!(within.starts_with("ulimit -n 4000"), "{within}");
        let beyond = files(1024, 1024).cure().unwrap();
        assert!(beyond.starts_with("as root"), "{beyond}");
    }

    #[test]
    fn space_goes_from_good_to_bad() {
        assert_eq!(space(3 << 30).health(), Health::Good);
        assert_eq!(space(1 << 30).health(), Health::Poor);
        assert_eq!(space(1 << 20).health(), Health::Bad);
        assert_eq!(space(3 << 29).to_string(), "1.5 GiB free under /data");
    }

    #[test]
    fn whatever_is_not_good_has_a_cure_or_a_reason() {
        let path = || PathBuf::from("/somewhere");
        let sick = [
            files(1, 1),
            Finding::NoIpv6,
            Finding::SocketElsewhere {
                wanted: path(),
                limit: 107,
                used: path(),
            },
            Finding::NoSocket { why: "why".into() },
            space(0),
            Finding::DiskSync {
                path: path(),
                median: Duration::from_millis(50),
            },
            Finding::Leftover {
                name: "dev".parse().unwrap(),
                path: path(),
            },
            Finding::LoneLog {
                name: "dev".parse().unwrap(),
                path: path(),
            },
            Finding::NodeDied {
                cluster: "dev".parse().unwrap(),
                node: NodeId(2),
                how: "killed by SIGKILL".into(),
            },
        ];
        for finding in sick {
            assert_ne!(finding.health(), Health::Good, "{finding}");
            assert!(finding.cure().is_some(), "{finding}");
        }
    }
}
