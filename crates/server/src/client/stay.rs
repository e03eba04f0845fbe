//! `register --stay`: a phone without a loudspeaker. It keeps its registration, answers OPTIONS and MESSAGE, refuses
//! calls, and shows what comes, until it is ended.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use strowger_sip::{HeaderName, Message, MessageBuilder, Method, StatusCode};

use super::exchange::{self, Peer, Request};
use super::identity::{Login, token};
use super::report::{self, Report, text};
use super::target::SipUri;
use super::{RegisterArgs, own_contact, send_register};
use crate::commands::{say, say_json};
use crate::exit::{Exit, Failure};

/// How long a signal may have to wait.
const LOOK_PERIOD: Duration = Duration::from_millis(200);
/// CR LF CR LF keeps connections and NAT bindings alive (RFC 5626 §3.5.1 for streams).
const KEEP_ALIVE_PERIOD: Duration = Duration::from_secs(25);
/// Responses kept for retransmitted requests.
const ANSWERED_MAX: usize = 32;
/// Methods that get an answer.
const ALLOW: &str = "OPTIONS, MESSAGE";

/// Registers, stays, removes the registration. Returns the exit code.
pub fn run(args: &RegisterArgs, json: bool) -> u8 {
    // Before anything is printed: whoever reads the first line may end us.
    let signals = match signals() {
        Ok(signals) => signals,
        Err(error) => {
            return report::finish(Err(Failure::new(Exit::Failed, error.to_string())), json);
        }
    };
    let (report, peer, request, login) = match send_register(args) {
        Ok(registered) => registered,
        Err(failure) => return report::finish(Err(failure), json),
    };
    let code = report::finish(Ok(report.clone()), json);
    if code != 0 {
        return code;
    }
    let contact = SipUri::parse(&args.uri)
        .map(|own| own_contact(&own, &peer))
        .unwrap_or_default();
    let mut phone = Phone {
        peer,
        request,
        login,
        contact,
        answered: VecDeque::new(),
        json,
    };
    match phone.stay(&report, &signals) {
        Ok(report) => report::finish(Ok(report), json),
        Err(failure) => report::finish(Err(failure), json),
    }
}

fn signals() -> nix::Result<SignalFd> {
    let mut set = SigSet::empty();
    set.add(Signal::SIGINT);
    set.add(Signal::SIGTERM);
    set.thread_block()?;
    SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

pub(super) struct Phone {
    peer: Peer,
    /// The REGISTER, to be sent again.
    request: Request,
    login: Login,
    /// Our URI among the contacts.
    contact: String,
    /// Branch and response of the requests answered last.
    answered: VecDeque<(Vec<u8>, Vec<u8>)>,
    json: bool,
}

impl Phone {
    fn stay(&mut self, registered: &Report, signals: &SignalFd) -> Result<Report, Failure> {
        let mut refresh_due = self.refresh_due(registered);
        let mut keep_alive_due = Instant::now() + KEEP_ALIVE_PERIOD;
        while !matches!(signals.read_signal(), Ok(Some(_))) {
            let now = Instant::now();
            if now >= refresh_due {
                let report = self.register()?;
                if report.code() != 0 {
                    return Ok(report);
                }
                refresh_due = self.refresh_due(&report);
            }
            if now >= keep_alive_due {
                self.peer.send(b"\r\n\r\n")?;
                keep_alive_due = now + KEEP_ALIVE_PERIOD;
            }
            if let Some(request) = self.peer.next_request(now + LOOK_PERIOD)? {
                self.answer(&request)?;
            }
        }
        self.request.replace_header(HeaderName::Expires, "0");
        self.register()
    }

    fn register(&mut self) -> Result<Report, Failure> {
        let answer = exchange::send(&mut self.peer, &mut self.request, &mut self.login)?;
        Ok(super::register_report(&answer, &self.peer))
    }

    fn answer(&mut self, request: &Message) -> Result<(), Failure> {
        let branch = request.via().branch().unwrap_or_default().to_vec();
        let status = match request.method() {
            Method::Ack => return Ok(()),
            Method::Options | Method::Message => StatusCode::OK,
            Method::Invite => StatusCode::BUSY_HERE,
            Method::Cancel | Method::Bye => StatusCode::CALL_TRANSACTION_DOES_NOT_EXIST,
            _ => StatusCode::METHOD_NOT_ALLOWED,
        };
        if let Some((_, response)) = self.answered.iter().find(|(known, _)| *known == branch) {
            let response = response.clone();
            return self.peer.send(&response);
        }
        let response = MessageBuilder::response_to(request, status, Some(token()?.as_bytes()))
            .header(HeaderName::Allow, ALLOW)
            .header(HeaderName::Accept, "text/plain")
            .finish();
        self.peer.send(&response)?;
        self.show(request, status);
        if self.answered.len() == ANSWERED_MAX {
            self.answered.pop_front();
        }
        self.answered.push_back((branch, response));
        Ok(())
    }

    fn show(&self, request: &Message, status: StatusCode) {
        let (method, from) = (text(request.method().as_bytes()), text(request.from().uri));
        let body = match request.method() {
            Method::Message => text(request.body()),
            _ => String::new(),
        };
        match self.json {
            true => say_json(&serde_json::json!({
                "method": method, "from": from, "text": body, "answered": status.get(),
            })),
            false if request.method() == Method::Message => say(&format!("{from}: {body}\n")),
            false => say(&format!(
                "{method} from {from}, answered {} {}\n",
                status.get(),
                status.reason_phrase()
            )),
        }
    }

    /// Half of what was granted.
    fn refresh_due(&self, registered: &Report) -> Instant {
        let contacts = registered
            .fields
            .get("contacts")
            .and_then(|contacts| contacts.as_array());
        let own = |contact: &&serde_json::Value| {
            contact
                .get("uri")
                .and_then(|uri| uri.as_str())
                .is_some_and(|uri| uri == self.contact)
        };
        let granted = contacts.and_then(|all| all.iter().find(own)?.get("expires")?.as_u64());
        Instant::now()
            + Duration::from_secs((granted.unwrap_or(u64::from(super::EXPIRES_SECONDS)) / 2).max(1))
    }
}

#[cfg(test)]
impl Phone {
    /// A phone that is registered already.
    pub(super) fn new(peer: Peer, request: Request, login: Login) -> Phone {
        Phone {
            peer,
            request,
            login,
            contact: String::new(),
            answered: VecDeque::new(),
            json: true,
        }
    }

    /// Answers the next request.
    pub(super) fn answer_next(&mut self, until: Instant) -> Result<bool, Failure> {
        match self.peer.next_request(until)? {
            Some(request) => self.answer(&request).map(|()| true),
            None => Ok(false),
        }
    }
}
