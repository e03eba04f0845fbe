//! Client transactions of a simulated agent: small, and on purpose not those of the platform (RFC 3261 §17.1).
//!
//! ```text
//! Calling ─1xx─► Proceeding ─final─► Completed ─32 s─► gone      INVITE failures are acknowledged here
//!    └──────64*T1, no response: timed out ──► gone
//! ```

use core::time::Duration;
use std::net::SocketAddr;

use strowger_sip::{HeaderName, Message, Method, Time};

use super::text::first_via;

/// T1.
pub const T1: Duration = Duration::from_millis(500);
/// T2.
pub const T2: Duration = Duration::from_secs(4);
/// 64*T1.
pub const LONG: Duration = Duration::from_secs(32);
/// An INVITE that is proceeding must end by then: timer C of two proxies, and the wait for a cancelled branch.
pub const PROCEEDING: Duration = Duration::from_secs(300);

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// REGISTER with or without Contact.
    Register,
    /// The first request of an errand.
    Errand(u32),
    /// CANCEL of an errand's INVITE.
    Cancel(u32),
    /// A request within a dialog.
    InDialog(u64),
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum State {
    Calling,
    Proceeding,
    Completed,
}

/// A client transaction.
#[derive(Clone, Debug)]
pub struct Client {
    /// The branch of its Via.
    pub branch: String,
    /// Its method.
    pub method: Method<'static>,
    /// Its CSeq.
    pub cseq: u32,
    /// What it is for.
    pub purpose: Purpose,
    /// Where it goes.
    pub to: SocketAddr,
    /// The request.
    pub octets: Vec<u8>,
    state: State,
    interval: Duration,
    resend_at: Option<Time>,
    ends_at: Time,
    ack: Vec<u8>,
    /// A final response came.
    pub has_final: bool,
}

/// What a client transaction makes of a response.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A provisional one.
    Provisional,
    /// The first final one.
    Final,
    /// A 2xx to INVITE after the first.
    FurtherSuccess,
    /// Nothing new.
    Nothing,
}

/// What is due in a client transaction.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// The request is sent again.
    Resend,
    /// No response in time.
    TimedOut,
    /// It is over.
    Over,
}

impl Client {
    /// A transaction whose request leaves now.
    #[allow(
        clippy::too_many_arguments,
        reason = "they are the fields of one transaction"
    )]
    pub fn new(
        now: Time,
        branch: String,
        method: Method<'static>,
        cseq: u32,
        purpose: Purpose,
        to: SocketAddr,
        octets: Vec<u8>,
        reliable: bool,
    ) -> Client {
        Client {
            branch,
            method,
            cseq,
            purpose,
            to,
            octets,
            state: State::Calling,
            interval: T1,
            resend_at: (!reliable).then(|| now + T1),
            ends_at: now + LONG,
            ack: Vec::new(),
            has_final: false,
        }
    }

    /// True if the request is to go out again over a new connection, the old one having gone.
    pub fn waits(&self) -> bool {
        !self.has_final && (self.method != Method::Invite || self.state == State::Calling)
    }

    /// When [`Client::due`] is to be called next.
    pub fn next_at(&self) -> Time {
        self.resend_at
            .map_or(self.ends_at, |at| at.min(self.ends_at))
    }

    /// What is due now.
    pub fn due(&mut self, now: Time) -> Due {
        if now >= self.ends_at {
            return if self.has_final {
                Due::Over
            } else {
                Due::TimedOut
            };
        }
        if self.resend_at.is_none_or(|at| at > now) {
            return Due::Nothing;
        }
        self.interval = if self.method == Method::Invite {
            self.interval * 2
        } else if self.state == State::Proceeding {
            T2
        } else {
            (self.interval * 2).min(T2)
        };
        self.resend_at = Some(now + self.interval);
        Due::Resend
    }

    /// Takes a response in. The second value is an ACK to send.
    pub fn response(&mut self, now: Time, response: &Message) -> (Incoming, Option<&[u8]>) {
        let status = response.status().map_or(0, |status| status.get());
        let is_invite = self.method == Method::Invite;
        if status < 200 {
            if self.state == State::Calling {
                self.state = State::Proceeding;
                if is_invite {
                    self.resend_at = None;
                    self.ends_at = now + PROCEEDING;
                }
            }
            let is_new = self.state == State::Proceeding;
            return (
                if is_new {
                    Incoming::Provisional
                } else {
                    Incoming::Nothing
                },
                None,
            );
        }
        let first = !self.has_final;
        if first {
            self.has_final = true;
            self.state = State::Completed;
            self.resend_at = None;
            self.ends_at = now + LONG + Duration::from_secs(2);
            if is_invite && status >= 300 {
                self.ack = self.acknowledgement(response);
            }
        }
        let ack = (is_invite && status >= 300 && !self.ack.is_empty()).then_some(&*self.ack);
        match (first, is_invite && status < 300) {
            (true, _) => (Incoming::Final, ack),
            (false, true) => (Incoming::FurtherSuccess, None),
            (false, false) => (Incoming::Nothing, ack),
        }
    }

    /// The ACK to a failure: same branch, Via alone, To of the response (§17.1.1.3).
    fn acknowledgement(&self, response: &Message) -> Vec<u8> {
        self.derived("ACK", response.to_text())
    }

    /// A CANCEL of this INVITE (§9.1).
    pub fn cancel(&self, to: String) -> Vec<u8> {
        self.derived("CANCEL", to)
    }

    fn derived(&self, method: &str, to: String) -> Vec<u8> {
        let request = String::from_utf8_lossy(&self.octets);
        let mut text = String::new();
        for (place, line) in request.split("\r\n").enumerate() {
            let name = line.split(':').next().unwrap_or_default();
            match name {
                _ if line.is_empty() => break,
                _ if place == 0 => {
                    let uri = line.split(' ').nth(1).unwrap_or_default();
                    text += &format!("{method} {uri} SIP/2.0\r\n");
                }
                "To" => text += &format!("To: {to}\r\n"),
                "CSeq" => text += &format!("CSeq: {} {method}\r\n", self.cseq),
                "Via" | "From" | "Call-ID" | "Max-Forwards" | "Route" => {
                    text += line;
                    text += "\r\n";
                }
                _ => {}
            }
        }
        text += "Content-Length: 0\r\n\r\n";
        text.into_bytes()
    }

    /// The To of the request as sent.
    pub fn request_to(&self) -> String {
        let request = String::from_utf8_lossy(&self.octets);
        request
            .split("\r\n")
            .find_map(|line| line.strip_prefix("To: "))
            .unwrap_or_default()
            .to_string()
    }

    /// True if the response belongs here.
    pub fn fits(&self, response: &Message) -> bool {
        first_via(response) == self.branch.as_bytes()
            && response.cseq().method.as_bytes() == self.method.as_bytes()
    }
}

/// To as it stands in a message.
trait ToText {
    fn to_text(&self) -> String;
}

impl ToText for Message {
    fn to_text(&self) -> String {
        self.header(HeaderName::To).map_or_else(String::new, |to| {
            String::from_utf8_lossy(to.value).into_owned()
        })
    }
}
