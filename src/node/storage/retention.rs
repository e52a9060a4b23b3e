//! How far the front of a log may go: whole sealed segments, and only up to a stored state.

use super::LogPosition;
use super::Shared;
use super::group::Group;
use super::view::Segment;

/// How long and how much a log keeps; negative for no limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) ms: i64,
    pub(super) bytes: i64,
}

impl Limits {
    /// A segment without a timestamp has no age.
    fn too_old(self, segment: &Segment, now_ms: i64) -> bool {
        let expires = segment.max_timestamp.saturating_add(self.ms);
        self.ms >= 0 && segment.max_timestamp >= 0 && expires < now_ms
    }

    fn too_much(self, segment: &Segment, kept: u64) -> bool {
        u64::try_from(self.bytes).is_ok_and(|limit| kept.saturating_sub(segment.bytes) >= limit)
    }
}

impl Group {
    /// See [`super::GroupLog::retention_point`].
    pub(super) fn retention_point(
        &self,
        shared: &Shared,
        now_ms: i64,
        limits: Limits,
        committed: u64,
    ) -> Option<LogPosition> {
        let front = self.front();
        let view = &front.view;
        let purged = view.purged.map(|purged| purged.index);
        let kept = view.segments.iter().filter(|s| Some(s.last.index) > purged);
        let mut bytes: u64 = kept.clone().map(|segment| segment.bytes).sum();
        let mut point = None;
        for segment in kept {
            let goes = limits.too_old(segment, now_ms) || limits.too_much(segment, bytes);
            let sealed = view.is_seal(segment.last.index, shared.segment_bytes);
            if !goes || !sealed || segment.last.index > committed {
                break;
            }
            bytes -= segment.bytes;
            if self.states.has(segment.last) {
                point = Some(segment.last);
            }
        }
        point
    }
}
