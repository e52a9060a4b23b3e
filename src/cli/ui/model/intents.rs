//! What a person means, put into effect in the model; what is left to do is given back.

use super::{Contact, Hold, How, Load, Message, Mode, Model, Said};
use crate::cli::ui::input::{Deed, Intent, Step};
use crate::cli::ui::wish::Wish;
use crate::scenarios::catalogue::Scenario;
use crate::spec::NodeId;
use crate::supervisor::Verb;

/// Partitions that one key scrolls over.
const PAGE: usize = 5;

/// What is to be done outside of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli::ui) enum Effect {
    /// Something to the cluster.
    Do(Wish),
    /// The end of the running scenario.
    Interrupt,
    /// A steady load.
    StartLoad,
    /// Its end.
    StopLoad,
    /// The end of the dashboard.
    Leave(Leave),
}

/// What becomes of a cluster that is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::ui) enum Leave {
    /// It is stopped.
    Stop,
    /// It runs on.
    LetGo,
}

impl Model {
    /// Takes an intent in, and says what is to be done.
    pub(in crate::cli::ui) fn intend(&mut self, intent: Intent) -> Option<Effect> {
        self.stale = true;
        match intent {
            Intent::Move(step) => self.step(step),
            Intent::Pick(number) => self.pick(number),
            Intent::Scroll(step) => self.scroll(step),
            Intent::NextLog => self.log.next_node(&self.nodes()),
            Intent::Filter => {
                let before = self.log.filter().text().to_owned();
                self.mode = Mode::Filtering { before };
            }
            Intent::Type(letter) => self.retype(|text| text.push(letter)),
            Intent::Erase => self.retype(|text| text.truncate(before_last(text))),
            Intent::Help => self.mode = Mode::Helped,
            Intent::Back => self.back(),
            Intent::Accept => return self.accept(),
            Intent::Deed(deed) => return self.deed(deed),
            Intent::Heal => return self.wish(Wish::Heal),
            Intent::Scenarios => return self.scenarios(),
            Intent::Load => return self.toggle_load(),
            Intent::Quit => return self.quit(),
            Intent::Stop => return Some(Effect::Leave(Leave::Stop)),
            Intent::LetGo => return Some(Effect::Leave(Leave::LetGo)),
        }
        None
    }

    fn step(&mut self, step: Step) {
        let nodes = self.nodes().len();
        let (place, count) = match &mut self.mode {
            Mode::Choosing { at } => (at, Scenario::ALL.len()),
            _ => (&mut self.selected, nodes),
        };
        *place = match step {
            Step::Back => place.saturating_sub(1),
            Step::On => (*place + 1).min(count.saturating_sub(1)),
        };
    }

    fn pick(&mut self, number: u64) {
        let nodes = self.nodes();
        if let Some(place) = nodes.iter().position(|node| *node == NodeId(number)) {
            self.selected = place;
        }
    }

    fn scroll(&mut self, step: Step) {
        self.scroll = match step {
            Step::Back => self.scroll.saturating_sub(PAGE),
            Step::On => (self.scroll + PAGE).min(self.rows.len().saturating_sub(1)),
        };
    }

    fn retype(&mut self, change: impl FnOnce(&mut String)) {
        let mut text = self.log.filter().text().to_owned();
        change(&mut text);
        self.log.set_filter(&text);
    }

    fn back(&mut self) {
        if let Mode::Filtering { before } = std::mem::replace(&mut self.mode, Mode::Watching) {
            self.log.set_filter(&before);
        }
    }

    fn accept(&mut self) -> Option<Effect> {
        match std::mem::replace(&mut self.mode, Mode::Watching) {
            Mode::Choosing { at } => self.wish(Wish::Play(Scenario::ALL[at])),
            _ => None,
        }
    }

    /// What a key does to the selected node; it depends on how that one is.
    pub(in crate::cli::ui) fn meant(&self, deed: Deed) -> Option<Wish> {
        let node = self.node()?;
        let verb = match deed {
            Deed::Isolate => return self.isolation(node.id),
            Deed::Kill => Verb::Kill,
            Deed::Stop => Verb::Stop,
            Deed::Pause if node.state == "paused" => Verb::Resume,
            Deed::Pause => Verb::Pause,
            Deed::Restart if node.pid.is_none() => Verb::Start,
            Deed::Restart => Verb::Restart,
        };
        Some(Wish::Act(verb, node.id))
    }

    fn isolation(&self, node: NodeId) -> Option<Wish> {
        let mut others = self.nodes();
        others.retain(|other| *other != node);
        (!others.is_empty()).then_some(Wish::Isolate { node, others })
    }

    fn deed(&mut self, deed: Deed) -> Option<Effect> {
        let wish = self.meant(deed)?;
        self.wish(wish)
    }

    fn wish(&mut self, wish: Wish) -> Option<Effect> {
        if !matches!(self.contact, Contact::Met(_)) {
            return None;
        }
        self.said = Some(Said {
            command: wish.command(&self.cluster),
            how: How::Doing,
        });
        Some(Effect::Do(wish))
    }

    fn scenarios(&mut self) -> Option<Effect> {
        if self.playing.is_some() {
            return Some(Effect::Interrupt);
        }
        if self.status().is_some() {
            self.mode = Mode::Choosing { at: 0 };
        }
        None
    }

    fn toggle_load(&mut self) -> Option<Effect> {
        match self.load {
            Load::On => Some(Effect::StopLoad),
            Load::Off if self.status().is_none() => None,
            Load::Off => {
                self.apply(Message::Load(Load::On));
                Some(Effect::StartLoad)
            }
        }
    }

    fn quit(&mut self) -> Option<Effect> {
        match self.hold {
            Hold::Theirs => Some(Effect::Leave(Leave::LetGo)),
            Hold::Ours => {
                self.mode = Mode::Leaving;
                None
            }
        }
    }
}

/// Where the last character begins.
fn before_last(text: &str) -> usize {
    text.char_indices().last().map_or(0, |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::cluster;
    use super::*;

    fn model(hold: Hold) -> Model {
        let mut model = Model::new(String::from("dev"), hold);
        model.apply(Message::Status(Box::new(cluster())));
        model
    }

    fn done(effect: Option<Effect>) -> Wish {
        match effect {
            Some(Effect::Do(wish)) => wish,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_deed_is_done_to_the_selected_node_and_says_its_command() {
        let mut model = model(Hold::Theirs);
        model.intend(Intent::Move(Step::On));
        let wish = done(model.intend(Intent::Deed(Deed::Kill)));
        assert_eq!(wish, Wish::Act(Verb::Kill, NodeId(2)));
        let said = model.said.clone().unwrap();
        assert_eq!(said.command, "chronik-dev kill 2");
        assert_eq!(said.how, How::Doing);
        model.intend(Intent::Pick(3));
        model.intend(Intent::Pick(9));
        let wish = done(model.intend(Intent::Deed(Deed::Isolate)));
        assert_eq!(wish.words(), "net partition 3 1,2");
    }

    #[test]
    fn one_key_pauses_and_resumes_another_restarts_and_starts() {
        let mut model = model(Hold::Theirs);
        let mut status = cluster();
        let words = |model: &Model, deed| model.meant(deed).unwrap().words();
        assert_eq!(words(&model, Deed::Pause), "pause 1");
        assert_eq!(words(&model, Deed::Restart), "restart 1");
        status.nodes[0].state = "paused".into();
        model.apply(Message::Status(Box::new(status.clone())));
        assert_eq!(words(&model, Deed::Pause), "resume 1");
        status.nodes[0].pid = None;
        status.nodes[0].state = "exited".into();
        model.apply(Message::Status(Box::new(status)));
        assert_eq!(words(&model, Deed::Restart), "start 1");
    }

    #[test]
    fn the_selection_stays_within_the_nodes() {
        let mut model = model(Hold::Theirs);
        model.intend(Intent::Move(Step::Back));
        assert_eq!(model.selected, 0);
        for _ in 0..9 {
            model.intend(Intent::Move(Step::On));
        }
        assert_eq!(model.selected, 2);
    }

    #[test]
    fn without_a_cluster_nothing_is_done() {
        let mut model = Model::new(String::from("dev"), Hold::Theirs);
        for intent in [
            Intent::Deed(Deed::Kill),
            Intent::Heal,
            Intent::Scenarios,
            Intent::Load,
        ] {
            assert_eq!(model.intend(intent), None);
        }
        assert_eq!(model.mode, Mode::Watching);
    }

    #[test]
    fn a_filter_is_typed_kept_and_given_up() {
        let mut model = model(Hold::Theirs);
        model.intend(Intent::Filter);
        "abc"
            .chars()
            .for_each(|letter| drop(model.intend(Intent::Type(letter))));
        model.intend(Intent::Erase);
        model.intend(Intent::Accept);
        assert_eq!(model.log.filter().text(), "ab");
        model.intend(Intent::Filter);
        model.intend(Intent::Type('z'));
        model.intend(Intent::Back);
        assert_eq!(model.log.filter().text(), "ab");
    }

    #[test]
    fn a_scenario_is_chosen_and_the_same_key_ends_it() {
        let mut model = model(Hold::Theirs);
        model.intend(Intent::Scenarios);
        model.intend(Intent::Move(Step::On));
        let wish = done(model.intend(Intent::Accept));
        assert_eq!(wish, Wish::Play(Scenario::ALL[1]));
        model.apply(Message::Playing(Some(String::from("it runs"))));
        assert_eq!(model.intend(Intent::Scenarios), Some(Effect::Interrupt));
    }

    #[test]
    fn only_our_own_cluster_is_asked_about_at_the_end() {
        let leave = |leave| Some(Effect::Leave(leave));
        assert_eq!(
            model(Hold::Theirs).intend(Intent::Quit),
            leave(Leave::LetGo)
        );
        let mut ours = model(Hold::Ours);
        assert_eq!(ours.intend(Intent::Quit), None);
        assert_eq!(ours.mode, Mode::Leaving);
        assert_eq!(ours.intend(Intent::Stop), leave(Leave::Stop));
    }
}
