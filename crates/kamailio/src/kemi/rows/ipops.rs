//! `ipops`: tests of addresses as text.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use strowger_lua::{Args, Parameter, Ret, Returns, Row};

use super::pv::written;
use super::yes_no;
use crate::kemi::run::KemiRun;
use crate::pv::{PvValue, WriteOutcome};

const IP: &[Parameter] = &[Parameter::text("ip")];
const TWO: &[Parameter] = &[Parameter::text("ip"), Parameter::text("other")];
const SUBNET: &[Parameter] = &[Parameter::text("ip"), Parameter::text("subnets")];
const IP_PV: &[Parameter] = &[Parameter::text("ip"), Parameter::text("pv")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("ipops", name, parameters, Returns::Int, doc, call)
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "is_ip",
        IP,
        "the text is an address, one of IPv6 with brackets or without",
        |_, args| yes_no(any(args.text(0)).is_some()),
    ),
    f(
        "is_pure_ip",
        IP,
        "the text is an address without brackets",
        |_, args| yes_no(pure(args.text(0)).is_some()),
    ),
    f("is_ip4", IP, "the text is an IPv4 address", |_, args| {
        yes_no(pure(args.text(0)).is_some_and(|ip| ip.is_ipv4()))
    }),
    f(
        "is_ip6",
        IP,
        "the text is an IPv6 address without brackets",
        |_, args| yes_no(pure(args.text(0)).is_some_and(|ip| ip.is_ipv6())),
    ),
    f(
        "is_ip6_reference",
        IP,
        "the text is an IPv6 address in brackets",
        |_, args| yes_no(bracketed(args.text(0)).is_some()),
    ),
    f(
        "ip_type",
        IP,
        "1 for IPv4, 2 for IPv6, 3 for IPv6 in brackets, -1 for no address",
        |_, args| {
            Ret::Int(match pure(args.text(0)) {
                Some(IpAddr::V4(_)) => 1,
                Some(IpAddr::V6(_)) => 2,
                None if bracketed(args.text(0)).is_some() => 3,
                None => -1,
            })
        },
    ),
    f(
        "compare_ips",
        TWO,
        "both are the same address, with brackets or without",
        |_, args| {
            let one = any(args.text(0));
            yes_no(one.is_some() && one == any(args.text(1)))
        },
    ),
    f(
        "compare_pure_ips",
        TWO,
        "both are the same address, without brackets",
        |_, args| {
            let one = pure(args.text(0));
            yes_no(one.is_some() && one == pure(args.text(1)))
        },
    ),
    f(
        "is_in_subnet",
        SUBNET,
        "the address is in one of the networks, `10.0.0.0/8,192.168.0.0/16`",
        |_, args| yes_no(in_subnets(args)),
    ),
    f("ip_is_in_subnet", SUBNET, "the same", |_, args| {
        yes_no(in_subnets(args))
    }),
    f(
        "is_ip_rfc1918",
        IP,
        "the text is a private IPv4 address (RFC 1918)",
        |_, args| yes_no(matches!(pure(args.text(0)), Some(IpAddr::V4(ip)) if ip.is_private())),
    ),
    f(
        "detailed_ip_type",
        IP_PV,
        "writes what kind of address it is into a pseudo-variable",
        |run, args| detailed(run, args, any(args.text(0))),
    ),
    f(
        "detailed_ipv4_type",
        IP_PV,
        "the same for IPv4 alone",
        |run, args| detailed(run, args, pure(args.text(0)).filter(IpAddr::is_ipv4)),
    ),
    f(
        "detailed_ipv6_type",
        IP_PV,
        "the same for IPv6 alone",
        |run, args| detailed(run, args, any(args.text(0)).filter(IpAddr::is_ipv6)),
    ),
];

fn pure(text: &[u8]) -> Option<IpAddr> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

fn bracketed(text: &[u8]) -> Option<IpAddr> {
    let inside = text.strip_prefix(b"[")?.strip_suffix(b"]")?;
    pure(inside).filter(IpAddr::is_ipv6)
}

fn any(text: &[u8]) -> Option<IpAddr> {
    pure(text).or_else(|| bracketed(text))
}

fn in_subnets(args: Args<'_>) -> bool {
    let Some(ip) = any(args.text(0)) else {
        return false;
    };
    args.text(1)
        .split(|octet| *octet == b',')
        .any(|subnet| in_subnet(ip, subnet.trim_ascii()) == Some(true))
}

/// True if the address is in a network `address/bits`, or is the address given; `None` if that is none.
fn in_subnet(ip: IpAddr, subnet: &[u8]) -> Option<bool> {
    let slash = subnet.iter().position(|octet| *octet == b'/');
    let network = pure(subnet.get(..slash.unwrap_or(subnet.len()))?)?;
    let width: u32 = if network.is_ipv4() { 32 } else { 128 };
    let bits = match slash {
        Some(at) => core::str::from_utf8(subnet.get(at + 1..)?)
            .ok()?
            .parse::<u32>()
            .ok()
            .filter(|bits| *bits <= width)?,
        None => width,
    };
    let value = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => u128::from(u32::from(ip)),
        IpAddr::V6(ip) => u128::from(ip),
    };
    let differing = value(ip) ^ value(network);
    let same = differing.checked_shr(width - bits).unwrap_or(0) == 0;
    Some(ip.is_ipv4() == network.is_ipv4() && same)
}

fn detailed(run: &mut KemiRun, args: Args<'_>, ip: Option<IpAddr>) -> Ret {
    let name = match ip {
        Some(IpAddr::V4(ip)) => kind_of_v4(ip),
        Some(IpAddr::V6(ip)) => kind_of_v6(ip),
        None => return Ret::Int(-1),
    };
    let outcome = written(run, args.text(1), PvValue::from(name));
    yes_no(outcome == Some(WriteOutcome::Written))
}

/// By the registry of RFC 6890.
fn kind_of_v4(ip: Ipv4Addr) -> &'static str {
    let [a, b, c, _] = ip.octets();
    match (a, b, c) {
        _ if ip.is_broadcast() => "BROADCAST",
        (0, ..) => "THIS",
        (10, ..) | (192, 168, _) => "PRIVATE",
        (172, 16..=31, _) => "PRIVATE",
        (100, 64..=127, _) => "SHARED",
        (127, ..) => "LOOPBACK",
        (169, 254, _) => "LINK-LOCAL",
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => "DOCUMENTATION",
        (192, 88, 99) => "6TO4-RELAY-ANYCAST",
        (198, 18..=19, _) => "BENCHMARKING",
        (224..=239, ..) => "MULTICAST",
        (192, 0, 0) | (240.., ..) => "RESERVED",
        _ => "PUBLIC",
    }
}

fn kind_of_v6(ip: Ipv6Addr) -> &'static str {
    let first = ip.segments().first().copied().unwrap_or_default();
    match first {
        _ if ip.is_unspecified() => "UNSPECIFIED",
        _ if ip.is_loopback() => "LOOPBACK",
        _ if ip.to_ipv4_mapped().is_some() => "IPV4-MAPPED",
        0xfe80..=0xfebf => "LINK-LOCAL-UNICAST",
        0xfc00..=0xfdff => "UNIQUE-LOCAL-UNICAST",
        0xff00.. => "MULTICAST",
        0x2000..=0x3fff => "GLOBAL-UNICAST",
        _ => "RESERVED",
    }
}
