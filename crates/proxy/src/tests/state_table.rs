//! The state table of the response context: every situation against every event.

use super::Bench;
use crate::branch::{BranchId, Wait};
use crate::response_context::Kind;
use crate::settings::ProxySettings;

type SetUp = (&'static str, Kind, fn(&mut Bench));

/// Events happen to the last branch.
const SITUATIONS: &[SetUp] = &[
    ("INVITE, DNS pending", Kind::Invite, |bench| {
        bench.park(Wait::Dns);
    }),
    ("INVITE, calling", Kind::Invite, |bench| {
        bench.start();
    }),
    ("INVITE, ringing", Kind::Invite, |bench| {
        bench.start();
        bench.respond(0, 180);
    }),
    ("INVITE, ringing, more targets", Kind::Invite, |bench| {
        bench.start();
        bench.respond(0, 180);
        bench.context.set_more_targets(true);
    }),
    ("INVITE, fork: calling and ringing", Kind::Invite, |bench| {
        bench.start();
        bench.start();
        bench.respond(1, 180);
    }),
    ("INVITE, fork: busy and ringing", Kind::Invite, |bench| {
        bench.start();
        bench.start();
        bench.respond(0, 486);
        bench.respond(1, 180);
    }),
    (
        "INVITE, fork: declined everywhere and ringing",
        Kind::Invite,
        |bench| {
            bench.start();
            bench.start();
            bench.respond(1, 180);
            bench.respond(0, 603);
        },
    ),
    (
        "INVITE, fork: accepted and ringing",
        Kind::Invite,
        |bench| {
            bench.start();
            bench.start();
            bench.respond(1, 180);
            bench.respond(0, 200);
        },
    ),
    ("INVITE, cancelled while calling", Kind::Invite, |bench| {
        bench.start();
        bench.event(|context, actions| context.cancel(actions));
    }),
    ("INVITE, cancelled while ringing", Kind::Invite, |bench| {
        bench.start();
        bench.respond(0, 180);
        bench.event(|context, actions| context.cancel(actions));
    }),
    ("INVITE, ring limit met", Kind::Invite, |bench| {
        bench.start();
        bench.respond(0, 180);
        bench.event(|context, actions| context.ring_limit(actions));
    }),
    (
        "INVITE, timer C fired while ringing",
        Kind::Invite,
        |bench| {
            bench.start();
            bench.respond(0, 180);
            bench.event(|context, actions| context.timer(BranchId(0), actions));
        },
    ),
    ("INVITE, accepted", Kind::Invite, |bench| {
        bench.start();
        bench.respond(0, 200);
    }),
    ("INVITE, finished", Kind::Invite, |bench| {
        bench.start();
        bench.respond(0, 486);
    }),
    ("MESSAGE, calling", Kind::NonInvite, |bench| {
        bench.start();
    }),
    (
        "MESSAGE, fork: not found and calling",
        Kind::NonInvite,
        |bench| {
            bench.start();
            bench.start();
            bench.respond(0, 404);
        },
    ),
    (
        "MESSAGE, fork: declined everywhere and calling",
        Kind::NonInvite,
        |bench| {
            bench.start();
            bench.start();
            bench.respond(0, 603);
        },
    ),
    (
        "MESSAGE, fork: answered and calling",
        Kind::NonInvite,
        |bench| {
            bench.start();
            bench.start();
            bench.respond(0, 200);
        },
    ),
];

type Event = (&'static str, fn(&mut Bench, BranchId) -> String);

const EVENTS: &[Event] = &[
    ("100", |bench, last| bench.respond(last.0, 100)),
    ("183", |bench, last| bench.respond(last.0, 183)),
    ("200", |bench, last| bench.respond(last.0, 200)),
    ("302", |bench, last| bench.respond(last.0, 302)),
    ("401", |bench, last| bench.respond(last.0, 401)),
    ("408", |bench, last| bench.respond(last.0, 408)),
    ("487", |bench, last| bench.respond(last.0, 487)),
    ("503", |bench, last| bench.respond(last.0, 503)),
    ("603", |bench, last| bench.respond(last.0, 603)),
    ("started", |bench, last| {
        let sends = bench.context.start(last, &mut bench.actions);
        format!(
            "{}, {}",
            if sends { "send" } else { "do not send" },
            bench.drain()
        )
    }),
    ("not started, 480", |bench, last| {
        bench.event(|context, actions| {
            context.failed_to_start(
                last,
                strowger_sip::StatusCode::TEMPORARILY_UNAVAILABLE,
                actions,
            )
        })
    }),
    ("retry", |bench, last| {
        let retries = bench.context.retry(last, Wait::Connect, &mut bench.actions);
        format!(
            "{}, {}",
            if retries { "again" } else { "no" },
            bench.drain()
        )
    }),
    ("recursed", |bench, last| {
        bench.event(|context, actions| context.recursed(last, actions))
    }),
    ("timer B or F", |bench, last| {
        bench.event(|context, actions| context.timeout(last, actions))
    }),
    ("transport error", |bench, last| {
        bench.event(|context, actions| context.transport_error(last, actions))
    }),
    ("branch timer", |bench, last| {
        bench.event(|context, actions| context.timer(last, actions))
    }),
    ("ring limit", |bench, _| {
        bench.event(|context, actions| context.ring_limit(actions))
    }),
    ("CANCEL", |bench, _| {
        bench.event(|context, actions| context.cancel(actions))
    }),
    ("terminated", |bench, last| {
        bench.event(|context, actions| context.terminated(last, actions))
    }),
];

#[test]
fn every_situation_meets_every_event() {
    let settings = ProxySettings {
        ring_seconds_max: Some(60),
        ..ProxySettings::default()
    };
    let mut table = String::new();
    for (name, kind, set_up) in SITUATIONS {
        let made = || {
            let mut bench = Bench::new(*kind, &settings);
            set_up(&mut bench);
            bench.drain();
            bench
        };
        let before = made().states();
        table += &format!("{name}: {before}\n");
        for (event, happen) in EVENTS {
            let mut bench = made();
            let last = BranchId(bench.context.branch_count() as u16 - 1);
            let actions = happen(&mut bench, last);
            let after = bench.states();
            if actions.ends_with('-') && after == before {
                continue;
            }
            table += &format!("  {event} -> {actions} => {after}\n");
        }
    }
    insta::assert_snapshot!(table);
}
