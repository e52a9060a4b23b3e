//! The one book that every client, fault and observation of a scenario is written into.
//!
//! It owns the clock and the counters of the progress bar. What cannot be recorded is a bug or a
//! full disk: the first such failure is kept, and ends the scenario.

use std::io::Write;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::scenarios::history::{
    ClientId, Event, FaultId, Header, History, Micros, Outcome, Recording, RecordingError,
};

/// Where the lines of a history go.
pub type Sheet = Box<dyn Write + Send>;

/// A handle on the book; clones write into the same one.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    began: Instant,
    book: Mutex<Book>,
    acked: AtomicU64,
    clients: AtomicU32,
    lanes: AtomicU32,
    faults: AtomicU32,
}

struct Book {
    recording: Option<Recording<Sheet>>,
    failure: Option<RecordingError>,
    step: String,
}

/// What a progress bar shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance {
    /// What the scenario is doing.
    pub step: String,
    /// Since its beginning.
    pub elapsed: Duration,
    /// Records acked so far.
    pub acked: u64,
}

impl Recorder {
    /// Opens a book; its clock starts now.
    pub fn begin(sheet: Sheet, header: Header) -> std::io::Result<Self> {
        let book = Book {
            recording: Some(Recording::new(sheet, header)?),
            failure: None,
            step: String::from("starting"),
        };
        Ok(Self(Arc::new(Inner {
            began: Instant::now(),
            book: Mutex::new(book),
            acked: AtomicU64::new(0),
            clients: AtomicU32::new(0),
            lanes: AtomicU32::new(0),
            faults: AtomicU32::new(0),
        })))
    }

    /// The time on the scenario's clock.
    pub fn now(&self) -> Micros {
        Micros::of(self.0.began.elapsed())
    }

    /// A moment on the scenario's clock; those before its start count as its start.
    pub fn at(&self, moment: Instant) -> Micros {
        Micros::of(moment.saturating_duration_since(self.0.began))
    }

    /// Writes an event down.
    pub fn record(&self, event: Event) {
        if let Event::Produce(attempt) = &event
            && matches!(attempt.outcome, Outcome::Ok { .. })
        {
            let acked = u64::from(attempt.values.1);
            self.0.acked.fetch_add(acked, Ordering::Relaxed);
        }
        let mut book = self.book();
        let Some(recording) = &mut book.recording else {
            return;
        };
        if let Err(error) = recording.record(event) {
            book.failure.get_or_insert(error);
        }
    }

    /// Looks at what is recorded so far; `None` once it is closed.
    pub fn look<T>(&self, look: impl FnOnce(&History) -> T) -> Option<T> {
        let book = self.book();
        book.recording
            .as_ref()
            .map(|recording| look(recording.history()))
    }

    /// Why something could not be recorded, once.
    pub fn take_failure(&self) -> Option<RecordingError> {
        self.book().failure.take()
    }

    /// Records acked so far.
    pub fn acked(&self) -> u64 {
        self.0.acked.load(Ordering::Relaxed)
    }

    /// Says what the scenario is doing.
    pub fn step(&self, step: impl Into<String>) {
        self.book().step = step.into();
    }

    /// What a progress bar shows.
    pub fn glance(&self) -> Glance {
        Glance {
            step: self.book().step.clone(),
            elapsed: self.0.began.elapsed(),
            acked: self.acked(),
        }
    }

    /// A number for one more client.
    pub fn next_client(&self) -> ClientId {
        ClientId(self.0.clients.fetch_add(1, Ordering::Relaxed))
    }

    /// A number for one more lane of values.
    pub fn next_lane(&self) -> u32 {
        self.0.lanes.fetch_add(1, Ordering::Relaxed)
    }

    /// A number for one more fault.
    pub fn next_fault(&self) -> FaultId {
        FaultId(self.0.faults.fetch_add(1, Ordering::Relaxed))
    }

    /// Closes the book; what others still write is dropped.
    pub fn finish(&self) -> Result<History, RecordingError> {
        let (recording, failure) = {
            let mut book = self.book();
            (book.recording.take(), book.failure.take())
        };
        match (recording, failure) {
            (_, Some(failure)) => Err(failure),
            (Some(recording), None) => recording.finish(),
            (None, None) => Err(std::io::Error::other("the history is closed already").into()),
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A writer that panicked left whole lines: the verdict will say what is missing.
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}
