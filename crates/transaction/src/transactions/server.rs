//! Server transactions: matching requests, responding, retransmitting (RFC 3261 §17.2, §9.2).

use std::sync::Arc;

use strowger_sip::{Message, Method, Now, StatusCode};

use super::kept::{Kept, trying};
use super::{NO_TIMER, Owner, ServerKey, TableFull, TransactionEvent, Transactions};
use crate::flow::{Flow, TransmitBatch};
use crate::invite_server::InviteServer;
use crate::key_index::{self, Links};
use crate::machine::{Actions, Context, ResponseClass, Step};
use crate::non_invite_server::NonInviteServer;
use crate::packed_flow::PackedFlow;
use crate::request_key::{KeyClass, MethodTag, RequestKey};
use crate::slots::{SlotKey, Slots};
use crate::via::response_flow;
use crate::wheel::TimerKey;

/// One server transaction.
#[derive(Debug)]
pub(super) struct Server {
    key: RequestKey,
    user: u64,
    machine: ServerMachine,
    pub(super) kept: Kept,
    flow: PackedFlow,
    pub(super) timer: TimerKey,
    next: u32,
    method: MethodTag,
}

#[derive(Debug)]
enum ServerMachine {
    Invite(InviteServer),
    NonInvite(NonInviteServer),
}

/// What RFC 2543 matching compares besides the key.
#[derive(Debug)]
pub(super) struct LegacyTags {
    request: u64,
    response: u64,
}

/// What a request is to the transactions that exist.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the fields are the key and the user's number everywhere"
)]
pub enum RequestMatch {
    /// No transaction has it: [`Transactions::create_server`] takes the key. An ACK here belongs to a 2xx, or to
    /// nobody.
    New(RequestKey),
    /// A retransmission: answered from memory or dropped.
    Absorbed,
    /// The first ACK to a failure of ours; nothing is left to do.
    AckedFinal { server: ServerKey, user: u64 },
    /// An ACK to a 2xx that came with the branch of its INVITE: for the user (RFC 6026 §7.1).
    AckForSuccess { server: ServerKey, user: u64 },
}

/// Why a response was not sent.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum RespondError {
    /// The transaction has ended.
    Unknown,
    /// The final response was sent before.
    FinalSent,
    /// 408 to a non-INVITE request (RFC 4320 §4.2): the transaction will end silently.
    TimeoutToNonInvite,
}

impl core::fmt::Display for RespondError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            RespondError::Unknown => "the transaction has ended",
            RespondError::FinalSent => "the final response was sent before",
            RespondError::TimeoutToNonInvite => "a non-INVITE request is never answered 408",
        })
    }
}

impl core::error::Error for RespondError {}

impl ServerMachine {
    fn take(&mut self) -> ServerMachine {
        core::mem::replace(self, ServerMachine::NonInvite(NonInviteServer::Terminated))
    }

    fn is_terminated(&self) -> bool {
        matches!(
            self,
            ServerMachine::Invite(InviteServer::Terminated)
                | ServerMachine::NonInvite(NonInviteServer::Terminated)
        )
    }

    fn is_pending(&self) -> bool {
        match self {
            ServerMachine::Invite(machine) => machine.is_pending(),
            ServerMachine::NonInvite(machine) => machine.is_pending(),
        }
    }

    fn is_unfinished(&self) -> bool {
        self.is_pending() || matches!(self, ServerMachine::Invite(InviteServer::Completed(_)))
    }

    /// Runs one transition of whichever machine it is.
    fn step(
        &mut self,
        invite: impl FnOnce(InviteServer) -> (InviteServer, Step),
        non_invite: impl FnOnce(NonInviteServer) -> (NonInviteServer, Step),
    ) -> Step {
        let (next, step) = match self.take() {
            ServerMachine::Invite(machine) => {
                let (machine, step) = invite(machine);
                (ServerMachine::Invite(machine), step)
            }
            ServerMachine::NonInvite(machine) => {
                let (machine, step) = non_invite(machine);
                (ServerMachine::NonInvite(machine), step)
            }
        };
        *self = next;
        step
    }
}

impl Links for Slots<Server> {
    fn hash(&self, slot: u32) -> u64 {
        self.at(slot).map_or(0, |server| server.key.bits())
    }
    fn next(&self, slot: u32) -> u32 {
        self.at(slot).map_or(key_index::NONE, |server| server.next)
    }
    fn set_next(&mut self, slot: u32, next: u32) {
        if let Some(server) = self.at_mut(slot) {
            server.next = next;
        }
    }
}

impl Server {
    /// Octets are kept for retransmission on datagrams only, and while there is no connection to send them on.
    fn reliable(&self) -> bool {
        self.flow.is_reliable() && !self.flow.is_dead()
    }

    /// True if its key may change: it has said its last word, and no connection is or comes to be its own.
    pub(super) fn may_move(&self) -> bool {
        let has_finished = match &self.machine {
            ServerMachine::Invite(machine) => {
                matches!(
                    machine,
                    InviteServer::Completed(_) | InviteServer::Confirmed(_)
                )
            }
            ServerMachine::NonInvite(machine) => matches!(machine, NonInviteServer::Completed(_)),
        };
        has_finished && !self.reliable() && !self.flow.is_another_awaited() && !self.key.is_legacy()
    }
}

impl Transactions {
    /// The key of a request: that of its transaction, or for an ACK that of the INVITE.
    pub fn request_key(&self, request: &Message) -> RequestKey {
        self.keys.key(request, KeyClass::of(request.method()))
    }

    /// The key that the INVITE has which a CANCEL or ACK means (RFC 3261 §9.2).
    pub fn invite_key(&self, request: &Message) -> RequestKey {
        self.keys.key(request, KeyClass::Invite)
    }

    /// Looks for the transaction of a request and lets it answer a retransmission.
    pub fn match_request(
        &mut self,
        now: Now,
        request: &Message,
        flow: &Flow,
        out: &mut TransmitBatch,
    ) -> RequestMatch {
        let method = request.method();
        let key = self.request_key(request);
        let wanted = if method == Method::Ack {
            MethodTag::INVITE
        } else {
            MethodTag::of(method)
        };
        let Some(slot) = self.find_server(key, request, |server| server.method == wanted) else {
            return RequestMatch::New(key);
        };
        if method == Method::Ack {
            self.take_ack(now, slot)
        } else {
            self.take_retransmission(slot, flow, out)
        }
    }

    /// The INVITE transaction that a CANCEL means, whatever its state.
    pub fn find_invite_for_cancel(&self, cancel: &Message) -> Option<ServerKey> {
        let key = self.keys.key(cancel, KeyClass::Invite);
        self.find_server(key, cancel, |_| true).map(ServerKey)
    }

    /// The transaction that a CANCEL means, of any method but ACK and CANCEL: as long as there is one the CANCEL is
    /// answered 200, though it has an effect on an INVITE only (RFC 3261 §9.2).
    pub fn find_for_cancel(&self, cancel: &Message) -> Option<ServerKey> {
        self.find_invite_for_cancel(cancel).or_else(|| {
            let key = self.keys.key(cancel, KeyClass::Other);
            self.find_server(key, cancel, |_| true).map(ServerKey)
        })
    }

    /// Begins the transaction of a new request that arrived on `flow`. An INVITE is answered 100 by itself when
    /// [`crate::TimerSettings::trying_after`] says so; zero sends it here.
    pub fn create_server(
        &mut self,
        now: Now,
        key: RequestKey,
        request: &Message,
        flow: &Flow,
        user: u64,
        out: &mut TransmitBatch,
    ) -> Result<ServerKey, TableFull> {
        let back = response_flow(request, flow);
        self.create_server_towards(now, key, request, (flow, back), user, out)
    }

    /// The same for a request that others hold too: an INVITE is kept with them instead of a 100 that may never be due.
    pub fn create_server_sharing(
        &mut self,
        now: Now,
        key: RequestKey,
        request: &Arc<Message>,
        flow: &Flow,
        user: u64,
        out: &mut TransmitBatch,
    ) -> Result<ServerKey, TableFull> {
        let back = response_flow(request, flow);
        let keep = |_: &mut TransmitBatch| Kept::Request(Some(Arc::clone(request)));
        self.begin_server(now, key, request, back, user, keep, out)
    }

    /// The same, where responses go back on another flow than the topmost Via says (`rport` that was not asked for).
    pub fn create_server_towards(
        &mut self,
        now: Now,
        key: RequestKey,
        request: &Message,
        (flow, back): (&Flow, Flow),
        user: u64,
        out: &mut TransmitBatch,
    ) -> Result<ServerKey, TableFull> {
        let keep = |out: &mut TransmitBatch| Kept::Response(trying(request, flow, &mut out.bytes));
        self.begin_server(now, key, request, back, user, keep, out)
    }

    /// `keep` gives what an INVITE keeps for its 100.
    #[allow(
        clippy::too_many_arguments,
        reason = "the parts of a beginning, in the ways that there are to begin"
    )]
    fn begin_server(
        &mut self,
        now: Now,
        key: RequestKey,
        request: &Message,
        back: Flow,
        user: u64,
        keep: impl FnOnce(&mut TransmitBatch) -> Kept,
        out: &mut TransmitBatch,
    ) -> Result<ServerKey, TableFull> {
        if self.servers.len() >= self.limits.servers_max.min(Owner::SERVER - 1) as usize {
            self.counters.servers_full += 1;
            return Err(TableFull);
        }
        let context = Self::context(&self.timers, now, back.transport.is_reliable());
        let is_invite = request.method() == Method::Invite;
        let (machine, step) = if is_invite {
            let (machine, step) = InviteServer::start(context);
            (ServerMachine::Invite(machine), step)
        } else {
            let (machine, step) = NonInviteServer::start(context);
            (ServerMachine::NonInvite(machine), step)
        };
        let kept = if is_invite && self.timers.trying_after.is_some() {
            keep(out)
        } else {
            Kept::NOTHING
        };
        let slot = self.servers.insert(Server {
            key,
            user,
            machine,
            kept,
            flow: PackedFlow::new(&back),
            timer: NO_TIMER,
            next: key_index::NONE,
            method: MethodTag::of(request.method()),
        });
        self.server_index.insert(&mut self.servers, slot.slot);
        if key.is_legacy() {
            self.legacy.insert(
                slot.slot,
                LegacyTags {
                    request: self.keys.tag(request.to_tag()),
                    response: 0,
                },
            );
        }
        self.counters.servers_started += 1;
        self.note_stream(back.stream, ServerKey(slot).token());
        self.carry_out_server(slot, step, out);
        Ok(ServerKey(slot))
    }

    /// Sends a response that `write` appends. One final response only; further 2xx pass an accepted INVITE.
    pub fn respond(
        &mut self,
        now: Now,
        server: ServerKey,
        status: StatusCode,
        write: impl FnOnce(&mut Vec<u8>),
        out: &mut TransmitBatch,
    ) -> Result<(), RespondError> {
        let slot = server.0;
        let Some(entry) = self.servers.get_mut(slot) else {
            return Err(RespondError::Unknown);
        };
        let is_invite = matches!(entry.machine, ServerMachine::Invite(_));
        if status == StatusCode::REQUEST_TIMEOUT && !is_invite && !self.timers.non_invite_408 {
            self.counters.non_invite_408_refused += 1;
            return Err(RespondError::TimeoutToNonInvite);
        }
        let class = ResponseClass::of(status.get());
        let context = Self::context(&self.timers, now, entry.reliable());
        let step = entry.machine.step(
            |it| it.on_respond(context, class),
            |it| it.on_respond(context, class),
        );
        if step.actions.has(Actions::REFUSE) {
            self.counters.finals_refused += 1;
            return Err(RespondError::FinalSent);
        }
        let range = out.push_with(entry.flow.unpack(), server.token(), write);
        let octets = out.bytes.get(range.clone()).unwrap_or_default();
        if class != ResponseClass::Provisional && entry.key.is_legacy() {
            let tag = self.keys.tag(to_tag_of(octets));
            if let Some(tags) = self.legacy.get_mut(&slot.slot) {
                tags.response = tag;
            }
        }
        entry.kept = Kept::NOTHING;
        if entry.flow.is_dead() || (step.actions.has(Actions::KEEP_RESPONSE) && !entry.reliable()) {
            entry.kept = Kept::Response(octets.into());
        }
        if entry.flow.is_dead() {
            out.sends.pop();
            out.bytes.truncate(range.start);
            entry.flow.await_another(true);
            self.events
                .push_back(TransactionEvent::ServerTransportError {
                    server,
                    user: entry.user,
                });
        }
        self.carry_out_server(slot, step, out);
        Ok(())
    }

    /// Gives a server transaction another flow after its connection closed, and sends what it has to say.
    pub fn reattach_server(
        &mut self,
        server: ServerKey,
        flow: &Flow,
        out: &mut TransmitBatch,
    ) -> bool {
        let Some(entry) = self.servers.get_mut(server.0) else {
            return false;
        };
        let before = entry.flow.unpack();
        entry.kept.write_trying(&before, &mut out.bytes);
        entry.flow = PackedFlow::new(flow);
        if let Some(response) = entry.kept.response() {
            out.push(*flow, server.token(), response);
        }
        self.note_stream(flow.stream, server.token());
        true
    }

    /// No other flow comes for a server transaction that could not send: after this its key may change, as it may of all
    /// that have finished.
    pub fn let_server_go(&mut self, server: ServerKey) {
        if let Some(entry) = self.servers.get_mut(server.0) {
            entry.flow.await_another(false);
        }
    }

    /// What a server transaction has to say while its connection is gone. The 100 that it makes by itself is not worth
    /// a connection.
    pub fn unsent_response(&self, server: ServerKey) -> Option<&[u8]> {
        let entry = self.servers.get(server.0)?;
        entry
            .kept
            .response()
            .filter(|response| entry.flow.is_dead() && !response.starts_with(b"SIP/2.0 100 "))
    }

    /// Drops a server transaction without a word and without an event.
    pub fn release_server(&mut self, server: ServerKey) {
        self.remove_server(server.0);
    }

    /// The user's number.
    pub fn server_user(&self, server: ServerKey) -> Option<u64> {
        self.servers.get(server.0).map(|entry| entry.user)
    }

    /// Gives the transaction another number.
    pub fn set_server_user(&mut self, server: ServerKey, user: u64) {
        if let Some(entry) = self.servers.get_mut(server.0) {
            entry.user = user;
        }
    }

    /// Where responses go.
    pub fn server_flow(&self, server: ServerKey) -> Option<Flow> {
        self.servers.get(server.0).map(|entry| entry.flow.unpack())
    }

    /// The method of the request.
    pub fn server_method(&self, server: ServerKey) -> Option<MethodTag> {
        self.servers.get(server.0).map(|entry| entry.method)
    }

    /// True if the transaction exists and has no final response yet.
    pub fn server_is_pending(&self, server: ServerKey) -> bool {
        self.servers
            .get(server.0)
            .is_some_and(|entry| entry.machine.is_pending())
    }

    /// Server transactions whose peer still waits for something: for the final response, or, after a failure of an
    /// INVITE, for its ACK to arrive. Looks at all of them.
    pub fn unfinished_server_count(&self) -> usize {
        let servers = self.servers.values();
        servers
            .filter(|entry| entry.machine.is_unfinished())
            .count()
    }

    fn find_server(
        &self,
        key: RequestKey,
        request: &Message,
        fits: impl Fn(&Server) -> bool,
    ) -> Option<SlotKey> {
        let servers = &self.servers;
        let slot = self.server_index.find(servers, key.bits(), |slot| {
            servers.at(slot).is_some_and(|server| {
                server.key == key && fits(server) && self.legacy_tags_fit(key, slot, request)
            })
        })?;
        servers.key_at(slot)
    }

    /// RFC 3261 §17.2.3: the To tag of a retransmission is that of the request, that of an ACK is the response's.
    fn legacy_tags_fit(&self, key: RequestKey, slot: u32, request: &Message) -> bool {
        if !key.is_legacy() {
            return true;
        }
        let tag = self.keys.tag(request.to_tag());
        let is_ack = request.method() == Method::Ack;
        self.legacy
            .get(&slot)
            .is_some_and(|tags| tag == if is_ack { tags.response } else { tags.request })
    }

    fn take_ack(&mut self, now: Now, slot: SlotKey) -> RequestMatch {
        let Some(entry) = self.servers.get_mut(slot) else {
            return RequestMatch::Absorbed;
        };
        let (server, user) = (ServerKey(slot), entry.user);
        let context: Context<'_> = Self::context(&self.timers, now, entry.reliable());
        let step = entry
            .machine
            .step(|it| it.on_ack(context), |it| (it, Step::NOTHING));
        let first = step.actions.has(Actions::FREE_RESPONSE);
        if step.actions.has(Actions::DELIVER) {
            return RequestMatch::AckForSuccess { server, user };
        }
        self.counters.acks_absorbed += 1;
        self.carry_out_server(slot, step, &mut TransmitBatch::new());
        if first {
            RequestMatch::AckedFinal { server, user }
        } else {
            RequestMatch::Absorbed
        }
    }

    fn take_retransmission(
        &mut self,
        slot: SlotKey,
        flow: &Flow,
        out: &mut TransmitBatch,
    ) -> RequestMatch {
        self.counters.requests_absorbed += 1;
        if let Some(entry) = self.servers.get_mut(slot) {
            // The client has connected anew: its retransmission says where the response may go.
            if entry.flow.is_dead() && flow.transport.is_reliable() {
                self.reattach_server(ServerKey(slot), flow, out);
                return RequestMatch::Absorbed;
            }
            let step = entry.machine.step(
                InviteServer::on_retransmission,
                NonInviteServer::on_retransmission,
            );
            self.carry_out_server(slot, step, out);
        }
        RequestMatch::Absorbed
    }

    pub(super) fn server_timer(&mut self, now: Now, slot: u32, out: &mut TransmitBatch) {
        let Some(slot) = self.servers.key_at(slot) else {
            return;
        };
        let Some(entry) = self.servers.get_mut(slot) else {
            return;
        };
        entry.timer = NO_TIMER;
        let context = Self::context(&self.timers, now, entry.reliable());
        let step = entry
            .machine
            .step(|it| it.on_timer(context), NonInviteServer::on_timer);
        self.carry_out_server(slot, step, out);
    }

    pub(super) fn server_transport_error(&mut self, slot: SlotKey) {
        let Some(entry) = self.servers.get_mut(slot) else {
            return;
        };
        let step = entry.machine.step(
            InviteServer::on_transport_error,
            NonInviteServer::on_transport_error,
        );
        self.carry_out_server(slot, step, &mut TransmitBatch::new());
    }

    pub(super) fn server_flow_closed(&mut self, slot: SlotKey, flow: &Flow) {
        let Some(entry) = self.servers.get_mut(slot) else {
            return;
        };
        if entry.flow.stream() == flow.stream {
            entry.flow.mark_dead();
            self.server_transport_error(slot);
        }
    }

    /// Does what a machine asks for, apart from the response that the user hands in.
    fn carry_out_server(&mut self, slot: SlotKey, step: Step, out: &mut TransmitBatch) {
        let Some(entry) = self.servers.get_mut(slot) else {
            return;
        };
        let (server, user) = (ServerKey(slot), entry.user);
        let actions = step.actions;
        if (actions.has(Actions::RESEND_RESPONSE) || actions.has(Actions::SEND_TRYING))
            && !entry.flow.is_dead()
        {
            let back = entry.flow.unpack();
            entry.kept.write_trying(&back, &mut out.bytes);
            if let Some(response) = entry.kept.response() {
                out.push(back, server.token(), response);
                if actions.has(Actions::SEND_TRYING) {
                    self.counters.tryings_sent += 1;
                } else {
                    self.counters.responses_repeated += 1;
                }
            }
        }
        if actions.has(Actions::SEND_TRYING) && entry.reliable()
            || actions.has(Actions::FREE_RESPONSE) && !entry.flow.is_dead()
        {
            entry.kept = Kept::NOTHING;
        }
        let owner = Owner(slot.slot | Owner::SERVER);
        Self::set_alarm(&mut self.wheel, &mut entry.timer, owner, step.alarm);
        let answered = matches!(entry.machine, ServerMachine::Invite(_));
        if actions.has(Actions::TRANSPORT_ERROR) {
            self.counters.server_transport_errors += 1;
            entry.flow.await_another(true);
            self.events
                .push_back(TransactionEvent::ServerTransportError { server, user });
        }
        if !entry.machine.is_terminated() {
            return;
        }
        self.remove_server(slot);
        if actions.has(Actions::TIMEOUT) {
            let counter = if answered {
                &mut self.counters.server_timeouts
            } else {
                &mut self.counters.servers_unanswered
            };
            *counter += 1;
            self.events
                .push_back(TransactionEvent::ServerTimeout { server, user });
        } else {
            self.events
                .push_back(TransactionEvent::ServerTerminated { server, user });
        }
    }

    fn remove_server(&mut self, slot: SlotKey) {
        if self.servers.get(slot).is_none() {
            return;
        }
        self.server_index.remove(&mut self.servers, slot.slot);
        if let Some(entry) = self.servers.remove(slot) {
            self.wheel.cancel(entry.timer);
            if entry.key.is_legacy() {
                self.legacy.remove(&slot.slot);
            }
            self.server_ended();
        }
    }
}

/// The To tag of a response that was just written, for the few clients that need it compared.
fn to_tag_of(response: &[u8]) -> Option<&[u8]> {
    let value = response.split(|octet| *octet == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(line.iter().position(|octet| *octet == b':')?)?;
        let name = name.trim_ascii();
        (name.eq_ignore_ascii_case(b"To") || name.eq_ignore_ascii_case(b"t")).then_some(value)
    })?;
    let uri_end = value.iter().rposition(|octet| *octet == b'>').unwrap_or(0);
    value
        .get(uri_end..)?
        .split(|octet| *octet == b';')
        .find_map(|parameter| {
            let (name, tag) =
                parameter.split_at_checked(parameter.iter().position(|octet| *octet == b'=')?)?;
            name.trim_ascii()
                .eq_ignore_ascii_case(b"tag")
                .then(|| tag.get(1..).unwrap_or_default().trim_ascii())
        })
}
