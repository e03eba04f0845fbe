//! Checks of errands: each ends as its plan says, or the network is to blame.

use std::collections::BTreeMap;

use crate::agent::Report;
use crate::network::Network;
use crate::packet::Packet;
use crate::plan::{Errand, ErrandKind, Reaction};

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
    /// Requests within dialogs that were answered.
    pub in_dialog: u64,
    /// Queries that found their binding.
    pub queries: u64,
}

#[derive(Debug, Default)]
struct State {
    began: bool,
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
    counters: ErrandCounters,
}

/// So many lost datagrams of one Call-ID can end a request: an INVITE is sent seven times, everything else more often.
const LOST_TO_EXCUSE: u32 = 7;

impl ErrandChecker {
    pub(super) fn new(errands: usize) -> ErrandChecker {
        ErrandChecker {
            states: (0..errands).map(|_| State::default()).collect(),
            counters: ErrandCounters::default(),
        }
    }

    pub(super) fn began(&mut self, number: u32) {
        if let Some(state) = self.states.get_mut(number as usize) {
            state.began = true;
        }
    }

    /// Learns the Call-ID of an errand from what its agent sends.
    pub(super) fn saw(&mut self, packet: &Packet) {
        let Some(message) = &packet.message else {
            return;
        };
        let state = Errand::number_in(message.call_id())
            .and_then(|number| self.states.get_mut(number as usize));
        if let Some(state) = state.filter(|state| state.call_id.is_empty()) {
            state.call_id = message.call_id().into();
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
            | Report::Unacknowledged { number } => *number,
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
            Report::Wrong(_) | Report::Queried { .. } => {}
        }
        Ok(())
    }

    pub(super) fn are_over(&self) -> bool {
        self.states.iter().all(|state| {
            state.began && state.ended.is_some() && state.dialogs_began == state.dialogs_ended
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
            let is_call = matches!(errand.kind, ErrandKind::Call { .. });
            counters.errands += 1;
            counters.calls += u64::from(is_call);
            counters.unacknowledged += u64::from(state.unacknowledged);
            match state.ended {
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
                None if state.began => state.odd.push("never ended".into()),
                None => state.odd.push("never began".into()),
            }
            if state.dialogs_began != state.dialogs_ended {
                state.odd.push(format!(
                    "{} sides of dialogs began and {} ended",
                    state.dialogs_began, state.dialogs_ended
                ));
            }
            if state.late_middle && !may_be_late(errand) {
                state.odd.push("a request in the dialog found none".into());
            }
            if state.odd.is_empty() {
                continue;
            }
            let lost = network.lost_of_call(&state.call_id);
            if lost >= LOST_TO_EXCUSE {
                counters.excused += 1;
            } else if result.is_ok() {
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
