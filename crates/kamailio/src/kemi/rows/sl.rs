//! `sl`: replies without a transaction, and those that take it if there is one.

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_routing::{Answer, How};

use crate::kemi::run::KemiRun;
use crate::pv::PvValue;
use crate::sl::{AnsweredBy, Caller, changed_code, prepare, return_code};

const REPLY: &[Parameter] = &[Parameter::int("code"), Parameter::text("reason")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("sl", name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "sl_send_reply",
        REPLY,
        "answers statelessly",
        |run, args| reply(run, How::Stateless, args),
    ),
    f("sl_reply", REPLY, "the same", |run, args| {
        reply(run, How::Stateless, args)
    }),
    f(
        "send_reply",
        REPLY,
        "answers through the transaction if there is one, else statelessly",
        |run, args| reply(run, How::Either, args),
    ),
    f(
        "send_reply_mode",
        &[
            Parameter::int("code"),
            Parameter::text("reason"),
            Parameter::int("mode"),
        ],
        "the same; mode 1: without opening a connection for it",
        |run, args| {
            if args.int(2) & 1 != 0 {
                run.context.draft_mut().reply_no_connect = true;
            }
            reply(run, How::Either, args)
        },
    ),
    f(
        "sl_reply_error",
        &[],
        "answers with the last internal error",
        |run, _| reply_error(run, How::Stateless),
    ),
    f(
        "send_reply_error",
        &[],
        "the same, through the transaction if there is one",
        |run, _| reply_error(run, How::Either),
    ),
    f(
        "sl_forward_reply",
        REPLY,
        "forwards the reply now, with another code of its class or another reason",
        |run, args| {
            let received = run.context.message().status();
            let Some(received) = received else {
                return Ret::Int(-1);
            };
            let status = match args.int(0) {
                0 => None,
                wanted => match changed_code(received, wanted) {
                    Some(status) => Some(status),
                    None => return Ret::Int(-1),
                },
            };
            let reason = args.optional_text(1).filter(|reason| !reason.is_empty());
            super::yes_no(run.context.forward_response(status, reason))
        },
    ),
];

/// Sends the reply that the first two arguments say.
fn reply(run: &mut KemiRun, how: How, args: Args<'_>) -> Ret {
    let code = args.optional_int(0).map_or(PvValue::Null, PvValue::Int);
    let reason = args.optional_text(1).map_or(PvValue::Null, PvValue::octets);
    let prepared = prepare(
        Caller::Script,
        &code,
        &reason,
        &run.shard.door.reply_defaults,
    );
    let Some(prepared) = prepared else {
        return Ret::Int(-1);
    };
    let answer = Answer::new(how, prepared.status, Some(&prepared.reason));
    Ret::Int(return_code(run.context.answer(&answer)))
}

/// Answers the internal error that was recorded last.
fn reply_error(run: &mut KemiRun, how: How) -> Ret {
    let error = run.last_error.reply();
    let by = match how {
        How::Either if run.context.transaction().exists => AnsweredBy::Transaction,
        _ => AnsweredBy::Stateless,
    };
    let Some(status) = strowger_sip::StatusCode::new(error.code) else {
        return Ret::Int(-1);
    };
    let reason = error.reason(by);
    let answer = Answer {
        is_error_reply: true,
        ..Answer::new(how, status, Some(reason.as_bytes()))
    };
    Ret::Int(return_code(run.context.answer(&answer)))
}
