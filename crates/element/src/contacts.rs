//! From the bindings of a local user to targets (RFC 3261 §16.5). A contact that is itself a local user is looked up in
//! turn here, instead of sending the request to ourselves: forwarding from one user to another costs no second pass, and
//! a circle is found at once.

use smallvec::SmallVec;
use strowger_proxy::{Target, TargetSet};
use strowger_registrar::{AddressOfRecord, Binding, LocationService};
use strowger_sip::{Message, Now, StatusCode, Uri};

use crate::element::Element;
use crate::relay::Way;

/// Local users looked up for one request.
pub(crate) const FORWARDING_MAX: usize = 8;

/// What was found on the way.
struct Search {
    now: Now,
    set: TargetSet,
    /// The users on the path from the Request-URI to here, to tell a circle from two ways to one user.
    path: SmallVec<[AddressOfRecord; 2]>,
    looked_up: usize,
    circle: bool,
}

impl Element {
    /// The targets that the contacts of the user in the Request-URI lead to. A circle without a way out is 482.
    pub(crate) fn contacts(
        &self,
        now: Now,
        request: &Message,
        way: &Way,
        bindings: &[Binding],
    ) -> Result<TargetSet, StatusCode> {
        let set = TargetSet::new(&self.settings.proxy);
        let path = self
            .local_user(way.route.request_uri(request))
            .into_iter()
            .collect();
        let mut search = Search {
            now,
            set,
            path,
            looked_up: 1,
            circle: false,
        };
        for binding in bindings {
            self.add_contact(&mut search, binding, binding.q());
        }
        match (search.set.is_empty(), search.circle) {
            (false, _) => Ok(search.set),
            (true, true) => Err(StatusCode::LOOP_DETECTED),
            (true, false) => Err(StatusCode::TEMPORARILY_UNAVAILABLE),
        }
    }

    fn add_contact(&self, search: &mut Search, binding: &Binding, q: u16) {
        let Ok(uri) = Uri::parse(binding.contact()) else {
            return;
        };
        let ours = uri.is_sip() && self.settings.is_own_target(&uri.host, uri.port);
        if !ours || !binding.path().is_empty() {
            search.set.add(target_of(binding, q));
            return;
        }
        let Some(aor) = self.local_user(binding.contact()) else {
            // A contact that is this element itself leads nowhere else.
            search.circle = true;
            return;
        };
        if search.path.contains(&aor) || search.looked_up >= FORWARDING_MAX {
            search.circle = true;
            return;
        }
        search.looked_up += 1;
        let bindings = self
            .shared
            .location
            .lookup(aor.as_bytes(), search.now.monotonic);
        search.path.push(aor);
        for binding in &bindings {
            self.add_contact(search, binding, q.min(binding.q()));
        }
        search.path.pop();
    }

    /// The local user that a URI names.
    pub(crate) fn local_user(&self, uri: &[u8]) -> Option<AddressOfRecord> {
        let uri = Uri::parse(uri).ok()?;
        AddressOfRecord::from_uri_in(&uri, self.settings.domain_of(&uri.host)?)
    }
}

/// The target that a binding is: reached over its flow where its address is of no use, or where it is a connection.
fn target_of(binding: &Binding, q: u16) -> Target {
    let flow = binding.flow();
    let over_flow = binding.path().is_empty() && (binding.behind_nat() || flow.stream.is_some());
    Target {
        uri: binding.contact().into(),
        q,
        flow: over_flow.then_some(flow),
        flow_required: over_flow,
        path: binding.path().into(),
        behind_nat: over_flow && binding.behind_nat(),
        expires_at: Some(binding.expires_at()),
    }
}
