//! A small steady load, so that there is something to see: 100 records a second to one partition
//! of a topic of its own, which stays. One partition, so that its leader's loss is an outage.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::Sender;
use tokio::time::{MissedTickBehavior, interval};

use super::clock;
use crate::cli::ui::model::{How, Load, Message, Said};
use crate::client::ErrorCode;
use crate::client::admin::{Admin, NewTopic};
use crate::client::producer::{NewRecord, Producer, ProducerSettings};

const TOPIC: &str = "ui-load";
/// Between two records.
const PACE: Duration = Duration::from_millis(10);
const VALUE: [u8; 100] = [b'.'; 100];
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Produces until it is dropped; why it could not begin is told.
pub(super) async fn produce(brokers: Vec<u16>, outbox: Sender<Message>) {
    let brokers = brokers.into_iter();
    let brokers = brokers.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let brokers: Vec<SocketAddr> = brokers.collect();
    let how = match open(&brokers).await {
        Ok(producer) => {
            let words = "100 records a second; w ends it";
            tell(How::Done(String::from(words)), &outbox).await;
            return steadily(producer).await;
        }
        Err(why) => How::Failed(why),
    };
    tell(how, &outbox).await;
    drop(outbox.send(Message::Load(Load::Off)).await);
}

async fn tell(how: How, outbox: &Sender<Message>) {
    let command = format!("chronik-dev produce {TOPIC}");
    let (at, said) = (clock::now(), Said { command, how });
    drop(outbox.send(Message::Told { at, said }).await);
}

async fn open(brokers: &[SocketAddr]) -> Result<Producer, String> {
    let mut last = String::from("there is no broker");
    for broker in brokers {
        match create(*broker).await {
            Ok(()) => {
                let settings = ProducerSettings::new(brokers.to_vec(), TOPIC);
                let opened = Producer::open(settings, ANSWER_WITHIN).await;
                return opened.map_err(|error| error.to_string());
            }
            Err(why) => last = why,
        }
    }
    Err(last)
}

async fn create(broker: SocketAddr) -> Result<(), String> {
    let admin = Admin::connect(broker, ANSWER_WITHIN).await;
    let admin = admin.map_err(|error| error.to_string())?;
    let topic = NewTopic {
        name: String::from(TOPIC),
        partitions: Some(1),
        ..NewTopic::default()
    };
    match admin.create_topic(topic).await {
        Err(error) if error.code() != Some(ErrorCode::TOPIC_EXISTS) => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// A record when it is due, whatever the cluster does; what is late is not made up for.
async fn steadily(mut producer: Producer) {
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let idle = !producer.is_busy();
        tokio::select! {
            biased;
            _due = ticks.tick() => {
                let record = NewRecord { key: None, value: Some(&VALUE) };
                // A cluster that takes nothing for long enough gets no more.
                let _number = producer.push(0, record, Instant::now());
            }
            Some(_event) = producer.next(), if !idle => {}
        }
    }
}
