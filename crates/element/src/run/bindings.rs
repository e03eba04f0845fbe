//! Registrar and location service as programs use them.

use strowger_registrar::{AddressOfRecord, Binding, LocationService, shard_of};
use strowger_routing::{DraftTarget, LookupOutcome, SaveOptions, SaveOutcome};
use strowger_sip::{Method, Transport, Uri};

use super::Run;

impl Run {
    pub(super) fn program_save(&mut self, options: SaveOptions) -> SaveOutcome {
        self.apply_rport();
        let Some(request) = self.request.clone() else {
            return SaveOutcome::Failed;
        };
        if request.method() != Method::Register || self.answered {
            return SaveOutcome::Failed;
        }
        let (now, flow, key) = (self.now, self.flow, self.key);
        self.answered = !options.no_reply;
        let lines = core::mem::take(&mut self.draft.reply_lines);
        self.core_mut()
            .register_for_program(now, flow, request, key, options, lines)
    }

    pub(super) fn program_lookup(&mut self, uri: Option<&[u8]>) -> LookupOutcome {
        let uri = uri.unwrap_or_else(|| self.program_request_uri()).to_vec();
        let Some(aor) = self.record_of(&uri) else {
            return LookupOutcome::Failed;
        };
        let mut bindings = self.core().reachable(&aor, &uri, self.now);
        if bindings.is_empty() {
            return LookupOutcome::None;
        }
        if let Some(request) = &self.request {
            let method = request.method();
            bindings.retain(|binding| binding.allows(method));
        }
        let Some((first, others)) = bindings.split_first() else {
            return LookupOutcome::MethodNotAllowed;
        };
        let count = bindings.len();
        let listed: Vec<DraftTarget> = others.iter().map(draft_target).collect();
        let first = draft_target(first);
        let draft = self.drafting();
        let flags = draft.target.flags;
        draft.target = first;
        draft.target.flags |= flags;
        for other in listed {
            draft.add_branch(other);
        }
        LookupOutcome::Found(count)
    }

    pub(super) fn program_is_registered(&self, uri: &[u8]) -> bool {
        self.record_of(uri).is_some_and(|aor| {
            let location = &self.core().shared.location;
            !location
                .bindings(aor.as_bytes(), self.now.monotonic)
                .is_empty()
        })
    }

    /// Removes all bindings of a user. Only the shard that writes the bindings of this address of record may: the one
    /// that got a REGISTER for it.
    pub(super) fn program_remove_bindings(&mut self, uri: &[u8]) -> bool {
        let Some(aor) = self.record_of(uri) else {
            return false;
        };
        let (now, core) = (self.now, self.core_mut());
        let shard = shard_of(aor.as_bytes(), core.settings.shards, core.shared.shard_seed);
        if shard != core.shard {
            return false;
        }
        core.drop_bindings(now, aor.as_bytes());
        true
    }

    pub(super) fn program_has_account(&self, uri: &[u8]) -> bool {
        self.record_of(uri).is_some_and(|aor| {
            let domain = core::str::from_utf8(aor.domain()).unwrap_or_default();
            let subscribers = &self.core().shared.subscribers;
            subscribers.get(&aor.user(), domain).is_some()
        })
    }

    fn record_of(&self, uri: &[u8]) -> Option<AddressOfRecord> {
        let uri = Uri::parse(uri).ok().filter(Uri::is_sip)?;
        let domain = self.core().settings.record_domain(&uri.host)?;
        uri.user.filter(|user| !user.is_empty())?;
        AddressOfRecord::from_uri_in(&uri, domain)
    }
}

/// A binding as a target.
fn draft_target(binding: &Binding) -> DraftTarget {
    let flow = binding.flow();
    let over_flow = binding.path().is_empty() && (binding.behind_nat() || flow.stream.is_some());
    let destination: Box<[u8]> = if over_flow && binding.behind_nat() {
        let transport = match flow.transport {
            Transport::Udp => String::new(),
            other => format!(";transport={}", other.as_param()),
        };
        format!("sip:{}{transport}", flow.remote)
            .into_bytes()
            .into()
    } else {
        Box::default()
    };
    DraftTarget {
        uri: binding.contact().into(),
        destination,
        path: binding.path().into(),
        q: binding.q_given(),
        flags: 0,
        listener: None,
        flow: over_flow.then_some(flow),
        flow_required: over_flow,
        behind_nat: over_flow && binding.behind_nat(),
        ruid: Box::default(),
    }
}
