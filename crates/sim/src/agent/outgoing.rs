//! Errands that an agent begins: calls and single requests (RFC 3261 §13.2, §9.1, §22.3).

use std::net::SocketAddr;
use std::rc::Rc;

use strowger_sip::{HeaderName, Message, Method, Time};

use super::client::Purpose;
use super::dialog::DialogStart;
use super::text::{Draft, session, value};
use super::{Agent, AgentTimer, Io, Report};
use crate::plan::{Errand, ErrandKind, Party};

/// An errand on its way.
#[derive(Debug)]
pub(super) struct Outgoing {
    call_id: String,
    from: String,
    to: String,
    uri: String,
    method: Method<'static>,
    cseq: u32,
    tries: u32,
    client: u64,
    cancel_at: Option<Time>,
    has_provisional: bool,
    ended: bool,
}

impl Outgoing {
    /// True once its first request has had a final response, or none in time.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }
}

impl Agent {
    /// Begins an errand to a user.
    pub fn begin(&mut self, io: &mut Io<'_>, errand: &Errand, callee: &str) {
        let method = match &errand.kind {
            ErrandKind::Call { .. } => Method::Invite,
            ErrandKind::Single { method, .. } => *method,
        };
        let outgoing = Outgoing {
            call_id: format!(
                "e{}.{}@{}",
                errand.number,
                io.word(),
                self.settings.address.ip()
            ),
            from: format!("<{}>;tag={}", self.address_of_record(), io.word()),
            to: format!("<{callee}>"),
            uri: callee.to_string(),
            method,
            cseq: 0,
            tries: 0,
            client: 0,
            cancel_at: None,
            has_provisional: false,
            ended: false,
        };
        self.outgoing.insert(errand.number, outgoing);
        self.send_errand(io, errand.number);
    }

    fn send_errand(&mut self, io: &mut Io<'_>, number: u32) {
        let Some(outgoing) = self.outgoing.get_mut(&number) else {
            return;
        };
        outgoing.cseq += 1;
        let method = outgoing.method;
        let (uri, cseq) = (outgoing.uri.clone(), outgoing.cseq);
        let (from, to) = (outgoing.from.clone(), outgoing.to.clone());
        let call_id = outgoing.call_id.clone();
        let errand_is_big = io
            .errands
            .get(number as usize)
            .is_some_and(|errand| matches!(errand.kind, ErrandKind::Single { big: true, .. }));
        let name = super::text(method.as_bytes());
        let mut lines = self.credentials(io, 1, &name, &uri);
        let body = match method {
            Method::Invite => session(number, self.settings.address),
            Method::Message => text_of(number, errand_is_big),
            _ => String::new(),
        };
        if method == Method::Invite {
            lines += &format!(
                "Contact: <{}>\r\nX-Errand: {number};unknown=\"yes\"\r\n",
                self.contact()
            );
        }
        let draft = Draft {
            method: "",
            uri: &uri,
            sent_by: self.settings.address,
            transport: "",
            branch: "",
            from: &from,
            to: &to,
            call_id: &call_id,
            cseq,
            lines: &lines,
            body: &body,
        };
        let proxy = self.settings.proxy;
        let client = self.request(io, method, Purpose::Errand(number), proxy, draft);
        if let Some(outgoing) = self.outgoing.get_mut(&number) {
            outgoing.client = client;
            outgoing.cancel_at = None;
            outgoing.has_provisional = false;
        }
    }

    pub(super) fn provisional(&mut self, io: &mut Io<'_>, number: u32) {
        let Some(outgoing) = self.outgoing.get_mut(&number) else {
            return;
        };
        let after = io
            .errands
            .get(number as usize)
            .and_then(|errand| match &errand.kind {
                ErrandKind::Call { cancel_after, .. } => *cancel_after,
                ErrandKind::Single { .. } => None,
            });
        if outgoing.has_provisional {
            return;
        }
        outgoing.has_provisional = true;
        if let Some(after) = after {
            outgoing.cancel_at = Some(io.now + after);
            io.wake(io.now + after, AgentTimer::Outgoing(number));
        }
    }

    pub(super) fn wake_outgoing(&mut self, io: &mut Io<'_>, number: u32) {
        let Some(outgoing) = self.outgoing.get_mut(&number) else {
            return;
        };
        if outgoing.cancel_at.is_none_or(|at| at > io.now) {
            return;
        }
        outgoing.cancel_at = None;
        let Some(client) = self.clients.get(&outgoing.client) else {
            return;
        };
        if client.has_final {
            return;
        }
        let octets = client.cancel(client.request_to());
        let (branch, cseq, to) = (client.branch.clone(), client.cseq, client.to);
        let purpose = Purpose::Cancel(number);
        self.start_client(io, branch, Method::Cancel, cseq, purpose, to, octets);
    }

    pub(super) fn errand_ended(
        &mut self,
        io: &mut Io<'_>,
        number: u32,
        response: Option<&Rc<Message>>,
    ) {
        let status = response
            .and_then(|response| response.status())
            .map(|status| status.get());
        if let (Some(401 | 407), Some(response)) = (status, response) {
            let again = self.outgoing.get_mut(&number).is_some_and(|outgoing| {
                outgoing.tries += 1;
                outgoing.tries <= 3
            });
            if again && self.take_challenge(response) {
                return self.send_errand(io, number);
            }
        }
        let Some(outgoing) = self.outgoing.get_mut(&number) else {
            return;
        };
        if outgoing.ended {
            return;
        }
        outgoing.ended = true;
        let is_invite = outgoing.method == Method::Invite;
        io.report(Report::Ended { number, status });
        if let (true, Some(200..=299), Some(response)) = (is_invite, status, response) {
            self.answered(io, number, response);
        }
    }

    /// A 2xx to INVITE: a repeated one is acknowledged again, one with another tag begins another dialog, which is
    /// ended at once (§13.2.2.4).
    pub(super) fn answered(&mut self, io: &mut Io<'_>, number: u32, response: &Rc<Message>) {
        let Some(outgoing) = self.outgoing.get(&number) else {
            return;
        };
        let tag = response.to_tag().unwrap_or_default();
        let known = self.dialogs.values().find(|dialog| {
            dialog.call_id == outgoing.call_id && dialog.remote_tag.as_bytes() == tag
        });
        if let Some(dialog) = known {
            let id = dialog.id;
            return self.acknowledge_again(io, id, response);
        }
        let first = !self
            .dialogs
            .values()
            .any(|dialog| dialog.call_id == outgoing.call_id);
        let mut routes: Vec<String> = response
            .record_routes()
            .filter_map(Result::ok)
            .map(|route| format!("<{}>", super::text(route.uri)))
            .collect();
        routes.reverse();
        let start = DialogStart {
            number,
            party: Party::Caller,
            call_id: outgoing.call_id.clone(),
            local: outgoing.from.clone(),
            remote: value(response, HeaderName::To),
            remote_tag: super::text(tag),
            routes,
            target: target_of(response),
            cseq: outgoing.cseq,
        };
        self.begin_dialog_as_caller(io, start, first);
    }
}

/// What a MESSAGE says; a big one is too long for a datagram (RFC 3261 §18.1.1).
fn text_of(number: u32, big: bool) -> String {
    let text = format!("errand {number}");
    if big { text.repeat(200) } else { text }
}

/// The address in the first Contact.
pub(super) fn target_of(message: &Message) -> String {
    match message.contacts().next() {
        Some(Ok(strowger_sip::Contact::Address(contact))) => super::text(contact.uri),
        _ => String::new(),
    }
}

/// Where a request with this route set and target goes.
pub(super) fn first_hop(routes: &[String], target: &str) -> Option<SocketAddr> {
    let uri = routes.first().map_or(target, |route| {
        route.trim_start_matches('<').trim_end_matches('>')
    });
    super::text::address_in(uri)
}
