//! The supervisor: its picture of the cluster at each event and each second, and its events.

use std::time::Duration;

use futures::FutureExt;
use tokio::sync::mpsc::Sender;
use tokio::time::sleep;

use super::{Show, clock};
use crate::cli::ui::model::{Hold, Message};
use crate::supervisor::{ClusterEvent, ClusterHandle, Trouble};

/// The picture is asked for anew at least this often.
const REFRESH: Duration = Duration::from_secs(1);
/// A cluster that is not there is looked for this often.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Keeps in contact with the cluster, and waits for it where it is not there.
pub(super) async fn keep(show: Show, hold: Hold, outbox: Sender<Message>) {
    loop {
        let Err(trouble) = meet(&show, hold, &outbox).await;
        if outbox.send(Message::Gone(Box::new(trouble))).await.is_err() {
            return;
        }
        sleep(LOOK_AGAIN).await;
    }
}

async fn meet(
    show: &Show,
    hold: Hold,
    outbox: &Sender<Message>,
) -> Result<std::convert::Infallible, Trouble> {
    let handle = ClusterHandle::connect(&show.places, &show.name).await?;
    let mut news = handle.subscribe().await?;
    loop {
        let status = handle.status().await?;
        // A supervisor that prepares names no nodes yet.
        if !status.nodes.is_empty() {
            drop(outbox.send(Message::Status(Box::new(status))).await);
        }
        let mut event = tokio::select! {
            event = news.next() => event,
            () = sleep(REFRESH) => continue,
        };
        // Whatever happened together is one picture.
        while let Some(happened) = event {
            tell(happened, hold, outbox).await;
            event = news.next().now_or_never().flatten();
        }
    }
}

/// The events of our own cluster come from its start on, by the pipe that we hold.
async fn tell(event: ClusterEvent, hold: Hold, outbox: &Sender<Message>) {
    if hold == Hold::Theirs {
        let (at, event) = (clock::now(), Box::new(event));
        drop(outbox.send(Message::Event { at, event }).await);
    }
}
