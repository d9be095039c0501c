//! Many buyers, few credentials, everything that can go wrong, in an order drawn from a seed.
//!
//! `TOLLGATE_SIM_SEED` replays a run, `TOLLGATE_SIM_STEPS` lengthens it, `TOLLGATE_SIM_SEEDS` says how
//! many there are.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use super::shop::*;
use super::staff::*;
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

const CREDENTIALS: [&str; 8] = [
    "a:1",
    "b:1",
    "c:2",
    "d:2",
    "e:3",
    "f:0",
    "provable:4",
    "never:4",
];
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
const SAYS: [Say; 8] = [
    Say::Nothing,
    Say::Decide,
    Say::Grant,
    Say::Fail,
    Say::PanicAtOnce,
    Say::PanicLater,
    Say::Hang,
    Say::HangAndPanic,
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
    hooks: usize,
    /// Whether a runtime has ended with all its tasks.
    torn_down: bool,
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
        if self.hooks > 0 && dice.below(6) == 0 {
            return self.instruct(dice);
        }
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
            15 if dice.below(20) == 0 => {
                self.shop.tasks.tear_down();
                self.torn_down = true;
            }
            _ => {}
        }
    }

    /// Tells a hook what to say, or time to pass.
    fn instruct(&self, dice: &mut Dice) {
        match dice.below(4) {
            0 => self.shop.tasks.time_passes(dice.below(2) == 0),
            1 => self
                .shop
                .staff
                .script(dice.of(&LISTENING), &[dice.of(&SAYS)]),
            _ => self
                .shop
                .staff
                .script(dice.of(&DECIDING), &[dice.of(&SAYS)]),
        }
    }

    fn assert_invariants(&self, label: &str) {
        for credential in CREDENTIALS {
            let name = credential.split(':').next().unwrap();
            let (moved, delivered) = (self.shop.world.moved(name), self.shop.delivered(name));
            assert!(moved <= 1, "{label}: {name} was settled {moved} times");
            // Only what a hook takes upon itself goes unpaid, and nothing twice.
            let staff = &self.shop.staff;
            let (waived, refunded) = (staff.waived(name), staff.refunded(name));
            assert!(
                delivered + refunded <= moved + waived,
                "{label}: {name}: {delivered} and {refunded} refunds for {moved}"
            );
            assert!(
                delivered + refunded <= 1,
                "{label}: {name}: {delivered} and {refunded} refunds"
            );
        }
    }

    /// What handlers did was delivered or undone, and never both.
    fn assert_undone(&self, label: &str) {
        let shop = &self.shop;
        let sum = |counts: &BTreeMap<String, u32>| counts.values().sum::<u32>() as usize;
        let taken = sum(&shop.delivered.lock().unwrap()) + shop.staff.granted();
        let undone = shop.staff.times("compensate") / self.hooks;
        let done = shop.world.done.load(Ordering::SeqCst);
        assert!(
            taken + undone <= done,
            "{label}: {taken} and {undone} of {done}"
        );
        assert!(
            self.torn_down || taken + undone == done,
            "{label}: {taken} and {undone} of {done}"
        );
    }
}

fn simulate(seed: u64, steps: u64, hooks: usize) -> (u32, u32) {
    let mut dice = Dice(seed);
    let mut street = Street {
        shop: Shop::staffed(hooks),
        hooks,
        torn_down: false,
        visits: Vec::new(),
    };
    for step in 0..steps {
        street.step(&mut dice);
        street.assert_invariants(&format!("seed {seed} step {step}"));
    }
    // In the end all goes well, and nobody's place is lost.
    street.shop.world.forget_script();
    street.shop.staff.forget_script();
    street.shop.tasks.time_passes(true);
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
    if street.hooks > 0 {
        street.assert_undone(&format!("seed {seed} at the end"));
    }
    // Who has paid gets it yet, whatever went wrong, unless it was being stored as delivered when
    // the runtime ended.
    let sum = |counts: &BTreeMap<String, u32>| counts.values().sum();
    let moved = sum(&street.shop.world.moved.lock().unwrap());
    (moved, sum(&street.shop.delivered.lock().unwrap()))
}

/// Runs many seeds, or the one that is asked for; answers how much was settled and delivered.
fn simulate_all(hooks: usize) -> Option<(u32, u32)> {
    let steps = variable("TOLLGATE_SIM_STEPS").unwrap_or(200);
    if let Some(seed) = variable("TOLLGATE_SIM_SEED") {
        println!("TOLLGATE_SIM_SEED={seed} TOLLGATE_SIM_STEPS={steps}");
        simulate(seed, steps, hooks);
        return None;
    }
    let (mut moved, mut delivered) = (0, 0);
    for seed in 0..variable("TOLLGATE_SIM_SEEDS").unwrap_or(40) {
        println!("TOLLGATE_SIM_SEED={seed} TOLLGATE_SIM_STEPS={steps}");
        let (m, d) = simulate(seed, steps, hooks);
        moved += m;
        delivered += d;
    }
    Some((moved, delivered))
}

#[test]
fn no_order_of_events_settles_twice_or_delivers_unpaid() {
    // The runs are not so unlucky that nothing was at stake.
    let Some((moved, delivered)) = simulate_all(0) else {
        return;
    };
    assert!(
        moved > 100 && delivered > 40,
        "{moved} settled, {delivered} delivered"
    );
}

#[test]
fn no_order_of_events_with_hooks_settles_twice_or_gives_twice() {
    for hooks in [1, 2] {
        let Some((moved, delivered)) = simulate_all(hooks) else {
            continue;
        };
        assert!(
            moved > 60 && delivered > 25,
            "{moved} settled, {delivered} delivered"
        );
    }
}
