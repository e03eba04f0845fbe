//! Client transactions: sending, matching responses, ACK to failures, CANCEL (RFC 3261 §17.1, §9.1).

use strowger_sip::{HeaderName, Host, Message, Method, Now};

use super::{ClientKey, NO_TIMER, Owner, TableFull, TransactionEvent, Transactions};
use crate::derived_request::{head_length, write_ack, write_cancel};
use crate::flow::{Flow, TransmitBatch};
use crate::invite_client::InviteClient;
use crate::machine::{Actions, ResponseClass, Step};
use crate::non_invite_client::NonInviteClient;
use crate::packed_flow::PackedFlow;
use crate::request_key::MethodTag;
use crate::slots::SlotKey;
use crate::token::{BranchMode, BranchToken, TokenError, parse_branch, write_branch};
use crate::wheel::TimerKey;

/// One client transaction.
#[derive(Debug)]
pub(super) struct Client {
    user: u64,
    machine: ClientMachine,
    /// The request while it may be sent again or acknowledged; then the ACK.
    pub(super) octets: Option<Box<[u8]>>,
    flow: PackedFlow,
    timer: TimerKey,
    method: MethodTag,
    /// Hash of sent-by.
    sent_by: u32,
    /// For a CANCEL: the slot and generation of its INVITE.
    cancels: SlotKey,
}

const NOTHING_CANCELLED: SlotKey = SlotKey {
    slot: u32::MAX,
    generation: 0,
};

#[derive(Debug)]
enum ClientMachine {
    /// Slot and generation are taken, nothing was sent.
    Reserved,
    Invite(InviteClient),
    NonInvite(NonInviteClient),
}

/// What a client transaction is started with.
#[derive(Copy, Clone, Debug)]
pub struct ClientStart<'a> {
    /// The method of the request; not ACK.
    pub method: Method<'a>,
    /// Where it goes.
    pub flow: Flow,
    /// The user's number.
    pub user: u64,
    /// Host of sent-by in the Via that was written.
    pub sent_by_host: Host<'a>,
    /// Port of sent-by in that Via.
    pub sent_by_port: Option<u16>,
}

/// What a response is to the transactions that exist.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the fields are the key and the user's number everywhere"
)]
pub enum ResponseMatch {
    /// A provisional response: for the user.
    Provisional { client: ClientKey, user: u64 },
    /// The final response: for the user. A failure of an INVITE has been acknowledged.
    Final { client: ClientKey, user: u64 },
    /// A further 2xx to an INVITE, the same or from another branch of a fork: for the user (RFC 6026 §7.2).
    RepeatedSuccess { client: ClientKey, user: u64 },
    /// A retransmission, or the response to a CANCEL: nothing is left to do.
    Absorbed,
    /// The answer to a request that we forwarded without a transaction: to be forwarded so.
    Stateless(BranchToken),
    /// To be dropped.
    Stray(Stray),
}

/// Why a response belongs to nothing.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Stray {
    /// The branch is not a valid one of ours.
    Branch(TokenError),
    /// Its transaction is on another shard.
    OtherShard(u8),
    /// Its transaction has ended.
    Unmatched,
    /// Sent-by or the CSeq method is not that of the request.
    Mismatched,
}

/// What became of the wish to cancel.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum CancelOutcome {
    /// The CANCEL was sent.
    Sent,
    /// It waits for a provisional response.
    Held,
    /// A final response has come, or CANCEL was asked for before, or this is no INVITE: nothing was done.
    TooLate,
    /// The transaction has ended, or was never started.
    Unknown,
}

impl ClientMachine {
    fn is_terminated(&self) -> bool {
        matches!(
            self,
            ClientMachine::Invite(InviteClient::Terminated)
                | ClientMachine::NonInvite(NonInviteClient::Terminated)
        )
    }

    fn is_pending(&self) -> bool {
        match self {
            ClientMachine::Reserved => false,
            ClientMachine::Invite(machine) => machine.is_pending(),
            ClientMachine::NonInvite(machine) => machine.is_pending(),
        }
    }

    /// Runs one transition of whichever machine it is.
    fn step(
        &mut self,
        invite: impl FnOnce(InviteClient) -> (InviteClient, Step),
        non_invite: impl FnOnce(NonInviteClient) -> (NonInviteClient, Step),
    ) -> Step {
        let (next, step) = match core::mem::replace(self, ClientMachine::Reserved) {
            ClientMachine::Reserved => return Step::NOTHING,
            ClientMachine::Invite(machine) => {
                let (machine, step) = invite(machine);
                (ClientMachine::Invite(machine), step)
            }
            ClientMachine::NonInvite(machine) => {
                let (machine, step) = non_invite(machine);
                (ClientMachine::NonInvite(machine), step)
            }
        };
        *self = next;
        step
    }
}

impl Transactions {
    /// Takes a slot, so that the branch can be written before the request exists. It is given back by
    /// [`Transactions::release_client`] if nothing is started.
    pub fn reserve_client(&mut self) -> Result<ClientKey, TableFull> {
        if self.clients.len() >= self.limits.clients_max.min(Owner::SERVER - 1) as usize {
            self.counters.clients_full += 1;
            return Err(TableFull);
        }
        let nowhere = Flow::udp(crate::ListenerId(0), ([0, 0, 0, 0], 0).into());
        Ok(ClientKey(self.clients.insert(Client {
            user: 0,
            machine: ClientMachine::Reserved,
            octets: None,
            flow: PackedFlow::new(&nowhere),
            timer: NO_TIMER,
            method: MethodTag::INVITE,
            sent_by: 0,
            cancels: NOTHING_CANCELLED,
        })))
    }

    /// Appends the branch of a client transaction, magic cookie first.
    pub fn write_branch(
        &self,
        client: ClientKey,
        mode: BranchMode,
        loop_hash: u32,
        out: &mut Vec<u8>,
    ) {
        let SlotKey { slot, generation } = client.0;
        let (node, shard) = (self.identity.home.node, self.identity.shard);
        write_branch(
            &self.secrets,
            &BranchToken {
                mode,
                node,
                shard,
                slot,
                generation,
                loop_hash,
            },
            out,
        );
    }

    /// Appends the branch of a request that is forwarded without a transaction. `request_hash` is a function of the
    /// received request, as [`BranchToken::stateless`] demands.
    pub fn write_stateless_branch(&self, request_hash: u64, loop_hash: u32, out: &mut Vec<u8>) {
        let token = BranchToken::stateless(
            self.identity.home,
            self.identity.shard,
            request_hash,
            loop_hash,
        );
        write_branch(&self.secrets, &token, out);
    }

    /// Sends the request that `write` appends and starts the machine. False if the key was not a reserved one.
    pub fn start_client(
        &mut self,
        now: Now,
        client: ClientKey,
        start: &ClientStart<'_>,
        write: impl FnOnce(&mut Vec<u8>),
        out: &mut TransmitBatch,
    ) -> bool {
        let sent_by = self
            .sent_by_written
            .of(&start.sent_by_host, start.sent_by_port, &self.keys);
        let started = self.start(
            now,
            client,
            start.method,
            PackedFlow::new(&start.flow),
            sent_by,
            write,
            out,
        );
        if let Some(entry) = self.clients.get_mut(client.0) {
            entry.user = start.user;
        }
        started
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the parts of a start, for requests of the user and for CANCEL"
    )]
    fn start(
        &mut self,
        now: Now,
        client: ClientKey,
        method: Method<'_>,
        flow: PackedFlow,
        sent_by: u32,
        write: impl FnOnce(&mut Vec<u8>),
        out: &mut TransmitBatch,
    ) -> bool {
        let slot = client.0;
        let reserved = self
            .clients
            .get_mut(slot)
            .filter(|entry| matches!(entry.machine, ClientMachine::Reserved));
        let Some(entry) = reserved else { return false };
        let context = Self::context(&self.timers, now, flow.is_reliable());
        let is_invite = method == Method::Invite;
        let (machine, step) = if is_invite {
            let (machine, step) = InviteClient::start(context);
            (ClientMachine::Invite(machine), step)
        } else {
            let (machine, step) = NonInviteClient::start(context);
            (ClientMachine::NonInvite(machine), step)
        };
        entry.machine = machine;
        entry.flow = flow;
        entry.method = MethodTag::of(method);
        entry.sent_by = sent_by;
        let range = out.push_with(flow.unpack(), client.token(), write);
        // An INVITE is kept on any transport: ACK and CANCEL are made from it.
        if is_invite || !flow.is_reliable() {
            entry.octets = out.bytes.get(range).map(Box::from);
        }
        Self::set_alarm(
            &mut self.wheel,
            &mut entry.timer,
            Owner(slot.slot),
            step.alarm,
        );
        self.counters.clients_started += 1;
        self.note_stream(flow.stream(), client.token());
        true
    }

    /// Finds the transaction of a response and runs it.
    pub fn receive_response(
        &mut self,
        now: Now,
        response: &Message,
        out: &mut TransmitBatch,
    ) -> ResponseMatch {
        let slot = match self.find_client(response) {
            Ok(slot) => slot,
            Err(other) => return other,
        };
        let Some(entry) = self.clients.get_mut(slot) else {
            return ResponseMatch::Absorbed;
        };
        let (client, user) = (ClientKey(slot), entry.user);
        let internal = entry.cancels != NOTHING_CANCELLED;
        let class = ResponseClass::of(response.status().map_or(0, |status| status.get()));
        let context = Self::context(&self.timers, now, entry.flow.is_reliable());
        let step = entry.machine.step(
            |it| it.on_response(context, class),
            |it| it.on_response(context, class),
        );
        self.carry_out_client(now, slot, step, Some(response), out);
        if step.actions.has(Actions::DELIVER_REPEATED) {
            ResponseMatch::RepeatedSuccess { client, user }
        } else if !step.actions.has(Actions::DELIVER) || internal {
            self.counters.responses_absorbed += 1;
            ResponseMatch::Absorbed
        } else if class == ResponseClass::Provisional {
            ResponseMatch::Provisional { client, user }
        } else {
            ResponseMatch::Final { client, user }
        }
    }

    /// The user's number of the transaction that a response belongs to.
    pub fn user_of_response(&mut self, response: &Message) -> Option<u64> {
        let slot = self.find_client(response).ok()?;
        Some(self.clients.get(slot)?.user)
    }

    /// Gives an INVITE up. The CANCEL leaves at once if a provisional response has come, else with the first one; with
    /// it `extra`, complete header lines. If no final response follows within 64*T1, the INVITE times out.
    pub fn cancel_client(
        &mut self,
        now: Now,
        client: ClientKey,
        extra: &[u8],
        out: &mut TransmitBatch,
    ) -> CancelOutcome {
        let slot = client.0;
        let Some(entry) = self.clients.get_mut(slot) else {
            return CancelOutcome::Unknown;
        };
        let context = Self::context(&self.timers, now, entry.flow.is_reliable());
        if matches!(entry.machine, ClientMachine::Reserved) {
            return CancelOutcome::Unknown;
        }
        let step = entry
            .machine
            .step(|it| it.on_cancel(context), |it| (it, Step::NOTHING));
        let outcome = if step.actions.has(Actions::SEND_CANCEL) {
            CancelOutcome::Sent
        } else if step.actions.has(Actions::HOLD_CANCEL) {
            CancelOutcome::Held
        } else {
            return CancelOutcome::TooLate;
        };
        if !extra.is_empty() {
            self.held_cancels.insert(slot, extra.into());
        }
        self.carry_out_client(now, slot, step, None, out);
        outcome
    }

    /// Drops a client transaction, started or not, without a word and without an event.
    pub fn release_client(&mut self, client: ClientKey) {
        self.remove_client(client.0);
    }

    /// The user's number.
    pub fn client_user(&self, client: ClientKey) -> Option<u64> {
        self.clients.get(client.0).map(|entry| entry.user)
    }

    /// Where the request went.
    pub fn client_flow(&self, client: ClientKey) -> Option<Flow> {
        self.clients.get(client.0).map(|entry| entry.flow.unpack())
    }

    /// True if the request was sent and has no final response yet.
    pub fn client_is_pending(&self, client: ClientKey) -> bool {
        self.clients
            .get(client.0)
            .is_some_and(|entry| entry.machine.is_pending())
    }

    /// The client transaction of a branch, if the branch is ours and the transaction still there.
    pub(super) fn client_of_branch(&self, branch: &[u8]) -> Option<SlotKey> {
        let token = parse_branch(&self.secrets, self.identity.home, branch).ok()?;
        let ours = token.shard == self.identity.shard && token.mode != BranchMode::StatelessForward;
        ours.then_some(SlotKey {
            slot: token.slot,
            generation: token.generation,
        })
    }

    fn find_client(&mut self, response: &Message) -> Result<SlotKey, ResponseMatch> {
        let via = response.via();
        let branch = via.branch().unwrap_or_default();
        let token = parse_branch(&self.secrets, self.identity.home, branch).map_err(|error| {
            *match error {
                TokenError::Foreign => &mut self.counters.stray_foreign,
                TokenError::UnknownVersion(_)
                | TokenError::WrongKind(_)
                | TokenError::UnknownKey(_) => &mut self.counters.stray_version,
                TokenError::OtherNode(_) | TokenError::UnknownShard(_) => {
                    &mut self.counters.stray_node
                }
                TokenError::BadMac => &mut self.counters.stray_mac,
            } += 1;
            ResponseMatch::Stray(Stray::Branch(error))
        })?;
        if token.mode == BranchMode::StatelessForward {
            return Err(ResponseMatch::Stateless(token));
        }
        if token.shard != self.identity.shard {
            self.counters.stray_node += 1;
            return Err(ResponseMatch::Stray(Stray::OtherShard(token.shard)));
        }
        let named = SlotKey {
            slot: token.slot,
            generation: token.generation,
        };
        let method = response.method();
        let slot = if method == Method::Cancel {
            self.cancels.get(&named).copied()
        } else {
            Some(named)
        };
        let Some((slot, entry)) = slot.and_then(|slot| Some((slot, self.clients.get(slot)?)))
        else {
            self.counters.stray_unmatched += 1;
            return Err(ResponseMatch::Stray(Stray::Unmatched));
        };
        let sent_by = self.sent_by_read.of(response, &self.keys);
        if entry.method != MethodTag::of(method) || entry.sent_by != sent_by {
            self.counters.stray_mismatched += 1;
            return Err(ResponseMatch::Stray(Stray::Mismatched));
        }
        self.sent_by_read.remember(response, sent_by);
        Ok(slot)
    }

    pub(super) fn client_timer(&mut self, now: Now, slot: u32, out: &mut TransmitBatch) {
        let Some(slot) = self.clients.key_at(slot) else {
            return;
        };
        let Some(entry) = self.clients.get_mut(slot) else {
            return;
        };
        entry.timer = NO_TIMER;
        let context = Self::context(&self.timers, now, entry.flow.is_reliable());
        let step = entry
            .machine
            .step(|it| it.on_timer(context), |it| it.on_timer(context));
        self.counters.requests_repeated += u64::from(step.actions.has(Actions::SEND_REQUEST));
        self.carry_out_client(now, slot, step, None, out);
    }

    pub(super) fn client_transport_error(&mut self, slot: SlotKey) {
        let Some(entry) = self.clients.get_mut(slot) else {
            return;
        };
        let step = entry.machine.step(
            InviteClient::on_transport_error,
            NonInviteClient::on_transport_error,
        );
        self.carry_out_client(Now::default(), slot, step, None, &mut TransmitBatch::new());
    }

    /// Does what a machine asks for.
    fn carry_out_client(
        &mut self,
        now: Now,
        slot: SlotKey,
        step: Step,
        response: Option<&Message>,
        out: &mut TransmitBatch,
    ) {
        let actions = step.actions;
        if actions.has(Actions::SEND_CANCEL) {
            self.send_cancel(now, slot, out);
        }
        let Some(entry) = self.clients.get_mut(slot) else {
            return;
        };
        let (client, user) = (ClientKey(slot), entry.user);
        if (actions.has(Actions::SEND_REQUEST) || actions.has(Actions::RESEND_ACK))
            && let Some(octets) = &entry.octets
        {
            out.push(entry.flow.unpack(), client.token(), octets);
        }
        let request = if actions.has(Actions::FREE_REQUEST) {
            entry.octets.take()
        } else {
            None
        };
        if actions.has(Actions::SEND_ACK)
            && let (Some(invite), Some(response)) = (&request, response)
        {
            let to_line = response
                .header(HeaderName::To)
                .and_then(|to| response.as_bytes().get(to.line));
            let range = out.push_with(entry.flow.unpack(), client.token(), |octets| {
                write_ack(octets, invite, to_line.unwrap_or_default());
            });
            if !entry.machine.is_terminated() {
                entry.octets = out.bytes.get(range).map(Box::from);
            }
        }
        Self::set_alarm(
            &mut self.wheel,
            &mut entry.timer,
            Owner(slot.slot),
            step.alarm,
        );
        if !entry.machine.is_terminated() {
            drop_body(entry, response);
            return;
        }
        let internal = entry.cancels != NOTHING_CANCELLED;
        self.remove_client(slot);
        if internal {
            return;
        }
        self.events.push_back(if actions.has(Actions::TIMEOUT) {
            self.counters.client_timeouts += 1;
            TransactionEvent::ClientTimeout { client, user }
        } else if actions.has(Actions::TRANSPORT_ERROR) {
            self.counters.client_transport_errors += 1;
            TransactionEvent::ClientTransportError { client, user }
        } else {
            TransactionEvent::ClientTerminated { client, user }
        });
    }

    /// Starts the CANCEL transaction of an INVITE. If the table is full the INVITE still ends after 64*T1.
    fn send_cancel(&mut self, now: Now, invite: SlotKey, out: &mut TransmitBatch) {
        let extra = self.held_cancels.remove(&invite).unwrap_or_default();
        let Ok(cancel) = self.reserve_client() else {
            return;
        };
        let Some(entry) = self.clients.get(invite) else {
            return;
        };
        let (flow, sent_by) = (entry.flow, entry.sent_by);
        let Some(request) = entry.octets.clone() else {
            return self.release_client(cancel);
        };
        self.counters.cancels_sent += 1;
        self.cancels.insert(invite, cancel.0);
        if let Some(entry) = self.clients.get_mut(cancel.0) {
            entry.cancels = invite;
        }
        let write = |octets: &mut Vec<u8>| write_cancel(octets, &request, &extra);
        self.start(now, cancel, Method::Cancel, flow, sent_by, write, out);
    }

    fn remove_client(&mut self, slot: SlotKey) {
        let Some(entry) = self.clients.remove(slot) else {
            return;
        };
        self.wheel.cancel(entry.timer);
        if entry.cancels != NOTHING_CANCELLED {
            self.cancels.remove(&entry.cancels);
        }
        if !self.held_cancels.is_empty() {
            self.held_cancels.remove(&slot);
        }
        self.client_ended();
    }
}

/// Octets of an INVITE that stays whole: to give its body back would cost more than what it takes. What has more to say
/// than which codecs it knows is longer.
const KEPT_WHOLE: usize = 1_024;

/// Once an INVITE has a provisional response it is not sent again: ACK and CANCEL need its header section only.
fn drop_body(entry: &mut Client, response: Option<&Message>) {
    let provisional = response
        .and_then(Message::status)
        .is_some_and(|status| status.is_provisional());
    if !provisional || !matches!(entry.machine, ClientMachine::Invite(_)) {
        return;
    }
    if let Some(octets) = entry
        .octets
        .take_if(|octets| octets.len() > KEPT_WHOLE && !octets.ends_with(b"\r\n\r\n"))
    {
        let head = head_length(&octets);
        let mut octets = octets.into_vec();
        octets.truncate(head);
        entry.octets = Some(octets.into_boxed_slice());
    }
}
