//! A simulated user agent: registers, calls, is called (RFC 3261 §8 to §15), on transactions of its own.
//!
//! What arrives goes through [`Agent::receive`], what is due through [`Agent::wake`]; both act through [`Io`].

mod client;
mod dialog;
mod incoming;
mod io;
mod outgoing;
mod registration;
mod server;
mod text;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

use strowger_sip::{AnswerInput, Challenge, HeaderName, Message, Method, Secret, Transport};

use crate::packet::Packet;
use client::{Client, Due, Incoming, Purpose};
use dialog::Dialog;
use incoming::IncomingCall;
pub use io::{AgentTimer, Io, Report};
use outgoing::Outgoing;
use registration::Registration;
use server::Server;
use text::{Draft, first_via, text, value};

/// How an agent is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSettings {
    /// Its address.
    pub address: SocketAddr,
    /// Its proxy and registrar.
    pub proxy: SocketAddr,
    /// Its user.
    pub user: String,
    /// Its domain.
    pub domain: String,
    /// The password, if it has one.
    pub password: String,
    /// Its number among the devices of the user, from 0.
    pub device: usize,
    /// The expiry it asks for.
    pub expires_seconds: u32,
    /// It uses a nonce until it is refused.
    pub reuses_nonce: bool,
    /// How it speaks with its proxy.
    pub transport: Transport,
    /// The preference of its contact.
    pub q: Option<&'static str>,
    /// The address that it believes to have, behind a NAT.
    pub private: Option<SocketAddr>,
    /// The contact that it registers instead of its own.
    pub forwards_to: Option<String>,
}

impl AgentSettings {
    /// The address that it writes into its messages.
    pub fn written(&self) -> SocketAddr {
        self.private.unwrap_or(self.address)
    }

    /// True if it speaks over connections.
    pub fn is_reliable(&self) -> bool {
        self.transport.is_reliable()
    }
}

/// A challenge that was answered, and how often.
#[derive(Clone, Debug)]
struct Nonce {
    challenge: Vec<u8>,
    uses: u32,
}

/// A simulated user agent.
#[derive(Debug)]
pub struct Agent {
    /// How it is set up.
    pub settings: AgentSettings,
    clients: BTreeMap<u64, Client>,
    servers: BTreeMap<u64, Server>,
    outgoing: BTreeMap<u32, Outgoing>,
    incoming: BTreeMap<u64, IncomingCall>,
    dialogs: BTreeMap<u64, Dialog>,
    registration: Registration,
    nonces: [Option<Nonce>; 2],
    next_id: u64,
}

impl Agent {
    /// An agent that does nothing yet.
    pub fn new(settings: AgentSettings) -> Agent {
        Agent {
            settings,
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            incoming: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            registration: Registration::default(),
            nonces: [None, None],
            next_id: 0,
        }
    }

    /// Its address of record.
    pub fn address_of_record(&self) -> String {
        format!("sip:{}@{}", self.settings.user, self.settings.domain)
    }

    /// Its contact.
    pub fn contact(&self) -> String {
        if let Some(other) = &self.settings.forwards_to {
            return other.clone();
        }
        let (user, address) = (&self.settings.user, self.settings.written());
        let transport = if self.settings.is_reliable() {
            ";transport=tcp"
        } else {
            ""
        };
        format!("sip:{user}@{address}{transport}")
    }

    /// Dialogs that have not ended.
    pub fn open_dialogs(&self) -> usize {
        self.dialogs.values().filter(|dialog| !dialog.ended).count()
    }

    /// A datagram arrives.
    pub fn receive(&mut self, io: &mut Io<'_>, packet: &Packet) {
        let Some(message) = &packet.message else {
            return;
        };
        if message.is_response() {
            self.receive_response(io, message);
        } else {
            self.receive_request(io, packet.from, message);
        }
    }

    /// A timer has come.
    pub fn wake(&mut self, io: &mut Io<'_>, timer: AgentTimer) {
        match timer {
            AgentTimer::Client(id) => self.wake_client(io, id),
            AgentTimer::Server(id) => self.wake_server(io, id),
            AgentTimer::Outgoing(number) => self.wake_outgoing(io, number),
            AgentTimer::Incoming(id) => self.wake_incoming(io, id),
            AgentTimer::Dialog(id) => self.wake_dialog(io, id),
            AgentTimer::Registration => self.wake_registration(io),
        }
    }

    fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Sends a request in a new transaction.
    fn request(
        &mut self,
        io: &mut Io<'_>,
        method: Method<'static>,
        purpose: Purpose,
        to: SocketAddr,
        draft: Draft<'_>,
    ) -> u64 {
        let branch = format!("z9hG4bKa{}", io.word());
        let octets = Draft {
            method: &text(method.as_bytes()),
            sent_by: self.settings.written(),
            transport: self.settings.transport.as_str(),
            branch: &branch,
            ..draft
        }
        .write();
        self.start_client(io, branch, method, draft.cseq, purpose, to, octets)
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "they are the fields of one transaction"
    )]
    fn start_client(
        &mut self,
        io: &mut Io<'_>,
        branch: String,
        method: Method<'static>,
        cseq: u32,
        purpose: Purpose,
        to: SocketAddr,
        octets: Vec<u8>,
    ) -> u64 {
        let id = self.new_id();
        io.send(to, &octets);
        let client = Client::new(
            io.now,
            branch,
            method,
            cseq,
            purpose,
            to,
            octets,
            self.settings.is_reliable(),
        );
        io.wake(client.next_at(), AgentTimer::Client(id));
        self.clients.insert(id, client);
        id
    }

    fn wake_client(&mut self, io: &mut Io<'_>, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        match client.due(io.now) {
            Due::Nothing => {}
            Due::Resend => {
                io.sends.push((client.to, client.octets.clone()));
                io.wake(client.next_at(), AgentTimer::Client(id));
            }
            Due::Over => {
                self.clients.remove(&id);
            }
            Due::TimedOut => {
                // A connection over which nothing comes back is of no use.
                *io.hangs_up |= self.settings.is_reliable() && client.purpose == Purpose::Register;
                if let Some(client) = self.clients.remove(&id) {
                    self.ended(io, &client, None);
                }
            }
        }
    }

    fn wake_server(&mut self, io: &mut Io<'_>, id: u64) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        if server.is_over(io.now) {
            self.servers.remove(&id);
            return;
        }
        if server.is_due(io.now) {
            io.send(server.peer, &server.last);
        }
        if let Some(at) = server.next_at().filter(|at| *at > io.now) {
            io.wake(at, AgentTimer::Server(id));
        }
    }

    fn receive_response(&mut self, io: &mut Io<'_>, response: &Rc<Message>) {
        let found = self
            .clients
            .iter_mut()
            .find(|(_, client)| client.fits(response));
        let Some((&id, client)) = found else {
            return;
        };
        let to = client.to;
        let (incoming, ack) = client.response(io.now, response);
        if let Some(ack) = ack {
            io.send(to, ack);
        }
        io.wake(client.next_at(), AgentTimer::Client(id));
        match (incoming, client.purpose.clone()) {
            (Incoming::Provisional, Purpose::Errand(number)) => self.provisional(io, number),
            (Incoming::Provisional | Incoming::Nothing, _) => {}
            (Incoming::Final, _) => {
                let client = client.clone();
                self.ended(io, &client, Some(response));
            }
            (Incoming::FurtherSuccess, Purpose::Errand(number)) => {
                self.answered(io, number, response);
            }
            (Incoming::FurtherSuccess, Purpose::InDialog(dialog)) => {
                self.acknowledge_again(io, dialog, response);
            }
            (Incoming::FurtherSuccess, _) => {}
        }
    }

    /// A request has ended: with a final response, or with none in time.
    fn ended(&mut self, io: &mut Io<'_>, client: &Client, response: Option<&Rc<Message>>) {
        match client.purpose {
            Purpose::Register => self.register_ended(io, response),
            Purpose::Errand(number) => self.errand_ended(io, number, response),
            Purpose::Cancel(number) => {
                let status = response.and_then(|response| response.status());
                let is_open = self
                    .outgoing
                    .get(&number)
                    .is_some_and(|outgoing| !outgoing.has_ended());
                // Once the INVITE has ended its transaction goes before the last copy of a CANCEL comes.
                if is_open && status.is_some_and(|status| status.get() == 481) {
                    io.report(Report::CancelUnmatched { number });
                }
            }
            Purpose::InDialog(id) => self.in_dialog_ended(io, id, client, response),
        }
    }

    fn receive_request(&mut self, io: &mut Io<'_>, from: SocketAddr, request: &Rc<Message>) {
        if request.method() == Method::Ack {
            return self.receive_ack(io, request);
        }
        let repeated = self.servers.values().find(|server| server.repeats(request));
        if let Some(server) = repeated {
            let success = server.is_invite() && (200..300).contains(&server.status);
            if !server.last.is_empty() && !success {
                io.sends.push((server.peer, server.last.clone()));
            }
            return;
        }
        match request.method() {
            Method::Cancel => self.receive_cancel(io, from, request),
            _ if request.to_tag().is_some() => self.receive_in_dialog(io, from, request),
            Method::Invite => self.receive_invite(io, from, request),
            _ => self.receive_single(io, from, request),
        }
    }

    fn receive_ack(&mut self, io: &mut Io<'_>, request: &Message) {
        let branch = first_via(request);
        let failed = self
            .servers
            .values_mut()
            .find(|server| server.is_invite() && server.status >= 300 && server.branch == branch);
        match failed {
            Some(server) => server.acknowledge(),
            None => self.acknowledged(io, request),
        }
    }

    /// Keeps a new server transaction.
    fn serve(&mut self, request: &Rc<Message>, from: SocketAddr) -> u64 {
        let id = self.new_id();
        let reliable = self.settings.is_reliable();
        self.servers
            .insert(id, Server::new(Rc::clone(request), from, reliable));
        id
    }

    /// Answers a server transaction.
    fn respond(
        &mut self,
        io: &mut Io<'_>,
        id: u64,
        status: &str,
        tag: &str,
        lines: &str,
        body: &str,
    ) {
        let Some(server) = self.servers.get_mut(&id) else {
            return;
        };
        let octets = text::response(&server.request, status, tag, lines, body);
        io.send(server.peer, &octets);
        let number = status
            .split(' ')
            .next()
            .and_then(|code| code.parse().ok())
            .unwrap_or(500);
        server.responded(io.now, number, octets);
        if let Some(at) = server.next_at() {
            io.wake(at, AgentTimer::Server(id));
        }
    }

    /// Takes the challenge out of a 401 or 407; false if there is none that can be answered.
    fn take_challenge(&mut self, response: &Message) -> bool {
        let (place, name) = match response.status().map(|status| status.get()) {
            Some(401) => (0, HeaderName::WwwAuthenticate),
            _ => (1, HeaderName::ProxyAuthenticate),
        };
        let challenge = value(response, name).into_bytes();
        if challenge.is_empty() || self.settings.password.is_empty() {
            return false;
        }
        if let Some(slot) = self.nonces.get_mut(place) {
            *slot = Some(Nonce { challenge, uses: 0 });
        }
        true
    }

    /// A header line with credentials, if a challenge is at hand. `place`: 0 for the registrar, 1 for the proxy.
    fn credentials(&mut self, io: &mut Io<'_>, place: usize, method: &str, uri: &str) -> String {
        let Some(Some(nonce)) = self.nonces.get_mut(place) else {
            return String::new();
        };
        let Ok(challenge) = Challenge::parse(&nonce.challenge) else {
            return String::new();
        };
        nonce.uses += 1;
        let cnonce = io.word();
        let input = AnswerInput {
            user: self.settings.user.as_bytes(),
            method: method.as_bytes(),
            uri: uri.as_bytes(),
            body: b"",
            cnonce: cnonce.as_bytes(),
            nonce_count: nonce.uses,
        };
        let mut answer = Vec::new();
        let secret = Secret::Password(self.settings.password.as_bytes());
        if !challenge.write_answer(&mut answer, secret, &input) {
            return String::new();
        }
        if !self.settings.reuses_nonce
            && let Some(slot) = self.nonces.get_mut(place)
        {
            *slot = None;
        }
        let name = if place == 0 {
            "Authorization"
        } else {
            "Proxy-Authorization"
        };
        format!("{name}: {}\r\n", text(&answer))
    }
}

impl Agent {
    /// The agent's host is gone with all it held.
    pub fn vanish(&mut self) {
        *self = Agent::new(self.settings.clone());
    }
}
