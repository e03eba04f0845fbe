//! What agents do: they act, what they send travels, what they tell is checked; errands begin.

use std::net::SocketAddr;
use std::rc::Rc;

use super::{Event, Presence, World};
use crate::agent::{Agent, Io, Report};
use crate::packet::Packet;
use crate::plan::AgentId;

impl World {
    pub(super) fn act(&mut self, place: AgentId, action: impl FnOnce(&mut Agent, &mut Io<'_>)) {
        let here = self.presence.get(place) == Some(&Presence::Here);
        let (mut sends, mut garbage) = (Vec::new(), Vec::new());
        let (mut timers, mut reports) = (Vec::new(), Vec::new());
        let mut hangs_up = false;
        let errands = Rc::clone(&self.errands);
        let Some(agent) = self.agents.get_mut(place).filter(|_| here) else {
            return;
        };
        let (from, reliable) = (agent.settings.address, agent.settings.is_reliable());
        let mut io = Io {
            now: self.now,
            sends: &mut sends,
            garbage: &mut garbage,
            timers: &mut timers,
            hangs_up: &mut hangs_up,
            reports: &mut reports,
            errands: &errands,
            random: &mut self.random,
        };
        action(agent, &mut io);
        for report in reports {
            self.tell(place, from, report);
        }
        for (at, timer) in timers {
            self.queue.push(at, Event::Agent(place, timer));
        }
        if hangs_up {
            self.hang_up(place);
        }
        for (to, octets) in sends {
            self.send_of_agent(place, from, to, reliable, &octets);
        }
        // A stream that carries no messages is closed by whoever reads it; only datagrams may say anything.
        for (to, octets) in garbage.into_iter().filter(|_| !reliable) {
            self.transmit(Packet::new(from, to, &octets));
        }
        if hangs_up {
            self.queue.push(self.now, Event::HungUp(place));
        }
    }

    fn send_of_agent(
        &mut self,
        place: AgentId,
        from: SocketAddr,
        to: SocketAddr,
        reliable: bool,
        octets: &[u8],
    ) {
        if reliable {
            return self.send_over_stream(place, to, octets);
        }
        let packet = Packet::new(from, to, octets);
        if packet.message.is_none() {
            let text = String::from_utf8_lossy(octets);
            self.checker
                .fail(format!("an agent sent what cannot be parsed: {text}"));
        }
        self.checker.agent_sent(self.now, &packet);
        self.transmit(packet);
    }

    fn tell(&mut self, place: AgentId, from: SocketAddr, report: Report) {
        let report = match report {
            Report::Wrong(what) => Report::Wrong(format!("{from}: {what}")),
            Report::Registered => {
                if let Some(unsteady) = self.unsteady.get_mut(place) {
                    *unsteady = false;
                }
                return;
            }
            other => other,
        };
        self.checker.report(report);
    }

    /// True if this agent, or the element that it belongs to, is not what it should be.
    fn is_unsteady(&self, agent: AgentId) -> bool {
        let home = self.agents.get(agent).map(|agent| agent.settings.proxy);
        let down = |home: SocketAddr| {
            self.nodes
                .iter()
                .any(|node| node.address == home && !node.is_up)
        };
        self.unsteady.get(agent) == Some(&true) || home.is_some_and(down)
    }

    /// Begins an errand, or puts it off until the called devices are registered.
    pub(super) fn begin(&mut self, number: u32) {
        let errands = Rc::clone(&self.errands);
        let Some(errand) = errands.get(number as usize) else {
            return;
        };
        let ready = errand.callee_is_gone
            || errand.to.iter().all(|place| {
                self.agents
                    .get(*place)
                    .is_some_and(|agent| agent.is_registered(self.now + Self::MARGIN))
            });
        if !ready {
            self.postponed += 1;
            if self.postponed > Self::POSTPONEMENTS {
                self.checker
                    .fail(format!("whoever errand {number} is for never registers"));
            }
            self.queue
                .push(self.now + Self::POSTPONEMENT, Event::Begin(number));
            return;
        }
        let callee = errand
            .to
            .first()
            .and_then(|place| self.agents.get(*place))
            .map(Agent::address_of_record)
            .unwrap_or_default();
        let mut parties = errand.to.iter().copied().chain([errand.from]);
        let disturbed = parties.any(|agent| self.is_unsteady(agent));
        self.checker.began(self.now, number, disturbed);
        self.act(errand.from, |agent, io| agent.begin(io, errand, &callee));
    }

    /// An agent's host is gone.
    pub(super) fn vanish(&mut self, agent: AgentId) {
        if let Some(presence) = self.presence.get_mut(agent) {
            *presence = Presence::Gone;
        }
        // Its connections are reset, or nobody is there to say so.
        while let Some((number, side)) = self.streams.of_agent(agent, None) {
            if !self.network.reports_closed_ports()
                && let Some(stream) = self.streams.get_mut(number)
            {
                stream.broken = true;
            }
            self.close_end(number, side);
        }
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.vanish();
        }
    }
}
