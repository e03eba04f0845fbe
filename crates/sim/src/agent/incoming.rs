//! Calls and requests that reach a simulated agent (RFC 3261 §13.3, §9.2).

use core::time::Duration;
use std::net::SocketAddr;
use std::rc::Rc;

use strowger_sip::{HeaderName, Message, Method, Time};

use super::dialog::DialogStart;
use super::outgoing::target_of;
use super::text::{self, session, value};
use super::{Agent, AgentTimer, Io, Report};
use crate::plan::{ErrandKind, Party, Reaction};

/// What is done at a time.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Step {
    Ring,
    Answer,
    AnswerAgain,
    Refuse(u16),
    Redirect,
    /// A final response that may not be sent any more: this status, and a To tag of its own.
    Contradict(&'static str, bool),
    /// Provisional responses without end, and what is no response at all.
    Babble,
}

/// A call that has not been answered, or not for long.
#[derive(Debug)]
pub(super) struct IncomingCall {
    number: u32,
    request: Rc<Message>,
    peer: SocketAddr,
    tag: String,
    steps: Vec<(Time, Step)>,
    reaction: Reaction,
    has_final: bool,
}

impl Agent {
    pub(super) fn receive_invite(
        &mut self,
        io: &mut Io<'_>,
        from: SocketAddr,
        request: &Rc<Message>,
    ) {
        let Some(errand) = io.errand(request.call_id()) else {
            return self.refuse_stranger(io, from, request);
        };
        let number = errand.number;
        let ErrandKind::Call { reactions, .. } = &errand.kind else {
            return io.report(Report::Wrong("an INVITE for no call".into()));
        };
        let reaction = reactions
            .get(self.settings.device)
            .copied()
            .unwrap_or(Reaction::Silent);
        let session = format!("s=errand {number}\r\n");
        if !text::text(request.body()).contains(&session) || request.routes().next().is_some() {
            io.report(Report::Wrong(format!(
                "errand {number}: the INVITE did not come through as it was sent"
            )));
        }
        let same = self.incoming.values().any(|call| {
            call.request.call_id() == request.call_id()
                && call.request.cseq().number == request.cseq().number
        });
        if same {
            io.report(Report::Merged { number });
            let id = self.serve(request, from);
            let tag = io.word();
            return self.respond(io, id, "482 Loop Detected", &tag, "", "");
        }
        if reaction == Reaction::Silent {
            return;
        }
        let id = self.serve(request, from);
        let call = IncomingCall {
            number,
            request: Rc::clone(request),
            peer: from,
            tag: io.word(),
            steps: steps(io.now, reaction),
            reaction,
            has_final: false,
        };
        for (at, _) in &call.steps {
            io.wake(*at, AgentTimer::Incoming(id));
        }
        self.incoming.insert(id, call);
    }

    pub(super) fn wake_incoming(&mut self, io: &mut Io<'_>, id: u64) {
        while let Some(call) = self.incoming.get_mut(&id) {
            let Some(place) = call.steps.iter().position(|(at, _)| *at <= io.now) else {
                return;
            };
            let (_, step) = call.steps.remove(place);
            let late = matches!(step, Step::AnswerAgain | Step::Contradict(..));
            if call.has_final && !late {
                continue;
            }
            let tag = call.tag.clone();
            match step {
                Step::Ring => self.respond(io, id, "180 Ringing", &tag, "", ""),
                Step::Answer => self.answer(io, id, tag),
                Step::AnswerAgain => {
                    let tag = io.word();
                    self.answer(io, id, tag);
                }
                Step::Refuse(status) => {
                    call.has_final = true;
                    self.respond(io, id, &format!("{status} Refused"), &tag, "", "");
                }
                Step::Contradict(status, other_tag) => {
                    let tag = if other_tag { io.word() } else { tag };
                    let contact = format!("Contact: <{}>\r\n", self.contact());
                    self.contradict(io, id, status, &tag, &contact);
                }
                Step::Babble => self.babble(io, id, &tag),
                Step::Redirect => {
                    call.has_final = true;
                    let contact = "Contact: <sip:elsewhere@192.0.2.254>\r\n";
                    self.respond(io, id, "302 Moved Temporarily", &tag, contact, "");
                }
            }
        }
    }

    fn answer(&mut self, io: &mut Io<'_>, id: u64, tag: String) {
        let contact = format!("Contact: <{}>\r\n", self.contact());
        let Some(call) = self.incoming.get_mut(&id) else {
            return;
        };
        call.has_final = true;
        let (request, peer, number) = (Rc::clone(&call.request), call.peer, call.number);
        let body = session(number, self.settings.address);
        self.respond(io, id, "200 OK", &tag, &contact, &body);
        let Some(octets) = self.servers.get(&id).map(|server| server.last.clone()) else {
            return;
        };
        let routes = request
            .record_routes()
            .filter_map(Result::ok)
            .map(|route| format!("<{}>", text::text(route.uri)))
            .collect();
        let start = DialogStart {
            number,
            party: Party::Callee,
            call_id: text::text(request.call_id()),
            local: format!("{};tag={tag}", value(&request, HeaderName::To)),
            remote: value(&request, HeaderName::From),
            remote_tag: text::text(request.from_tag().unwrap_or_default()),
            routes,
            target: target_of(&request),
            cseq: 0,
        };
        self.begin_dialog_as_callee(io, start, request.cseq().number, octets, peer);
    }

    pub(super) fn receive_cancel(
        &mut self,
        io: &mut Io<'_>,
        from: SocketAddr,
        request: &Rc<Message>,
    ) {
        let branch = text::first_via(request);
        let invite = self
            .servers
            .iter()
            .find(|(_, server)| server.is_invite() && server.branch == branch)
            .map(|(&id, _)| id);
        let server = self.serve(request, from);
        let Some(invite) = invite else {
            return self.respond(
                io,
                server,
                "481 Call/Transaction Does Not Exist",
                "",
                "",
                "",
            );
        };
        self.respond(io, server, "200 OK", "", "", "");
        let Some(call) = self.incoming.get_mut(&invite) else {
            return;
        };
        if call.has_final || call.reaction == Reaction::IgnoreCancel {
            return;
        }
        call.has_final = true;
        let tag = call.tag.clone();
        self.respond(io, invite, "487 Request Terminated", &tag, "", "");
    }

    /// A request out of any dialog that is not INVITE.
    pub(super) fn receive_single(
        &mut self,
        io: &mut Io<'_>,
        from: SocketAddr,
        request: &Rc<Message>,
    ) {
        let answered = match io.errand(request.call_id()).map(|errand| &errand.kind) {
            Some(ErrandKind::Single { answered, .. }) => *answered,
            Some(_) => {
                let line = text::text(request.method().as_bytes());
                return io.report(Report::Wrong(format!("a {line} that nobody sent")));
            }
            None => return self.refuse_stranger(io, from, request),
        };
        if !answered {
            return;
        }
        let server = self.serve(request, from);
        let tag = io.word();
        self.respond(io, server, "200 OK", &tag, "", "");
    }
}

impl Agent {
    /// What belongs to no errand was sent by a host that makes things up.
    fn refuse_stranger(&mut self, io: &mut Io<'_>, from: SocketAddr, request: &Rc<Message>) {
        let server = self.serve(request, from);
        let tag = io.word();
        self.respond(io, server, "480 Temporarily Unavailable", &tag, "", "");
    }

    /// Sends a final response beside the one that counts; keeps nothing of it.
    fn contradict(&mut self, io: &mut Io<'_>, id: u64, status: &str, tag: &str, contact: &str) {
        if let Some(server) = self.servers.get(&id) {
            let octets = text::response(&server.request, status, tag, contact, "");
            io.send(server.peer, &octets);
        }
    }

    fn babble(&mut self, io: &mut Io<'_>, id: u64, tag: &str) {
        /// Provisional responses at once.
        const PROVISIONALS: usize = 12;
        let Some(server) = self.servers.get(&id) else {
            return;
        };
        for _ in 0..PROVISIONALS {
            let status = io
                .random
                .pick(&["183 Progress", "180 Ringing", "199 Early"], "180 Ringing");
            let octets = text::response(&server.request, status, tag, "", "");
            io.send(server.peer, &octets);
            let mut broken = octets;
            let cut = usize::try_from(io.random.below(broken.len() as u64)).unwrap_or(0);
            broken.truncate(cut);
            if let Some(octet) = broken.get_mut(cut / 2) {
                *octet ^= 0x41;
            }
            io.garbage.push((server.peer, broken));
        }
    }
}

fn steps(now: Time, reaction: Reaction) -> Vec<(Time, Step)> {
    const SOON: Duration = Duration::from_millis(100);
    match reaction {
        Reaction::Answer { ring, answer } => ring
            .map(|ring| (now + ring, Step::Ring))
            .into_iter()
            .chain([(now + answer, Step::Answer)])
            .collect(),
        Reaction::AnswerTwice { answer } => vec![
            (now + answer, Step::Answer),
            (now + answer + SOON, Step::AnswerAgain),
        ],
        Reaction::Refuse { status, after } => vec![
            (now + SOON.min(after), Step::Ring),
            (now + after, Step::Refuse(status)),
        ],
        Reaction::AnswerThenRefuse { answer } => vec![
            (now + answer, Step::Answer),
            (
                now + answer + SOON,
                Step::Contradict("486 Busy Here", false),
            ),
            (now + answer + SOON, Step::Contradict("603 Decline", true)),
        ],
        Reaction::RefuseThenAnswer { after } => vec![
            (now + after, Step::Refuse(486)),
            (now + after + SOON, Step::Contradict("200 OK", false)),
            (now + after + SOON, Step::Contradict("480 Away", true)),
        ],
        Reaction::Babble { after } => vec![
            (now + SOON.min(after), Step::Babble),
            (now + after, Step::Refuse(480)),
        ],
        Reaction::Circle => Vec::new(),
        Reaction::Redirect => vec![(now + SOON, Step::Redirect)],
        Reaction::RingForever | Reaction::IgnoreCancel => vec![(now + SOON, Step::Ring)],
        Reaction::Silent => Vec::new(),
    }
}

impl Agent {
    /// True if the agent holds no transaction and no open dialog any more.
    pub fn is_idle(&self) -> bool {
        self.clients.is_empty()
            && self
                .servers
                .values()
                .all(|server| server.request.method() == Method::Invite && server.status < 200)
            && self.open_dialogs() == 0
    }
}
