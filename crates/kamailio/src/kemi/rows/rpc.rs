//! `xmlrpc`, `jsonrpcs`, `nats`: commands by RPC are the matter of the administration; a script cannot give them.

use strowger_lua::{Args, Class, Parameter, Ret, Returns, Row};

use crate::kemi::run::KemiRun;

const COMMAND: &[Parameter] = &[Parameter::text("command")];

const fn engineless(
    module: &'static str,
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new(module, name, parameters, Returns::Int, doc, call).of_class(Class::WithoutEngine)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    engineless(
        "xmlrpc",
        "dispatch_rpc",
        &[],
        "runs the RPC in the body, and answers",
        |run, _| super::without_engine(run, "xmlrpc", "scripts run no RPC"),
    ),
    engineless(
        "jsonrpcs",
        "dispatch",
        &[],
        "runs the RPC in the body, and answers",
        |run, _| super::without_engine(run, "jsonrpcs", "scripts run no RPC"),
    ),
    engineless("jsonrpcs", "exec", COMMAND, "runs the RPC", |run, _| {
        super::without_engine(run, "jsonrpcs", "scripts run no RPC")
    }),
    engineless("jsonrpcs", "execx", COMMAND, "runs the RPC", |run, _| {
        super::without_engine(run, "jsonrpcs", "scripts run no RPC")
    }),
    Row::new(
        "nats",
        "publish",
        &[Parameter::text("subject"), Parameter::text("payload")],
        Returns::Int,
        "publishing to a NATS server; scripts see nil",
        |_, _| Ret::Int(-1),
    )
    .of_class(Class::Absent),
];
