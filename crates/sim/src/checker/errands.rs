//! Checks of errands: each ends as its plan says, or the network is to blame.

use core::time::Duration;
use std::collections::BTreeMap;

use strowger_sip::Time;

use crate::agent::Report;
use crate::network::Network;
use crate::packet::Packet;
use crate::plan::{AgentId, Errand, ErrandKind, NodeId, Reaction};

/// How the errands of a run ended.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct ErrandCounters {
    /// Errands begun.
    pub errands: u64,
    /// Calls among them.
    pub calls: u64,
    /// Calls answered, and ended by BYE.
    pub answered: u64,
    /// Calls that ended with each final status.
    pub failed: BTreeMap<u16, u64>,
    /// Single requests answered.
    pub singles_answered: u64,
    /// Answers that were never acknowledged, the network having lost too much.
    pub unacknowledged: u64,
    /// Errands that went otherwise than planned, the network having lost too much.
    pub excused: u64,
    /// Errands that went otherwise than planned, an element or a connection having been lost under them.
    pub disturbed: u64,
    /// Requests that reached a device under two branches.
    pub merged: u64,
    /// Requests within dialogs that were answered.
    pub in_dialog: u64,
    /// Queries that found their binding.
    pub queries: u64,
}

#[derive(Debug, Default)]
struct State {
    began: bool,
    last_seen: Time,
    /// An element or a connection that it needs was lost while it was under way.
    disturbed: bool,
    /// Left out of this run.
    skipped: bool,
    merged: bool,
    call_id: Box<[u8]>,
    /// Final status of the first request; the inner one is none if there was no final response.
    ended: Option<Option<u16>>,
    dialogs_began: u32,
    dialogs_ended: u32,
    unacknowledged: u32,
    /// The request in between came after the end of the dialog.
    late_middle: bool,
    odd: Vec<String>,
}

#[derive(Debug)]
pub(super) struct ErrandChecker {
    states: Vec<State>,
    /// Elements and agents of each errand.
    parties: Vec<(Vec<NodeId>, Vec<AgentId>)>,
    counters: ErrandCounters,
}

/// What an errand still sends after it has ended: retransmissions, ACKs, BYEs.
const AFTERMATH: Duration = Duration::from_secs(45);
/// So many lost datagrams of one Call-ID can end a request: an INVITE is sent seven times, everything else more often.
const LOST_TO_EXCUSE: u32 = 7;

impl ErrandChecker {
    /// `homes` are the elements of the agents.
    pub(super) fn new(errands: &[Errand], homes: &[NodeId]) -> ErrandChecker {
        let parties = |errand: &Errand| {
            let agents: Vec<AgentId> = errand.to.iter().copied().chain([errand.from]).collect();
            let home = |agent: &AgentId| homes.get(*agent).copied();
            let nodes = agents.iter().filter_map(home).collect();
            (nodes, agents)
        };
        let state = |errand: &Errand| State {
            skipped: errand.skipped,
            ..State::default()
        };
        ErrandChecker {
            states: errands.iter().map(state).collect(),
            parties: errands.iter().map(parties).collect(),
            counters: ErrandCounters::default(),
        }
    }

    pub(super) fn began(&mut self, now: Time, number: u32, disturbed: bool) {
        if let Some(state) = self.states.get_mut(number as usize) {
            state.began = true;
            state.last_seen = now;
            state.disturbed |= disturbed;
        }
    }

    /// An element, or the connection of an agent, was lost: errands under way that need it are disturbed.
    pub(super) fn disturb(&mut self, now: Time, node: Option<NodeId>, agent: Option<AgentId>) {
        for (state, (nodes, agents)) in self.states.iter_mut().zip(&self.parties) {
            let needs = node.is_some_and(|node| nodes.contains(&node))
                || agent.is_some_and(|agent| agents.contains(&agent));
            let is_open = state.ended.is_none() || state.dialogs_began != state.dialogs_ended;
            let is_recent = now.saturating_since(state.last_seen) < AFTERMATH;
            state.disturbed |= needs && state.began && (is_open || is_recent);
        }
    }

    /// A message of this errand was lost where nothing may be lost.
    pub(super) fn disturb_call(&mut self, call_id: &[u8]) {
        let number = Errand::number_in(call_id);
        if let Some(state) = number.and_then(|number| self.states.get_mut(number as usize)) {
            state.disturbed = true;
        }
    }

    /// True if what this Call-ID names was disturbed.
    pub(super) fn is_disturbed(&self, call_id: &[u8]) -> bool {
        Errand::number_in(call_id)
            .and_then(|number| self.states.get(number as usize))
            .is_some_and(|state| state.disturbed)
    }

    /// Learns the Call-ID of an errand from what its agent sends.
    pub(super) fn saw(&mut self, now: Time, packet: &Packet) {
        let Some(message) = &packet.message else {
            return;
        };
        let state = Errand::number_in(message.call_id())
            .and_then(|number| self.states.get_mut(number as usize));
        if let Some(state) = state {
            state.last_seen = now;
            if state.call_id.is_empty() {
                state.call_id = message.call_id().into();
            }
        }
    }

    pub(super) fn report(&mut self, report: Report) -> Result<(), String> {
        let number = match &report {
            Report::Wrong(what) => return Err(what.clone()),
            Report::Queried { found: false } => {
                return Err("a query did not find an acknowledged binding".into());
            }
            Report::Queried { found: true } => {
                self.counters.queries += 1;
                return Ok(());
            }
            Report::Ended { number, .. }
            | Report::InDialog { number, .. }
            | Report::DialogBegan { number }
            | Report::DialogEnded { number }
            | Report::Merged { number }
            | Report::CancelUnmatched { number }
            | Report::Orphaned { number }
            | Report::Unacknowledged { number } => *number,
            Report::Registered => return Ok(()),
        };
        let Some(state) = self.states.get_mut(number as usize) else {
            return Err(format!("nobody planned errand {number}"));
        };
        match report {
            Report::Ended { status, .. } => state.ended = Some(status),
            Report::DialogBegan { .. } => state.dialogs_began += 1,
            Report::DialogEnded { .. } => state.dialogs_ended += 1,
            Report::Unacknowledged { .. } => {
                state.unacknowledged += 1;
                state.odd.push("an answer was not acknowledged".into());
            }
            Report::InDialog {
                method,
                status,
                crossed,
                ..
            } => match status {
                Some(200..=299) => self.counters.in_dialog += 1,
                Some(481 | 487) if crossed => {}
                // The ACK was still on its way.
                Some(491) if method == "INVITE" => {}
                Some(481) if method != "BYE" => state.late_middle = true,
                status => state
                    .odd
                    .push(format!("{method} in the dialog ended with {status:?}")),
            },
            Report::CancelUnmatched { .. } => {
                state.odd.push("a CANCEL found no transaction".into())
            }
            Report::Orphaned { .. } => state.odd.push("nobody ended a dialog".into()),
            Report::Merged { .. } => {
                state.merged = true;
                self.counters.merged += 1;
            }
            Report::Wrong(_) | Report::Queried { .. } | Report::Registered => {}
        }
        Ok(())
    }

    pub(super) fn are_over(&self) -> bool {
        self.states.iter().all(|state| {
            state.skipped
                || (state.began
                    && state.ended.is_some()
                    && state.dialogs_began == state.dialogs_ended)
        })
    }

    pub(super) fn finish(
        &mut self,
        errands: &[Errand],
        network: &Network,
    ) -> (ErrandCounters, Result<(), String>) {
        let mut result = Ok(());
        let counters = &mut self.counters;
        for (errand, state) in errands.iter().zip(&mut self.states) {
            if errand.skipped {
                continue;
            }
            let is_call = matches!(errand.kind, ErrandKind::Call { .. });
            counters.errands += 1;
            counters.calls += u64::from(is_call);
            counters.unacknowledged += u64::from(state.unacknowledged);
            // What was lost with an element, and which of two answers came first, is chance; that it ends is not.
            if state.disturbed || errand.contradicts() {
                let odd = !state.odd.is_empty() || state.merged;
                counters.disturbed += u64::from(odd);
                state.odd.clear();
                state.late_middle = false;
            } else if state.merged {
                state.odd.push("its INVITE came under two branches".into());
            }
            // Timers end whatever hears nothing any more: no loss excuses what does not end.
            let mut endless = Vec::new();
            match state.ended {
                Some(status) if state.disturbed => {
                    let allowed = errand.allowed().allows(status);
                    counters.disturbed += u64::from(!allowed);
                }
                Some(status) => {
                    if !errand.allowed().allows(status) {
                        state.odd.push(format!(
                            "ended with {status:?}, planned {:?}",
                            errand.allowed()
                        ));
                    }
                    match status {
                        Some(200..=299) if is_call => counters.answered += 1,
                        Some(200..=299) => counters.singles_answered += 1,
                        Some(status) => *counters.failed.entry(status).or_default() += 1,
                        None => {}
                    }
                }
                None if state.began => endless.push("never ended".to_owned()),
                None => endless.push("never began".to_owned()),
            }
            if state.dialogs_began != state.dialogs_ended {
                endless.push(format!(
                    "{} sides of dialogs began and {} ended",
                    state.dialogs_began, state.dialogs_ended
                ));
            }
            if state.late_middle && !may_be_late(errand) {
                state.odd.push("a request in the dialog found none".into());
            }
            if state.odd.is_empty() && endless.is_empty() {
                continue;
            }
            let lost = network.lost_of_call(&state.call_id);
            if lost >= LOST_TO_EXCUSE && endless.is_empty() {
                counters.excused += 1;
                continue;
            }
            state.odd.append(&mut endless);
            if result.is_ok() {
                result = Err(format!(
                    "errand {} ({:?}, {lost} datagrams lost): {}",
                    errand.number,
                    errand.kind,
                    state.odd.join("; ")
                ));
            }
        }
        (self.counters.clone(), result)
    }
}

/// True if the other side may have hung up before the request in between reached it.
fn may_be_late(errand: &Errand) -> bool {
    match &errand.kind {
        ErrandKind::Call {
            reactions,
            hang_up_by,
            middle: Some(middle),
            ..
        } => {
            // A caller ends all but one of several answers at once.
            let several = reactions.len() > 1
                || reactions
                    .iter()
                    .any(|reaction| matches!(reaction, Reaction::AnswerTwice { .. }));
            middle.by != *hang_up_by || several
        }
        _ => false,
    }
}
