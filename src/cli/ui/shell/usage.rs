//! What processes take, from `/proc`; nothing where there is none.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::sampler::Seat;
use crate::cli::ui::model::Usage;
use crate::spec::NodeId;

/// The kernel counts processor time for user space in hundredths of a second (`USER_HZ`), on
/// every machine that this runs on.
const TICK: Duration = Duration::from_millis(10);
/// Field 14 of `stat` (`utime`), counted from the first one after the name, which is field 3.
const UTIME: usize = 11;

/// Measures processes, each against its last look.
#[derive(Debug, Default)]
pub(super) struct Meter {
    last: BTreeMap<u32, (Instant, Duration)>,
}

impl Meter {
    /// What the nodes' processes take now; who has none is left out.
    pub(super) fn measure(&mut self, seats: &[Seat], now: Instant) -> BTreeMap<NodeId, Usage> {
        let before = std::mem::take(&mut self.last);
        let seats = seats.iter().filter_map(|seat| Some((seat.node, seat.pid?)));
        seats
            .filter_map(|(node, pid)| {
                let busy = busy(&read(pid, "stat")?)?;
                let memory = resident(&read(pid, "status")?)?;
                let cpu = before
                    .get(&pid)
                    .and_then(|last| percent(*last, (now, busy)));
                self.last.insert(pid, (now, busy));
                Some((node, Usage { cpu, memory }))
            })
            .collect()
    }
}

fn read(pid: u32, file: &str) -> Option<String> {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok()
}

/// Processor time of all threads. The name in parentheses can hold anything but is the last that
/// has any.
fn busy(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(UTIME);
    let mut ticks = || times.next()?.parse::<u32>().ok();
    Some(TICK * ticks()?.saturating_add(ticks()?))
}

/// Resident megabytes.
fn resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes.div_ceil(1_024))
}

fn percent(before: (Instant, Duration), now: (Instant, Duration)) -> Option<u32> {
    let elapsed = now.0.duration_since(before.0).as_secs_f64();
    let busy = now.1.saturating_sub(before.1).as_secs_f64();
    (elapsed > 0.0).then(|| (busy / elapsed * 100.0).round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_move_the_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 3 0 1 1 1";
        assert_eq!(busy(stat), Some(Duration::from_secs(2)));
        assert_eq!(busy("7 (a"), None);
        assert_eq!(busy("7 (a) S 1 2"), None);
    }

    #[test]
    fn memory_is_rounded_up_and_absent_in_a_process_that_has_ended() {
        assert_eq!(resident("Name: x\nVmRSS:\t   14337 kB\n"), Some(15));
        assert_eq!(resident("Name: x\nState: Z (zombie)\n"), None);
    }

    #[test]
    fn a_second_of_work_in_two_is_half_a_core() {
        let start = Instant::now();
        let later = start + Duration::from_secs(2);
        let half = percent((start, Duration::ZERO), (later, Duration::from_secs(1)));
        assert_eq!(half, Some(50));
    }
}
