//! One request and its final response: the non-INVITE client transaction on the real clock (RFC 3261 §17.1.2), and
//! the same request with credentials when the server asks for them (§22.2).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use strowger_sip::{HeaderName, Message, MessageBuilder, Method, Time};
use strowger_transaction::TimerSettings;
use strowger_transaction::machine::{Actions, Alarm, Context, ResponseClass, Step};
use strowger_transaction::non_invite_client::NonInviteClient;

use super::connection::Connection;
use super::identity::{Login, token};
use crate::exit::{Exit, Failure};

/// How often a request is repeated with new credentials.
const CREDENTIALS_MAX: u32 = 3;
/// Requests of the peer kept while we wait for a response; more are dropped, and sent again by the peer.
const REQUESTS_WAITING_MAX: usize = 64;
/// Octets of header fields around a body, for the choice of the transport.
const HEADERS_OCTETS: usize = 600;

/// A connection with its clock.
pub struct Peer {
    connection: Connection,
    timers: TimerSettings,
    epoch: Instant,
    /// Requests that came while a response was waited for.
    requests: VecDeque<Message>,
}

/// A final response.
pub struct Answer {
    /// The response.
    pub message: Message,
    /// From the first sending of the request that it answers to its arrival.
    pub rtt: Duration,
}

impl Peer {
    /// A peer that may take `timeout` for a final response.
    pub fn new(connection: Connection, timeout: Duration) -> Peer {
        let timers = TimerSettings {
            timer_f: timeout,
            ..TimerSettings::default()
        };
        Peer {
            connection,
            timers,
            epoch: Instant::now(),
            requests: VecDeque::new(),
        }
    }

    /// The same with another T1.
    #[cfg(test)]
    pub fn with_t1(mut self, t1: Duration) -> Peer {
        self.timers.t1 = t1;
        self
    }

    /// The connection.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Sends octets outside a transaction.
    pub fn send(&mut self, octets: &[u8]) -> Result<(), Failure> {
        self.connection
            .send(octets)
            .map_err(|error| self.connection.failure(&error))
    }

    /// The next request of the peer; `None` when `until` has come.
    pub fn next_request(&mut self, until: Instant) -> Result<Option<Message>, Failure> {
        if let Some(request) = self.requests.pop_front() {
            return Ok(Some(request));
        }
        loop {
            match self
                .connection
                .receive(until)
                .map_err(|error| self.connection.failure(&error))?
            {
                Some(message) if message.is_request() => return Ok(Some(message)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Runs one transaction.
    fn transact(&mut self, octets: &[u8], branch: &str) -> Result<Answer, Failure> {
        let started = Instant::now();
        let (mut machine, mut step) = NonInviteClient::start(self.context());
        let mut alarm = None;
        loop {
            match step.alarm {
                Alarm::Keep => {}
                Alarm::At(time) => alarm = Some(time),
                Alarm::Stop => alarm = None,
            }
            if step.actions.has(Actions::TIMEOUT) {
                return Err(self.nobody_answered());
            }
            if step.actions.has(Actions::SEND_REQUEST) {
                self.send(octets)?;
            }
            let until = self.epoch
                + Duration::from_nanos(alarm.unwrap_or(Time::MAX).as_nanos().min(u64::MAX / 4));
            let received = self
                .connection
                .receive(until)
                .map_err(|error| self.connection.failure(&error))?;
            let context = self.context();
            (machine, step) = match received {
                None => machine.on_timer(context),
                Some(message) if message.is_request() => {
                    if self.requests.len() < REQUESTS_WAITING_MAX {
                        self.requests.push_back(message);
                    }
                    (machine, Step::NOTHING)
                }
                Some(message) if message.via().branch() != Some(branch.as_bytes()) => {
                    (machine, Step::NOTHING)
                }
                Some(message) => {
                    let status = message.status().map_or(0, |status| status.get());
                    let next = machine.on_response(context, ResponseClass::of(status));
                    if next.1.actions.has(Actions::DELIVER) && !next.0.is_pending() {
                        return Ok(Answer {
                            message,
                            rtt: started.elapsed(),
                        });
                    }
                    next
                }
            };
        }
    }

    fn context(&self) -> Context<'_> {
        let now =
            Time::from_nanos(u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX));
        Context {
            now,
            reliable: self.connection.transport().is_reliable(),
            timers: &self.timers,
        }
    }

    fn nobody_answered(&self) -> Failure {
        let place = super::connection::place(self.connection.transport(), self.connection.remote());
        let seconds = self.timers.timer_f.as_secs_f32();
        Failure::new(Exit::Failed, format!("no answer from {place} within {seconds} s"))
            .fix("check address and port; a server drops what it does not take for SIP, and a firewall all")
    }
}

/// A request that can be sent again with other credentials.
pub struct Request {
    method: Method<'static>,
    uri: String,
    from: String,
    to: String,
    from_tag: String,
    call_id: String,
    cseq: u32,
    headers: Vec<(HeaderName, String)>,
    body: Option<(&'static str, Vec<u8>)>,
}

impl Request {
    /// A request outside a dialog, with a Call-ID of its own.
    pub fn new(
        method: Method<'static>,
        uri: String,
        from: String,
        to: String,
    ) -> Result<Request, Failure> {
        let (from_tag, call_id) = (token()?, token()?);
        Ok(Request {
            method,
            uri,
            from,
            to,
            from_tag,
            call_id,
            cseq: 0,
            headers: Vec::new(),
            body: None,
        })
    }

    /// Adds a header field.
    pub fn header(&mut self, name: HeaderName, value: &str) {
        self.headers.push((name, value.to_owned()));
    }

    /// Gives a header field another value.
    pub fn replace_header(&mut self, name: HeaderName, value: &str) {
        self.headers.retain(|(other, _)| *other != name);
        self.header(name, value);
    }

    /// Sets the body.
    pub fn body(&mut self, content_type: &'static str, octets: &[u8]) {
        self.body = Some((content_type, octets.to_vec()));
    }

    /// About how long it will be.
    pub fn octets_estimate(&self) -> usize {
        self.body.as_ref().map_or(0, |(_, octets)| octets.len()) + HEADERS_OCTETS
    }

    fn write(&self, peer: &Peer, branch: &str, credentials: &[(HeaderName, Vec<u8>)]) -> Vec<u8> {
        let connection = peer.connection();
        let via = format!(
            "SIP/2.0/{} {};branch={branch};rport",
            connection.transport().as_str(),
            connection.local()
        );
        let cseq = [
            self.cseq.to_string().as_bytes(),
            b" ",
            self.method.as_bytes(),
        ]
        .concat();
        let mut builder = MessageBuilder::request(self.method, self.uri.as_bytes())
            .header(HeaderName::Via, via)
            .header(HeaderName::MaxForwards, "70")
            .header(
                HeaderName::From,
                format!("<{}>;tag={}", self.from, self.from_tag),
            )
            .header(HeaderName::To, format!("<{}>", self.to))
            .header(HeaderName::CallId, &self.call_id)
            .header(HeaderName::CSeq, cseq)
            .header(
                HeaderName::UserAgent,
                concat!("strowger/", env!("CARGO_PKG_VERSION")),
            );
        for (name, value) in &self.headers {
            builder.push_header(*name, value);
        }
        for (name, value) in credentials {
            builder.push_header(*name, value);
        }
        match &self.body {
            Some((content_type, octets)) => builder.body(content_type, octets).finish(),
            None => builder.finish(),
        }
    }
}

/// Sends a request until its answer asks for no more credentials that we have.
pub fn send(peer: &mut Peer, request: &mut Request, login: &mut Login) -> Result<Answer, Failure> {
    let mut credentials: Vec<(HeaderName, Vec<u8>)> = Vec::new();
    login.begin();
    for attempt in 0.. {
        request.cseq += 1;
        let branch = format!("z9hG4bK{}", token()?);
        let octets = request.write(peer, &branch, &credentials);
        let answer = peer.transact(&octets, &branch)?;
        if attempt == CREDENTIALS_MAX {
            return Ok(answer);
        }
        let body = request.body.as_ref().map_or(&b""[..], |(_, octets)| octets);
        match login.answer(
            &answer.message,
            request.method.as_bytes(),
            &request.uri,
            body,
        )? {
            Some((name, value)) => {
                credentials.retain(|(other, _)| *other != name);
                credentials.push((name, value));
            }
            None => return Ok(answer),
        }
    }
    Err(Failure::new(
        Exit::Failed,
        "the server asks for credentials without end",
    ))
}
