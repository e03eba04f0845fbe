//! One operation under way: a slot of the table, used again and again.
//!
//! ```text
//!  [Idle] ── start ──► [Asking First] ── 401/407 ──► [Asking Proof] ── final ──► [Idle]
//!                           │ 2xx to INVITE: ACK          │
//!                           ▼                             ▼
//!                      [Talking] ── hold ──► [Asking Release] ── final ──► [Settling] ── ACK came ──► [Idle]
//! ```

use strowger_sip::Time;
use strowger_transaction::TimerKey;

use crate::client::Client;
use crate::identifier::{Exchange, Identifier};

/// Where an operation stands.
#[derive(Debug)]
pub(crate) enum Stage {
    /// The slot is free.
    Idle,
    /// A request waits for its final response.
    Asking(Exchange, Client),
    /// A call stands until its BYE.
    Talking,
    /// The caller is done, the called side still waits for the ACK.
    Settling,
}

/// The slot.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) generation: u32,
    pub(crate) stage: Stage,
    /// When it was due: latency counts from here.
    pub(crate) due: Time,
    /// When the exchange under way began.
    pub(crate) asked_at: Time,
    /// When a request that has only provisional responses is given up.
    pub(crate) give_up_at: Time,
    pub(crate) timer: Option<TimerKey>,
    pub(crate) user: u32,
    /// Number in Call-ID and From tag.
    pub(crate) call: u64,
    pub(crate) cseq: u32,
    /// The request under way, for retransmission; in `Talking` the BYE.
    pub(crate) request: Vec<u8>,
    /// The ACK to the 2xx.
    pub(crate) ack: Vec<u8>,
}

impl Operation {
    pub(crate) fn new() -> Operation {
        Operation {
            generation: 0,
            stage: Stage::Idle,
            due: Time::ZERO,
            asked_at: Time::ZERO,
            give_up_at: Time::ZERO,
            timer: None,
            user: 0,
            call: 0,
            cseq: 0,
            request: Vec::new(),
            ack: Vec::new(),
        }
    }

    /// True if a response to that exchange is waited for.
    pub(crate) fn awaits(&self, identifier: Identifier) -> bool {
        self.generation == identifier.generation
            && matches!(self.stage, Stage::Asking(exchange, _) if exchange == identifier.exchange)
    }
}
