//! `tm`: how a transaction is to behave.

use core::time::Duration;

use strowger_lua::{Args, Parameter, Ret, Returns, Row};

use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;

const ON_OFF: &[Parameter] = &[Parameter::int("on")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("tm", name, parameters, Returns::Int, doc, call)
}

/// Accepted, without effect.
fn accept(_: &mut KemiRun, _: Args<'_>) -> Ret {
    Ret::Int(1)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "t_set_fr",
        &[Parameter::int("fr_inv"), Parameter::int("fr")],
        "how long a branch may ring and how long any reply may take, in milliseconds; 0: as configured",
        |run, args| set_timers(run, args.int(0), Some(args.int(1))),
    ),
    f(
        "t_set_fr_inv",
        &[Parameter::int("fr_inv")],
        "how long a branch may ring, in milliseconds",
        |run, args| set_timers(run, args.int(0), None),
    ),
    f(
        "t_reset_fr",
        &[],
        "both times are as configured",
        |run, _| {
            let draft = run.context.draft_mut();
            draft.ring_timeout = None;
            draft.response_timeout = None;
            Ret::Int(1)
        },
    ),
    f(
        "t_set_max_lifetime",
        &[Parameter::int("invite"), Parameter::int("other")],
        "accepted without effect: every transaction ends by its own timers",
        accept,
    ),
    f(
        "t_reset_max_lifetime",
        &[],
        "accepted without effect",
        accept,
    ),
    f(
        "t_is_expired",
        &[],
        "the lifetime of the transaction is over: never, for it ends then",
        |_, _| Ret::Int(-1),
    ),
    f(
        "t_set_retr",
        &[Parameter::int("t1"), Parameter::int("t2")],
        "accepted without effect: retransmissions follow RFC 3261 §17.1",
        accept,
    ),
    f("t_reset_retr", &[], "accepted without effect", accept),
    f(
        "t_set_auto_inv_100",
        ON_OFF,
        "accepted without effect: an INVITE gets its 100 after 200 ms at the latest",
        accept,
    ),
    f(
        "t_set_disable_6xx",
        ON_OFF,
        "accepted without effect: a 6xx ends the branches (RFC 3261 §16.7 step 5)",
        accept,
    ),
    f(
        "t_set_disable_failover",
        ON_OFF,
        "accepted without effect: further addresses of a name are tried",
        accept,
    ),
    f(
        "t_set_disable_internal_reply",
        ON_OFF,
        "accepted without effect: a request that could not be forwarded is answered once",
        accept,
    ),
    f(
        "t_set_no_e2e_cancel_reason",
        ON_OFF,
        "accepted without effect: Reason of a CANCEL is passed on",
        accept,
    ),
    f(
        "t_use_uac_headers",
        &[],
        "accepted without effect: there are no header fields of a request that we send ourselves",
        accept,
    ),
    f(
        "t_drop_replies",
        &[Parameter::text("mode")],
        "accepted without effect: the best reply is chosen of all branches",
        accept,
    ),
    f("t_drop_replies_all", &[], "accepted without effect", accept),
    f(
        "t_clean",
        &[],
        "accepted without effect: transactions free themselves",
        accept,
    ),
    f(
        "t_save_lumps",
        &[],
        "the changes so far count for all branches, as they do anyway; -1 without a transaction",
        |run, _| super::yes_no(run.context.transaction().exists),
    ),
    f(
        "t_is_retr_async_reply",
        &[],
        "a repeated reply meets a suspended one: never, repeated replies are absorbed",
        |_, _| Ret::Int(-1),
    ),
    f(
        "t_replicate",
        &[Parameter::text("uri")],
        "sends a copy elsewhere",
        |run, _| super::without_engine(run, "tm", "requests are not replicated"),
    )
    .of_class(strowger_lua::Class::WithoutEngine),
    f(
        "t_uac_send",
        &[
            Parameter::text("method"),
            Parameter::text("ruri"),
            Parameter::text("nexthop"),
            Parameter::text("socket"),
            Parameter::text("headers"),
            Parameter::text("body"),
        ],
        "sends a request of our own",
        |run, _| super::without_engine(run, "tm", "a script sends no requests of its own"),
    )
    .of_class(strowger_lua::Class::WithoutEngine),
];

/// The times in milliseconds; 0 and `None` leave one as it is.
fn set_timers(run: &mut KemiRun, ring: i64, response: Option<i64>) -> Ret {
    let (Ok(ring), Ok(response)) = (
        u64::try_from(ring),
        u64::try_from(response.unwrap_or_default()),
    ) else {
        run.log(LogLevel::Error, b"t_set_fr: a time is below zero");
        return Ret::Int(-1);
    };
    let draft = run.context.draft_mut();
    if ring > 0 {
        draft.ring_timeout = Some(Duration::from_millis(ring));
    }
    if response > 0 {
        draft.response_timeout = Some(Duration::from_millis(response));
    }
    Ret::Int(1)
}
