//! Who listens on a port, as far as the system tells this user.
//!
//! Reads Linux's `/proc`: the socket's inode by port, then the process that has it open. Other
//! systems, and processes of other users, give no answer.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;

/// The process that holds a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its name, as the system shows it.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.pid, self.name)
    }
}

/// TCP_LISTEN in `/proc/net/tcp`.
const LISTEN: &str = "0A";
/// The local addresses that stand in the way of a bind on 127.0.0.1 or `[::1]`.
const IN_THE_WAY: [&str; 5] = [
    "0100007F",
    "00000000",
    "00000000000000000000000001000000",
    "00000000000000000000000000000000",
    "0000000000000000FFFF00000100007F",
];

/// The process that listens on a loopback port; `None` when nobody does or when it is hidden.
pub fn holder_of(port: u16) -> Option<Holder> {
    let inodes: BTreeSet<u64> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| has_open(*pid, &inodes))
        // Between its fork and its exec a child has its parent's sockets: the oldest owns them.
        .min_by_key(|pid| started(*pid))
        .and_then(named)
}

/// When a process started, in the kernel's ticks; late for one that is gone.
fn started(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name before the last parenthesis may hold anything; the 22nd field is the start.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields
        .split_whitespace()
        .nth(19)
        .and_then(|start| start.parse().ok())
        .unwrap_or(u64::MAX)
}

/// A living process with its name; `None` when there is none of this pid.
pub(super) fn named(pid: u32) -> Option<Holder> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    let name = name.trim().chars().filter(|c| !c.is_control()).collect();
    Some(Holder { pid, name })
}

fn listening_inodes(table: &str, port: u16) -> Vec<u64> {
    let of_line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (address, local_port) = fields.get(1)?.split_once(':')?;
        let ours = u16::from_str_radix(local_port, 16) == Ok(port)
            && IN_THE_WAY.contains(&address)
            && fields.get(3) == Some(&LISTEN);
        fields.get(9)?.parse().ok().filter(|_| ours)
    };
    table.lines().skip(1).filter_map(of_line).collect()
}

fn has_open(pid: u32, inodes: &BTreeSet<u64>) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    open.flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok())
        .filter_map(|link| socket_inode(link.to_str()?))
        .any(|inode| inodes.contains(&inode))
}

fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1
   1: 0100007F:2384 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1
   2: 0502A8C0:2384 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1
   3: 00000000:2385 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4714 1
   4: cut
";

    #[test]
    fn a_parent_started_before_its_child() {
        let me = std::process::id();
        let parent = nix::unistd::getppid().as_raw() as u32;
        assert!(started(parent) <= started(me));
        assert_ne!(started(me), u64::MAX);
        assert_eq!(started(u32::MAX), u64::MAX);
    }

    #[test]
    fn only_listeners_in_the_way_count() {
        assert_eq!(listening_inodes(TABLE, 0x2384), [4711]);
        assert_eq!(listening_inodes(TABLE, 0x2385), [4714]);
        assert!(listening_inodes(TABLE, 1).is_empty());
        assert!(listening_inodes("", 1).is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn we_hold_what_we_listen_on() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(holder_of(port).unwrap().pid, std::process::id());
    }
}
