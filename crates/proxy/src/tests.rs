//! Tests of the machines as their users see them.

mod best_response;
mod cancel;
mod context;
mod forward;
mod record_route;
mod route;
mod state_table;
mod validate;

use std::sync::Arc;

use strowger_sip::{Limits, Message};
use strowger_transaction::token::{Home, Secrets};

use crate::branch::{Action, Actions, BranchId, BranchState, Wait};
use crate::response_context::{Kind, ResponseContext};
use crate::settings::ProxySettings;

const HOME: Home = Home { node: 0, shards: 2 };

fn secrets() -> Secrets {
    Secrets::new([7; 16])
}

fn parse(text: &str) -> Message {
    Message::parse(
        text.replace("\r\n", "\n")
            .replace('\n', "\r\n")
            .into_bytes(),
        &Limits::default(),
    )
    .expect("valid")
}

/// A request with the usual fields; `lines` are further header lines, each with its line end.
fn request(method: &str, uri: &str, lines: &str) -> Message {
    parse(&format!(
        "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP u1.example.com:5060;branch=z9hG4bKu1\n{lines}\
         From: <sip:caller@u1.example.com>;tag=a1\nTo: <sip:callee@domain.com>\nCall-ID: c1@u1\nCSeq: 1 {method}\n\n"
    ))
}

/// A response with our Via on top; `lines` are further header lines.
fn response(status: u16, lines: &str) -> Message {
    parse(&format!(
        "SIP/2.0 {status} Whatever\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKp1\n\
         Via: SIP/2.0/UDP u1.example.com:5060;branch=z9hG4bKu1\n{lines}\
         From: <sip:caller@u1.example.com>;tag=a1\nTo: <sip:callee@domain.com>;tag=b{status}\nCall-ID: c1@u1\nCSeq: 1 INVITE\n\n"
    ))
}

/// A context under test with all it gave so far.
struct Bench {
    context: ResponseContext,
    actions: Actions,
}

impl Bench {
    fn new(kind: Kind, settings: &ProxySettings) -> Bench {
        Bench {
            context: ResponseContext::new(kind, settings),
            actions: Actions::new(),
        }
    }

    /// A context with that many branches sent.
    fn calling(kind: Kind, branches: usize) -> Bench {
        let mut bench = Bench::new(kind, &ProxySettings::default());
        for _ in 0..branches {
            bench.start();
        }
        bench.drain();
        bench
    }

    fn park(&mut self, wait: Wait) -> BranchId {
        self.context
            .add_branch(wait, &mut self.actions)
            .expect("open")
    }

    fn start(&mut self) -> BranchId {
        let id = self.park(Wait::Dns);
        assert!(self.context.start(id, &mut self.actions));
        id
    }

    fn respond(&mut self, branch: u16, status: u16) -> String {
        self.context.response(
            BranchId(branch),
            Arc::new(response(status, "")),
            &mut self.actions,
        );
        self.drain()
    }

    fn event(&mut self, event: impl FnOnce(&mut ResponseContext, &mut Actions)) -> String {
        event(&mut self.context, &mut self.actions);
        self.drain()
    }

    /// The actions since the last call, as text.
    fn drain(&mut self) -> String {
        let mut text = Vec::new();
        while let Some(action) = self.actions.pop() {
            text.push(match action {
                Action::AskProgram => "AskProgram".to_owned(),
                Action::Forward => {
                    let forward = self.actions.take_forward().expect("a response");
                    let status = forward.response.status().expect("a response").get();
                    format!("forward {status} of {}", forward.branch.0)
                }
                Action::Reply(status) => format!("reply {}", status.get()),
                Action::Silence => "silence".into(),
                Action::Cancel(id) => format!("CANCEL {}", id.0),
                Action::Abandon(id, wait) => format!("abandon {wait:?} of {}", id.0),
                Action::AbandonRequest(wait) => format!("abandon {wait:?} of request"),
                Action::Terminate(id) => format!("terminate {}", id.0),
                Action::StartNextGroup => "next group".into(),
                Action::SetTimer(id, timer, after) => {
                    format!("timer {timer:?} of {} {}s", id.0, after.as_secs())
                }
                Action::ClearTimer(id) => format!("clear timer of {}", id.0),
                Action::SetRingLimit(after) => format!("ring limit {}s", after.as_secs()),
                Action::ClearRingLimit => "clear ring limit".into(),
                Action::Finished => "finished".into(),
            });
        }
        if text.is_empty() {
            "-".into()
        } else {
            text.join(", ")
        }
    }

    /// The states of all branches, and of the whole.
    fn states(&self) -> String {
        let mut text = String::new();
        for index in 0..self.context.branch_count() {
            text += match self
                .context
                .state(BranchId(index as u16))
                .expect("a branch")
            {
                BranchState::Parked(_) => "Parked ",
                BranchState::Calling => "Calling ",
                BranchState::Proceeding => "Proceeding ",
                BranchState::Accepted => "Accepted ",
                BranchState::Ended => "Ended ",
            };
        }
        text + match (self.context.is_finished(), self.context.is_answered()) {
            (true, _) => "| finished",
            (false, true) => "| answered",
            (false, false) if self.context.may_start() => "| open",
            (false, false) => "| stopped",
        }
    }
}
