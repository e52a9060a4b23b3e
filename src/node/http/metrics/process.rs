//! The process as the system sees it, under the names that every Prometheus client uses.
//!
//! CPU time comes from `getrusage`; memory, start and open files from Linux's `/proc`, and are left
//! out where there is none. The `prometheus` crate's own collector counts CPU in whole seconds,
//! which tells nothing of a node that needs a tenth of one.

use std::fs;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{SysconfVar, sysconf};
use prometheus::Registry;

use super::register;

/// `/proc/self/stat` after the name: the process's start in ticks is field 22 of the line, its
/// resident pages field 24, and the name is field 2.
const START_TICKS: usize = 22 - 3;
const RESIDENT_PAGES: usize = 24 - 3;

/// What can be known.
pub(super) fn register(registry: &Registry) -> prometheus::Result<()> {
    if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
        let spent = usage.user_time() + usage.system_time();
        let seconds = spent.num_microseconds() as f64 / 1e6;
        let help = "Total user and system CPU time spent in seconds.";
        register::seconds_total(registry, "process_cpu_seconds_total", help, seconds)?;
    }
    for (name, help, value) in gauges() {
        if let Some(value) = value {
            register::gauge(registry, name, help, value)?;
        }
    }
    Ok(())
}

fn gauges() -> [(&'static str, &'static str, Option<f64>); 4] {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    [
        (
            "process_resident_memory_bytes",
            "Resident memory size in bytes.",
            resident_bytes(&stat),
        ),
        (
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            start_seconds(&stat),
        ),
        (
            "process_open_fds",
            "Number of open file descriptors.",
            open_files(),
        ),
        (
            "process_max_fds",
            "Maximum number of open file descriptors.",
            getrlimit(Resource::RLIMIT_NOFILE)
                .ok()
                .map(|(soft, _)| soft as f64),
        ),
    ]
}

fn resident_bytes(stat: &str) -> Option<f64> {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok()??;
    Some(field(stat, RESIDENT_PAGES)? * page as f64)
}

fn start_seconds(stat: &str) -> Option<f64> {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok()??;
    let system = fs::read_to_string("/proc/stat").ok()?;
    let booted = system
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?;
    let booted: f64 = booted.trim().parse().ok()?;
    Some(booted + field(stat, START_TICKS)? / ticks as f64)
}

/// The look itself holds one.
fn open_files() -> Option<f64> {
    let files = fs::read_dir("/proc/self/fd").ok()?.count();
    Some(files.saturating_sub(1) as f64)
}

/// The name before the last parenthesis may hold anything.
fn field(stat: &str, position: usize) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(position)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_shift_the_fields() {
        let numbers: Vec<String> = (4..=26).map(|number| number.to_string()).collect();
        let line = format!("7 (a) 1 2 (b) S {}", numbers.join(" "));
        assert_eq!(field(&line, START_TICKS), Some(22.0));
        assert_eq!(field(&line, RESIDENT_PAGES), Some(24.0));
        assert_eq!(field("", START_TICKS), None);
        assert_eq!(field("7 (a) S 1", START_TICKS), None);
    }

    #[test]
    fn this_process_began_before_now_and_holds_memory() {
        let registry = Registry::new();
        register(&registry).unwrap();
        let families = registry.gather();
        let value = |name: &str| {
            let family = families.iter().find(|family| family.name() == name);
            family.unwrap().get_metric()[0].get_gauge().get_value()
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // The system's boot time is told in whole seconds.
        assert!(value("process_start_time_seconds") < now.unwrap().as_secs_f64() + 1.0);
        assert!(value("process_start_time_seconds") > 1e9);
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_max_fds") >= value("process_open_fds"));
    }
}
