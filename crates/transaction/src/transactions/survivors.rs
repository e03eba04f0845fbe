//! The transactions that are left when most have ended, and the tables that were grown for the others.

use super::kept::Kept;
use super::{Owner, Transactions};
use crate::key_index::KeyIndex;
use crate::survivors::Copied;

impl Transactions {
    /// Notes that a server transaction has ended.
    #[inline]
    pub(super) fn server_ended(&mut self) {
        if self.left_servers.one_ended(self.servers.len()) {
            self.move_servers();
        }
    }

    /// Notes that a client transaction has ended.
    #[inline]
    pub(super) fn client_ended(&mut self) {
        if self.left_clients.one_ended(self.clients.len()) {
            self.move_clients();
        }
    }

    #[cold]
    fn move_servers(&mut self) {
        self.move_finished_servers();
        let mut copied = Copied::new();
        self.server_index = KeyIndex::new();
        for slot in self.servers.positions() {
            if let Some(server) = self.servers.at_mut(slot)
                && let Kept::Response(octets) = &mut server.kept
            {
                copied.renew(octets);
            }
            self.server_index.insert(&mut self.servers, slot);
        }
        self.legacy.shrink_to(2 * self.legacy.len());
        self.streams.shrink_to(2 * self.streams.len());
        self.events.shrink_to(2 * self.events.len());
        self.counters.gatherings += 1;
    }

    /// Moves the finished ones to the pages of others: a page is given back when it holds nothing. They answer a
    /// retransmission or wait for an ACK. Whoever has the key of one could only be refused with it.
    fn move_finished_servers(&mut self) {
        for slot in self.servers.positions().into_iter().rev() {
            let Some(server) = self.servers.at(slot) else {
                continue;
            };
            let (timer, may_move) = (server.timer, server.may_move());
            let Some(before) = self.servers.key_at(slot).filter(|_| may_move) else {
                continue;
            };
            let Some(after) = self.servers.move_forward(before) else {
                return;
            };
            self.wheel
                .set_payload(timer, Owner(after.slot | Owner::SERVER));
        }
    }

    #[cold]
    fn move_clients(&mut self) {
        let mut copied = Copied::new();
        for slot in self.clients.positions() {
            let client = self.clients.at_mut(slot);
            if let Some(octets) = client.and_then(|client| client.octets.as_mut()) {
                copied.renew(octets);
            }
        }
        self.cancels.shrink_to(2 * self.cancels.len());
        self.held_cancels.shrink_to(2 * self.held_cancels.len());
        self.counters.gatherings += 1;
    }
}
