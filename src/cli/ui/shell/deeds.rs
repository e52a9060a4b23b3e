//! What was asked for, done: over the control socket, as the command would, or as a scenario.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Show, clock};
use crate::cli::nodes;
use crate::cli::ui::model::{How, Message, Said};
use crate::cli::ui::wish::{Wish, action, isolation};
use crate::scenarios::Halt;
use crate::scenarios::catalogue::Scenario;
use crate::scenarios::report::Conclusion;
use crate::scenarios::runner::{Plan, Ran, Target, Viewer, run};
use crate::scenarios::workload::{Glance, Recorder};
use crate::spec::Settings;
use crate::supervisor::{ClusterHandle, Trouble};

/// How a scenario goes is looked at this often.
const LOOK: Duration = Duration::from_millis(100);
/// What `scenario` takes where nothing is said.
const MESSAGES: u64 = 1_000;
const SIZE: usize = 512;

/// Does what was wished, and tells how it went.
pub(super) async fn carry_out(show: Show, wish: Wish, outbox: Sender<Message>) {
    let how = match fulfil(&show, &wish).await {
        Ok(done) => How::Done(done),
        Err(trouble) => How::Failed(in_a_line(&trouble)),
    };
    let command = wish.command(show.name.as_str());
    tell(Said { command, how }, &outbox).await;
}

async fn tell(said: Said, outbox: &Sender<Message>) {
    let at = clock::now();
    drop(outbox.send(Message::Told { at, said }).await);
}

async fn fulfil(show: &Show, wish: &Wish) -> Result<String, Trouble> {
    let handle = ClusterHandle::connect(&show.places, &show.name).await?;
    match wish {
        Wish::Act(verb, node) => {
            let acted = handle.act(action(*verb, *node)).await?;
            let warnings = acted.warnings.iter().map(|warning| format!("; {warning}"));
            Ok(nodes::text(*verb, &acted) + &warnings.collect::<String>())
        }
        Wish::Isolate { node, others } => {
            let fault = isolation(*node, others);
            let text = fault.to_string();
            handle.break_links(fault, None).await?;
            Ok(text)
        }
        Wish::Heal => {
            handle.heal().await?;
            Ok(String::from("all links are healed"))
        }
        Wish::Play(_) => unreachable!("a scenario is played"),
    }
}

fn in_a_line(trouble: &Trouble) -> String {
    let first = trouble.hints.first();
    let hint = first.map_or_else(String::new, |hint| format!("; {hint}"));
    format!("{}{hint}", trouble.message)
}

/// Runs a scenario on the cluster; `stopped` ends it in order.
pub(super) async fn play(
    show: Show,
    scenario: Scenario,
    stopped: watch::Receiver<bool>,
    outbox: Sender<Message>,
) {
    let wish = Wish::Play(scenario);
    let command = wish.command(show.name.as_str());
    let plan = plan(&show, &command);
    let viewer = Viewer::new(None);
    let mut running = pin!(run(&plan, scenario, stopped, &viewer));
    let ran = loop {
        tokio::select! {
            ran = &mut running => break ran,
            () = sleep(LOOK) => {}
        }
        let glance = viewer.borrow().as_ref().map(Recorder::glance);
        if let Some(glance) = glance {
            let doing = Message::Playing(Some(doing(scenario, &glance)));
            drop(outbox.send(doing).await);
        }
    };
    let how = ended(ran, plan.seed);
    tell(Said { command, how }, &outbox).await;
    drop(outbox.send(Message::Playing(None)).await);
}

fn plan(show: &Show, command: &str) -> Plan {
    let seed = u64::from(rand::random::<u32>());
    Plan {
        target: Target::Named(show.name.clone()),
        places: show.places.clone(),
        settings: Settings::default(),
        messages: MESSAGES,
        size: SIZE,
        seed,
        repeat: format!("{command} --seed {seed}"),
        // Syncing beside what is shown would disturb it.
        sync_p50: None,
        keep: None,
    }
}

fn doing(scenario: Scenario, glance: &Glance) -> String {
    let elapsed = glance.elapsed.as_secs_f64();
    format!(
        "{}: {}, {elapsed:.1} s, {} acked",
        scenario.name(),
        glance.step,
        glance.acked
    )
}

fn ended(ran: Result<Ran, Halt>, seed: u64) -> How {
    let report = match ran {
        Ok(ran) => ran.report,
        Err(halt) => return How::Failed(halt.to_string()),
    };
    let took = report.took.as_secs_f64();
    let word = report.conclusion.word();
    if report.conclusion == Conclusion::Pass {
        return How::Done(format!("{word} in {took:.1} s"));
    }
    let why = report.judgement.reasons.join("; ");
    How::Failed(format!("{word} in {took:.1} s: {why} (--seed {seed})"))
}
