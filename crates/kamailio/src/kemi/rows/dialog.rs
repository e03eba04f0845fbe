//! `dialog`: calls that a script tracks, with their profiles, variables and flags. Codes were observed on Kamailio 5.6.3.
//!
//! A dialog begins with `dlg_manage` on an INVITE; a request within it that passes `t_relay`, `dlg_manage` or
//! `is_known_dlg` confirms it, a BYE ends it. What a script sets before it begins is kept until then.

use strowger_lua::{Args, Class, Parameter, Ret, Returns, Row, Value};

use super::dialog_state as state;
use super::dialog_state::FlagChange;
use crate::kemi::run::KemiRun;

const PROFILE: &[Parameter] = &[Parameter::text("profile")];
const PROFILE_VALUE: &[Parameter] = &[Parameter::text("profile"), Parameter::text("value")];
const FLAG: &[Parameter] = &[Parameter::int("flag")];
const NAME: &[Parameter] = &[Parameter::text("name")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    returns: Returns,
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("dialog", name, parameters, returns, doc, call)
}

const fn int(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    f(name, parameters, Returns::Int, doc, call)
}

const fn engineless(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
) -> Row<KemiRun> {
    int(name, parameters, doc, |run, _| {
        super::without_engine(run, "dialog", "dialogs are tracked, not acted in")
    })
    .of_class(Class::WithoutEngine)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    int(
        "dlg_manage",
        &[],
        "tracks the dialog of the INVITE, or notes what a request within one does to it",
        |run, _| super::yes_no(state::manage(run)),
    ),
    int(
        "is_known_dlg",
        &[],
        "the message belongs to a dialog that is tracked",
        |run, _| super::yes_no(state::is_known(run)),
    ),
    int(
        "dlg_set_timeout",
        &[Parameter::int("seconds")],
        "how long the dialog lives; -1 without one",
        |run, args| super::yes_no(state::set_lifetime(run, args.int(0))),
    ),
    int(
        "dlg_set_property",
        &[Parameter::text("property")],
        "ka-src, ka-dst or timeout-noreset: accepted without effect",
        |_, args| {
            let known: [&[u8]; 3] = [b"ka-src", b"ka-dst", b"timeout-noreset"];
            super::yes_no(known.contains(&args.text(0)))
        },
    ),
    int(
        "dlg_reset_property",
        &[Parameter::text("property")],
        "the same",
        |_, args| {
            let known: [&[u8]; 3] = [b"ka-src", b"ka-dst", b"timeout-noreset"];
            super::yes_no(known.contains(&args.text(0)))
        },
    ),
    int(
        "set_dlg_profile",
        PROFILE_VALUE,
        "puts the dialog into a profile with this value",
        |run, args| super::yes_no(state::set_profile(run, args.text(0), Some(args.text(1)))),
    ),
    int(
        "set_dlg_profile_static",
        PROFILE,
        "puts the dialog into a profile without values",
        |run, args| super::yes_no(state::set_profile(run, args.text(0), None)),
    ),
    int(
        "unset_dlg_profile",
        PROFILE_VALUE,
        "takes the dialog out of a profile; not in the function for requests",
        |run, args| super::yes_no(state::unset_profile(run, args.text(0), Some(args.text(1)))),
    ),
    int(
        "unset_dlg_profile_static",
        PROFILE,
        "the same for a profile without values",
        |run, args| super::yes_no(state::unset_profile(run, args.text(0), None)),
    ),
    int(
        "is_in_profile",
        PROFILE_VALUE,
        "the dialog is in a profile with this value",
        |run, args| super::yes_no(state::is_in_profile(run, args.text(0), Some(args.text(1)))),
    ),
    int(
        "is_in_profile_static",
        PROFILE,
        "the dialog is in a profile without values",
        |run, args| super::yes_no(state::is_in_profile(run, args.text(0), None)),
    ),
    int(
        "get_profile_size",
        &[
            Parameter::text("profile"),
            Parameter::text("value"),
            Parameter::text("dst"),
        ],
        "writes how many dialogs are in a profile with this value to a pseudo-variable",
        |run, args| {
            let value = Some(args.text(1));
            super::yes_no(state::write_size(run, args.text(0), value, args.text(2)))
        },
    ),
    int(
        "get_profile_size_static",
        &[Parameter::text("profile"), Parameter::text("dst")],
        "the same for a profile without values",
        |run, args| super::yes_no(state::write_size(run, args.text(0), None, args.text(1))),
    ),
    int(
        "dlg_setflag",
        FLAG,
        "sets a flag of the dialog",
        |run, args| super::yes_no(state::flag(run, args.int(0), FlagChange::Set)),
    ),
    int(
        "dlg_resetflag",
        FLAG,
        "takes a flag of the dialog away",
        |run, args| super::yes_no(state::flag(run, args.int(0), FlagChange::Reset)),
    ),
    int(
        "dlg_isflagset",
        FLAG,
        "a flag of the dialog is set",
        |run, args| super::yes_no(state::flag(run, args.int(0), FlagChange::None)),
    ),
    int(
        "var_sets",
        &[Parameter::text("name"), Parameter::text("value")],
        "sets a variable of the dialog",
        |run, args| super::yes_no(state::set_variable(run, args.text(0), Some(args.text(1)))),
    ),
    int(
        "var_rm",
        NAME,
        "takes a variable of the dialog away",
        |run, args| super::yes_no(state::set_variable(run, args.text(0), None)),
    ),
    int(
        "var_is_null",
        NAME,
        "observed on 5.6.3: 1 if the variable is set, -1 if it is not",
        |run, args| super::yes_no(state::variable(run, args.text(0)).is_some()),
    ),
    f(
        "var_get",
        NAME,
        Returns::Value,
        "a variable of the dialog; nil if it is not set",
        |run, args| variable(run, args, Ret::Value(Value::Nil)),
    ),
    f(
        "var_gete",
        NAME,
        Returns::Value,
        "the same; an empty string if it is not set",
        |run, args| variable(run, args, Ret::Text(b"".into())),
    ),
    f(
        "var_getw",
        NAME,
        Returns::Value,
        "the same; <null> if it is not set",
        |run, args| variable(run, args, Ret::Text(b"<null>".into())),
    ),
    engineless(
        "dlg_bye",
        &[Parameter::text("side")],
        "ends the dialog by BYE",
    ),
    engineless(
        "dlg_bridge",
        &[
            Parameter::text("from"),
            Parameter::text("to"),
            Parameter::text("proxy"),
        ],
        "brings two users together",
    ),
    engineless(
        "dlg_db_load_callid",
        &[Parameter::text("callid")],
        "loads a dialog from a database",
    ),
    engineless("dlg_db_load_extra", &[], "loads dialogs from a database"),
];

fn variable(run: &KemiRun, args: Args<'_>, otherwise: Ret) -> Ret {
    match state::variable(run, args.text(0)) {
        Some(value) => Ret::text(value),
        None => otherwise,
    }
}
