//! What comes back on branches: responses, time-outs, errors; and the next address to try (RFC 3261 §16.7; RFC 3263 §4.3).

use std::sync::Arc;

use strowger_proxy::{BranchId, Wait, recurse};
use strowger_sip::{Message, Method, Now, StatusCode};
use strowger_transaction::{ClientKey, ResponseMatch, TransactionEvent};

use crate::branch::{BranchRef, Waiting};
use crate::core::Core;
use crate::relay_table::RelayKey;

/// Why a branch is to be sent somewhere else.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Failure {
    /// No response in time.
    TimeOut,
    /// Not sent, ICMP error, connection lost.
    Transport,
}

impl Core {
    /// A response from the wire.
    pub(crate) fn response(&mut self, now: Now, response: Arc<Message>) {
        self.counters.responses += 1;
        // Whatever is relayed came with a Via of its sender; only a CANCEL bears ours alone. It leaves as the topmost one:
        // what cannot be read there would be passed on to whoever waits for an answer.
        if response.method() != Method::Cancel && !response.has_legible_next_via() {
            self.counters.stray_responses += 1;
            return;
        }
        match self
            .transactions
            .receive_response(now, &response, &mut self.batch)
        {
            ResponseMatch::Provisional { client, user }
            | ResponseMatch::RepeatedSuccess { client, user } => {
                if let Some(at) = self.branch_of(client, user) {
                    self.hear(now, at, response);
                }
            }
            ResponseMatch::Final { client, user } => {
                if let Some(at) = self.branch_of(client, user) {
                    self.hear(now, at, response);
                }
            }
            ResponseMatch::Absorbed => {}
            // An ACK is never answered; only programs forward anything else without a transaction.
            ResponseMatch::Stateless(_)
                if self.is_program() && response.method() != Method::Ack =>
            {
                self.forward_stateless_response(&response);
            }
            ResponseMatch::Stateless(_) => self.counters.stray_responses += 1,
            ResponseMatch::Stray(_) => self.counters.stray_responses += 1,
        }
    }

    /// What transactions did by themselves.
    pub(crate) fn transaction_events(&mut self, now: Now) {
        while let Some(event) = self.transactions.poll_event() {
            match event {
                TransactionEvent::ClientTimeout { client, user } => {
                    self.client_failed(now, client, user, Failure::TimeOut)
                }
                TransactionEvent::ClientTransportError { client, user } => {
                    self.client_failed(now, client, user, Failure::Transport);
                }
                TransactionEvent::ClientTerminated { client, user } => {
                    if let Some(at) = self.branch_of(client, user) {
                        self.with_context(at, |context, branch, actions| {
                            context.terminated(branch, actions)
                        });
                        self.process(now, at.relay);
                    }
                }
                TransactionEvent::ServerTransportError { server, user: _ } => {
                    if !self.reattach(now, server) {
                        self.transactions.let_server_go(server);
                    }
                }
                TransactionEvent::ServerTimeout { .. }
                | TransactionEvent::ServerTerminated { .. } => {}
            }
        }
    }

    /// The branch whose request this transaction sent; `None` if it was sent anew or its request is no longer relayed.
    fn branch_of(&self, client: ClientKey, user: u64) -> Option<BranchRef> {
        let key = RelayKey::unpack(user);
        let relay = self.relays.get(key)?;
        let position = relay.branches.iter().position(
            |branch| matches!(branch.waiting, Waiting::Response(waiting) if waiting == client),
        )?;
        Some(BranchRef {
            relay: key,
            branch: BranchId(u16::try_from(position).ok()?),
        })
    }

    pub(crate) fn branch_response(&mut self, now: Now, at: BranchRef, response: Arc<Message>) {
        self.with_context(at, |context, branch, actions| {
            context.response(branch, response, actions)
        });
        self.process(now, at.relay);
    }

    pub(crate) fn branch_final(&mut self, now: Now, at: BranchRef, response: Arc<Message>) {
        let status = response.status();
        if status == Some(StatusCode::SERVICE_UNAVAILABLE) && self.send_elsewhere(now, at) {
            return self.process(now, at.relay);
        }
        let redirected = status.is_some_and(|status| status.class() == 3);
        if redirected && self.settings.proxy.recurse_on_3xx {
            return self.follow(now, at, response);
        }
        self.branch_response(now, at, response);
    }

    /// Follows the contacts of a redirection, for local users only (§16.5).
    fn follow(&mut self, now: Now, at: BranchRef, response: Arc<Message>) {
        let limits = self.settings.message.clone();
        let Some(relay) = self
            .relays
            .get_mut(at.relay)
            .filter(|relay| relay.looked_up)
        else {
            return self.branch_response(now, at, response);
        };
        let secure = strowger_proxy::is_secure(relay.route.request_uri(&relay.request));
        let recursion = recurse(response, secure, &mut relay.targets, &limits);
        match recursion.response {
            Some(response) => {
                if recursion.added > 0 {
                    self.with_context(at, |context, _, _| context.set_more_targets(true));
                }
                self.branch_response(now, at, response);
            }
            None => {
                self.with_context(at, |context, branch, actions| {
                    context.recursed(branch, actions)
                });
                self.process(now, at.relay);
            }
        }
    }

    fn client_failed(&mut self, now: Now, client: ClientKey, user: u64, failure: Failure) {
        let Some(at) = self.branch_of(client, user) else {
            return;
        };
        if !self.send_elsewhere(now, at) {
            let flow_required = self
                .branch_mut(at)
                .is_some_and(|branch| branch.target.flow_required);
            self.with_context(at, |context, branch, actions| match failure {
                Failure::TimeOut => context.timeout(branch, actions),
                // The peer can be reached over its flow alone, and that is gone (DESIGN §2a rule 4).
                Failure::Transport if flow_required => {
                    context.failed_to_start(branch, StatusCode::TEMPORARILY_UNAVAILABLE, actions);
                }
                Failure::Transport => context.transport_error(branch, actions),
            });
        }
        self.process(now, at.relay);
    }

    /// Sends a branch that failed to its next address: the next target of its resolution, or the URI of a dialog whose
    /// flow is gone. False if there is none, or if it may not be sent any more.
    fn send_elsewhere(&mut self, now: Now, at: BranchRef) -> bool {
        let Some(branch) = self.branch_mut(at) else {
            return false;
        };
        let by_uri = branch.target.flow.is_some()
            && !branch.target.flow_required
            && branch.resolving.is_none()
            && !branch.numeric;
        if branch.resolving.is_none() && !branch.numeric && !by_uri {
            return false;
        }
        if by_uri {
            branch.target.flow = None;
        } else if !self.has_next_target(now, at) {
            return false;
        }
        let mut again = false;
        self.with_context(at, |context, branch, actions| {
            again = context.retry(branch, Wait::Dns, actions)
        });
        if !again {
            return false;
        }
        if by_uri {
            self.begin_by_uri(now, at);
            true
        } else {
            self.step_resolution(now, at)
        }
    }
}
