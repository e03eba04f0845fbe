//! Functions of `KSR` itself that ask what a message is: methods, transports, and whether an address is ours.

use strowger_lua::{Args, Parameter, Ret, Returns, Row};
use strowger_sip::{Host, Method, Transport, Uri};

use crate::kemi::run::KemiRun;

const TEXT: &[Parameter] = &[Parameter::text("text")];

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    returns: Returns,
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("", name, parameters, returns, doc, call)
}

/// Rows that ask for a method.
macro_rules! methods {
    ($($name:literal $method:ident $doc:literal,)*) => {
        &[$(
            f($name, &[], Returns::Bool, $doc, |run, _| is(run, Method::$method)),
        )*]
    };
}

pub(super) static METHODS: &[Row<KemiRun>] = methods![
    "is_INVITE" Invite "the method is INVITE; in a reply that of CSeq",
    "is_ACK" Ack "the method is ACK",
    "is_BYE" Bye "the method is BYE",
    "is_CANCEL" Cancel "the method is CANCEL",
    "is_REGISTER" Register "the method is REGISTER",
    "is_OPTIONS" Options "the method is OPTIONS",
    "is_NOTIFY" Notify "the method is NOTIFY",
    "is_SUBSCRIBE" Subscribe "the method is SUBSCRIBE",
    "is_PUBLISH" Publish "the method is PUBLISH",
    "is_MESSAGE" Message "the method is MESSAGE",
    "is_INFO" Info "the method is INFO",
    "is_PRACK" Prack "the method is PRACK",
    "is_UPDATE" Update "the method is UPDATE",
    "is_REFER" Refer "the method is REFER",
];

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "is_method",
        TEXT,
        Returns::Bool,
        "the method is the one given, or among those given: `INVITE|BYE`",
        |run, args| Ret::Bool(is_method(run.context.message().method(), args.text(0))),
    ),
    f(
        "is_method_in",
        &[Parameter::text("letters")],
        Returns::Bool,
        "the method's letter is among those given",
        |run, args| {
            Ret::Bool(
                letter(run.context.message().method())
                    .is_some_and(|letter| args.text(0).contains(&letter)),
            )
        },
    ),
    f(
        "is_myself_ruri",
        &[],
        Returns::Bool,
        "the Request-URI names this server",
        |run, _| {
            // What was read with the message is not read again.
            let mine = || match run.context.request_uri_parsed() {
                Ok(uri) => is_own_uri(run, &uri),
                Err(_) => is_myself(run, run.context.request_uri()),
            };
            Ret::Bool(run.is_request() && mine())
        },
    ),
    f(
        "is_myself_furi",
        &[],
        Returns::Bool,
        "the URI of From names this server",
        |run, _| Ret::Bool(is_myself(run, run.context.message().from().uri)),
    ),
    f(
        "is_myself_turi",
        &[],
        Returns::Bool,
        "the URI of To names this server",
        |run, _| Ret::Bool(is_myself(run, run.context.message().to().uri)),
    ),
    f(
        "is_myself_duri",
        &[],
        Returns::Bool,
        "the destination URI names this server",
        |run, _| Ret::Bool(is_myself(run, &run.context.draft().target.destination)),
    ),
    f(
        "is_myself_suri",
        &[],
        Returns::Bool,
        "the source address and port are this server's",
        |run, _| {
            let remote = run.context.source().remote;
            Ret::Bool(run.context.is_own_address(remote.ip(), Some(remote.port())))
        },
    ),
    f(
        "is_myself_srcip",
        &[],
        Returns::Bool,
        "the source address is one of this server's",
        |run, _| {
            Ret::Bool(
                run.context
                    .is_own_address(run.context.source().remote.ip(), None),
            )
        },
    ),
    f(
        "is_myself",
        &[Parameter::text("uri")],
        Returns::Bool,
        "the URI names this server",
        |run, args| Ret::Bool(is_myself(run, args.text(0))),
    ),
    f(
        "is_proto",
        TEXT,
        Returns::Bool,
        "the transport is among those given: t, u, s or names",
        |run, args| Ret::Bool(is_proto(run.context.source().transport, args.text(0))),
    ),
    f(
        "is_UDP",
        &[],
        Returns::Bool,
        "it came over UDP",
        |run, _| over(run, "udp"),
    ),
    f(
        "is_TCP",
        &[],
        Returns::Bool,
        "it came over TCP",
        |run, _| over(run, "tcp"),
    ),
    f(
        "is_TLS",
        &[],
        Returns::Bool,
        "it came over TLS",
        |run, _| over(run, "tls"),
    ),
    f(
        "is_WS",
        &[],
        Returns::Bool,
        "it came over WebSocket",
        |run, _| over(run, "ws"),
    ),
    f(
        "is_WSS",
        &[],
        Returns::Bool,
        "it came over secure WebSocket",
        |run, _| over(run, "wss"),
    ),
    f(
        "is_IPv4",
        &[],
        Returns::Bool,
        "it came over IPv4",
        |run, _| Ret::Bool(run.context.source().remote.ip().to_canonical().is_ipv4()),
    ),
    f(
        "is_IPv6",
        &[],
        Returns::Bool,
        "it came over IPv6",
        |run, _| Ret::Bool(run.context.source().remote.ip().to_canonical().is_ipv6()),
    ),
];

/// True if a text has the transport among names or letters: `u` UDP, `t` TCP, `s` TLS, `w` WebSocket.
fn is_proto(transport: Transport, text: &[u8]) -> bool {
    let letter = match transport {
        Transport::Udp => b'u',
        Transport::Tcp => b't',
        Transport::Tls => b's',
        Transport::Ws | Transport::Wss => b'w',
    };
    text.split(|octet| matches!(octet, b'|' | b',' | b' '))
        .any(|word| match Transport::from_token(word) {
            Some(named) => named == transport,
            None => word.to_ascii_lowercase().contains(&letter),
        })
}

fn is(run: &KemiRun, method: Method<'_>) -> Ret {
    Ret::Bool(run.context.message().method() == method)
}

fn over(run: &KemiRun, transport: &str) -> Ret {
    Ret::Bool(run.context.source().transport.as_param() == transport)
}

/// The letter by which `is_method_in` knows a method.
fn letter(method: Method<'_>) -> Option<u8> {
    Some(match method {
        Method::Invite => b'I',
        Method::Ack => b'A',
        Method::Bye => b'B',
        Method::Cancel => b'C',
        Method::Register => b'R',
        Method::Message => b'M',
        Method::Options => b'O',
        Method::Subscribe => b'S',
        Method::Publish => b'P',
        Method::Notify => b'N',
        Method::Update => b'U',
        Method::Refer => b'F',
        Method::Prack => b'K',
        Method::Info => b'F',
        Method::Extension(b"KDMQ") => b'D',
        Method::Extension(_) => return None,
    })
}

/// True if a text names the method, in any case, or if it is a list of methods of the RFCs with it among them.
fn is_method(method: Method<'_>, text: &[u8]) -> bool {
    let is_it = |name: &[u8]| name.eq_ignore_ascii_case(method.as_bytes());
    if !text.contains(&b'|') {
        return is_it(text);
    }
    let mut among = false;
    let known = text.split(|octet| *octet == b'|').all(|name| {
        let name = name.trim_ascii();
        among |= is_it(name);
        !matches!(
            Method::from_bytes(&name.to_ascii_uppercase()),
            Method::Extension(_)
        )
    });
    known && among
}

/// True if a URI, or a bare host, names a listener or an alias. Observed on 5.6.3: without a port any will do, and a
/// transport must be one that is listened on.
fn is_myself(run: &KemiRun, text: &[u8]) -> bool {
    match Uri::parse(text) {
        Ok(uri) => is_own_uri(run, &uri),
        Err(_) => Host::parse(text).is_some_and(|host| run.context.is_local_host(&host)),
    }
}

fn is_own_uri(run: &KemiRun, uri: &Uri<'_>) -> bool {
    if !uri.is_sip() {
        return false;
    }
    let (Some(ip), transport) = (uri.host.ip(), uri.parameters.value(b"transport")) else {
        return run.context.is_ours(uri);
    };
    let listener = |transport| {
        let port = uri.port.unwrap_or(0);
        run.context.find_listener(transport, ip, port).is_some()
    };
    match transport.map(Transport::from_token) {
        // An address of ours, but of a transport that we do not speak there.
        Some(transport) if listener(None) => transport.is_some_and(|one| listener(Some(one))),
        _ => listener(None) || run.context.is_ours(uri),
    }
}
