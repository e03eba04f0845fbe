//! Forwarding as programs ask for it: transactions, branches, routes.

use std::sync::Arc;

use strowger_proxy::RoutePlan;
use strowger_routing::{
    Answer, ForwardError, HookName, Hooks, How, TransactionMatch, TransactionView,
};
use strowger_sip::{HeaderName, Message, Method, StatusCode, Uri};

use super::{Run, Subject};
use crate::call::PolicyCall;
use crate::core::Core;
use crate::program::{Program, add_targets};
use crate::relay::Way;
use crate::seam::{Output, ShardMessage};

impl Run {
    /// The Request-URI as the program has it.
    pub(super) fn program_request_uri(&self) -> &[u8] {
        let draft = self.draft_now();
        if draft.target.uri.is_empty() {
            self.request_uri_bytes()
        } else {
            &draft.target.uri
        }
    }

    pub(super) fn program_forward(&mut self) -> Result<(), ForwardError> {
        self.apply_rport();
        let Some(request) = self.request.clone() else {
            return Err(ForwardError::Refused);
        };
        match self.subject {
            Subject::Request => {}
            Subject::Failure(_) => return self.add_branches(),
            _ => return Err(ForwardError::Refused),
        }
        if self.answered {
            return Err(ForwardError::Refused);
        }
        let (now, flow) = (self.now, self.flow);
        if request.method() == Method::Cancel {
            self.answered = true;
            self.core_mut().cancel(now, flow, &request);
            return Ok(());
        }
        if request.method() == Method::Ack {
            return self.program_forward_stateless();
        }
        self.readable()?;
        if self.server.is_some() && !self.transaction_is_pending() {
            return Err(ForwardError::Refused);
        }
        if !self.draft.max_forwards_done && matches!(request.max_forwards(), Ok(Some(0))) {
            let answer = Answer::new(How::Either, StatusCode::TOO_MANY_HOPS, None);
            self.program_answer(&answer);
            return Err(ForwardError::Refused);
        }
        self.answered = true;
        let draft = core::mem::take(&mut self.draft);
        self.drafted = false;
        let route = if draft.loose_routed {
            core::mem::take(&mut self.route)
        } else {
            RoutePlan::ignoring()
        };
        let way = Way {
            route,
            token: None,
            targets: None,
            aor: None,
            max_breadth: self.max_breadth,
            server: self.server.take(),
            program: Some(Box::new(Program {
                draft,
                attachment: self.attachment.take(),
                number: self.number,
                last_status: 0,
                parked: None,
            })),
        };
        let key = self.key;
        self.relay = self.core_mut().relay(now, flow, request, key, way);
        Ok(())
    }

    /// Further targets for a request that is relayed already.
    fn add_branches(&mut self) -> Result<(), ForwardError> {
        if self.answered {
            return Err(ForwardError::Refused);
        }
        self.readable()?;
        let Some(key) = self.relay else {
            return Err(ForwardError::Refused);
        };
        let draft = self.draft.clone();
        let uri = self.program_request_uri().to_vec();
        let core = self.core_mut();
        let Some(relay) = core.relays.get_mut(key) else {
            return Err(ForwardError::Refused);
        };
        if !relay
            .context
            .begin_again(draft.ring_timeout, &mut core.actions)
        {
            return Err(ForwardError::Refused);
        }
        let before = relay.targets.len();
        add_targets(&draft, &uri, true, &mut relay.targets);
        if relay.targets.len() == before {
            return Err(ForwardError::Full);
        }
        self.forwarded = true;
        Ok(())
    }

    /// The URIs of the first target can be read.
    fn readable(&self) -> Result<(), ForwardError> {
        let target = &self.draft.target;
        let uri = if target.destination.is_empty() {
            self.program_request_uri()
        } else {
            &target.destination
        };
        match Uri::parse(uri) {
            Ok(uri) if uri.is_sip() => Ok(()),
            _ if target.flow.is_some() || !target.path.is_empty() => Ok(()),
            _ => Err(ForwardError::BadUri),
        }
    }

    pub(super) fn program_forward_stateless(&mut self) -> Result<(), ForwardError> {
        let Some(request) = self.request.clone() else {
            return Err(ForwardError::Refused);
        };
        if self.answered {
            return Err(ForwardError::Refused);
        }
        self.readable()?;
        self.answered = true;
        let draft = core::mem::take(&mut self.draft);
        self.drafted = false;
        let route = if draft.loose_routed {
            core::mem::take(&mut self.route)
        } else {
            RoutePlan::ignoring()
        };
        let (now, flow) = (self.now, self.flow);
        self.core_mut()
            .forward_program(now, &request, &flow, route, Box::new(draft));
        Ok(())
    }

    pub(super) fn program_new_transaction(&mut self) -> bool {
        self.apply_rport();
        if self.server.is_some() || self.relay.is_some() || self.answered {
            return false;
        }
        let refused = self
            .request
            .as_ref()
            .is_none_or(|request| matches!(request.method(), Method::Ack | Method::Cancel));
        if refused || self.subject != Subject::Request {
            return false;
        }
        let now = self.now;
        let Some(mut core) = self.core.take() else {
            return false;
        };
        let made = core.make_server(now, self);
        self.core = Some(core);
        made
    }

    fn transaction_is_pending(&self) -> bool {
        self.server
            .is_some_and(|server| self.core().transactions.server_is_pending(server))
    }

    pub(super) fn program_match_transaction(&mut self) -> TransactionMatch {
        if self.server.is_some() || self.relay.is_some() {
            return TransactionMatch::Own;
        }
        match &self.request {
            Some(request) if request.method() == Method::Cancel => {
                let core = self.core();
                let found = core.transactions.find_for_cancel(request).is_some()
                    || core.cancels_register(request);
                if found {
                    TransactionMatch::Cancel
                } else {
                    TransactionMatch::None
                }
            }
            _ => TransactionMatch::None,
        }
    }

    pub(super) fn program_transaction(&self) -> TransactionView {
        let number = u32::try_from(self.number & u64::from(u32::MAX)).unwrap_or(0);
        let shard = u32::from(self.core().shard);
        let mut view = TransactionView {
            exists: self.server.is_some() || self.relay.is_some(),
            cancelled: self.cancelled
                || (self.server.is_some() && !self.answered && !self.transaction_is_pending()),
            id_index: shard,
            id_label: number,
            reply_code: self.replied,
            ..TransactionView::default()
        };
        let Some(relay) = self.relay.and_then(|key| self.core().relays.get(key)) else {
            return view;
        };
        view.cancelled |= relay.context.is_cancelled();
        view.branch_count = u16::try_from(relay.branches.len()).unwrap_or(u16::MAX);
        let last = relay
            .program
            .as_ref()
            .map_or(0, |program| program.last_status);
        view.reply_code = match self.subject {
            Subject::Failure(_) => relay.context.outcome().get(),
            _ => last,
        };
        if let Subject::Branch(at) | Subject::TransactionReply(at) = self.subject {
            view.branch_index = at.branch.0;
        } else if let Subject::Failure(_) = self.subject {
            view.branch_index = view.branch_count.saturating_sub(1);
        }
        view
    }

    pub(super) fn program_cancel_branches(&mut self) -> bool {
        let (now, Some(key)) = (self.now, self.relay) else {
            return false;
        };
        let core = self.core_mut();
        let Some(relay) = core.relays.get_mut(key) else {
            return false;
        };
        relay.context.cancel_branches(&mut core.actions);
        core.process(now, key);
        true
    }

    pub(super) fn program_suspend(&mut self) -> Option<(u32, u32)> {
        if self.answered || self.suspended || self.subject != Subject::Request {
            return None;
        }
        if self.server.is_none() && !self.program_new_transaction() {
            return None;
        }
        if self.core().suspended.len() >= Core::SUSPENDED_MAX {
            self.core_mut().counters.table_full += 1;
            return None;
        }
        self.suspended = true;
        let view = self.program_transaction();
        Some((view.id_index, view.id_label))
    }

    /// A run that continues itself goes on when its function has ended.
    pub(super) fn program_continue(&mut self, index: u32, label: u32, hook: HookName) -> bool {
        let own = self.program_transaction();
        if self.suspended && (own.id_index, own.id_label) == (index, label) {
            let first = self.continued_in.is_none();
            self.continued_in.get_or_insert(hook);
            return first;
        }
        let core = self.core_mut();
        if index != u32::from(core.shard) {
            let Some(shard) = u16::try_from(index)
                .ok()
                .filter(|shard| *shard < core.settings.shards)
            else {
                return false;
            };
            core.counters.continued_elsewhere += 1;
            let message = ShardMessage::Continue {
                number: u64::from(label),
                hook,
            };
            core.outputs.push_back(Output::ToShard { shard, message });
            return true;
        }
        match core.suspended.remove(&u64::from(label)) {
            Some(run) => {
                core.calls.push_back(PolicyCall::Continue(run, hook));
                true
            }
            None => false,
        }
    }

    pub(super) fn program_armed(&self) -> Hooks {
        let kept = self
            .relay
            .and_then(|key| self.core().program(key))
            .map(|program| &program.draft.hooks);
        let own = &self.draft.hooks;
        let pick = |own: &Option<HookName>, kept: Option<&Option<HookName>>| {
            own.clone().or_else(|| kept.cloned().flatten())
        };
        Hooks {
            branch: pick(&own.branch, kept.map(|hooks| &hooks.branch)),
            reply: pick(&own.reply, kept.map(|hooks| &hooks.reply)),
            failure: pick(&own.failure, kept.map(|hooks| &hooks.failure)),
            branch_failure: pick(&own.branch_failure, kept.map(|hooks| &hooks.branch_failure)),
        }
    }

    pub(super) fn program_obey_route(&mut self) -> Option<bool> {
        let request = Arc::clone(self.request.as_ref()?);
        let mut plan = RoutePlan::default();
        let planned = self.core().plan_route(&request, &self.flow, &mut plan);
        if planned.is_err() {
            return Some(false);
        }
        if !plan.reached_own_route() {
            return request.has_header(HeaderName::Route).then_some(false);
        }
        let next: Option<Box<[u8]>> = plan.remaining(&request).next().map(|next| next.uri.into());
        let uri: Option<Box<[u8]>> = (plan.request_uri(&request) != request.request_uri())
            .then(|| plan.request_uri(&request).into());
        self.route = plan;
        let draft = self.drafting();
        draft.loose_routed = true;
        if let Some(uri) = uri {
            draft.target.uri = uri;
        }
        if let Some(next) = next {
            draft.set_destination(Some(&next));
        }
        Some(true)
    }

    pub(super) fn program_own_route(&self) -> Option<&[u8]> {
        self.route.own_route(self.request.as_deref()?)
    }

    pub(super) fn program_apply_changes(&mut self) -> bool {
        let is_response = self.response.is_some();
        let message = if is_response {
            self.response.as_ref()
        } else {
            self.request.as_ref()
        };
        let Some(message) = message else {
            return false;
        };
        let obeyed = !is_response && self.draft.loose_routed;
        if obeyed {
            for range in self.route.removed() {
                let range = range.clone();
                self.draft.edits.remove_list_item(message, range);
            }
        }
        if self.draft.edits.is_empty() {
            return true;
        }
        let route = obeyed.then(|| self.route.carried_out(message));
        let changed = match changed_message(&self.draft.edits, message, self.core()) {
            Some(changed) => Arc::new(changed),
            None => return false,
        };
        let draft = self.drafting();
        draft.edits.clear();
        if is_response {
            self.response = Some(changed);
        } else {
            self.request = Some(changed);
            self.credentials = None;
            if let Some(route) = route {
                self.route = route;
                self.draft.loose_routed = false;
            }
        }
        true
    }
}

/// A message with its changes applied; `None` if that gives no message.
pub(crate) fn changed_message(
    edits: &strowger_sip::Edits,
    message: &Message,
    core: &Core,
) -> Option<Message> {
    let mut octets = Vec::with_capacity(message.len() + 256);
    edits.write(message, &mut octets);
    Message::parse(octets, &core.settings.message).ok()
}
