//! Server transaction of every method but INVITE and ACK (RFC 3261 §17.2.2; RFC 4320).
//!
//! ```text
//!               request: to user
//!                  |
//!              [Trying] -- request: absorbed
//!               |    |
//!  1xx from user|    | 200-699 from user: send response
//!  send response|    |
//!               v    |
//!         [Proceeding] -- request: resend response -- 1xx from user: send response
//!                    |
//!  200-699 from user +--> [Completed] -- request: resend response -- J: (end)      reliable: (end) at once
//! ```
//! A request that the user never answers ends silently after `non_invite_unanswered`: a 408 would come when the
//! client has ended and only add load (RFC 4320 §4.2). A transport error is told to the user and changes no state.

use crate::machine::{Actions, Context, ResponseClass, Step};

/// The machine.
#[derive(Debug, PartialEq, Eq)]
pub enum NonInviteServer {
    /// No response yet.
    Trying(Trying),
    /// A provisional response was sent.
    Proceeding(Proceeding),
    /// The final response was sent.
    Completed(Completed),
    /// Over.
    Terminated,
}

/// No response yet; the timer ends a request that is never answered.
#[derive(Debug, PartialEq, Eq)]
pub struct Trying;

/// A provisional response was sent; the same timer runs on.
#[derive(Debug, PartialEq, Eq)]
pub struct Proceeding;

/// The final response was sent: timer J.
#[derive(Debug, PartialEq, Eq)]
pub struct Completed;

impl NonInviteServer {
    /// A request was received.
    pub fn start(context: Context<'_>) -> (NonInviteServer, Step) {
        let deadline = context.now + context.timers.non_invite_unanswered;
        (
            NonInviteServer::Trying(Trying),
            Step::at(Actions::NONE, deadline),
        )
    }

    /// The timer fired.
    pub fn on_timer(self) -> (NonInviteServer, Step) {
        match self {
            NonInviteServer::Trying(Trying) | NonInviteServer::Proceeding(Proceeding) => {
                (NonInviteServer::Terminated, Step::stop(Actions::TIMEOUT))
            }
            NonInviteServer::Completed(Completed) => {
                (NonInviteServer::Terminated, Step::stop(Actions::NONE))
            }
            NonInviteServer::Terminated => (NonInviteServer::Terminated, Step::NOTHING),
        }
    }

    /// The request was received again.
    pub fn on_retransmission(self) -> (NonInviteServer, Step) {
        match self {
            state @ (NonInviteServer::Proceeding(_) | NonInviteServer::Completed(_)) => {
                (state, Step::of(Actions::RESEND_RESPONSE))
            }
            other => (other, Step::NOTHING),
        }
    }

    /// The user hands in a response.
    pub fn on_respond(self, context: Context<'_>, class: ResponseClass) -> (NonInviteServer, Step) {
        let send_and_keep = Actions::SEND_RESPONSE.and(Actions::KEEP_RESPONSE);
        match (self, class) {
            (
                NonInviteServer::Trying(_) | NonInviteServer::Proceeding(_),
                ResponseClass::Provisional,
            ) => (
                NonInviteServer::Proceeding(Proceeding),
                Step::of(send_and_keep),
            ),
            (NonInviteServer::Trying(_) | NonInviteServer::Proceeding(_), _)
                if context.reliable =>
            {
                (
                    NonInviteServer::Terminated,
                    Step::stop(Actions::SEND_RESPONSE.and(Actions::FREE_RESPONSE)),
                )
            }
            (NonInviteServer::Trying(_) | NonInviteServer::Proceeding(_), _) => {
                let deadline = context.now + context.timers.timer_j;
                (
                    NonInviteServer::Completed(Completed),
                    Step::at(send_and_keep, deadline),
                )
            }
            (state, _) => (state, Step::of(Actions::REFUSE)),
        }
    }

    /// A response could not be sent, or the connection is gone.
    pub fn on_transport_error(self) -> (NonInviteServer, Step) {
        match self {
            NonInviteServer::Terminated => (NonInviteServer::Terminated, Step::NOTHING),
            state => (state, Step::of(Actions::TRANSPORT_ERROR)),
        }
    }

    /// True until the final response.
    pub const fn is_pending(&self) -> bool {
        matches!(
            self,
            NonInviteServer::Trying(_) | NonInviteServer::Proceeding(_)
        )
    }

    /// The name of the state.
    pub const fn state_name(&self) -> &'static str {
        match self {
            NonInviteServer::Trying(_) => "Trying",
            NonInviteServer::Proceeding(_) => "Proceeding",
            NonInviteServer::Completed(_) => "Completed",
            NonInviteServer::Terminated => "Terminated",
        }
    }
}
