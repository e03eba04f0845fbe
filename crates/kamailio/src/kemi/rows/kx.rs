//! `kx`: what scripts ask for most, each without the text of a pseudo-variable.

use std::sync::LazyLock;

use strowger_lua::{Args, Parameter, Ret, Returns, Row, Value};
use strowger_sip::{Method, Transport, write_ip};

use super::pv::integer;
use super::{IfNull, got};
use crate::kemi::run::KemiRun;
use crate::pv::{PvSpec, PvValue};

const NAME: &[Parameter] = &[Parameter::text("name")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    returns: Returns,
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("kx", name, parameters, returns, doc, call)
}

/// Rows that give the value of a pseudo-variable.
macro_rules! values {
    ($($name:literal $null:ident $pv:literal $doc:literal,)*) => {
        &[$(
            f($name, &[], Returns::Value, $doc, |run, _| {
                static SPEC: LazyLock<Option<PvSpec>> = LazyLock::new(|| PvSpec::parse($pv).ok());
                let value = SPEC.as_ref().map(|spec| spec.read(run));
                got(value.unwrap_or_default(), IfNull::$null)
            }),
        )*]
    };
}

pub(super) static VALUES: &[Row<KemiRun>] = values![
    "get_ruri" Nil b"$ru" "the Request-URI",
    "get_ruser" Nil b"$rU" "the user of the Request-URI",
    "gete_ruser" Empty b"$rU" "the user of the Request-URI, or an empty string",
    "getw_ruser" Marked b"$rU" "the user of the Request-URI, or `<null>`",
    "get_rhost" Nil b"$rd" "the host of the Request-URI",
    "gete_rhost" Empty b"$rd" "the host of the Request-URI, or an empty string",
    "getw_rhost" Marked b"$rd" "the host of the Request-URI, or `<null>`",
    "get_ouri" Nil b"$ou" "the Request-URI as it came",
    "get_furi" Nil b"$fu" "the URI of From",
    "get_fuser" Nil b"$fU" "the user of From",
    "gete_fuser" Empty b"$fU" "the user of From, or an empty string",
    "getw_fuser" Marked b"$fU" "the user of From, or `<null>`",
    "get_fhost" Nil b"$fd" "the host of From",
    "gete_fhost" Empty b"$fd" "the host of From, or an empty string",
    "getw_fhost" Marked b"$fd" "the host of From, or `<null>`",
    "get_turi" Nil b"$tu" "the URI of To",
    "get_tuser" Nil b"$tU" "the user of To",
    "gete_tuser" Empty b"$tU" "the user of To, or an empty string",
    "getw_tuser" Marked b"$tU" "the user of To, or `<null>`",
    "get_thost" Nil b"$td" "the host of To",
    "gete_thost" Empty b"$td" "the host of To, or an empty string",
    "getw_thost" Marked b"$td" "the host of To, or `<null>`",
    "get_duri" Nil b"$du" "the destination URI",
    "gete_duri" Empty b"$du" "the destination URI, or an empty string",
    "getw_duri" Marked b"$du" "the destination URI, or `<null>`",
    "get_cturi" Nil b"$ctu" "the URI of Contact",
    "gete_cturi" Empty b"$ctu" "the URI of Contact, or an empty string",
    "getw_cturi" Marked b"$ctu" "the URI of Contact, or `<null>`",
    "get_nhuri" Nil b"$nh(u)" "the URI that the request goes to",
    "get_srcuri" Nil b"$su" "the source as a URI",
    "get_srcaddr_sock" Nil b"$sas" "the source as a socket",
    "get_ua" Nil b"$ua" "User-Agent",
    "gete_ua" Empty b"$ua" "User-Agent, or an empty string",
    "getw_ua" Marked b"$ua" "User-Agent, or `<null>`",
    "get_srcip" Nil b"$si" "the source address",
    "get_srcport" Nil b"$sp" "the source port",
    "get_rcvip" Nil b"$Ri" "the address that received the message",
    "get_rcvport" Nil b"$Rp" "the port that received the message",
    "get_rcv_sock_name" Nil b"$Rn" "the name of the socket that received the message",
    "get_rcvadvip" Nil b"$RAi" "the address that the receiving socket advertises",
    "get_rcvadvport" Nil b"$RAp" "the port that the receiving socket advertises",
    "get_proto" Nil b"$proto" "the transport, in lower case",
    "get_au" Nil b"$au" "the digest user",
    "gete_au" Empty b"$au" "the digest user, or an empty string",
    "getw_au" Marked b"$au" "the digest user, or `<null>`",
    "get_callid" Nil b"$ci" "Call-ID",
    "get_msgbuf" Nil b"$mb" "the message as it came",
];

/// Rows that give a pseudo-variable as a number.
macro_rules! numbers {
    ($($name:literal $pv:literal $doc:literal,)*) => {
        &[$(
            f($name, &[], Returns::Int, $doc, |run, _| {
                let value = run.value($pv).unwrap_or_default();
                Ret::Int(integer(&value).unwrap_or(0))
            }),
        )*]
    };
}

pub(super) static NUMBERS: &[Row<KemiRun>] = numbers![
    "get_protoid" b"$prid" "the transport as a number: UDP 1, TCP 2, TLS 3, WS 5, WSS 6",
    "get_bodylen" b"$bs" "octets of the body",
    "get_timestamp" b"$TS" "seconds since 1970",
    "get_msglen" b"$ml" "octets of the message",
    "get_msgtype" b"$mt" "1 for a request, 2 for a reply",
];

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f("get_method", &[], Returns::Value, "the method", |run, _| {
        method(run.context.message().method())
    }),
    f(
        "get_status",
        &[],
        Returns::Int,
        "the status of a reply; -1 in a request",
        |run, _| Ret::Int(status(run).unwrap_or(-1)),
    ),
    f(
        "gets_status",
        &[],
        Returns::Value,
        "the status of a reply as text; nil in a request",
        |run, _| Ret::optional_text(status(run).map(|status| status.to_string())),
    ),
    f(
        "get_conid",
        &[],
        Returns::Int,
        "the number of the connection; -1 without one",
        |run, _| {
            let connection = run.context.source().connection;
            Ret::Int(connection.map_or(-1, |number| i64::try_from(number).unwrap_or(i64::MAX)))
        },
    ),
    f(
        "get_body",
        &[],
        Returns::Value,
        "the body; nil if there is none",
        |run, _| got(body(run), IfNull::Nil),
    ),
    f(
        "gete_body",
        &[],
        Returns::Value,
        "the body, or an empty string",
        |run, _| got(body(run), IfNull::Empty),
    ),
    f(
        "getw_body",
        &[],
        Returns::Value,
        "the body, or `<null>`",
        |run, _| got(body(run), IfNull::Marked),
    ),
    f(
        "get_rcvaddr_sock",
        &[],
        Returns::Value,
        "the socket that received the message, `udp:127.0.0.1:5060`",
        |run, _| {
            let source = run.context.source();
            Ret::text(socket(source.transport, source.received_on))
        },
    ),
    f(
        "get_send_sock",
        &[],
        Returns::Value,
        "the socket chosen for sending; nil if none is",
        |run, _| Ret::optional_text(sending(run).map(|(of, address)| socket(of, address))),
    ),
    f(
        "get_send_sock_name",
        &[],
        Returns::Value,
        "the name of the socket chosen for sending; sockets have no names here",
        |_, _| Ret::Value(Value::Nil),
    ),
    f(
        "get_send_sock_port",
        &[],
        Returns::Int,
        "the port of the socket chosen for sending; 0 if none is",
        |run, _| Ret::Int(sending(run).map_or(0, |(_, address)| i64::from(address.port()))),
    ),
    f(
        "get_def",
        NAME,
        Returns::Value,
        "what the preprocessor defined; an empty string for nothing",
        |run, args| got(definition(run, args), IfNull::Empty),
    ),
    f(
        "get_defn",
        NAME,
        Returns::Int,
        "what the preprocessor defined, as a number; 0 for what is none",
        |run, args| Ret::Int(integer(&definition(run, args)).unwrap_or(0)),
    ),
    f(
        "ifdef",
        NAME,
        Returns::Bool,
        "the preprocessor knows the word",
        |run, args| Ret::Bool(!definition(run, args).is_null()),
    ),
    f(
        "ifndef",
        NAME,
        Returns::Bool,
        "the preprocessor does not know the word",
        |run, args| Ret::Bool(definition(run, args).is_null()),
    ),
    f(
        "get_env",
        NAME,
        Returns::Value,
        "a variable of the environment; an empty string for none",
        |run, args| got(environment(run, args), IfNull::Empty),
    ),
    f(
        "get_envn",
        NAME,
        Returns::Int,
        "a variable of the environment as a number; 0 for what is none",
        |run, args| Ret::Int(integer(&environment(run, args)).unwrap_or(0)),
    ),
];

/// A method as text. Those that are registered are known; nearly every script asks for them first.
fn method(method: Method<'_>) -> Ret {
    let index = method.known_index().map(usize::from);
    match index.and_then(|index| Method::KNOWN.get(index)) {
        Some(known) => Ret::Known(known.as_bytes()),
        None => Ret::copied(method.as_bytes()),
    }
}

fn status(run: &KemiRun) -> Option<i64> {
    let status = run.context.message().status()?;
    Some(i64::from(status.get()))
}

fn body(run: &KemiRun) -> PvValue<'_> {
    let body = run.context.message().body();
    PvValue::maybe(Some(body).filter(|body| !body.is_empty()))
}

fn definition<'r>(run: &'r KemiRun, args: Args<'_>) -> PvValue<'r> {
    let name = core::str::from_utf8(args.text(0)).unwrap_or_default();
    let text = run.shard.door.definitions.get(name);
    text.map_or(PvValue::Null, |text| PvValue::from(text.as_str()))
}

fn environment<'r>(run: &'r KemiRun, args: Args<'_>) -> PvValue<'r> {
    let name = core::str::from_utf8(args.text(0)).unwrap_or_default();
    let text = run.shard.door.environment.get(name);
    text.map_or(PvValue::Null, |text| PvValue::from(text.as_str()))
}

/// The listener that the request is to leave from.
fn sending(run: &KemiRun) -> Option<(Transport, core::net::SocketAddr)> {
    run.context.listener(run.context.draft().target.listener?)
}

/// A socket as text: `udp:127.0.0.1:5060`.
fn socket(transport: Transport, address: core::net::SocketAddr) -> Vec<u8> {
    let mut out = transport.as_param().as_bytes().to_vec();
    out.push(b':');
    write_ip(&mut out, address.ip());
    out.extend_from_slice(format!(":{}", address.port()).as_bytes());
    out
}
