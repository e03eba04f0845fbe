//! `permissions`: who is allowed by its address. `pike`: who sends too much.

use core::net::IpAddr;

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_routing::tables::address_groups::AddressMatch;
use strowger_routing::tables::pike::PikeVerdict;

use crate::kemi::run::KemiRun;
use crate::pv::PvValue;

const ADDRESS: &[Parameter] = &[Parameter::text("address"), Parameter::int("port")];

const fn f(
    module: &'static str,
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new(module, name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "permissions",
        "allow_source_address",
        &[Parameter::int("group")],
        "the source address is in a group",
        |run, args| {
            let source = run.context.source().remote;
            let groups = &run.context.tables().address_groups;
            let found = groups.allows(args.int(0), source.ip(), source.port());
            told(run, found, |_| 1)
        },
    ),
    f(
        "permissions",
        "allow_source_address_group",
        &[],
        "the group that the source address is in; -1 for none",
        |run, _| {
            let source = run.context.source().remote;
            let groups = &run.context.tables().address_groups;
            let found = groups.group_of(source.ip(), source.port());
            told(run, found, |found| found.group)
        },
    ),
    f(
        "permissions",
        "allow_address",
        &[
            Parameter::int("group"),
            Parameter::text("address"),
            Parameter::int("port"),
        ],
        "the address, or the name as it is written, is in a group",
        |run, args| {
            let groups = &run.context.tables().address_groups;
            let group = args.int(0);
            let found = match (ip(args.text(1)), port(args.int(2))) {
                (_, None) => None,
                (Some(ip), Some(port)) => groups.allows(group, ip, port),
                (None, Some(port)) => core::str::from_utf8(args.text(1))
                    .ok()
                    .and_then(|name| groups.allows_name(group, name, port)),
            };
            told(run, found, |_| 1)
        },
    ),
    f(
        "permissions",
        "allow_address_group",
        ADDRESS,
        "the group that the address is in; -1 for none",
        |run, args| {
            let groups = &run.context.tables().address_groups;
            let found = ip(args.text(0))
                .zip(port(args.int(1)))
                .and_then(|(ip, port)| groups.group_of(ip, port));
            told(run, found, |found| found.group)
        },
    ),
    f(
        "permissions",
        "allow_trusted",
        &[],
        "the source is in the table of trusted peers: there is no such table, use the address groups",
        |_, _| Ret::Int(-1),
    ),
    f(
        "pike",
        "pike_check_req",
        &[],
        "the source sends no more than it may: 1; -2 if it does since now, -1 if it still does",
        |run, _| {
            let source = run.context.source().remote.ip();
            check(run, source)
        },
    ),
    f(
        "pike",
        "pike_check_ip",
        &[Parameter::text("address")],
        "the same for an address",
        |run, args| match ip(args.text(0)) {
            Some(ip) => check(run, ip),
            None => Ret::Int(-1),
        },
    ),
];

fn ip(text: &[u8]) -> Option<IpAddr> {
    let text = core::str::from_utf8(text).ok()?;
    text.trim_matches(['[', ']']).parse().ok()
}

fn port(number: i64) -> Option<u16> {
    u16::try_from(number).ok()
}

/// Answers what was found; its tag goes where `peer_tag_avp` says.
fn told(run: &mut KemiRun, found: Option<AddressMatch>, code: fn(&AddressMatch) -> i64) -> Ret {
    let Some(found) = found else {
        return Ret::Int(-1);
    };
    let code = code(&found);
    if let Some(tag) = found.tag {
        super::write_named(run, "permissions", "peer_tag_avp", PvValue::from(&*tag));
    }
    Ret::Int(code)
}

fn check(run: &KemiRun, source: IpAddr) -> Ret {
    let now = run.context.now().monotonic;
    Ret::Int(match run.context.tables().pike.check(source, now) {
        PikeVerdict::Ok => 1,
        PikeVerdict::NewlyBlocked => -2,
        PikeVerdict::Blocked => -1,
    })
}
