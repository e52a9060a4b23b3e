use proptest::prelude::*;

use super::*;

const PEER: NodeId = NodeId(2);
const OTHER: NodeId = NodeId(3);
const BOOT: BootId = BootId(20);

/// A detector with a hand-moved clock.
struct Bench {
    detector: Detector,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        let mut detector = Detector::new([PEER, OTHER], now);
        detector.wake(now);
        Self { detector, now }
    }

    /// A bench where `PEER` is linked and heard.
    fn linked() -> Self {
        let mut bench = Self::new();
        bench.on(Event::Dialled { boot: BOOT });
        bench.on(Event::Greeted { boot: BOOT });
        bench.ping(&[2, 3]);
        bench
    }

    fn on(&mut self, event: Event) -> Effects {
        self.detector.on(PEER, self.now, event)
    }

    fn ping(&mut self, heard: &[u64]) -> Effects {
        self.on(Event::Pinged {
            boot: BOOT,
            leaving: false,
            heard: heard.iter().copied().map(NodeId).collect(),
        })
    }

    fn ended(&mut self) -> Effects {
        let began = self.now;
        let reason = "connection refused".to_owned();
        self.on(Event::Ended { began, reason })
    }

    fn lost(&mut self) -> Effects {
        let reason = "connection reset".to_owned();
        self.on(Event::Lost { reason })
    }

    /// Keeps every appointment for `ms` milliseconds; returns whether anything was published.
    fn run(&mut self, ms: u64) -> bool {
        let until = self.now + Duration::from_millis(ms);
        let mut published = false;
        while self.detector.appointment <= until {
            self.now = self.now.max(self.detector.appointment);
            published |= self.detector.wake(self.now).publish;
        }
        self.now = until;
        published
    }

    fn state(&self) -> PeerState {
        self.detector.table().peers[&PEER].clone()
    }

    fn heard(&self) -> Vec<u64> {
        self.detector.heard().map(|id| id.0).collect()
    }
}

#[test]
fn nobody_is_dead_before_dead_after_and_nobody_is_heard() {
    let mut bench = Bench::new();
    bench.run(249);
    assert!(bench.state().alive);
    assert!(bench.heard().is_empty());
    assert!(bench.run(1));
    assert!(!bench.state().alive);
}

#[test]
fn a_refused_first_attempt_proves_nothing() {
    let mut bench = Bench::new();
    assert!(bench.ended().publish, "the reason is news");
    assert!(!bench.ended().publish, "the same reason is not");
    assert!(bench.state().alive);
    assert_eq!(bench.state().reason.as_deref(), Some("connection refused"));
}

#[test]
fn linked_needs_both_streams() {
    let mut bench = Bench::new();
    bench.on(Event::Dialled { boot: BOOT });
    assert!(!bench.state().linked);
    let words = bench.state().reason.unwrap();
    assert_eq!(words, "node-2 has not dialled back");
    let effects = bench.on(Event::Greeted { boot: BOOT });
    assert!(effects.publish && !effects.redial);
    assert!(bench.state().linked);
    assert_eq!(bench.state().reason, None);
    assert_eq!(bench.state().boot, Some(BOOT));
}

#[test]
fn a_hello_asks_for_a_dial_back_and_makes_the_peer_heard() {
    let mut bench = Bench::new();
    let effects = bench.on(Event::Greeted { boot: BOOT });
    assert!(effects.redial && effects.ping);
    assert_eq!(bench.heard(), [2]);
}

#[test]
fn pings_keep_alive_and_publish_only_changes() {
    let mut bench = Bench::linked();
    for _ in 0..20 {
        bench.run(200);
        assert!(!bench.ping(&[2, 3]).publish);
        assert!(bench.state().alive);
    }
    assert!(bench.ping(&[1, 2, 3]).publish);
    assert!(bench.state().hears.contains(&NodeId(1)));
}

#[test]
fn one_way_silence_is_death_though_the_streams_stand() {
    let mut bench = Bench::linked();
    bench.run(249);
    assert!(bench.state().alive);
    assert!(bench.run(1), "the death is published in time");
    let state = bench.state();
    assert!(!state.alive && state.linked && state.hears.is_empty());
    assert!(bench.heard().is_empty());
    let effects = bench.ping(&[2]);
    assert!(effects.publish && effects.ping, "it is back");
    assert!(bench.state().alive);
}

#[test]
fn the_deadline_is_an_appointment_of_its_own() {
    let mut bench = Bench::linked();
    bench.run(30);
    bench.ping(&[2, 3]);
    bench.run(249);
    assert!(bench.state().alive);
    bench.run(1);
    assert!(!bench.state().alive);
}

#[test]
fn a_lost_link_and_a_refused_attempt_are_death_at_once() {
    let mut bench = Bench::linked();
    assert!(bench.lost().ping);
    bench.on(Event::Left);
    assert!(bench.state().alive && !bench.state().linked);
    let effects = bench.ended();
    assert!(effects.publish && effects.ping, "the others learn it now");
    assert!(!bench.state().alive);
}

#[test]
fn an_attempt_that_began_before_the_loss_proves_nothing() {
    let mut bench = Bench::linked();
    let began = bench.now;
    bench.run(5);
    bench.lost();
    bench.on(Event::Left);
    let reason = "connection reset".to_owned();
    bench.on(Event::Ended { began, reason });
    assert!(bench.state().alive);
    bench.ended();
    assert!(!bench.state().alive);
}

#[test]
fn a_peer_whose_own_stream_stands_is_not_proven_dead() {
    let mut bench = Bench::linked();
    bench.lost();
    bench.ended();
    assert!(bench.state().alive);
    let effects = bench.on(Event::Left);
    assert!(effects.redial, "the proof needs an attempt now");
    bench.ended();
    assert!(!bench.state().alive);
}

#[test]
fn an_attempt_without_an_answer_proves_nothing() {
    let mut bench = Bench::linked();
    bench.lost();
    bench.on(Event::Left);
    let reason = "no HELLO within 2s".to_owned();
    assert!(bench.on(Event::Silent { reason }).publish);
    assert!(bench.state().alive);
}

#[test]
fn only_its_own_inbound_loss_starts_the_proof_too() {
    let mut bench = Bench::linked();
    let effects = bench.on(Event::Left);
    assert!(effects.ping && !effects.redial, "our own stream stands");
    assert!(!bench.state().linked && bench.state().alive);
    bench.lost();
    bench.ended();
    assert!(!bench.state().alive);
}

#[test]
fn a_lost_link_and_a_hello_of_a_new_boot_is_a_restart() {
    let mut bench = Bench::linked();
    bench.on(Event::Pinged {
        boot: BOOT,
        leaving: true,
        heard: vec![PEER],
    });
    assert!(bench.state().leaving);
    bench.lost();
    bench.on(Event::Left);
    let boot = BootId(21);
    bench.on(Event::Greeted { boot });
    let state = bench.state();
    assert!(state.alive && !state.leaving && state.hears.is_empty());
    assert_eq!(state.boot, Some(boot));
    assert!(!bench.ping(&[2]).publish, "a ping of the last life is void");
    bench.ended();
    assert!(bench.state().alive, "the HELLO answered the suspicion");
}

#[test]
fn a_dead_peer_that_restarts_is_alive_with_its_hello() {
    let mut bench = Bench::linked();
    bench.lost();
    bench.on(Event::Left);
    bench.ended();
    let effects = bench.on(Event::Dialled { boot: BootId(21) });
    assert!(effects.publish && effects.ping);
    assert!(bench.state().alive);
    assert!(!bench.state().linked);
}

#[test]
fn a_replaced_stream_does_not_unlink() {
    let mut bench = Bench::linked();
    bench.on(Event::Greeted { boot: BOOT });
    let effects = bench.on(Event::Left);
    assert!(!effects.publish);
    assert!(bench.state().linked);
}

#[test]
fn own_lateness_is_granted_to_the_peers() {
    let mut bench = Bench::linked();
    bench.run(200);
    bench.now += Duration::from_secs(10);
    let wake = bench.detector.wake(bench.now);
    assert!(!wake.publish && wake.ping);
    assert!(bench.state().alive, "the observer suspects itself first");
    bench.run(40);
    assert!(bench.state().alive);
    bench.run(20);
    assert!(!bench.state().alive, "what was left of dead-after is over");
}

#[test]
fn lateness_never_grants_more_than_dead_after() {
    let mut bench = Bench::linked();
    bench.now += Duration::from_secs(10);
    bench.ping(&[2, 3]);
    bench.detector.wake(bench.now);
    bench.run(249);
    assert!(bench.state().alive);
    bench.run(1);
    assert!(!bench.state().alive);
}

#[test]
fn a_timers_grain_is_not_lateness() {
    let mut bench = Bench::linked();
    while bench.state().alive {
        bench.now = bench.detector.appointment + Duration::from_millis(2);
        bench.detector.wake(bench.now);
    }
    let silence = bench.now - bench.detector.heard_at(PEER).unwrap();
    assert!(silence <= Duration::from_millis(260), "{silence:?}");
}

#[test]
fn a_ping_shortly_before_ours_are_due_sends_them_in_step() {
    let mut bench = Bench::linked();
    bench.run(20);
    assert!(!bench.ping(&[2, 3]).ping, "ours went out just now");
    bench.run(20);
    assert!(bench.ping(&[2, 3]).ping);
    assert!(!bench.ping(&[2, 3]).ping, "once");
    let due = bench.now + defaults::PING_EVERY;
    bench.run(45);
    assert_eq!(bench.detector.appointment, due);
}

#[test]
fn peers_are_judged_apart() {
    let mut bench = Bench::linked();
    bench.run(200);
    bench.ping(&[2, 3]);
    bench.run(100);
    let table = bench.detector.table();
    assert!(table.peers[&PEER].alive);
    assert!(!table.peers[&OTHER].alive);
}

#[test]
fn a_stranger_changes_nothing() {
    let mut bench = Bench::new();
    let event = Event::Greeted { boot: BOOT };
    let effects = bench.detector.on(NodeId(9), bench.now, event);
    assert_eq!(effects, Effects::default());
    assert_eq!(bench.detector.table().peers.len(), 2);
}

/// One step of a random, lawful history of one peer.
#[derive(Debug, Clone)]
enum Step {
    Dial,
    Refuse,
    Lose,
    Greet,
    Leave,
    Ping(bool, Vec<u64>),
    Wait(u64),
    Stall(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let heard = proptest::collection::vec(1..4_u64, 0..3);
    let step = prop_oneof![
        Just(Step::Dial),
        Just(Step::Refuse),
        Just(Step::Lose),
        Just(Step::Greet),
        Just(Step::Leave),
        (any::<bool>(), heard).prop_map(|(leaving, heard)| Step::Ping(leaving, heard)),
        (0..300_u64).prop_map(Step::Wait),
        (0..2000_u64).prop_map(Step::Stall),
    ];
    proptest::collection::vec(step, 1..60)
}

impl Bench {
    /// Takes a step if it is lawful now; returns whether the table was published.
    fn take(&mut self, step: Step) -> bool {
        let peer = &self.detector.peers[&PEER];
        let (out, inbound) = (peer.out, peer.inbound);
        match step {
            Step::Dial if !out => self.on(Event::Dialled { boot: BOOT }).publish,
            Step::Refuse if !out => self.ended().publish,
            Step::Lose if out => self.lost().publish,
            Step::Greet => self.on(Event::Greeted { boot: BOOT }).publish,
            Step::Leave if inbound > 0 => self.on(Event::Left).publish,
            Step::Ping(leaving, heard) => {
                let heard = heard.into_iter().map(NodeId).collect();
                let boot = BOOT;
                self.on(Event::Pinged {
                    boot,
                    leaving,
                    heard,
                })
                .publish
            }
            Step::Wait(ms) => self.run(ms),
            Step::Stall(ms) => {
                self.now += Duration::from_millis(ms);
                self.detector.wake(self.now).publish
            }
            _ => false,
        }
    }
}

proptest! {
    #[test]
    fn a_changed_table_is_always_published(steps in steps()) {
        let mut bench = Bench::new();
        for step in steps {
            let before = bench.detector.table();
            let heard = bench.heard();
            let published = bench.take(step);
            let after = bench.detector.table();
            prop_assert!(published || before == after);
            let state = bench.state();
            prop_assert!(state.alive || state.hears.is_empty());
            prop_assert_eq!(state.linked, state.reason.is_none());
            prop_assert!(bench.heard() == heard || published);
            prop_assert!(bench.detector.appointment <= bench.now.max(bench.detector.ping_at));
        }
    }
}
