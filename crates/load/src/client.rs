//! The client transaction of a request of ours: one of the two machines of RFC 3261 §17.1.

use strowger_transaction::invite_client::InviteClient;
use strowger_transaction::machine::{Context, ResponseClass, Step};
use strowger_transaction::non_invite_client::NonInviteClient;

/// A machine that waits for its final response.
#[derive(Debug)]
pub(crate) enum Client {
    Invite(InviteClient),
    NonInvite(NonInviteClient),
}

impl Client {
    pub(crate) fn start(is_invite: bool, context: Context<'_>) -> (Client, Step) {
        if is_invite {
            let (machine, step) = InviteClient::start(context);
            (Client::Invite(machine), step)
        } else {
            let (machine, step) = NonInviteClient::start(context);
            (Client::NonInvite(machine), step)
        }
    }

    pub(crate) fn on_timer(self, context: Context<'_>) -> (Client, Step) {
        match self {
            Client::Invite(machine) => {
                let (machine, step) = machine.on_timer(context);
                (Client::Invite(machine), step)
            }
            Client::NonInvite(machine) => {
                let (machine, step) = machine.on_timer(context);
                (Client::NonInvite(machine), step)
            }
        }
    }

    pub(crate) fn on_provisional(self, context: Context<'_>) -> (Client, Step) {
        match self {
            Client::Invite(machine) => {
                let (machine, step) = machine.on_response(context, ResponseClass::Provisional);
                (Client::Invite(machine), step)
            }
            Client::NonInvite(machine) => {
                let (machine, step) = machine.on_response(context, ResponseClass::Provisional);
                (Client::NonInvite(machine), step)
            }
        }
    }
}
