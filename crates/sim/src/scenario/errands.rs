//! What the users of a scenario do: calls of every kind, single requests, and how the called devices react.

use core::time::Duration;

use strowger_sip::{Method, Time};

use super::build::User;
use super::{FIRST, Scenario};
use crate::plan::{AgentId, Errand, ErrandKind, Middle, Party, Reaction};
use crate::random::Random;

impl Scenario {
    /// What the users do. The last user of each domain vanishes in some worlds; from then on he is only called.
    pub(super) fn plan(
        &self,
        random: &mut Random,
        users: &[User],
        circles: &[User],
    ) -> (Vec<Errand>, Vec<(AgentId, Time)>) {
        let mut vanishing = Vec::new();
        let mut gone: Vec<AgentId> = Vec::new();
        let half = FIRST + (self.spacing * self.errands / 2);
        if self.vanishing {
            for place in [users.len() / 2, users.len()] {
                let own = place.checked_sub(1).and_then(|place| users.get(place));
                gone.extend(own.into_iter().flat_map(|user| &user.devices));
            }
            vanishing.extend(gone.iter().map(|agent| (*agent, half)));
        }
        let mut start = FIRST;
        let mut errands = Vec::new();
        for number in 0..self.errands {
            start = start + random.between(Duration::ZERO, self.spacing * 2);
            let (from, to) = parties(random, users, &gone, start > half);
            let caller = users.get(from).and_then(|user| user.devices.first());
            let from_agent = caller.copied().unwrap_or(0);
            let circle = random
                .chance(20)
                .then(|| random.pick(&[0, 1], 0))
                .and_then(|place: usize| circles.get(place));
            let mut called = circle
                .or_else(|| users.get(to))
                .cloned()
                .unwrap_or_default();
            if called.circle {
                // Either must be registered, and neither element may be away.
                let all = circles.iter().flat_map(|user| user.devices.iter().copied());
                let own = called.devices.clone();
                called
                    .devices
                    .extend(all.filter(|device| !own.contains(device)));
            }
            let away = called.devices.iter().any(|agent| gone.contains(agent));
            let foreign = (from < users.len() / 2) != (to < users.len() / 2);
            errands.push(Errand {
                number,
                start,
                from: from_agent,
                kind: if called.circle {
                    circle_call()
                } else {
                    kind(random, called.devices.len())
                },
                dns_may_fail: (foreign || called.circle) && self.dns_is_bad(),
                serial: called.serial,
                to: called.devices,
                callee_is_gone: away,
                skipped: self.skipped_errands.contains(&number),
            });
        }
        (errands, vanishing)
    }
}

/// Who calls whom. Whoever is gone calls nobody, and is not called while he may still be there.
fn parties(
    random: &mut Random,
    users: &[User],
    gone: &[AgentId],
    gone_by_now: bool,
) -> (usize, usize) {
    /// With less than half of the users gone that is enough.
    const TRIES: usize = 1_000;
    for _ in 0..TRIES {
        let from = usize::try_from(random.below(users.len() as u64)).unwrap_or(0);
        let to = usize::try_from(random.below(users.len() as u64)).unwrap_or(0);
        let (Some(caller), Some(called)) = (users.get(from), users.get(to)) else {
            continue;
        };
        let is_gone = |user: &User| user.devices.iter().any(|agent| gone.contains(agent));
        if from != to && !is_gone(caller) && (gone_by_now || !is_gone(called)) {
            return (from, to);
        }
    }
    (0, 1)
}

fn circle_call() -> ErrandKind {
    ErrandKind::Call {
        reactions: vec![Reaction::Circle],
        cancel_after: None,
        hang_up_by: Party::Caller,
        hang_up_after: Duration::from_secs(1),
        middle: None,
    }
}

fn kind(random: &mut Random, devices: usize) -> ErrandKind {
    if random.chance(120) {
        let method = random.pick(
            &[Method::Message, Method::Options, Method::Extension(b"FROB")],
            Method::Message,
        );
        return ErrandKind::Single {
            method,
            answered: random.chance(850),
            big: method == Method::Message && random.chance(400),
        };
    }
    let reactions: Vec<Reaction> = (0..devices).map(|_| reaction(random)).collect();
    let endless =
        |reaction: &Reaction| matches!(reaction, Reaction::RingForever | Reaction::IgnoreCancel);
    // Someone has to end what rings for ever; now and then that is timer C.
    let must_cancel = reactions.iter().any(endless) && !random.chance(25);
    let cancel_after =
        (must_cancel || random.chance(120)).then(|| cancel_after(random, &reactions));
    let by = |random: &mut Random| random.pick(&[Party::Caller, Party::Callee], Party::Caller);
    let middle = random.chance(250).then(|| Middle {
        by: by(random),
        after: random.millis(500, 3_000),
        method: random.pick(
            &[Method::Info, Method::Invite, Method::Update],
            Method::Info,
        ),
    });
    let false_answer = |reaction: &Reaction| matches!(reaction, Reaction::RefuseThenAnswer { .. });
    // Nobody is there to hang up at a device that answered what it had refused.
    let hang_up_by = if reactions.iter().any(false_answer) {
        Party::Caller
    } else {
        by(random)
    };
    ErrandKind::Call {
        reactions,
        cancel_after,
        hang_up_by,
        hang_up_after: random.millis(1_000, 8_000),
        middle,
    }
}

/// When the caller gives up: at once, just when the other side answers, or any time.
fn cancel_after(random: &mut Random, reactions: &[Reaction]) -> Duration {
    let answers = reactions.iter().find_map(|reaction| match reaction {
        Reaction::Answer { answer, .. } => Some(*answer),
        _ => None,
    });
    match (random.below(3), answers) {
        (0, _) => random.millis(0, 100),
        (1, Some(answer)) => {
            let early = answer.saturating_sub(Duration::from_millis(200));
            random.between(early, answer + Duration::from_millis(200))
        }
        _ => random.millis(0, 6_000),
    }
}

fn reaction(random: &mut Random) -> Reaction {
    match random.below(100) {
        0..55 => Reaction::Answer {
            ring: random.chance(800).then(|| random.millis(0, 800)),
            answer: random.millis(10, 4_000),
        },
        55..61 => Reaction::AnswerTwice {
            answer: random.millis(10, 3_000),
        },
        61..74 => Reaction::Refuse {
            status: random.pick(&[486, 480, 404, 603, 500], 486),
            after: random.millis(10, 3_000),
        },
        74..77 => Reaction::AnswerThenRefuse {
            answer: random.millis(10, 3_000),
        },
        77..80 => Reaction::RefuseThenAnswer {
            after: random.millis(10, 3_000),
        },
        80..82 => Reaction::Babble {
            after: random.millis(10, 3_000),
        },
        82..86 => Reaction::Redirect,
        86..91 => Reaction::RingForever,
        91..95 => Reaction::IgnoreCancel,
        _ => Reaction::Silent,
    }
}
