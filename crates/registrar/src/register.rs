//! The registrar's answer to a REGISTER (RFC 3261 §10.3), as a function of the request and the current bindings.
//!
//! Nothing is changed here: [`register`] computes either a refusal or a [`LocationChange`] with the reply that belongs
//! to it. The change becomes durable and visible first, then the reply leaves.
//!
//! ```text
//! Require ─► Path ─► Contact? ─none──────────────────► 200 (query)
//!   │420      │420     ├─ "*" ─► Expires 0? CSeq? ───► remove all, 200
//!   ▼         ▼        └─ list ─► per contact: expiry 423, CSeq 500, add/update/remove
//!                                   └─► limits 403, 503 ─► all steps, 200
//! ```
//!
//! Where §10.3 leaves the status open: a CSeq that is not higher fails with 500, as any failed update of step 7; more
//! bindings than allowed are 403, which a UA does not repeat.

use smallvec::SmallVec;
use strowger_sip::{
    Contact, HeaderName, Host, Message, NameAddr, Now, StatusCode, Uri, parse_q, plain_user,
    write_date,
};
use strowger_transaction::Flow;

use crate::aor::AddressOfRecord;
use crate::binding::{Binding, BindingParts, branch_hash};
use crate::change::{BindingChange, BindingList, LocationChange};
use crate::expiry::{Expiry, delta_seconds};
use crate::extension::{check_require, path_of, write_kept_params, write_unfolded};
use crate::methods::allowed_methods;
use crate::nat;
use crate::reply::{Cause, RegisterReply, write_list};
use crate::settings::RegistrarSettings;

/// What a REGISTER is judged by.
#[derive(Copy, Clone, Debug)]
pub struct Registration<'a> {
    /// The request, authenticated and authorised.
    pub request: &'a Message,
    /// The address of record of its To.
    pub aor: &'a AddressOfRecord,
    /// The flow it came on.
    pub flow: Flow,
    /// The live bindings of the address of record.
    pub bindings: &'a [Binding],
    /// Bindings the location service has room for.
    pub room: usize,
    /// Settings.
    pub settings: &'a RegistrarSettings,
    /// Both clocks.
    pub now: Now,
}

/// What becomes of a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing changes: a query, a retransmission or a refusal.
    Reply(RegisterReply),
    /// Make the change durable, publish it, then send the reply. If that fails, answer 500 and forget the change.
    Change {
        /// All changes of the request.
        change: LocationChange,
        /// The answer to send once they are visible.
        reply: RegisterReply,
    },
}

/// The address of record of a REGISTER (§10.3 step 5). `domain_of` gives the local domain that the host of a URI
/// stands for: itself, or the default domain for one of our listening addresses.
pub fn address_of_record<'d>(
    request: &Message,
    domain_of: &dyn Fn(&Host<'_>) -> Option<&'d str>,
) -> Result<AddressOfRecord, RegisterReply> {
    let bad = || {
        RegisterReply::refuse(
            StatusCode::BAD_REQUEST,
            "Bad Address Of Record",
            Cause::Malformed,
        )
    };
    let not_ours = || RegisterReply::refuse_plainly(StatusCode::NOT_FOUND, Cause::NotOurs);
    if let Some((user, host)) = plain_user(request.to().uri)
        && let Some(host) = Host::parse(host).filter(|host| matches!(host, Host::Name(_)))
    {
        let domain = domain_of(&host).ok_or_else(not_ours)?;
        return Ok(AddressOfRecord::new(user, domain));
    }
    let uri = Uri::parse(request.to().uri).map_err(|_| bad())?;
    if !uri.is_sip() || uri.user.is_none_or(<[u8]>::is_empty) {
        return Err(bad());
    }
    let domain = domain_of(&uri.host).ok_or_else(not_ours)?;
    AddressOfRecord::from_uri_in(&uri, domain).ok_or_else(bad)
}

/// Judges a REGISTER.
pub fn register(input: &Registration<'_>) -> Outcome {
    match Update::compute(input) {
        Ok(update) => update.outcome(input),
        Err(reply) => Outcome::Reply(reply),
    }
}

type Refused<T> = Result<T, RegisterReply>;

/// The tentative changes of one REGISTER.
struct Update<'a> {
    path: Vec<u8>,
    supports_path: bool,
    supports_outbound: bool,
    used_outbound: bool,
    retransmission: bool,
    branch_hash: u64,
    call_id: &'a [u8],
    cseq: u32,
    list: SmallVec<[Binding; 2]>,
    steps: SmallVec<[BindingChange; 1]>,
}

impl<'a> Update<'a> {
    fn compute(input: &Registration<'a>) -> Refused<Update<'a>> {
        let request = input.request;
        check_require(request)?;
        let supports = |tag: &[u8]| {
            request
                .option_tags(HeaderName::Supported)
                .any(|t| t.eq_ignore_ascii_case(tag))
        };
        let (supports_path, supports_outbound) = (supports(b"path"), supports(b"outbound"));
        let mut update = Update {
            path: path_of(request, input.settings.path, supports_path)?,
            supports_path,
            supports_outbound,
            used_outbound: false,
            retransmission: false,
            branch_hash: branch_hash(request.via().branch().unwrap_or_default()),
            call_id: request.call_id(),
            cseq: request.cseq().number,
            list: input.bindings.iter().cloned().collect(),
            steps: SmallVec::new(),
        };
        let mut contacts: SmallVec<[NameAddr<'_>; 4]> = SmallVec::new();
        let mut star = false;
        for contact in request.contacts() {
            match contact.map_err(|_| {
                RegisterReply::refuse(StatusCode::BAD_REQUEST, "Bad Contact", Cause::Malformed)
            })? {
                Contact::Star => star = true,
                Contact::Address(address)
                    if contacts.len() < input.settings.contacts_per_request_max =>
                {
                    contacts.push(address);
                }
                Contact::Address(_) => {
                    return Err(RegisterReply::refuse(
                        StatusCode::BAD_REQUEST,
                        "Too Many Contacts",
                        Cause::TooManyContacts,
                    ));
                }
            }
        }
        let expires = request
            .header(HeaderName::Expires)
            .map(|header| delta_seconds(header.value));
        if star {
            if !contacts.is_empty() || expires != Some(Some(0)) || request.contacts().count() != 1 {
                return Err(RegisterReply::refuse(
                    StatusCode::BAD_REQUEST,
                    "Invalid Request",
                    Cause::Malformed,
                ));
            }
            update.remove_all(input)?;
        } else if !contacts.is_empty() {
            if expires == Some(None) {
                return Err(RegisterReply::refuse(
                    StatusCode::BAD_REQUEST,
                    "Bad Expires",
                    Cause::Malformed,
                ));
            }
            let expiry = Expiry::new(input.settings, expires.flatten());
            for contact in &contacts {
                update.contact(input, contact, &expiry)?;
            }
            update.check_limits(input)?;
        }
        Ok(update)
    }

    /// §10.3 step 6: `Contact: *` with `Expires: 0`.
    fn remove_all(&mut self, input: &Registration<'_>) -> Refused<()> {
        for binding in input.bindings {
            self.check_order(binding, input, true)?;
        }
        self.steps
            .extend(input.bindings.iter().cloned().map(BindingChange::Remove));
        self.list.clear();
        Ok(())
    }

    /// §10.3 step 7 for one contact address.
    fn contact(
        &mut self,
        input: &Registration<'_>,
        contact: &NameAddr<'_>,
        expiry: &Expiry<'_>,
    ) -> Refused<()> {
        let granted = expiry.grant(
            contact
                .params
                .get(b"expires")
                .map(|param| param.value.unwrap_or_default()),
        )?;
        let outbound = self.is_outbound(input, contact);
        let uri = contact.uri_parsed().map_err(|_| {
            RegisterReply::refuse(StatusCode::BAD_REQUEST, "Bad Contact", Cause::Malformed)
        })?;
        let index = find(&self.list, &uri, outbound.as_ref());
        let existing = index.and_then(|index| self.list.get(index).cloned());
        // What an earlier Contact of this request did is overridden by a later one; that is no disorder.
        let own = existing
            .as_ref()
            .is_some_and(|existing| self.is_own(existing));
        let mut replay = false;
        if let Some(existing) = existing.as_ref().filter(|_| !own) {
            replay = self.check_order(existing, input, false)?;
        }
        if replay {
            self.retransmission = true;
            self.used_outbound |= outbound.is_some();
            return Ok(());
        }
        let Some(seconds) = granted else {
            if let Some(existing) = existing {
                self.list.remove_key(&existing);
                self.step_remove(existing);
            }
            return Ok(());
        };
        let binding = self.build(input, (contact, &uri), seconds, outbound.is_some())?;
        self.used_outbound |= outbound.is_some();
        match existing {
            Some(existing) => {
                self.list.put(&existing, &binding);
                self.step_update(existing, binding);
            }
            None => {
                self.list.push(binding.clone());
                self.steps.push(BindingChange::Put {
                    binding,
                    replaced: None,
                });
            }
        }
        Ok(())
    }

    /// True if the binding was put by an earlier Contact of this very request.
    fn is_own(&self, existing: &Binding) -> bool {
        self.steps.iter().any(
            |step| matches!(step, BindingChange::Put { binding, .. } if binding.same_key(existing)),
        )
    }

    /// The order of §10.3 steps 6 and 7: under an equal Call-ID only a higher CSeq may change a binding. True if this
    /// is the REGISTER that last changed it, come again.
    fn check_order(
        &self,
        existing: &Binding,
        input: &Registration<'_>,
        star: bool,
    ) -> Refused<bool> {
        if existing.call_id() != self.call_id || self.cseq > existing.cseq() {
            return Ok(false);
        }
        if self.cseq == existing.cseq() {
            if !star && self.branch_hash == existing.branch_hash() {
                return Ok(true);
            }
            if input.settings.profile.accepts_equal_cseq {
                return Ok(false);
            }
        }
        if input.settings.profile.lists_as_kamailio {
            let reply = RegisterReply::refuse_plainly(StatusCode::BAD_REQUEST, Cause::OutOfOrder);
            return Err(reply.with_headers(b"P-Registrar-Error: Invalid CSeq number\r\n"));
        }
        Err(RegisterReply::refuse(
            StatusCode::SERVER_INTERNAL_ERROR,
            "CSeq Out Of Order",
            Cause::OutOfOrder,
        ))
    }

    /// Instance and reg-id, if this contact is keyed by them.
    fn is_outbound<'c>(
        &self,
        input: &Registration<'_>,
        contact: &NameAddr<'c>,
    ) -> Option<OutboundKey<'c>> {
        let direct = self.path.is_empty() && input.request.vias().count() == 1;
        if !(input.settings.outbound
            && self.supports_outbound
            && input.flow.stream.is_some()
            && direct)
        {
            return None;
        }
        let instance = contact.params.value(b"+sip.instance")?;
        let reg_id =
            delta_seconds(contact.params.get(b"reg-id")?.value?).filter(|&reg_id| reg_id > 0)?;
        Some(OutboundKey { instance, reg_id })
    }

    fn build(
        &self,
        input: &Registration<'_>,
        (contact, uri): (&NameAddr<'_>, &Uri<'_>),
        seconds: u32,
        outbound: bool,
    ) -> Refused<Binding> {
        let settings = input.settings;
        let mut params = Vec::new();
        write_kept_params(&contact.params, &mut params);
        let kept = contact.uri.len() + params.len() + self.call_id.len() + self.path.len();
        let mut user_agent = Vec::new();
        if let Some(header) = input.request.header(HeaderName::UserAgent) {
            write_unfolded(header.value, &mut user_agent);
            user_agent.truncate(settings.user_agent_octets_max);
        }
        let methods = settings
            .profile
            .keeps_methods
            .then(|| allowed_methods(input.request, contact))
            .flatten();
        let binding = Binding::new(&BindingParts {
            contact: contact.uri,
            params: &params,
            q: contact
                .params
                .get(b"q")
                .and_then(|param| parse_q(param.value?)),
            expires_at: input.now.monotonic + core::time::Duration::from_secs(u64::from(seconds)),
            updated_at: input.now.monotonic,
            call_id: self.call_id,
            cseq: self.cseq,
            path: &self.path,
            user_agent: &user_agent,
            flow: input.flow,
            behind_nat: self.path.is_empty()
                && nat::uri_behind_nat(input.request, uri, &input.flow),
            flow_lost: false,
            outbound,
            branch_hash: self.branch_hash,
        });
        binding
            .map(|binding| match methods {
                Some(methods) => binding.allowing(methods),
                None => binding,
            })
            .filter(|_| kept <= settings.binding_octets_max)
            .ok_or_else(|| {
                RegisterReply::refuse(StatusCode::BAD_REQUEST, "Contact Too Long", Cause::TooLong)
            })
    }

    fn step_update(&mut self, existing: Binding, new: Binding) {
        for step in &mut self.steps {
            if let BindingChange::Put { binding, .. } = step
                && binding.same_key(&existing)
            {
                *binding = new;
                return;
            }
        }
        self.steps.push(BindingChange::Put {
            binding: new,
            replaced: Some(existing),
        });
    }

    fn step_remove(&mut self, existing: Binding) {
        let own = self.steps.iter().position(
            |step| matches!(step, BindingChange::Put { binding, .. } if binding.same_key(&existing)),
        );
        match own.map(|index| self.steps.remove(index)) {
            Some(BindingChange::Put {
                replaced: Some(replaced),
                ..
            }) => self.steps.push(BindingChange::Remove(replaced)),
            Some(_) => {}
            None => self.steps.push(BindingChange::Remove(existing)),
        }
    }

    /// A UA that reconnects under new addresses must not lock itself out: lost connections make room first.
    fn check_limits(&mut self, input: &Registration<'_>) -> Refused<()> {
        let max = input.settings.bindings_per_aor_max;
        while self.list.len() > max {
            let lost = self
                .list
                .iter()
                .filter(|binding| binding.flow_lost() && !self.is_own(binding));
            let Some(oldest) = lost.min_by_key(|binding| binding.updated_at()).cloned() else {
                let adds = self.list.len() > input.bindings.len();
                if !adds {
                    return Ok(());
                }
                return Err(RegisterReply::refuse(
                    StatusCode::FORBIDDEN,
                    "Too Many Bindings",
                    Cause::TooManyBindings,
                ));
            };
            self.list.remove_key(&oldest);
            self.step_remove(oldest);
        }
        if self.list.len().saturating_sub(input.bindings.len()) > input.room {
            return Err(RegisterReply::refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "Registrar Full",
                Cause::Full,
            )
            .with_headers(b"Retry-After: 60\r\n"));
        }
        Ok(())
    }

    /// §10.3 step 8.
    fn outcome(self, input: &Registration<'_>) -> Outcome {
        let mut headers = Vec::with_capacity(64 + 96 * self.list.len());
        write_list(
            &self.list,
            input.now.monotonic,
            input.settings,
            &mut headers,
        );
        let listed = headers.len();
        if self.supports_path && !self.path.is_empty() {
            headers.extend_from_slice(b"Path: ");
            headers.extend_from_slice(&self.path);
            headers.extend_from_slice(b"\r\n");
        }
        if self.used_outbound {
            headers.extend_from_slice(b"Require: outbound\r\n");
        }
        if input.settings.date {
            headers.extend_from_slice(b"Date: ");
            write_date(&mut headers, input.now.wall);
            headers.extend_from_slice(b"\r\n");
        }
        let cause = match (self.steps.is_empty(), self.retransmission) {
            (false, _) => Cause::Changed,
            (true, true) => Cause::Retransmission,
            (true, false) => Cause::Unchanged,
        };
        let reply = RegisterReply {
            status: StatusCode::OK,
            reason: None,
            headers,
            listed,
            cause,
        };
        if self.steps.is_empty() {
            return Outcome::Reply(reply);
        }
        Outcome::Change {
            change: LocationChange {
                aor: input.aor.clone(),
                now: input.now,
                steps: self.steps,
            },
            reply,
        }
    }
}

/// Instance and reg-id of a contact (RFC 5626).
struct OutboundKey<'a> {
    instance: &'a [u8],
    reg_id: u32,
}

/// The binding a contact speaks of: that with the same instance and reg-id if outbound, else by URI comparison
/// (RFC 3261 §19.1.4), octet-equal ones first.
fn find(list: &[Binding], uri: &Uri<'_>, outbound: Option<&OutboundKey<'_>>) -> Option<usize> {
    if let Some(key) = outbound {
        let same = |binding: &Binding| {
            binding.is_outbound()
                && binding.reg_id() == Some(key.reg_id)
                && binding.instance() == Some(key.instance)
        };
        if let Some(index) = list.iter().position(same) {
            return Some(index);
        }
    }
    // Under outbound one URI may stand for several connections.
    let comparable = |binding: &Binding| outbound.is_none() || !binding.is_outbound();
    let equal = list
        .iter()
        .position(|binding| comparable(binding) && binding.contact() == uri.as_bytes());
    equal.or_else(|| {
        list.iter().position(|binding| {
            comparable(binding)
                && Uri::parse(binding.contact()).is_ok_and(|held| held.equivalent(uri))
        })
    })
}
