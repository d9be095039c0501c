//! Many buyers, few credentials, everything that can go wrong, in an order drawn from a seed.
//!
//! `TOLLGATE_SIM_SEED` replays a run, `TOLLGATE_SIM_STEPS` lengthens it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::shop::*;
use super::world::*;

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.roll() % bound as u64) as usize
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

const CREDENTIALS: [&str; 6] = ["a:1", "b:1", "c:2", "d:2", "e:3", "f:0"];
const PATHS: [&str; 4] = ["/a", "/a?x=1", "/first", "/first/b"];
const STEPS: [&str; 9] = [
    "bind",
    "in_time",
    "check",
    "verify",
    "serve",
    "hold",
    "settle",
    "reconcile",
    "challenge",
];
const ACTS: [Act; 7] = [
    Act::Refuse,
    Act::Fail,
    Act::Unknown,
    Act::UnknownMoved,
    Act::Hang,
    Act::Panic,
    Act::Ok,
];

struct Street {
    shop: Shop,
    visits: Vec<(&'static str, Visit)>,
}

impl Street {
    /// Polls one visit a little. A visit that panics is gone.
    fn go_on(&mut self, at: usize, polls: usize) {
        let (credential, visit) = &mut self.visits[at];
        let credential = *credential;
        match catch_unwind(AssertUnwindSafe(|| polled(visit, polls))) {
            Ok(None) => return,
            Ok(Some(ran)) => {
                self.shop.seen(credential, ran);
            }
            Err(_) => {}
        }
        drop(self.visits.swap_remove(at));
    }

    fn step(&mut self, dice: &mut Dice) {
        match dice.below(16) {
            0..=3 => {
                let credential = dice.of(&CREDENTIALS);
                let visit = self.shop.visit(dice.of(&PATHS), credential);
                self.visits.push((credential, visit));
            }
            4..=8 if !self.visits.is_empty() => {
                let at = dice.below(self.visits.len());
                let polls = 1 + dice.below(30);
                self.go_on(at, polls);
            }
            9 if !self.visits.is_empty() => {
                let at = dice.below(self.visits.len());
                drop(self.visits.swap_remove(at));
            }
            10 => {
                self.shop.tasks.run();
            }
            11 => self.shop.world.script(dice.of(&STEPS), &[dice.of(&ACTS)]),
            12 => self
                .shop
                .guard
                .fail(dice.below(4), dice.of(&[Write::Lost, Write::Done])),
            13 => self.shop.world.let_go(1),
            14 => self.shop.wait(dice.of(&[1, 10, 119, 120])),
            15 if dice.below(20) == 0 => self.shop.tasks.tear_down(),
            _ => {}
        }
    }

    fn assert_invariants(&self, label: &str) {
        for credential in CREDENTIALS {
            let name = credential.split(':').next().unwrap();
            let (moved, delivered) = (self.shop.world.moved(name), self.shop.delivered(name));
            assert!(moved <= 1, "{label}: {name} was settled {moved} times");
            assert!(
                delivered <= moved,
                "{label}: {name}: {delivered} for {moved}"
            );
        }
    }
}

fn simulate(seed: u64, steps: u64) -> (u32, u32) {
    let mut dice = Dice(seed);
    let mut street = Street {
        shop: Shop::new(),
        visits: Vec::new(),
    };
    for step in 0..steps {
        street.step(&mut dice);
        street.assert_invariants(&format!("seed {seed} step {step}"));
    }
    // In the end all goes well, and nobody's place is lost.
    street.shop.world.forget_script();
    street.shop.guard.heal();
    street.shop.world.let_go(1000);
    while let Some((credential, mut visit)) = street.visits.pop() {
        if let Ok(Some(ran)) = catch_unwind(AssertUnwindSafe(|| polled(&mut visit, 200))) {
            street.shop.seen(credential, ran);
        }
        street.shop.tasks.run();
        street.assert_invariants(&format!("seed {seed} at the end"));
    }
    assert_eq!(street.shop.tasks.run(), 0, "seed {seed}: a task hangs");
    assert!(
        street.shop.in_flight.is_empty(),
        "seed {seed}: a place is lost"
    );
    // Who has paid gets it yet, whatever went wrong, unless it was being stored as delivered when
    // the runtime ended.
    let sum = |counts: &std::collections::BTreeMap<String, u32>| counts.values().sum();
    let moved = sum(&street.shop.world.moved.lock().unwrap());
    (moved, sum(&street.shop.delivered.lock().unwrap()))
}

#[test]
fn no_order_of_events_settles_twice_or_delivers_unpaid() {
    let steps = variable("TOLLGATE_SIM_STEPS").unwrap_or(200);
    if let Some(seed) = variable("TOLLGATE_SIM_SEED") {
        println!("TOLLGATE_SIM_SEED={seed} TOLLGATE_SIM_STEPS={steps}");
        simulate(seed, steps);
        return;
    }
    let (mut moved, mut delivered) = (0, 0);
    for seed in 0..40 {
        println!("TOLLGATE_SIM_SEED={seed} TOLLGATE_SIM_STEPS={steps}");
        let (m, d) = simulate(seed, steps);
        moved += m;
        delivered += d;
    }
    // The runs are not so unlucky that nothing was at stake.
    assert!(
        moved > 100 && delivered > 40,
        "{moved} settled, {delivered} delivered"
    );
}
