//! What runs, while it runs: one live line on a terminal, one plain line for each step elsewhere.

use std::time::{Duration, SystemTime};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::context::{Context, Talk};
use crate::cli::render::clock::timestamp;
use crate::scenarios::workload::Glance;

/// The live line is redrawn, and a step looked for, this often.
const FRAME: Duration = Duration::from_millis(50);
/// Acks a second are counted over this long.
const RATE_OVER: Duration = Duration::from_millis(500);

/// Shows how a scenario goes.
pub(super) struct Bar {
    context: Context,
    live: Option<ProgressBar>,
    title: String,
    step: String,
    counted: (Duration, u64),
    rate: f64,
}

impl Bar {
    pub(super) fn new(context: &Context) -> Self {
        let live = context.stderr.live() && context.talk >= Talk::Normal;
        Self {
            context: *context,
            live: live.then(line),
            title: String::new(),
            step: String::new(),
            counted: (Duration::ZERO, 0),
            rate: 0.0,
        }
    }

    /// What runs now.
    pub(super) fn title(&mut self, title: String) {
        self.title = title;
        self.step.clear();
        self.counted = (Duration::ZERO, 0);
        self.rate = 0.0;
    }

    /// Ends when it is time to look again.
    pub(super) async fn tick() {
        tokio::time::sleep(FRAME).await;
    }

    /// Shows how it goes.
    pub(super) fn show(&mut self, glance: &Glance) {
        self.count(glance);
        let Some(live) = &self.live else {
            return self.say_step(glance);
        };
        let elapsed = glance.elapsed.as_secs_f64();
        live.set_message(format!(
            "{}  {}  {elapsed:.1}s  {:.0} acks/s",
            self.context.stderr.cyan(&self.title),
            glance.step,
            self.rate,
        ));
        live.tick();
    }

    fn count(&mut self, glance: &Glance) {
        let (at, acked) = self.counted;
        let over = glance.elapsed.saturating_sub(at);
        if over >= RATE_OVER {
            self.rate = glance.acked.saturating_sub(acked) as f64 / over.as_secs_f64();
            self.counted = (glance.elapsed, glance.acked);
        }
    }

    fn say_step(&mut self, glance: &Glance) {
        if glance.step == self.step {
            return;
        }
        self.step.clone_from(&glance.step);
        let line = format!(
            "{}: {} (+{:.2}s, {} acked)",
            self.title,
            glance.step,
            glance.elapsed.as_secs_f64(),
            glance.acked
        );
        if self.context.stderr.live() {
            self.context.say(line);
        } else {
            self.context
                .say(format!("{} {line}", timestamp(SystemTime::now())));
        }
    }

    /// A line that stays.
    pub(super) fn line(&self, text: &str) {
        match &self.live {
            Some(live) => live.suspend(|| self.context.say(text)),
            None => self.context.say(text),
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(live) = &self.live {
            live.finish_and_clear();
        }
    }
}

fn line() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}").expect("the template is ours");
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar
}
