//! CANCEL from upstream against everything that a request can wait for (RFC 3261 §16.10).

use super::Bench;
use crate::branch::{BranchId, Wait};
use crate::response_context::Kind;
use crate::settings::ProxySettings;

const ONLY: BranchId = BranchId(0);

/// What comes, and what becomes of it.
type Late = (&'static str, fn(&mut Bench) -> String);

/// Name of the case, how it comes about, and what comes too late after the CANCEL.
struct Case {
    name: &'static str,
    set_up: fn(&mut Bench),
    late: &'static [Late],
}

fn resume(bench: &mut Bench) -> String {
    if bench.context.resume() {
        "may go on".into()
    } else {
        "may not go on".into()
    }
}

fn start(bench: &mut Bench) -> String {
    let sends = bench.context.start(ONLY, &mut bench.actions);
    format!(
        "{}; {}",
        if sends { "sent" } else { "not sent" },
        bench.drain()
    )
}

fn connect(bench: &mut Bench) -> String {
    if bench.context.wait(ONLY, Wait::Connect) {
        "connects".into()
    } else {
        "does not connect".into()
    }
}

const CASES: &[Case] = &[
    Case {
        name: "script parked",
        set_up: |bench| bench.context.park(Wait::Script),
        late: &[("script goes on", resume)],
    },
    Case {
        name: "journal pending",
        set_up: |bench| bench.context.park(Wait::Journal),
        late: &[("journal answers", resume)],
    },
    Case {
        name: "DNS pending",
        set_up: |bench| {
            bench.park(Wait::Dns);
        },
        late: &[
            ("address found, stream", connect),
            ("address found, UDP", start),
        ],
    },
    Case {
        name: "stream connecting",
        set_up: |bench| {
            bench.park(Wait::Connect);
        },
        late: &[("connected", start)],
    },
    Case {
        name: "no provisional yet",
        set_up: |bench| {
            bench.start();
        },
        late: &[
            ("180", |bench| bench.respond(0, 180)),
            ("487", |bench| bench.respond(0, 487)),
        ],
    },
    Case {
        name: "no provisional ever",
        set_up: |bench| {
            bench.start();
        },
        late: &[("timer B", |bench| {
            bench.event(|context, actions| context.timeout(ONLY, actions))
        })],
    },
    Case {
        name: "ringing",
        set_up: |bench| {
            bench.start();
            bench.respond(0, 180);
        },
        late: &[
            ("CANCEL again", |bench| {
                bench.event(|context, actions| context.cancel(actions))
            }),
            ("487", |bench| bench.respond(0, 487)),
        ],
    },
    Case {
        name: "ringing, answer crosses",
        set_up: |bench| {
            bench.start();
            bench.respond(0, 180);
        },
        late: &[
            ("200", |bench| bench.respond(0, 200)),
            ("200 again", |bench| bench.respond(0, 200)),
        ],
    },
    Case {
        name: "ringing, CANCEL ignored",
        set_up: |bench| {
            bench.start();
            bench.respond(0, 180);
        },
        late: &[("64*T1 later", |bench| {
            bench.event(|context, actions| context.timer(ONLY, actions))
        })],
    },
    Case {
        name: "between serial branches, script parked",
        set_up: |bench| {
            bench.start();
            bench.context.set_more_targets(true);
            bench.respond(0, 486);
            bench.context.park(Wait::Script);
        },
        late: &[("script goes on", resume)],
    },
    Case {
        name: "between serial branches, next group due",
        set_up: |bench| {
            bench.start();
            bench.context.set_more_targets(true);
            bench.respond(0, 486);
        },
        late: &[("new branch", |bench| {
            format!(
                "{:?}",
                bench
                    .context
                    .add_branch(Wait::Dns, &mut bench.actions)
                    .err()
            )
        })],
    },
    Case {
        name: "answered",
        set_up: |bench| {
            bench.start();
            bench.respond(0, 200);
        },
        late: &[],
    },
    Case {
        name: "one rings, one looks up, one has declined",
        set_up: |bench| {
            bench.start();
            bench.park(Wait::Dns);
            bench.start();
            bench.respond(0, 180);
            bench.respond(2, 486);
        },
        late: &[("487", |bench| bench.respond(0, 487))],
    },
];

#[test]
fn cancel_meets_everything_a_request_can_wait_for() {
    let mut table = String::new();
    for case in CASES {
        let mut bench = Bench::new(Kind::Invite, &ProxySettings::default());
        (case.set_up)(&mut bench);
        bench.drain();
        let before = bench.states();
        let actions = bench.event(|context, actions| context.cancel(actions));
        table += &format!(
            "{}\n  {before}\n  CANCEL -> {actions}\n  {}\n",
            case.name,
            bench.states()
        );
        for (event, happen) in case.late {
            let outcome = happen(&mut bench);
            table += &format!("  {event} -> {outcome}\n  {}\n", bench.states());
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn cancel_of_another_method_has_no_effect() {
    let mut bench = Bench::calling(Kind::NonInvite, 1);
    assert_eq!(bench.event(|context, actions| context.cancel(actions)), "-");
    assert_eq!(bench.respond(0, 404), "forward 404 of 0, finished");
}
