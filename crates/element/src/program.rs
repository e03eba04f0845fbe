//! What a program keeps with a relayed request, and where it is asked on the way: before a branch is sent, when a
//! response comes, when all branches have failed.

use core::any::Any;
use std::sync::Arc;

use strowger_proxy::{Target, TargetSet, Wait};
use strowger_routing::{Draft, DraftTarget};
use strowger_sip::{Message, Now, StatusCode};

use crate::branch::{BranchRef, Waiting};
use crate::call::PolicyCall;
use crate::core::Core;
use crate::relay_table::RelayKey;

/// What a program keeps with a relayed request.
pub(crate) struct Program {
    /// What it changed before the request was relayed.
    pub(crate) draft: Draft,
    /// What else it keeps.
    pub(crate) attachment: Option<Box<dyn Any + Send>>,
    /// The number of the message.
    pub(crate) number: u64,
    /// The status of the last response.
    pub(crate) last_status: u16,
    /// The run that is parked at the stage of failures, by the policy's number.
    pub(crate) parked: Option<u64>,
}

impl core::fmt::Debug for Program {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Program")
            .field("draft", &self.draft)
            .finish_non_exhaustive()
    }
}

/// The target that a program's target is.
pub(crate) fn target_of(draft: &DraftTarget, uri: &[u8]) -> Target {
    Target {
        uri: uri.into(),
        // All at once, whatever their q: a program that wants to try them in turn does so itself.
        q: 1_000,
        flow: draft.flow,
        flow_required: draft.flow_required,
        path: draft.path.clone(),
        behind_nat: draft.behind_nat,
        expires_at: None,
        hop: None,
        destination: draft.destination.clone(),
        listener: draft.listener,
        flags: draft.flags,
    }
}

/// A target as a program sees it.
pub(crate) fn draft_target_of(target: &Target) -> DraftTarget {
    DraftTarget {
        uri: (&*target.uri).into(),
        destination: target.destination.clone(),
        path: target.path.clone(),
        q: None,
        flags: target.flags,
        listener: target.listener,
        flow: target.flow,
        flow_required: target.flow_required,
        behind_nat: target.behind_nat,
        ruid: Box::default(),
    }
}

/// Adds the targets of a draft; `uri` is the Request-URI where the first target has none of its own.
pub(crate) fn add_targets(draft: &Draft, uri: &[u8], again: bool, set: &mut TargetSet) {
    let first = if draft.target.uri.is_empty() {
        uri
    } else {
        &draft.target.uri
    };
    let mut add = |target| {
        if again {
            set.add_again(target)
        } else {
            set.add(target)
        }
    };
    add(target_of(&draft.target, first));
    for branch in &draft.branches {
        add(target_of(branch, &branch.uri));
    }
}

impl Core {
    /// What a program keeps with a relayed request.
    pub(crate) fn program_mut(&mut self, key: RelayKey) -> Option<&mut Program> {
        self.relays.get_mut(key)?.program.as_deref_mut()
    }

    /// What a program keeps with a relayed request.
    pub(crate) fn program(&self, key: RelayKey) -> Option<&Program> {
        self.relays.get(key)?.program.as_deref()
    }

    /// Before a branch is sent: true if the program is asked first.
    pub(crate) fn asks_before_branch(&mut self, at: BranchRef) -> bool {
        let hook = self
            .program(at.relay)
            .is_some_and(|program| program.draft.hooks.branch.is_some());
        if !hook {
            return false;
        }
        match self.branch_mut(at) {
            Some(branch) if !branch.asked => branch.asked = true,
            _ => return false,
        }
        self.with_context(at, |context, branch, _| {
            context.wait(branch, Wait::Script);
        });
        self.calls.push_back(PolicyCall::Branch(at));
        true
    }

    /// A response of a branch: the program hears it first, if it wants to.
    pub(crate) fn hear(&mut self, now: Now, at: BranchRef, response: Arc<Message>) {
        let Some(program) = self.program_mut(at.relay) else {
            return self.heard(now, at, response);
        };
        program.last_status = response.status().map_or(0, StatusCode::get);
        if program.draft.hooks.reply.is_some() {
            if response.status().is_some_and(StatusCode::is_final)
                && let Some(branch) = self.branch_mut(at)
            {
                branch.hearing = true;
            }
            self.calls.push_back(PolicyCall::TransactionReply {
                at,
                message: response,
            });
        } else {
            self.heard(now, at, response);
        }
    }

    /// A response of a branch counts now.
    pub(crate) fn heard(&mut self, now: Now, at: BranchRef, response: Arc<Message>) {
        if let Some(branch) = self.branch_mut(at) {
            branch.hearing = false;
        }
        if response.status().is_some_and(StatusCode::is_final) {
            self.branch_final(now, at, response);
        } else {
            self.branch_response(now, at, response);
        }
    }

    /// The program has answered a relayed request itself: no branch may answer it any more.
    pub(crate) fn answered_by_program(&mut self, now: Now, key: RelayKey) {
        if let Some(relay) = self.relays.get_mut(key) {
            relay.context.answered_by_program(&mut self.actions);
        }
        self.process(now, key);
    }

    /// True if a branch still waits for the program.
    pub(crate) fn branch_waits(&self, at: BranchRef) -> bool {
        self.relays
            .get(at.relay)
            .and_then(|relay| relay.context.state(at.branch))
            == Some(strowger_proxy::BranchState::Parked(Wait::Script))
    }

    /// A branch had no response in the time that the program gave it: it counts as timed out.
    pub(crate) fn no_response(&mut self, now: Now, at: BranchRef) {
        let calling = self
            .relays
            .get(at.relay)
            .and_then(|relay| relay.context.state(at.branch))
            == Some(strowger_proxy::BranchState::Calling);
        let Some(branch) = self.branch_mut(at).filter(|_| calling) else {
            return;
        };
        // A timer of an earlier try says nothing, and a final response that is being heard has come in time.
        if branch.hearing
            || branch
                .silent_until
                .is_none_or(|until| until > now.monotonic)
        {
            return;
        }
        if let Waiting::Response(client) = branch.waiting {
            // It may still answer: then with the CANCEL that is held for it, or with a 2xx, which is passed on.
            self.transactions
                .cancel_client(now, client, b"", &mut self.batch);
        }
        self.with_context(at, |context, branch, actions| {
            context.timeout(branch, actions)
        });
        self.process(now, at.relay);
    }
}
