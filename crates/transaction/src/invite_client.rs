//! INVITE client transaction (RFC 3261 §17.1.1, §9.1; RFC 6026 §8.4 for Accepted).
//!
//! ```text
//!            INVITE from user: send request, A and B
//!                  |
//!             [Calling] -- A: send request, 2*A -- cancel: remember it
//!               |  |  \
//!          1xx  |  |   +-- B: timeout; transport error -----------------> (end)
//!               v  |
//!        [Proceeding] -- cancel (or remembered): send CANCEL --> [Cancelling] -- 64*T1: timeout --> (end)
//!               |  |                                                |   |
//!           2xx |  | 300-699: send ACK                          2xx |   | 300-699: send ACK
//!               |  +---------------------> [Completed] <------------|---+
//!               |                          300-699: resend ACK -- D: (end)
//!               +------------------------> [Accepted] <-------------+
//!                                          2xx: to user -- M: (end)
//! ```
//! Timer C belongs to the user (RFC 3261 §16.6 step 11).

use crate::machine::{Actions, Context, Deadline, Interval, ResponseClass, Step};

/// The machine.
#[derive(Debug, PartialEq, Eq)]
pub enum InviteClient {
    /// No response yet.
    Calling(Calling),
    /// A provisional response has come.
    Proceeding(Proceeding),
    /// CANCEL was sent; the final response is due within 64*T1.
    Cancelling(Cancelling),
    /// A failure has come and was acknowledged.
    Completed(Completed),
    /// A 2xx has come.
    Accepted(Accepted),
    /// Over.
    Terminated,
}

/// No response yet: timers A and B.
#[derive(Debug, PartialEq, Eq)]
pub struct Calling {
    timeout_at: Deadline,
    interval: Interval,
    cancel_wanted: bool,
}

/// A provisional response has come; no timer.
#[derive(Debug, PartialEq, Eq)]
pub struct Proceeding;

/// CANCEL was sent; one timer of 64*T1.
#[derive(Debug, PartialEq, Eq)]
pub struct Cancelling;

/// A failure was acknowledged: timer D.
#[derive(Debug, PartialEq, Eq)]
pub struct Completed;

/// A 2xx has come: timer M.
#[derive(Debug, PartialEq, Eq)]
pub struct Accepted;

impl InviteClient {
    /// The user hands in an INVITE.
    pub fn start(context: Context<'_>) -> (InviteClient, Step) {
        let timeout_at = context.now + context.timers.timer_b;
        let interval = Interval::of(context.timers.t1);
        let alarm = if context.reliable {
            timeout_at
        } else {
            interval.after(context.now, timeout_at)
        };
        let calling = Calling {
            timeout_at: Deadline::of(timeout_at),
            interval,
            cancel_wanted: false,
        };
        (
            InviteClient::Calling(calling),
            Step::at(Actions::SEND_REQUEST, alarm),
        )
    }

    /// The timer fired.
    pub fn on_timer(self, context: Context<'_>) -> (InviteClient, Step) {
        match self {
            InviteClient::Calling(calling) => calling.on_timer(context),
            InviteClient::Cancelling(Cancelling) => {
                (InviteClient::Terminated, Step::stop(Actions::TIMEOUT))
            }
            InviteClient::Completed(Completed) | InviteClient::Accepted(Accepted) => {
                (InviteClient::Terminated, Step::stop(Actions::NONE))
            }
            other @ (InviteClient::Proceeding(_) | InviteClient::Terminated) => {
                (other, Step::NOTHING)
            }
        }
    }

    /// A response was received.
    pub fn on_response(self, context: Context<'_>, class: ResponseClass) -> (InviteClient, Step) {
        match (self, class) {
            (InviteClient::Calling(calling), ResponseClass::Provisional) => {
                calling.on_provisional(context)
            }
            (
                state @ (InviteClient::Proceeding(_) | InviteClient::Cancelling(_)),
                ResponseClass::Provisional,
            ) => (state, Step::of(Actions::DELIVER)),
            (
                InviteClient::Calling(_)
                | InviteClient::Proceeding(_)
                | InviteClient::Cancelling(_),
                ResponseClass::Success,
            ) => Accepted::enter(context),
            (
                InviteClient::Calling(_)
                | InviteClient::Proceeding(_)
                | InviteClient::Cancelling(_),
                ResponseClass::Failure,
            ) => Completed::enter(context),
            (state @ InviteClient::Completed(_), ResponseClass::Failure) => {
                (state, Step::of(Actions::RESEND_ACK))
            }
            (state @ InviteClient::Accepted(_), ResponseClass::Success) => {
                (state, Step::of(Actions::DELIVER_REPEATED))
            }
            (state, _) => (state, Step::NOTHING),
        }
    }

    /// The user gives the INVITE up. The CANCEL waits for a provisional response (RFC 3261 §9.1).
    pub fn on_cancel(self, context: Context<'_>) -> (InviteClient, Step) {
        match self {
            InviteClient::Calling(calling) if !calling.cancel_wanted => (
                InviteClient::Calling(Calling {
                    cancel_wanted: true,
                    ..calling
                }),
                Step::of(Actions::HOLD_CANCEL),
            ),
            InviteClient::Proceeding(Proceeding) => Cancelling::enter(context, Actions::NONE),
            other => (other, Step::NOTHING),
        }
    }

    /// A message could not be sent, or the connection is gone. In Accepted nothing is sent any more and a further 2xx
    /// may come another way, so the machine stays.
    pub fn on_transport_error(self) -> (InviteClient, Step) {
        match self {
            state @ (InviteClient::Accepted(_) | InviteClient::Terminated) => {
                (state, Step::NOTHING)
            }
            _ => (
                InviteClient::Terminated,
                Step::stop(Actions::TRANSPORT_ERROR),
            ),
        }
    }

    /// True until the final response.
    pub const fn is_pending(&self) -> bool {
        matches!(
            self,
            InviteClient::Calling(_) | InviteClient::Proceeding(_) | InviteClient::Cancelling(_)
        )
    }

    /// The name of the state.
    pub const fn state_name(&self) -> &'static str {
        match self {
            InviteClient::Calling(Calling {
                cancel_wanted: true,
                ..
            }) => "Calling, cancel wanted",
            InviteClient::Calling(_) => "Calling",
            InviteClient::Proceeding(_) => "Proceeding",
            InviteClient::Cancelling(_) => "Cancelling",
            InviteClient::Completed(_) => "Completed",
            InviteClient::Accepted(_) => "Accepted",
            InviteClient::Terminated => "Terminated",
        }
    }
}

impl Calling {
    fn on_timer(self, context: Context<'_>) -> (InviteClient, Step) {
        if context.now >= self.timeout_at.time() {
            return (InviteClient::Terminated, Step::stop(Actions::TIMEOUT));
        }
        if context.reliable {
            let step = Step::at(Actions::NONE, self.timeout_at.time());
            return (InviteClient::Calling(self), step);
        }
        let doubled = self.interval.doubled();
        let interval = if context.timers.timer_a_capped_at_t2 {
            doubled.capped(context.timers.t2)
        } else {
            doubled
        };
        let step = Step::at(
            Actions::SEND_REQUEST,
            interval.after(context.now, self.timeout_at.time()),
        );
        (InviteClient::Calling(Calling { interval, ..self }), step)
    }

    fn on_provisional(self, context: Context<'_>) -> (InviteClient, Step) {
        if self.cancel_wanted {
            return Cancelling::enter(context, Actions::DELIVER);
        }
        (
            InviteClient::Proceeding(Proceeding),
            Step::stop(Actions::DELIVER),
        )
    }
}

impl Cancelling {
    fn enter(context: Context<'_>, with: Actions) -> (InviteClient, Step) {
        let deadline = context.now + context.timers.cancel_wait;
        (
            InviteClient::Cancelling(Cancelling),
            Step::at(Actions::SEND_CANCEL.and(with), deadline),
        )
    }
}

impl Completed {
    fn enter(context: Context<'_>) -> (InviteClient, Step) {
        let actions = Actions::DELIVER
            .and(Actions::SEND_ACK)
            .and(Actions::FREE_REQUEST);
        if context.reliable {
            return (InviteClient::Terminated, Step::stop(actions));
        }
        (
            InviteClient::Completed(Completed),
            Step::at(actions, context.now + context.timers.timer_d),
        )
    }
}

impl Accepted {
    fn enter(context: Context<'_>) -> (InviteClient, Step) {
        let actions = Actions::DELIVER.and(Actions::FREE_REQUEST);
        (
            InviteClient::Accepted(Accepted),
            Step::at(actions, context.now + context.timers.timer_m),
        )
    }
}
