//! What a series of scrapes of one node says: a pure reading of counters.
//!
//! Rates are differences between the first and the last scrape of one life of the node; latencies
//! are those of that time, or of the node's whole life where nothing happened meanwhile, and say
//! which. What cannot be told is `None`, never 0.

use std::time::Duration;

use super::histogram::{Histogram, Quantile};
use super::scrape::{Scrape, Wanted};

/// A scrape, and when it was asked for since the first of all.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Shot {
    /// Since the watch began.
    pub(in crate::cli) at: Duration,
    /// What the node told.
    pub(in crate::cli) scrape: Scrape,
}

/// A node's figures.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Figures {
    /// Whether it says that it is ready.
    pub(in crate::cli) ready: bool,
    /// Its role in the metadata group.
    pub(in crate::cli) role: Option<String>,
    /// The metadata group's term.
    pub(in crate::cli) term: Option<f64>,
    /// Partitions with a replica here.
    pub(in crate::cli) partitions: usize,
    /// Those that it leads.
    pub(in crate::cli) led: usize,
    /// Those that it fetches again because their log is damaged.
    pub(in crate::cli) repairing: usize,
    /// Records behind the leaders' log ends; `None` while one of its partitions has no leader.
    pub(in crate::cli) lag: Option<f64>,
    /// Produce requests and the bytes appended.
    pub(in crate::cli) produce: Traffic,
    /// Fetch requests and the bytes sent; its latencies hold the waits that consumers ask for.
    pub(in crate::cli) fetch: Traffic,
    /// Syncs of the write-ahead log and the bytes written.
    pub(in crate::cli) sync: Traffic,
    /// Share of one core in percent.
    pub(in crate::cli) cpu_percent: Option<f64>,
    /// Resident memory.
    pub(in crate::cli) memory_bytes: Option<f64>,
    /// Open files.
    pub(in crate::cli) open_files: Option<f64>,
    /// Leaders that its groups learned of since it started.
    pub(in crate::cli) leader_changes: Option<f64>,
    /// Times that it stood since it started.
    pub(in crate::cli) candidacies: Option<f64>,
    /// Elections that it won since it started.
    pub(in crate::cli) elections_won: Option<f64>,
}

/// Operations of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Traffic {
    /// Bytes in a second.
    pub(in crate::cli) bytes_per_s: Option<f64>,
    /// Operations in a second.
    pub(in crate::cli) per_s: Option<f64>,
    /// The bytes in a second between one scrape and the next.
    pub(in crate::cli) course: Vec<f64>,
    /// How long the operations took; `None` when there never was one.
    pub(in crate::cli) latency: Option<Latency>,
}

/// How long operations took.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct Latency {
    /// Half took no longer, in seconds.
    pub(in crate::cli) p50: Quantile,
    /// 99 of 100 took no longer, in seconds.
    pub(in crate::cli) p99: Quantile,
    /// How many fell into each bucket.
    pub(in crate::cli) counts: Vec<f64>,
    /// Which operations were looked at.
    pub(in crate::cli) over: Over,
}

/// Which operations a latency is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Over {
    /// Those of the time that was watched.
    Window,
    /// All since the node's start: there was none in the window.
    Life,
}

/// The metrics of one kind of operation.
struct Source<'a> {
    bytes: &'static str,
    latency: &'static str,
    labels: &'a [Wanted<'a>],
}

const PRODUCE: Source<'static> = Source {
    bytes: "chronik_produced_bytes_total",
    latency: "chronik_request_seconds",
    labels: &[("api", "Produce")],
};
const FETCH: Source<'static> = Source {
    bytes: "chronik_fetched_bytes_total",
    latency: "chronik_request_seconds",
    labels: &[("api", "Fetch")],
};
const SYNC: Source<'static> = Source {
    bytes: "chronik_wal_bytes_total",
    latency: "chronik_wal_sync_seconds",
    labels: &[],
};

/// The figures of a node from its scrapes, the oldest first; `None` without one.
pub(in crate::cli) fn digest(shots: &[Shot]) -> Option<Figures> {
    let life = last_life(shots);
    let now = &life.last()?.scrape;
    let number = |name| now.sum(name, &[]);
    let partitions = now.count("chronik_partition_role", &[("role", "leader")]);
    let cpu = rate(life, "process_cpu_seconds_total");
    Some(Figures {
        ready: number("chronik_ready") == Some(1.0),
        role: now
            .chosen("chronik_metadata_role", "role")
            .map(str::to_owned),
        term: number("chronik_metadata_term"),
        partitions,
        led: in_role(now, "leader"),
        repairing: in_role(now, "repairing"),
        lag: lag(now, partitions),
        produce: traffic(life, &PRODUCE),
        fetch: traffic(life, &FETCH),
        sync: traffic(life, &SYNC),
        cpu_percent: cpu.map(|share| share * 100.0),
        memory_bytes: number("process_resident_memory_bytes"),
        open_files: number("process_open_fds"),
        leader_changes: number("chronik_leader_changes_total"),
        candidacies: number("chronik_candidacies_total"),
        elections_won: number("chronik_elections_won_total"),
    })
}

fn in_role(now: &Scrape, role: &str) -> usize {
    let led = now.sum("chronik_partition_role", &[("role", role)]);
    led.unwrap_or(0.0) as usize
}

fn lag(now: &Scrape, partitions: usize) -> Option<f64> {
    const LAG: &str = "chronik_partition_lag_records";
    if now.count(LAG, &[]) < partitions {
        return None;
    }
    now.sum(LAG, &[]).or(Some(0.0))
}

/// The scrapes since the node's last start: its counters began anew there.
fn last_life(shots: &[Shot]) -> &[Shot] {
    let born = |shot: &Shot| shot.scrape.sum("process_start_time_seconds", &[]);
    let Some(last) = shots.last().map(born) else {
        return shots;
    };
    let earlier = shots.iter().rposition(|shot| born(shot) != last);
    &shots[earlier.map_or(0, |at| at + 1)..]
}

/// How fast a counter grew over a life's scrapes.
fn rate(life: &[Shot], name: &str) -> Option<f64> {
    let (first, last) = (life.first()?, life.last()?);
    between(first, last, |scrape| scrape.sum(name, &[]))
}

fn between(one: &Shot, other: &Shot, number: impl Fn(&Scrape) -> Option<f64>) -> Option<f64> {
    let seconds = other.at.saturating_sub(one.at).as_secs_f64();
    let grown = number(&other.scrape)? - number(&one.scrape)?;
    (seconds > 0.0 && grown >= 0.0).then(|| grown / seconds)
}

fn traffic(life: &[Shot], source: &Source<'_>) -> Traffic {
    let count = |scrape: &Scrape| {
        let histogram = scrape.histogram(source.latency, source.labels)?;
        Some(histogram.count())
    };
    let ends = life.first().zip(life.last());
    let course = life
        .windows(2)
        .filter_map(|pair| between(&pair[0], &pair[1], |scrape| scrape.sum(source.bytes, &[])));
    Traffic {
        bytes_per_s: rate(life, source.bytes),
        per_s: ends.and_then(|(first, last)| between(first, last, count)),
        course: course.collect(),
        latency: ends.and_then(|(first, last)| latency(first, last, source)),
    }
}

fn latency(first: &Shot, last: &Shot, source: &Source<'_>) -> Option<Latency> {
    let histogram = |shot: &Shot| shot.scrape.histogram(source.latency, source.labels);
    let all = histogram(last)?;
    let recent = histogram(first).and_then(|earlier| all.since(&earlier));
    let (looked_at, over) = match recent {
        Some(recent) if recent.count() > 0.0 => (recent, Over::Window),
        _ => (all, Over::Life),
    };
    told(&looked_at, over)
}

fn told(histogram: &Histogram, over: Over) -> Option<Latency> {
    Some(Latency {
        p50: histogram.quantile(0.5)?,
        p99: histogram.quantile(0.99)?,
        counts: histogram.counts(),
        over,
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{shot, story};
    use super::*;

    #[test]
    fn rates_are_differences_and_latencies_those_of_the_window() {
        let figures = digest(&story()).unwrap();
        assert!(figures.ready);
        assert_eq!(figures.role.as_deref(), Some("leader"));
        assert_eq!((figures.led, figures.partitions), (1, 2));
        assert_eq!(figures.lag, Some(7.0));
        assert_eq!(figures.produce.bytes_per_s, Some(1000.0));
        assert_eq!(figures.produce.course, [1500.0, 500.0]);
        assert_eq!(figures.produce.per_s, Some(5.0));
        let latency = figures.produce.latency.unwrap();
        assert_eq!(latency.over, Over::Window);
        assert_eq!(latency.counts, [0.0, 10.0, 0.0]);
        let Quantile::About(p50) = latency.p50 else {
            panic!("{latency:?}");
        };
        assert!((p50 - 0.0055).abs() < 1e-9, "{p50}");
        assert_eq!(figures.cpu_percent, Some(25.0));
        assert_eq!(figures.leader_changes, Some(9.0));
    }

    #[test]
    fn an_idle_window_tells_of_the_whole_life_and_says_so() {
        let figures = digest(&story()).unwrap();
        let fetch = figures.fetch.latency.unwrap();
        assert_eq!(fetch.over, Over::Life);
        assert_eq!(figures.fetch.per_s, Some(0.0));
        assert_eq!(figures.sync.latency, None, "there never was a sync");
    }

    #[test]
    fn a_restart_begins_anew() {
        let mut shots = story();
        shots.push(shot(
            3.0,
            "process_start_time_seconds 500\nchronik_produced_bytes_total 5\n",
        ));
        let figures = digest(&shots).unwrap();
        assert_eq!(figures.produce.bytes_per_s, None, "one scrape has no rate");
        shots.push(shot(
            4.0,
            "process_start_time_seconds 500\nchronik_produced_bytes_total 9\n",
        ));
        let figures = digest(&shots).unwrap();
        assert_eq!(figures.produce.bytes_per_s, Some(4.0));
        assert_eq!(figures.produce.course, [4.0]);
        assert!(!figures.ready, "what is not told is not so");
    }

    #[test]
    fn a_partition_without_a_leader_has_no_lag() {
        let shots = [shot(
            0.0,
            "chronik_partition_role{topic=\"a\",partition=\"0\",role=\"leader\"} 0\n",
        )];
        assert_eq!(digest(&shots).unwrap().lag, None);
        assert_eq!(digest(&[]), None);
    }
}
