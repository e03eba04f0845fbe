//! Connections that are being opened, and who waits for them (RFC 3261 §18.1.1, §18.2.2; DESIGN §2a rule 8).

use core::time::Duration;
use std::net::SocketAddr;

use strowger_sip::{Message, Now, Transport};
use strowger_transaction::{
    Flow, ListenerId, MaddrRule, ResponseTarget, ServerKey, response_target,
};

use crate::branch::BranchRef;
use crate::core::Core;
use crate::seam::{ConnectId, Output};
use crate::stateless::WaitingForward;
use crate::timer::ElementTimer;

/// Who waits for a connection.
#[derive(Debug)]
pub(crate) enum Connecting {
    /// A branch of a relayed request.
    Branch(BranchRef),
    /// A request without a transaction.
    Stateless(Box<WaitingForward>),
    /// A response whose connection has closed.
    Server(ServerKey),
}

impl Core {
    /// How long a connection may take to open (DESIGN §2a rule 8). The driver keeps the same limit.
    pub const CONNECT_SECONDS_MAX: u64 = 2;

    /// Asks for a connection; false if too many are awaited.
    pub(crate) fn open(
        &mut self,
        now: Now,
        waiting: Connecting,
        listener: ListenerId,
        remote: SocketAddr,
        transport: Transport,
    ) -> bool {
        if self.connecting.len() >= Self::PARKED_MAX {
            self.counters.table_full += 1;
            return false;
        }
        let request = ConnectId(self.next_name());
        self.connecting.insert(request, waiting);
        self.outputs.push_back(Output::Connect {
            request,
            remote,
            transport,
            listener,
        });
        let limit = now.monotonic + Duration::from_secs(Self::CONNECT_SECONDS_MAX);
        self.timers.arm(limit, ElementTimer::Connect(request));
        true
    }

    /// A connection is open.
    pub(crate) fn connected(&mut self, now: Now, request: ConnectId, flow: Flow) {
        match self.connecting.remove(&request) {
            Some(Connecting::Branch(branch)) => self.branch_connected(now, branch, flow),
            Some(Connecting::Stateless(waiting)) => self.connected_stateless(&waiting, flow),
            Some(Connecting::Server(server)) => {
                self.reattaching.remove(&server);
                self.transactions
                    .reattach_server(server, &flow, &mut self.batch);
            }
            None => self.counters.late_answers += 1,
        }
    }

    /// A connection could not be opened.
    pub(crate) fn connect_failed(&mut self, now: Now, request: ConnectId) {
        match self.connecting.remove(&request) {
            Some(Connecting::Branch(branch)) => self.branch_connect_failed(now, branch),
            Some(Connecting::Stateless(_)) => self.counters.discarded += 1,
            // Its final response stays where a retransmission over a new connection finds it.
            Some(Connecting::Server(server)) => {
                self.reattaching.remove(&server);
                self.transactions.let_server_go(server);
                self.counters.responses_undeliverable += 1;
            }
            None => self.counters.late_answers += 1,
        }
    }

    /// A connection has been awaited long enough.
    pub(crate) fn connect_deadline(&mut self, now: Now, request: ConnectId) {
        if self.connecting.contains_key(&request) {
            self.counters.deadlines_passed += 1;
            self.connect_failed(now, request);
        }
    }

    /// The connection of a server transaction is gone. What it has to say goes over a new one, to the address the request
    /// came from at the port of its sent-by (§18.2.2). False if there is none to wait for.
    pub(crate) fn reattach(&mut self, now: Now, server: ServerKey) -> bool {
        let Some(response) = self.transactions.unsent_response(server) else {
            return false;
        };
        let Ok(response) = Message::parse(response.to_vec(), &self.settings.message) else {
            return false;
        };
        let Some(flow) = self.transactions.server_flow(server) else {
            return false;
        };
        let target = response_target(&response.via(), &flow, false, MaddrRule::Ignore);
        let ResponseTarget::Connect {
            transport,
            listener,
            remote,
        } = target
        else {
            return false;
        };
        if !self.reattaching.insert(server) {
            return true;
        }
        let opens = self.open(now, Connecting::Server(server), listener, remote, transport);
        if !opens {
            self.reattaching.remove(&server);
        }
        opens
    }
}
