//! From the bindings of a local user to targets (RFC 3261 §16.5). A contact that is itself a local user is looked up in
//! turn here, instead of sending the request to ourselves: forwarding from one user to another costs no second pass, and
//! a circle is found at once.

use core::net::{IpAddr, SocketAddr};

use smallvec::SmallVec;
use strowger_proxy::{Target, TargetSet, is_secure};
use strowger_registrar::{AddressOfRecord, Binding, Bindings, LocationService};
use strowger_resolve::{HopHost, NextHop};
use strowger_sip::{Host, Now, StatusCode, Uri, plain_contact, plain_user};

use crate::branch::BranchRef;
use crate::core::Core;

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

impl Core {
    /// The targets that the contacts of a user lead to. A circle without a way out is 482.
    pub(crate) fn contacts(
        &self,
        now: Now,
        aor: Option<AddressOfRecord>,
        bindings: &[Binding],
    ) -> Result<TargetSet, StatusCode> {
        let set = TargetSet::new(&self.settings.proxy);
        let search = self.search(now, set, aor, bindings);
        match (search.set.is_empty(), search.circle) {
            (false, _) => Ok(search.set),
            (true, true) => Err(StatusCode::LOOP_DETECTED),
            (true, false) => Err(StatusCode::TEMPORARILY_UNAVAILABLE),
        }
    }

    fn search(
        &self,
        now: Now,
        set: TargetSet,
        aor: Option<AddressOfRecord>,
        bindings: &[Binding],
    ) -> Search {
        let mut search = Search {
            now,
            set,
            path: aor.into_iter().collect(),
            looked_up: 1,
            circle: false,
        };
        for binding in bindings {
            self.add_contact(&mut search, binding, binding.q());
        }
        search
    }

    fn add_contact(&self, search: &mut Search, binding: &Binding, q: u16) {
        if let Some(address) = plain_contact(binding.contact())
            && !self.is_own_address(address)
        {
            let hop = NextHop {
                secure: false,
                host: HopHost::Address(address.ip()),
                port: Some(address.port()),
                transport: None,
            };
            search.set.add(target_of(binding, q, Some(hop)));
            return;
        }
        let Ok(uri) = Uri::parse(binding.contact()) else {
            return;
        };
        let ours = uri.is_sip() && self.settings.is_own_target(&uri.host, uri.port);
        if !ours || !binding.path().is_empty() {
            let hop = match ours {
                true => None,
                false => NextHop::from_uri(&uri, false).ok(),
            };
            let hop = hop.filter(|hop| matches!(hop.host, HopHost::Address(_)));
            search.set.add(target_of(binding, q, hop));
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
        let bindings = self.reachable(&aor, binding.contact(), search.now);
        search.path.push(aor);
        for binding in &bindings {
            self.add_contact(search, binding, q.min(binding.q()));
        }
        search.path.pop();
    }

    /// True if a URI of this address is for us.
    fn is_own_address(&self, address: SocketAddr) -> bool {
        let host = match address.ip() {
            IpAddr::V4(address) => Host::V4(address),
            IpAddr::V6(address) => Host::V6(address),
        };
        self.settings.is_own_target(&host, Some(address.port()))
    }

    /// A branch whose target is a local user makes way for the contacts of that user: the target of a redirection, or the
    /// peer of a dialog who gave its address of record for a contact.
    pub(crate) fn make_way(&mut self, now: Now, at: BranchRef) {
        let Some(target) = self.branch_mut(at).map(|branch| branch.target.uri.clone()) else {
            return;
        };
        let (Some(aor), Some(relay)) = (self.local_user(&target), self.relays.get_mut(at.relay))
        else {
            return self.branch_failed(at, StatusCode::NOT_FOUND);
        };
        let set = core::mem::take(&mut relay.targets);
        let before = set.len();
        let bindings = self.reachable(&aor, &target, now);
        let search = self.search(now, set, Some(aor), &bindings);
        let added = search.set.len() > before;
        if let Some(relay) = self.relays.get_mut(at.relay) {
            relay.targets = search.set;
        }
        match (added, search.circle) {
            (true, _) => self.with_context(at, |context, branch, actions| {
                context.recursed(branch, actions)
            }),
            (false, true) => self.branch_failed(at, StatusCode::LOOP_DETECTED),
            (false, false) => self.branch_failed(at, StatusCode::TEMPORARILY_UNAVAILABLE),
        }
    }

    /// The contacts of a local user that a request for `uri` may go to: for sips only those that are sips.
    pub(crate) fn reachable(&self, aor: &AddressOfRecord, uri: &[u8], now: Now) -> Bindings {
        let mut bindings = self.shared.location.lookup(aor.as_bytes(), now.monotonic);
        if is_secure(uri) {
            bindings.retain(|binding| is_secure(binding.contact()));
        }
        bindings
    }

    /// The user that a URI names in the plain form, at a local domain as it is configured.
    fn user_of_plain(&self, uri: &[u8]) -> Option<AddressOfRecord> {
        let (user, host) = plain_user(uri)?;
        let mut domains = self.settings.domains.iter();
        let domain = domains.find(|domain| domain.as_bytes() == host)?;
        let domain = match self.settings.one_domain {
            true => self.settings.domains.first()?,
            false => domain,
        };
        Some(AddressOfRecord::new(user, domain))
    }

    /// The local user that a URI names.
    pub(crate) fn local_user(&self, uri: &[u8]) -> Option<AddressOfRecord> {
        if let Some(found) = self.user_of_plain(uri) {
            return Some(found);
        }
        let uri = Uri::parse(uri).ok()?;
        AddressOfRecord::from_uri_in(&uri, self.settings.record_domain(&uri.host)?)
    }
}

/// The target that a binding is: reached over its flow where its address is of no use, or where it is a connection.
fn target_of(binding: &Binding, q: u16, hop: Option<NextHop>) -> Target {
    let flow = binding.flow();
    let over_flow = binding.path().is_empty() && (binding.behind_nat() || flow.stream.is_some());
    Target {
        uri: binding.contact().into(),
        q,
        flow: over_flow.then_some(flow),
        flow_required: over_flow,
        path: binding.path().into(),
        behind_nat: over_flow && binding.behind_nat(),
        hop,
        expires_at: Some(binding.expires_at()),
        ..Target::default()
    }
}
