//! Small SIP clients of the command line: `ping`, `register`, `message`.
//!
//! They are programs of one request, so they block: one socket, the non-INVITE client machine of
//! `strowger-transaction` on the real clock (RFC 3261 §17.1.2), digest answers (§22). Names are resolved by the system,
//! without NAPTR and SRV; `--server` says where to go when the domain has no address.

mod connection;
mod exchange;
mod identity;
mod report;
mod stay;
mod target;

use std::time::Duration;

use clap::Args;
use strowger_sip::{Contact, HeaderName, Message, Method, StatusCode};

use crate::exit::{Exit, Failure};
use connection::Connection;
use exchange::{Answer, Peer, Request};
use identity::Login;
use report::Report;
use target::{NextHop, SipUri};

/// Seconds that a request waits for its final response, unless told otherwise.
const TIMEOUT_SECONDS: u64 = 8;
/// Seconds that `register` asks for, unless told otherwise.
const EXPIRES_SECONDS: u32 = 300;
/// Where a password may stand that others cannot see.
const PASSWORD_VARIABLE: &str = "STROWGER_PASSWORD";
/// Between two requests of `ping --count`.
const PING_PERIOD: Duration = Duration::from_secs(1);
/// A larger request to a target without explicit transport goes over TCP (RFC 3261 §18.1.1).
const DATAGRAM_OCTETS_MAX: usize = 1_300;

/// Where to send a request, and how long to wait.
#[derive(Debug, Args)]
pub struct RouteArgs {
    /// Send to this SIP URI instead of the one that is called
    #[arg(long, value_name = "URI")]
    server: Option<String>,
    /// Seconds to wait for an answer
    #[arg(long, value_name = "SECONDS", default_value_t = TIMEOUT_SECONDS, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

/// How to answer a server that asks for a password.
#[derive(Debug, Args)]
pub struct LoginArgs {
    /// User name for the password [default: the user of the own address]
    #[arg(long)]
    user: Option<String>,
    /// Password; others can see it on the command line, STROWGER_PASSWORD and --password-stdin hide it [default: asked for]
    #[arg(long)]
    password: Option<String>,
    /// Read the password from standard input, one line
    #[arg(long, conflicts_with = "password")]
    password_stdin: bool,
}

/// `ping`
#[derive(Debug, Args)]
pub struct PingArgs {
    /// Whom to ask, such as sip:127.0.0.1:5060;transport=tcp
    uri: String,
    /// Own address, for servers that answer only their users
    #[arg(long, value_name = "URI")]
    from: Option<String>,
    /// How many requests to send
    #[arg(long, short = 'n', default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    count: u32,
    #[command(flatten)]
    login: LoginArgs,
    #[command(flatten)]
    route: RouteArgs,
}

/// `register`
#[derive(Debug, Args)]
pub struct RegisterArgs {
    /// Own address, such as sip:1001@127.0.0.1:5060
    uri: String,
    /// Seconds to stay registered; 0 removes the contact
    #[arg(long, value_name = "SECONDS", default_value_t = EXPIRES_SECONDS)]
    expires: u32,
    /// Where to be reached: a SIP URI, or `*` with --expires 0 to remove all [default: this program's own address]
    #[arg(long, value_name = "URI")]
    contact: Option<String>,
    /// Show the contacts that are registered and change nothing
    #[arg(long, conflicts_with_all = ["contact", "expires", "stay"])]
    query: bool,
    /// Stay registered until ended, answer, and show the messages that come
    #[arg(long, conflicts_with = "contact")]
    stay: bool,
    #[command(flatten)]
    login: LoginArgs,
    #[command(flatten)]
    route: RouteArgs,
}

/// `message`
#[derive(Debug, Args)]
pub struct MessageArgs {
    /// To whom, such as sip:1002@127.0.0.1:5060
    uri: String,
    /// The text
    text: String,
    /// Own address
    #[arg(long, value_name = "URI")]
    from: Option<String>,
    #[command(flatten)]
    login: LoginArgs,
    #[command(flatten)]
    route: RouteArgs,
}

/// Sends OPTIONS and shows who answers. Returns the exit code: 0 if every answer was a 2xx.
pub fn ping(args: &PingArgs, json: bool) -> u8 {
    let mut code = 0;
    for number in 0..args.count {
        if number > 0 {
            std::thread::sleep(PING_PERIOD);
        }
        code = report::finish(send_options(args), json).max(code);
    }
    code
}

/// Registers. Returns the exit code: 0 if the answer was a 2xx.
pub fn register(args: &RegisterArgs, json: bool) -> u8 {
    match args.stay {
        true => stay::run(args, json),
        false => report::finish(send_register(args).map(|(report, ..)| report), json),
    }
}

/// Sends a MESSAGE. Returns the exit code: 0 if the answer was a 2xx.
pub fn message(args: &MessageArgs, json: bool) -> u8 {
    report::finish(send_message(args), json)
}

/// One OPTIONS request (RFC 3261 §11).
fn send_options(args: &PingArgs) -> Result<Report, Failure> {
    let target = SipUri::parse(&args.uri)?;
    let own = own_address(args.from.as_deref())?;
    let mut peer = args.route.connect(&target, 0)?;
    let mut login = args.login.login(&own)?;
    let mut request = Request::new(
        Method::Options,
        target.request_uri(),
        own.address_of_record(),
        target.address_of_record(),
    )?;
    request.header(HeaderName::Accept, "application/sdp, text/plain");
    let answer = exchange::send(&mut peer, &mut request, &mut login)?;
    let mut report = Report::of(&answer, &peer);
    for name in [
        HeaderName::Server,
        HeaderName::UserAgent,
        HeaderName::Allow,
        HeaderName::Accept,
        HeaderName::Supported,
    ] {
        report.line_of_header(&answer.message, name);
    }
    Ok(report)
}

/// One REGISTER request, once more if the server wants a longer expiry (RFC 3261 §10.2).
fn send_register(args: &RegisterArgs) -> Result<(Report, Peer, Request, Login), Failure> {
    let own = SipUri::parse(&args.uri)?;
    if own.uri().user.is_none() {
        return Err(
            Failure::new(Exit::Usage, format!("`{}` names no user", own.text()))
                .fix("sip:1001@127.0.0.1:5060"),
        );
    }
    let mut peer = args.route.connect(&own, 0)?;
    let mut login = args.login.login(&own)?;
    let mut request = Request::new(
        Method::Register,
        own.registrar(),
        own.address_of_record(),
        own.address_of_record(),
    )?;
    if !args.query {
        let contact = match args.contact.as_deref() {
            Some("*") if args.expires == 0 => "*".to_owned(),
            Some("*") => {
                return Err(
                    Failure::new(Exit::Usage, "contact `*` removes all contacts")
                        .fix("--contact '*' --expires 0"),
                );
            }
            Some(contact) => format!("<{}>", SipUri::parse(contact)?.text()),
            None => format!("<{}>", own_contact(&own, &peer)),
        };
        request.header(HeaderName::Contact, &contact);
        request.header(HeaderName::Expires, &args.expires.to_string());
    }
    let mut answer = exchange::send(&mut peer, &mut request, &mut login)?;
    // RFC 3261 §10.2.8: once more with the least that the registrar accepts.
    if answer.message.status() == Some(StatusCode::INTERVAL_TOO_BRIEF)
        && let Ok(Some(least)) = answer.message.min_expires()
    {
        request.replace_header(HeaderName::Expires, &least.to_string());
        answer = exchange::send(&mut peer, &mut request, &mut login)?;
    }
    let report = register_report(&answer, &peer);
    Ok((report, peer, request, login))
}

/// One MESSAGE request (RFC 3428).
fn send_message(args: &MessageArgs) -> Result<Report, Failure> {
    let target = SipUri::parse(&args.uri)?;
    let own = own_address(args.from.as_deref())?;
    let mut login = args.login.login(&own)?;
    let mut request = Request::new(
        Method::Message,
        target.request_uri(),
        own.address_of_record(),
        target.address_of_record(),
    )?;
    request.body("text/plain;charset=UTF-8", args.text.as_bytes());
    let mut peer = args.route.connect(&target, request.octets_estimate())?;
    let answer = exchange::send(&mut peer, &mut request, &mut login)?;
    Ok(Report::of(&answer, &peer))
}

fn register_report(answer: &Answer, peer: &Peer) -> Report {
    let mut report = Report::of(answer, peer);
    if answer.message.status().is_some_and(StatusCode::is_success) {
        let contacts: Vec<_> = contacts_of(&answer.message).collect();
        if contacts.is_empty() {
            report.line("no contact is registered".to_owned());
        }
        for (uri, expires) in &contacts {
            report.line(match expires {
                Some(expires) => format!("{uri} for {expires} s"),
                None => uri.clone(),
            });
        }
        let list: Vec<_> = contacts
            .iter()
            .map(|(uri, expires)| serde_json::json!({ "uri": uri, "expires": expires }))
            .collect();
        report.field("contacts", list.into());
    }
    report
}

/// The contacts of a 200 to REGISTER, with the seconds that they have left.
fn contacts_of(message: &Message) -> impl Iterator<Item = (String, Option<u32>)> {
    message.contacts().filter_map(|contact| {
        let contact: Contact<'_> = contact.ok()?;
        let uri = String::from_utf8_lossy(contact.address()?.uri).into_owned();
        Some((crate::commands::printable(&uri), contact.expires()))
    })
}

/// The URI of this program's own socket.
fn own_contact(own: &SipUri, peer: &Peer) -> String {
    let user = own
        .uri()
        .user
        .map(|user| String::from_utf8_lossy(user).into_owned())
        .unwrap_or_default();
    let local = peer.connection().local();
    match peer.connection().transport().is_reliable() {
        true => format!("sip:{user}@{local};transport=tcp"),
        false => format!("sip:{user}@{local}"),
    }
}

/// The address of the one who asks; somebody without a name in a domain that does not exist (RFC 3323 §4.1.1.3).
fn own_address(from: Option<&str>) -> Result<SipUri, Failure> {
    SipUri::parse(from.unwrap_or("sip:anonymous@anonymous.invalid"))
}

impl RouteArgs {
    /// Connects to the server named, or to the target; `octets` is the size of the request to come.
    fn connect(&self, target: &SipUri, octets: usize) -> Result<Peer, Failure> {
        let server = self.server.as_deref().map(SipUri::parse).transpose()?;
        let mut hop = NextHop::of(server.as_ref().unwrap_or(target))?;
        if octets > DATAGRAM_OCTETS_MAX {
            hop.prefer_stream();
        }
        let timeout = Duration::from_secs(self.timeout);
        let connection = Connection::open(&hop, timeout)?;
        Ok(Peer::new(connection, timeout))
    }
}

impl LoginArgs {
    fn login(&self, own: &SipUri) -> Result<Login, Failure> {
        let user = match (&self.user, own.uri().user) {
            (Some(user), _) => user.clone().into_bytes(),
            (None, Some(user)) => strowger_sip::unescape(user).into_owned(),
            (None, None) => Vec::new(),
        };
        let password = match self.password_stdin {
            true => Some(
                crate::password::from_stdin()
                    .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?,
            ),
            false => self
                .password
                .clone()
                .or_else(|| std::env::var(PASSWORD_VARIABLE).ok()),
        };
        Ok(Login::new(user, password))
    }
}

#[cfg(test)]
mod tests;
