//! Client transaction of every method but INVITE and ACK (RFC 3261 §17.1.2; RFC 4320).
//!
//! ```text
//!        request from user: send request, E and F
//!                  |
//!              [Trying] -- E: send request, min(2*E, T2)
//!               |   |  \
//!           1xx |   |   +-- F: timeout; transport error --> (end)
//!               v   |
//!        [Proceeding] -- E: send request, T2 -- F: timeout; transport error --> (end)
//!                   |
//!           200-699 +--> [Completed] -- K: (end)      reliable: (end) at once
//! ```

use crate::machine::{Actions, Context, Deadline, Interval, ResponseClass, Step};

/// The machine.
#[derive(Debug, PartialEq, Eq)]
pub enum NonInviteClient {
    /// No response yet.
    Trying(Trying),
    /// A provisional response has come.
    Proceeding(Proceeding),
    /// The final response has come.
    Completed(Completed),
    /// Over.
    Terminated,
}

/// No response yet: timers E and F.
#[derive(Debug, PartialEq, Eq)]
pub struct Trying {
    timeout_at: Deadline,
    interval: Interval,
}

/// A provisional response has come: timers E, at T2, and F.
#[derive(Debug, PartialEq, Eq)]
pub struct Proceeding {
    timeout_at: Deadline,
}

/// The final response has come; its retransmissions are absorbed until timer K.
#[derive(Debug, PartialEq, Eq)]
pub struct Completed;

impl NonInviteClient {
    /// The user hands in a request.
    pub fn start(context: Context<'_>) -> (NonInviteClient, Step) {
        let timeout_at = context.now + context.timers.timer_f;
        let interval = Interval::of(context.timers.t1);
        let alarm = if context.reliable {
            timeout_at
        } else {
            interval.after(context.now, timeout_at)
        };
        (
            NonInviteClient::Trying(Trying {
                timeout_at: Deadline::of(timeout_at),
                interval,
            }),
            Step::at(Actions::SEND_REQUEST, alarm),
        )
    }

    /// The timer fired.
    pub fn on_timer(self, context: Context<'_>) -> (NonInviteClient, Step) {
        match self {
            NonInviteClient::Trying(trying) => trying.on_timer(context),
            NonInviteClient::Proceeding(proceeding) => proceeding.on_timer(context),
            NonInviteClient::Completed(Completed) => {
                (NonInviteClient::Terminated, Step::stop(Actions::NONE))
            }
            NonInviteClient::Terminated => (NonInviteClient::Terminated, Step::NOTHING),
        }
    }

    /// A response was received.
    pub fn on_response(
        self,
        context: Context<'_>,
        class: ResponseClass,
    ) -> (NonInviteClient, Step) {
        match (self, class) {
            // Timer E runs on: only its next interval is T2 (RFC 3261 §17.1.2.2).
            (NonInviteClient::Trying(Trying { timeout_at, .. }), ResponseClass::Provisional) => (
                NonInviteClient::Proceeding(Proceeding { timeout_at }),
                Step::of(Actions::DELIVER),
            ),
            (state @ NonInviteClient::Proceeding(_), ResponseClass::Provisional) => {
                (state, Step::of(Actions::DELIVER))
            }
            (NonInviteClient::Trying(_) | NonInviteClient::Proceeding(_), _) => {
                Completed::enter(context)
            }
            (state, _) => (state, Step::NOTHING),
        }
    }

    /// The request could not be sent, or the connection is gone.
    pub fn on_transport_error(self) -> (NonInviteClient, Step) {
        match self {
            NonInviteClient::Trying(_) | NonInviteClient::Proceeding(_) => (
                NonInviteClient::Terminated,
                Step::stop(Actions::TRANSPORT_ERROR),
            ),
            other => (other, Step::NOTHING),
        }
    }

    /// True until the final response.
    pub const fn is_pending(&self) -> bool {
        matches!(
            self,
            NonInviteClient::Trying(_) | NonInviteClient::Proceeding(_)
        )
    }

    /// The name of the state.
    pub const fn state_name(&self) -> &'static str {
        match self {
            NonInviteClient::Trying(_) => "Trying",
            NonInviteClient::Proceeding(_) => "Proceeding",
            NonInviteClient::Completed(_) => "Completed",
            NonInviteClient::Terminated => "Terminated",
        }
    }
}

impl Trying {
    fn on_timer(self, context: Context<'_>) -> (NonInviteClient, Step) {
        if context.now >= self.timeout_at.time() {
            return (NonInviteClient::Terminated, Step::stop(Actions::TIMEOUT));
        }
        if context.reliable {
            let step = Step::at(Actions::NONE, self.timeout_at.time());
            return (NonInviteClient::Trying(self), step);
        }
        let interval = self.interval.doubled().capped(context.timers.t2);
        let step = Step::at(
            Actions::SEND_REQUEST,
            interval.after(context.now, self.timeout_at.time()),
        );
        (NonInviteClient::Trying(Trying { interval, ..self }), step)
    }
}

impl Proceeding {
    fn on_timer(self, context: Context<'_>) -> (NonInviteClient, Step) {
        if context.now >= self.timeout_at.time() {
            return (NonInviteClient::Terminated, Step::stop(Actions::TIMEOUT));
        }
        if context.reliable {
            let step = Step::at(Actions::NONE, self.timeout_at.time());
            return (NonInviteClient::Proceeding(self), step);
        }
        let next = Interval::of(context.timers.t2).after(context.now, self.timeout_at.time());
        (
            NonInviteClient::Proceeding(self),
            Step::at(Actions::SEND_REQUEST, next),
        )
    }
}

impl Completed {
    fn enter(context: Context<'_>) -> (NonInviteClient, Step) {
        let actions = Actions::DELIVER.and(Actions::FREE_REQUEST);
        if context.reliable {
            return (NonInviteClient::Terminated, Step::stop(actions));
        }
        (
            NonInviteClient::Completed(Completed),
            Step::at(actions, context.now + context.timers.t4),
        )
    }
}
