//! Dialogs of a simulated agent (RFC 3261 §12, §13.3.1.4, §14, §15).

use core::time::Duration;
use std::net::SocketAddr;
use std::rc::Rc;

use strowger_sip::{Message, Method, Time};

use super::client::{Client, LONG, Purpose, T1, T2};
use super::outgoing::first_hop;
use super::text::{Draft, session};
use super::{Agent, AgentTimer, Io, Report, text};
use crate::plan::{Errand, ErrandKind, Middle, Party};

/// What a dialog begins with.
#[derive(Clone, Debug)]
pub(super) struct DialogStart {
    pub(super) number: u32,
    pub(super) party: Party,
    pub(super) call_id: String,
    /// From of our requests.
    pub(super) local: String,
    /// To of our requests.
    pub(super) remote: String,
    pub(super) remote_tag: String,
    pub(super) routes: Vec<String>,
    pub(super) target: String,
    pub(super) cseq: u32,
}

/// A 2xx to INVITE that waits for its ACK.
#[derive(Clone, Debug)]
pub(super) struct Unacknowledged {
    cseq: u32,
    octets: Vec<u8>,
    to: SocketAddr,
    interval: Duration,
    resend_at: Time,
    give_up_at: Time,
    initial: bool,
}

/// A dialog.
#[derive(Clone, Debug)]
pub(super) struct Dialog {
    pub(super) id: u64,
    pub(super) number: u32,
    pub(super) party: Party,
    pub(super) call_id: String,
    local: String,
    local_tag: String,
    remote: String,
    pub(super) remote_tag: String,
    routes: Vec<String>,
    target: String,
    cseq: u32,
    acks: Vec<(u32, SocketAddr, Vec<u8>)>,
    unacknowledged: Option<Unacknowledged>,
    hang_up_at: Option<Time>,
    middle_at: Option<(Time, Method<'static>)>,
    pending: bool,
    ended_by_peer: bool,
    /// By then it has ended, or the other side is gone.
    given_up_at: Time,
    pub(super) ended: bool,
}

impl Agent {
    /// A call that was not acknowledged and one that crossed are tried again so much later.
    const AGAIN: Duration = Duration::from_secs(1);

    /// The longest that a call lasts: a phone that hears nothing for so long believes that nobody is there.
    const PATIENCE: Duration = Duration::from_secs(150);

    fn new_dialog(&mut self, io: &mut Io<'_>, start: DialogStart) -> Dialog {
        let local_tag = start
            .local
            .rsplit_once(";tag=")
            .map_or_else(String::new, |(_, tag)| tag.to_string());
        let id = self.new_id();
        let given_up_at = io.now + Self::PATIENCE;
        io.wake(given_up_at, AgentTimer::Dialog(id));
        Dialog {
            id,
            number: start.number,
            party: start.party,
            call_id: start.call_id,
            local: start.local,
            local_tag,
            remote: start.remote,
            remote_tag: start.remote_tag,
            routes: start.routes,
            target: start.target,
            cseq: start.cseq,
            acks: Vec::new(),
            unacknowledged: None,
            hang_up_at: None,
            middle_at: None,
            pending: false,
            ended_by_peer: false,
            given_up_at,
            ended: false,
        }
    }

    pub(super) fn begin_dialog_as_caller(
        &mut self,
        io: &mut Io<'_>,
        start: DialogStart,
        first: bool,
    ) {
        io.report(Report::DialogBegan {
            number: start.number,
        });
        let cseq = start.cseq;
        let dialog = self.new_dialog(io, start);
        let id = dialog.id;
        self.dialogs.insert(id, dialog);
        self.send_ack(io, id, cseq);
        if first {
            self.plan_steps(io, id);
        } else if let Some(dialog) = self.dialogs.get_mut(&id) {
            dialog.hang_up_at = Some(io.now);
            io.wake(io.now, AgentTimer::Dialog(id));
        }
    }

    pub(super) fn begin_dialog_as_callee(
        &mut self,
        io: &mut Io<'_>,
        start: DialogStart,
        cseq: u32,
        octets: Vec<u8>,
        to: SocketAddr,
    ) {
        io.report(Report::DialogBegan {
            number: start.number,
        });
        let dialog = self.new_dialog(io, start);
        let id = dialog.id;
        self.dialogs.insert(id, dialog);
        self.await_ack(io, id, cseq, octets, to, true);
    }

    fn await_ack(
        &mut self,
        io: &mut Io<'_>,
        id: u64,
        cseq: u32,
        octets: Vec<u8>,
        to: SocketAddr,
        initial: bool,
    ) {
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        dialog.unacknowledged = Some(Unacknowledged {
            cseq,
            octets,
            to,
            interval: T1,
            resend_at: io.now + T1,
            give_up_at: io.now + LONG,
            initial,
        });
        io.wake(io.now + T1, AgentTimer::Dialog(id));
    }

    /// Takes over from the errand what this side is to do.
    fn plan_steps(&mut self, io: &mut Io<'_>, id: u64) {
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        let Some(Errand {
            kind:
                ErrandKind::Call {
                    hang_up_by,
                    hang_up_after,
                    middle,
                    ..
                },
            ..
        }) = io.errands.get(dialog.number as usize)
        else {
            return;
        };
        if *hang_up_by == dialog.party {
            dialog.hang_up_at = Some(io.now + *hang_up_after);
            io.timers
                .push((io.now + *hang_up_after, AgentTimer::Dialog(id)));
        }
        if let Some(Middle { by, after, method }) = middle
            && *by == dialog.party
        {
            dialog.middle_at = Some((io.now + *after, *method));
            io.timers.push((io.now + *after, AgentTimer::Dialog(id)));
        }
    }

    fn send_ack(&mut self, io: &mut Io<'_>, id: u64, cseq: u32) {
        let Some(dialog) = self.dialogs.get(&id) else {
            return;
        };
        let Some(to) = first_hop(&dialog.routes, &dialog.target) else {
            io.report(Report::Wrong(format!(
                "errand {}: nowhere to send the ACK",
                dialog.number
            )));
            return;
        };
        let branch = format!("z9hG4bKk{}", io.word());
        let octets = Draft {
            method: "ACK",
            uri: &dialog.target,
            sent_by: self.settings.written(),
            transport: self.settings.transport.as_str(),
            branch: &branch,
            from: &dialog.local,
            to: &dialog.remote,
            call_id: &dialog.call_id,
            cseq,
            lines: &route_lines(&dialog.routes),
            body: "",
        }
        .write();
        io.send(to, &octets);
        if let Some(dialog) = self.dialogs.get_mut(&id) {
            dialog.acks.push((cseq, to, octets));
        }
    }

    /// A 2xx came again: so does its ACK (§13.2.2.4).
    pub(super) fn acknowledge_again(&mut self, io: &mut Io<'_>, id: u64, response: &Message) {
        let cseq = response.cseq().number;
        let Some(dialog) = self.dialogs.get(&id) else {
            return;
        };
        if let Some((_, to, octets)) = dialog.acks.iter().find(|(number, ..)| *number == cseq) {
            io.send(*to, octets);
        }
    }

    /// An ACK within a dialog.
    pub(super) fn acknowledged(&mut self, io: &mut Io<'_>, request: &Message) {
        let cseq = request.cseq().number;
        let Some(id) = self.dialog_of(request) else {
            return;
        };
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        if let Some(waiting) = dialog
            .unacknowledged
            .take_if(|waiting| waiting.cseq == cseq)
            && waiting.initial
        {
            self.plan_steps(io, id);
        }
    }

    fn dialog_of(&self, request: &Message) -> Option<u64> {
        let to_tag = request.to_tag().unwrap_or_default();
        let from_tag = request.from_tag().unwrap_or_default();
        self.dialogs
            .values()
            .find(|dialog| {
                dialog.call_id.as_bytes() == request.call_id()
                    && dialog.local_tag.as_bytes() == to_tag
                    && dialog.remote_tag.as_bytes() == from_tag
            })
            .map(|dialog| dialog.id)
    }

    pub(super) fn wake_dialog(&mut self, io: &mut Io<'_>, id: u64) {
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        let now = io.now;
        if now >= dialog.given_up_at && !dialog.ended {
            dialog.ended = true;
            let number = dialog.number;
            io.report(Report::Orphaned { number });
            return io.report(Report::DialogEnded { number });
        }
        if let Some(waiting) = &mut dialog.unacknowledged {
            if now >= waiting.give_up_at {
                let initial = waiting.initial;
                dialog.unacknowledged = None;
                io.report(Report::Unacknowledged {
                    number: dialog.number,
                });
                if initial && !dialog.ended {
                    dialog.hang_up_at = Some(now);
                }
            } else if now >= waiting.resend_at {
                waiting.interval = (waiting.interval * 2).min(T2);
                waiting.resend_at = (now + waiting.interval).min(waiting.give_up_at);
                let (to, at) = (waiting.to, waiting.resend_at);
                io.sends.push((to, waiting.octets.clone()));
                io.wake(at, AgentTimer::Dialog(id));
            }
        }
        if let Some((_, method)) = dialog.middle_at.take_if(|(at, _)| *at <= now) {
            self.send_in_dialog(io, id, method);
        }
        self.hang_up_if_due(io, id);
    }

    fn hang_up_if_due(&mut self, io: &mut Io<'_>, id: u64) {
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        if dialog.ended || dialog.hang_up_at.is_none_or(|at| at > io.now) {
            return;
        }
        // A callee may not end what was not acknowledged, and nobody ends what is being changed (§15, §14).
        if dialog.pending || dialog.unacknowledged.is_some() {
            let at = io.now + Self::AGAIN;
            dialog.hang_up_at = Some(at);
            return io.wake(at, AgentTimer::Dialog(id));
        }
        dialog.hang_up_at = None;
        dialog.ended = true;
        let number = dialog.number;
        self.send_in_dialog(io, id, Method::Bye);
        io.report(Report::DialogEnded { number });
    }

    fn send_in_dialog(&mut self, io: &mut Io<'_>, id: u64, method: Method<'static>) {
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        if dialog.ended && method != Method::Bye {
            return;
        }
        dialog.cseq += 1;
        dialog.pending = method != Method::Bye;
        let dialog = dialog.clone();
        let Some(to) = first_hop(&dialog.routes, &dialog.target) else {
            return io.report(Report::Wrong(format!(
                "errand {}: nowhere to send {method}",
                dialog.number
            )));
        };
        let mut lines = route_lines(&dialog.routes);
        let mut body = String::new();
        if method == Method::Invite {
            lines += &format!("Contact: <{}>\r\n", self.contact());
            body = session(dialog.number, self.settings.address);
        }
        let draft = Draft {
            method: "",
            uri: &dialog.target,
            sent_by: self.settings.address,
            transport: "",
            branch: "",
            from: &dialog.local,
            to: &dialog.remote,
            call_id: &dialog.call_id,
            cseq: dialog.cseq,
            lines: &lines,
            body: &body,
        };
        self.request(io, method, Purpose::InDialog(id), to, draft);
    }

    pub(super) fn in_dialog_ended(
        &mut self,
        io: &mut Io<'_>,
        id: u64,
        client: &Client,
        response: Option<&Rc<Message>>,
    ) {
        let status = response
            .and_then(|response| response.status())
            .map(|status| status.get());
        let Some(dialog) = self.dialogs.get_mut(&id) else {
            return;
        };
        dialog.pending = false;
        io.report(Report::InDialog {
            number: dialog.number,
            method: text(client.method.as_bytes()),
            status,
            crossed: dialog.ended_by_peer,
        });
        if client.method == Method::Invite && matches!(status, Some(200..=299)) {
            self.send_ack(io, id, client.cseq);
        }
    }

    /// A request within a dialog.
    pub(super) fn receive_in_dialog(
        &mut self,
        io: &mut Io<'_>,
        from: SocketAddr,
        request: &Rc<Message>,
    ) {
        let found = self.dialog_of(request);
        let server = self.serve(request, from);
        let Some(dialog) = found.and_then(|id| self.dialogs.get_mut(&id)) else {
            return self.respond(
                io,
                server,
                "481 Call/Transaction Does Not Exist",
                "",
                "",
                "",
            );
        };
        let (id, number, ended) = (dialog.id, dialog.number, dialog.ended);
        match request.method() {
            Method::Bye => {
                dialog.ended_by_peer = true;
                // What still waits for its ACK is over with the dialog.
                dialog.unacknowledged = None;
                if !ended {
                    dialog.ended = true;
                    io.report(Report::DialogEnded { number });
                }
                self.respond(io, server, "200 OK", "", "", "");
            }
            _ if ended => {
                self.respond(
                    io,
                    server,
                    "481 Call/Transaction Does Not Exist",
                    "",
                    "",
                    "",
                );
            }
            Method::Invite if dialog.pending || dialog.unacknowledged.is_some() => {
                self.respond(io, server, "491 Request Pending", "", "", "");
            }
            Method::Invite => {
                let contact = format!("Contact: <{}>\r\n", self.contact());
                let body = session(number, self.settings.address);
                self.respond(io, server, "200 OK", "", &contact, &body);
                if let Some(server) = self.servers.get(&server) {
                    let (octets, peer) = (server.last.clone(), server.peer);
                    self.await_ack(io, id, request.cseq().number, octets, peer, false);
                }
            }
            _ => self.respond(io, server, "200 OK", "", "", ""),
        }
    }
}

fn route_lines(routes: &[String]) -> String {
    routes.iter().fold(String::new(), |lines, route| {
        lines + "Route: " + route + "\r\n"
    })
}
