//! `tmx`: more of transactions: where a run is, and runs that wait for somebody else.

use strowger_lua::{Args, Class, Parameter, Ret, Returns, Row};

use crate::kemi::door::LogLevel;
use crate::kemi::run::{KemiRun, RoutePlace};

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("tmx", name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "t_precheck_trans",
        &[],
        "another run handles the same message just now: never, duplicates are absorbed before",
        |_, _| Ret::Int(-1),
    ),
    f(
        "t_is_request_route",
        &[],
        "this is the function for requests",
        |run, _| super::yes_no(run.place == RoutePlace::Request),
    ),
    f(
        "t_is_reply_route",
        &[],
        "this is a function for replies",
        |run, _| {
            let replies = [RoutePlace::Reply, RoutePlace::TransactionReply];
            super::yes_no(replies.contains(&run.place))
        },
    ),
    f(
        "t_is_failure_route",
        &[],
        "this is a function for failures, or one that goes on with a suspended request",
        |run, _| super::yes_no(run.place == RoutePlace::Failure),
    ),
    f(
        "t_is_branch_route",
        &[],
        "this is the function for a branch",
        |run, _| super::yes_no(run.place == RoutePlace::Branch),
    ),
    f(
        "t_suspend",
        &[],
        "keeps the request until t_continue; its name is $T(id_index) and $T(id_label)",
        |run, _| super::yes_no(run.context.suspend().is_some()),
    ),
    f(
        "t_continue",
        &[
            Parameter::int("index"),
            Parameter::int("label"),
            Parameter::text("function"),
        ],
        "lets a suspended request go on in a function",
        |run, args| {
            let (Ok(index), Ok(label)) = (u32::try_from(args.int(0)), u32::try_from(args.int(1)))
            else {
                return Ret::Int(-1);
            };
            let hook = args.text(2).into();
            super::yes_no(run.context.continue_suspended(index, label, hook))
        },
    ),
    f(
        "t_flush_flags",
        &[],
        "the flags of the message are those of its transaction, as they are anyway; -1 without one",
        |run, _| super::yes_no(run.context.transaction().exists),
    ),
    f("t_flush_xflags", &[], "the same", |run, _| {
        super::yes_no(run.context.transaction().exists)
    }),
    f(
        "t_cancel_branches",
        &[Parameter::text("which")],
        "cancels the branches without a final reply: all, or others than this one",
        |run, args| {
            let others = match args.text(0) {
                b"all" => false,
                b"others" => true,
                _ => {
                    run.log(
                        LogLevel::Error,
                        b"t_cancel_branches: only `all` and `others` are known",
                    );
                    return Ret::Int(-1);
                }
            };
            super::yes_no(run.context.cancel_branches(others))
        },
    ),
    f(
        "t_reuse_branch",
        &[],
        "a failed branch is taken up again: never",
        |_, _| Ret::Int(-1),
    ),
    f(
        "t_cancel_callid",
        &[
            Parameter::text("callid"),
            Parameter::text("cseq"),
            Parameter::int("flag"),
        ],
        "cancels the INVITE of another call",
        |run, _| super::without_engine(run, "tmx", "other calls are not reached from here"),
    )
    .of_class(Class::WithoutEngine),
    f(
        "t_cancel_callid_reason",
        &[
            Parameter::text("callid"),
            Parameter::text("cseq"),
            Parameter::int("flag"),
            Parameter::int("reason"),
        ],
        "the same with a reason",
        |run, _| super::without_engine(run, "tmx", "other calls are not reached from here"),
    )
    .of_class(Class::WithoutEngine),
    f(
        "t_reply_callid",
        &[
            Parameter::text("callid"),
            Parameter::text("cseq"),
            Parameter::int("code"),
            Parameter::text("reason"),
        ],
        "answers the request of another call",
        |run, _| super::without_engine(run, "tmx", "other calls are not reached from here"),
    )
    .of_class(Class::WithoutEngine),
];
