//! INVITE server transaction (RFC 3261 §17.2.1; RFC 6026 §8.5 and §8.7 for Accepted and for transport errors).
//!
//! ```text
//!            INVITE: to user, 100 after 200 ms unless the user responds
//!                  |
//!            [Proceeding] -- INVITE: resend response -- 1xx from user: send response
//!               |     |
//!   2xx from    |     | 300-699 from user: send response, G and H
//!   user: send  |     +--> [Completed] -- INVITE, G: resend response -- H: timeout --> (end)
//!   response    v               | ACK
//!           [Accepted]          +--> [Confirmed] -- I: (end)      reliable: (end) at once
//!           2xx from user: send response -- ACK: to user -- INVITE: absorbed -- L: (end)
//! ```
//! A transport error is told to the user and changes no state: the response may yet leave another way.

use crate::machine::{Actions, Alarm, Context, Deadline, Interval, ResponseClass, Step};

/// The machine.
#[derive(Debug, PartialEq, Eq)]
pub enum InviteServer {
    /// No final response yet.
    Proceeding(Proceeding),
    /// A failure was sent and waits for its ACK.
    Completed(Completed),
    /// The ACK to the failure has come.
    Confirmed(Confirmed),
    /// A 2xx was sent.
    Accepted(Accepted),
    /// Over.
    Terminated,
}

/// No final response yet; the timer, if it runs, is that of the automatic 100.
#[derive(Debug, PartialEq, Eq)]
pub struct Proceeding;

/// A failure was sent: timers G and H.
#[derive(Debug, PartialEq, Eq)]
pub struct Completed {
    timeout_at: Deadline,
    interval: Interval,
}

/// Further ACKs are absorbed until timer I.
#[derive(Debug, PartialEq, Eq)]
pub struct Confirmed;

/// A 2xx was sent; retransmitted INVITEs are absorbed until timer L.
#[derive(Debug, PartialEq, Eq)]
pub struct Accepted;

impl InviteServer {
    /// An INVITE was received.
    pub fn start(context: Context<'_>) -> (InviteServer, Step) {
        let step = match context.timers.trying_after {
            Some(delay) if delay.is_zero() => Step::of(Actions::SEND_TRYING),
            Some(delay) => Step::at(Actions::NONE, context.now + delay),
            None => Step::NOTHING,
        };
        (InviteServer::Proceeding(Proceeding), step)
    }

    /// The timer fired.
    pub fn on_timer(self, context: Context<'_>) -> (InviteServer, Step) {
        match self {
            InviteServer::Proceeding(Proceeding) => (
                InviteServer::Proceeding(Proceeding),
                Step::stop(Actions::SEND_TRYING),
            ),
            InviteServer::Completed(completed) => completed.on_timer(context),
            InviteServer::Confirmed(Confirmed) | InviteServer::Accepted(Accepted) => {
                (InviteServer::Terminated, Step::stop(Actions::NONE))
            }
            InviteServer::Terminated => (InviteServer::Terminated, Step::NOTHING),
        }
    }

    /// The INVITE was received again.
    pub fn on_retransmission(self) -> (InviteServer, Step) {
        match self {
            state @ (InviteServer::Proceeding(_) | InviteServer::Completed(_)) => {
                (state, Step::of(Actions::RESEND_RESPONSE))
            }
            other => (other, Step::NOTHING),
        }
    }

    /// An ACK of this transaction was received.
    pub fn on_ack(self, context: Context<'_>) -> (InviteServer, Step) {
        match self {
            InviteServer::Completed(_) if context.reliable => {
                (InviteServer::Terminated, Step::stop(Actions::FREE_RESPONSE))
            }
            InviteServer::Completed(_) => {
                let deadline = context.now + context.timers.t4;
                (
                    InviteServer::Confirmed(Confirmed),
                    Step::at(Actions::FREE_RESPONSE, deadline),
                )
            }
            state @ InviteServer::Accepted(_) => (state, Step::of(Actions::DELIVER)),
            other => (other, Step::NOTHING),
        }
    }

    /// The user hands in a response.
    pub fn on_respond(self, context: Context<'_>, class: ResponseClass) -> (InviteServer, Step) {
        match (self, class) {
            (state @ InviteServer::Proceeding(_), ResponseClass::Provisional) => (
                state,
                Step::stop(Actions::SEND_RESPONSE.and(Actions::KEEP_RESPONSE)),
            ),
            (InviteServer::Proceeding(_), ResponseClass::Success) => {
                let actions = Actions::SEND_RESPONSE.and(Actions::FREE_RESPONSE);
                (
                    InviteServer::Accepted(Accepted),
                    Step::at(actions, context.now + context.timers.timer_l),
                )
            }
            (InviteServer::Proceeding(_), ResponseClass::Failure) => Completed::enter(context),
            (state @ InviteServer::Accepted(_), ResponseClass::Success) => {
                (state, Step::of(Actions::SEND_RESPONSE))
            }
            (state, _) => (state, Step::of(Actions::REFUSE)),
        }
    }

    /// A response could not be sent, or the connection is gone.
    pub fn on_transport_error(self) -> (InviteServer, Step) {
        match self {
            state @ (InviteServer::Confirmed(_) | InviteServer::Terminated) => {
                (state, Step::NOTHING)
            }
            state => (state, Step::of(Actions::TRANSPORT_ERROR)),
        }
    }

    /// True until the final response.
    pub const fn is_pending(&self) -> bool {
        matches!(self, InviteServer::Proceeding(_))
    }

    /// The name of the state.
    pub const fn state_name(&self) -> &'static str {
        match self {
            InviteServer::Proceeding(_) => "Proceeding",
            InviteServer::Completed(_) => "Completed",
            InviteServer::Confirmed(_) => "Confirmed",
            InviteServer::Accepted(_) => "Accepted",
            InviteServer::Terminated => "Terminated",
        }
    }
}

impl Completed {
    fn enter(context: Context<'_>) -> (InviteServer, Step) {
        let timeout_at = context.now + context.timers.timer_h;
        let interval = Interval::of(context.timers.t1).capped(context.timers.t2);
        let alarm = if context.reliable {
            timeout_at
        } else {
            interval.after(context.now, timeout_at)
        };
        let actions = Actions::SEND_RESPONSE.and(Actions::KEEP_RESPONSE);
        let completed = Completed {
            timeout_at: Deadline::of(timeout_at),
            interval,
        };
        (
            InviteServer::Completed(completed),
            Step {
                actions,
                alarm: Alarm::At(alarm),
            },
        )
    }

    fn on_timer(self, context: Context<'_>) -> (InviteServer, Step) {
        if context.now >= self.timeout_at.time() {
            return (InviteServer::Terminated, Step::stop(Actions::TIMEOUT));
        }
        if context.reliable {
            let step = Step::at(Actions::NONE, self.timeout_at.time());
            return (InviteServer::Completed(self), step);
        }
        let interval = self.interval.doubled().capped(context.timers.t2);
        let step = Step::at(
            Actions::RESEND_RESPONSE,
            interval.after(context.now, self.timeout_at.time()),
        );
        (
            InviteServer::Completed(Completed { interval, ..self }),
            step,
        )
    }
}
