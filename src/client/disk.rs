//! How long a small synced write takes: the floor under every acked record of a cluster that syncs
//! before it acks. Beside a benchmark's figures it tells a slow disk from a slow broker.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

const BLOCK: [u8; 4096] = [0x5a; 4096];
const SAMPLES: usize = 200;
const BUDGET: Duration = Duration::from_millis(300);

/// The median time of a 4 KiB overwrite with fdatasync, in a file of its own in `dir`. Blocks.
pub fn sync_p50(dir: &Path) -> io::Result<Duration> {
    let times = sync_times(dir)?;
    Ok(median(times).expect("one sample is always taken"))
}

/// Times of such overwrites, one after the other. Blocks for up to 0.3 s.
pub fn sync_times(dir: &Path) -> io::Result<Vec<Duration>> {
    let file = unnamed_file(dir)?;
    file.write_all_at(&BLOCK, 0)?;
    file.sync_all()?;
    let (started, mut samples) = (Instant::now(), Vec::with_capacity(SAMPLES));
    while samples.len() < SAMPLES && (samples.is_empty() || started.elapsed() < BUDGET) {
        let begun = Instant::now();
        file.write_all_at(&BLOCK, 0)?;
        file.sync_data()?;
        samples.push(begun.elapsed());
    }
    Ok(samples)
}

/// The time in the middle; `None` without any.
pub fn median(mut times: Vec<Duration>) -> Option<Duration> {
    times.sort_unstable();
    times.get(times.len() / 2).copied()
}

/// A file that is gone when it is closed, whatever happens.
fn unnamed_file(dir: &Path) -> io::Result<File> {
    let name = format!(".chronik-sync-{}", uuid::Uuid::new_v4().simple());
    let path = dir.join(name);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// The load average over the last minute, where the system tells.
pub fn load_average() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_takes_time_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        assert!(sync_p50(dir.path()).unwrap() > Duration::ZERO);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(sync_p50(&dir.path().join("missing")).is_err());
    }
}
