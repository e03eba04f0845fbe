//! `dispatcher`: sets of destinations. What was chosen, and what comes after it, stands in `$xavp(_dsdst_)`, the next
//! first, as scripts expect it. Codes were observed on Kamailio 5.6.3.

use strowger_lua::{Args, Class, Parameter, Ret, Returns, Row};

use super::dispatcher_choice::{Choice, Use, choose, current, next, use_it};
use super::dispatcher_lists as lists;
use crate::kemi::run::KemiRun;

const SET: &[Parameter] = &[Parameter::int("set")];
const SELECT: &[Parameter] = &[Parameter::int("set"), Parameter::int("algorithm")];
const LIMITED: &[Parameter] = &[
    Parameter::int("set"),
    Parameter::int("algorithm"),
    Parameter::int("limit"),
];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("dispatcher", name, parameters, Returns::Int, doc, call)
}

/// Chooses from one set.
fn select(run: &mut KemiRun, args: Args<'_>, how: Use) -> Ret {
    let choice = Choice {
        set: args.int(0),
        algorithm: args.int(1),
    };
    let limit = usize::try_from(args.int(2)).unwrap_or(0);
    super::yes_no(choose(run, &[choice], limit, how))
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "ds_select_dst",
        SELECT,
        "takes a destination of the set as next hop",
        |run, args| select(run, args, Use::NextHop),
    ),
    f(
        "ds_select_dst_limit",
        LIMITED,
        "the same, with so many for failover at most",
        |run, args| select(run, args, Use::NextHop),
    ),
    f(
        "ds_select_domain",
        SELECT,
        "takes the host of a destination of the set for the Request-URI",
        |run, args| select(run, args, Use::Host),
    ),
    f(
        "ds_select_domain_limit",
        LIMITED,
        "the same, with so many for failover at most",
        |run, args| select(run, args, Use::Host),
    ),
    f(
        "ds_select",
        SELECT,
        "chooses destinations of the set without taking one",
        |run, args| select(run, args, Use::Nothing),
    ),
    f(
        "ds_select_limit",
        LIMITED,
        "the same, so many at most",
        |run, args| select(run, args, Use::Nothing),
    ),
    f(
        "ds_select_routes",
        &[Parameter::text("rules"), Parameter::text("mode")],
        "chooses by several sets, `set=algorithm;…`; mode 0 next hop, 1 host, 2 neither",
        |run, args| lists::select_routes(run, args.text(0), args.text(1), 0),
    ),
    f(
        "ds_select_routes_limit",
        &[
            Parameter::text("rules"),
            Parameter::text("mode"),
            Parameter::int("limit"),
        ],
        "the same, so many at most",
        |run, args| lists::select_routes(run, args.text(0), args.text(1), args.int(2)),
    ),
    f(
        "ds_next_dst",
        &[],
        "takes the next destination as next hop; -1 if none is left",
        |run, _| super::yes_no(next(run, Use::NextHop)),
    ),
    f(
        "ds_next_domain",
        &[],
        "takes the host of the next destination for the Request-URI",
        |run, _| super::yes_no(next(run, Use::Host)),
    ),
    f(
        "ds_set_dst",
        &[],
        "takes the destination that ds_select chose as next hop",
        |run, _| {
            let chosen = current(run);
            super::yes_no(chosen.is_some_and(|chosen| use_it(run, &chosen, Use::NextHop)))
        },
    ),
    f(
        "ds_set_domain",
        &[],
        "takes the host of the destination that ds_select chose for the Request-URI",
        |run, _| {
            let chosen = current(run);
            super::yes_no(chosen.is_some_and(|chosen| use_it(run, &chosen, Use::Host)))
        },
    ),
    f(
        "ds_mark_dst",
        &[Parameter::text("state").or_none()],
        "marks the destination in use: a, i, t or d, and p; inactive if nothing is said",
        |run, args| lists::mark_current(run, args.optional_text(0)),
    ),
    f(
        "ds_mark_dst_state",
        &[Parameter::text("state")],
        "marks the destination in use: a, i, t or d, and p",
        |run, args| lists::mark_current(run, args.optional_text(0)),
    ),
    f(
        "ds_mark_addr",
        &[
            Parameter::text("state"),
            Parameter::int("set"),
            Parameter::text("uri"),
        ],
        "marks a destination",
        |run, args| lists::mark_address(run, args.text(0), args.int(1), args.text(2)),
    ),
    f(
        "ds_is_from_list",
        SET,
        "the source is a destination of the set; of any if it is -1",
        |run, args| lists::is_from(run, args.int(0), lists::ANY_TRANSPORT, None),
    ),
    f(
        "ds_is_from_lists",
        &[],
        "the source is a destination of any set",
        |run, _| lists::is_from(run, -1, lists::ANY_TRANSPORT, None),
    ),
    f(
        "ds_is_from_list_mode",
        &[Parameter::int("set"), Parameter::int("mode")],
        "the same; mode 1: of any port, 2: over any transport, 4: in use",
        |run, args| lists::is_from(run, args.int(0), args.int(1), None),
    ),
    f(
        "ds_is_from_list_uri",
        &[
            Parameter::int("set"),
            Parameter::int("mode"),
            Parameter::text("uri"),
        ],
        "the same for a URI instead of the source",
        |run, args| lists::is_from(run, args.int(0), args.int(1), Some(args.text(2))),
    ),
    f("ds_list_exists", SET, "there is such a set", |run, args| {
        super::yes_no(run.context.tables().dispatcher.has_set(args.int(0)))
    }),
    f("ds_list_exist", SET, "the same", |run, args| {
        super::yes_no(run.context.tables().dispatcher.has_set(args.int(0)))
    }),
    f(
        "ds_is_active",
        SET,
        "a destination of the set is in use",
        |run, args| lists::is_active(run, args.int(0), None),
    ),
    f(
        "ds_is_active_uri",
        &[Parameter::int("set"), Parameter::text("uri")],
        "the destination of the set is in use",
        |run, args| lists::is_active(run, args.int(0), Some(args.text(1))),
    ),
    f(
        "ds_load_update",
        &[],
        "the call load counts a 2xx to INVITE as answered, and a BYE or CANCEL as the end; 0 for anything else",
        |run, _| lists::load_update(run),
    ),
    f(
        "ds_load_unset",
        &[],
        "the call load counts the call no more; -1 if it did not",
        |run, _| {
            let call_id = run.context.message().call_id();
            super::yes_no(run.context.tables().dispatcher.call_ended(call_id))
        },
    ),
    f(
        "ds_reload",
        &[],
        "reads the lists again: that is the matter of the administration",
        |run, _| super::without_engine(run, "dispatcher", "scripts do not reload the lists"),
    )
    .of_class(Class::WithoutEngine),
    Row::new(
        "dispatcher",
        "ds_select_next",
        &[],
        Returns::Int,
        "exists in no version; scripts see nil",
        |_, _| Ret::Int(-1),
    )
    .of_class(Class::Absent),
];
