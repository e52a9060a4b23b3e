//! Applies committed metadata commands and publishes the image.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::command::{Command, Outcome};
use super::image::MetadataImage;
use crate::node::bugs;
use crate::node::raft::{Applier, Reply};
use crate::node::storage::LogPosition;

/// The metadata group's state: the image, published after every entry.
pub(in crate::node) struct MetadataApplier {
    image: watch::Sender<Arc<MetadataImage>>,
    blank_term: watch::Sender<u64>,
}

impl MetadataApplier {
    /// The applier, the image as it changes, and the last term whose first entry is committed.
    pub(in crate::node) fn new() -> (
        Self,
        watch::Receiver<Arc<MetadataImage>>,
        watch::Receiver<u64>,
    ) {
        let (image, images) = watch::channel(Arc::default());
        let (blank_term, terms) = watch::channel(0);
        (Self { image, blank_term }, images, terms)
    }

    fn publish(
        &self,
        at: LogPosition,
        change: impl FnOnce(&mut MetadataImage) -> Outcome,
    ) -> Outcome {
        let mut image = MetadataImage::clone(&self.image.borrow());
        let outcome = change(&mut image);
        image.applied = at.index;
        self.image.send_replace(Arc::new(image));
        outcome
    }
}

impl Applier for MetadataApplier {
    fn blank(&mut self, at: LogPosition) {
        self.publish(at, |_| Outcome::Done);
        self.blank_term.send_replace(at.term);
    }

    fn data(&mut self, at: LogPosition, data: &Bytes) -> Reply {
        let outcome = match serde_json::from_slice::<Command>(data) {
            Ok(command) if bugs::forgets(&command, at.index) => self.publish(at, |_| Outcome::Done),
            Ok(command) => self.publish(at, |image| command.apply(image, at.index)),
            Err(error) => {
                tracing::error!(index = at.index, %error, "a metadata entry cannot be read");
                self.publish(at, |_| Outcome::Unreadable)
            }
        };
        Reply::Metadata(outcome)
    }

    fn state(&self) -> Bytes {
        let image = self.image.borrow();
        serde_json::to_vec(&**image)
            .expect("an image is plain data")
            .into()
    }

    fn restore(&mut self, _at: LogPosition, state: Bytes) -> io::Result<()> {
        let image: MetadataImage = serde_json::from_slice(&state)?;
        self.image.send_replace(Arc::new(image));
        Ok(())
    }

    fn next_offset(&self, _state: &Bytes) -> io::Result<i64> {
        Ok(0)
    }
}
