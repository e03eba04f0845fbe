//! Settings of the registrar and of digest authentication: immutable, validated by whoever builds them.

use strowger_sip::Algorithm;

/// What is done with Path (RFC 3327) in a REGISTER.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum PathMode {
    /// Path is not stored.
    Ignore,
    /// Path is stored; it is returned only to a UA that supports it.
    Lenient,
    /// Path of a UA that does not list `path` in Supported is refused with 420, which the RFC recommends.
    #[default]
    Strict,
}

/// Deviations that a door may ask for; all off in the native profile.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistrarProfile {
    /// A too brief expiry is raised to the minimum instead of refused with 423.
    pub raises_brief_expiry: bool,
    /// An equal CSeq under the same Call-ID updates the binding instead of failing.
    pub accepts_equal_cseq: bool,
    /// The bindings in a 200 stand in one Contact, the latest first, with the address behind which each is reached
    /// (`received`); a lower CSeq is 400.
    pub lists_as_kamailio: bool,
    /// The methods that a contact allows (Contact parameter `methods`, else Allow) are kept for look-ups.
    pub keeps_methods: bool,
}

/// Settings of the registrar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrarSettings {
    /// Requested expiries above zero, below one hour and below this are refused with 423 (60).
    pub expires_seconds_min: u32,
    /// Expiry of a contact that asks for none (3600).
    pub expires_seconds_default: u32,
    /// Longer expiries are shortened to this (7200).
    pub expires_seconds_max: u32,
    /// Bindings of one address of record (10); one more is refused with 403.
    pub bindings_per_aor_max: usize,
    /// Contact header field values in one REGISTER (32); more are refused with 400.
    pub contacts_per_request_max: usize,
    /// Octets kept of one binding: contact, parameters, Call-ID and Path together (4096); more is refused with 400.
    pub binding_octets_max: usize,
    /// Octets kept of User-Agent (64); what is longer is cut.
    pub user_agent_octets_max: usize,
    /// What is done with Path.
    pub path: PathMode,
    /// Bindings over streams may be keyed by instance and reg-id (RFC 5626).
    pub outbound: bool,
    /// A Date header field in the 200 (RFC 3261 §10.3 step 8).
    pub date: bool,
    /// Deviations.
    pub profile: RegistrarProfile,
}

impl Default for RegistrarSettings {
    fn default() -> RegistrarSettings {
        RegistrarSettings {
            expires_seconds_min: 60,
            expires_seconds_default: 3_600,
            expires_seconds_max: 7_200,
            bindings_per_aor_max: 10,
            contacts_per_request_max: 32,
            binding_octets_max: 4_096,
            user_agent_octets_max: 64,
            path: PathMode::default(),
            outbound: true,
            date: true,
            profile: RegistrarProfile::default(),
        }
    }
}

/// Digest settings of one realm that differ from the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RealmSettings {
    /// The realm: a local domain in lower case.
    pub realm: Box<str>,
    /// Algorithms offered, one header field each, in this order.
    pub algorithms: Vec<Algorithm>,
}

/// Settings of digest authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthSettings {
    /// Algorithms offered by realms that have no entry in `realms` (MD5 alone: common phones fail when SHA-256 is offered).
    pub algorithms: Vec<Algorithm>,
    /// Realms with algorithms of their own.
    pub realms: Vec<RealmSettings>,
    /// Lifetime of a nonce (300).
    pub nonce_seconds: u32,
    /// Credentials must use `qop=auth`, and challenges offer it (true). Without it credentials can be replayed until
    /// their nonce ends; a door of programs that are used to that may turn it off.
    pub qop_required: bool,
}

impl Default for AuthSettings {
    fn default() -> AuthSettings {
        AuthSettings {
            algorithms: vec![Algorithm::Md5],
            realms: Vec::new(),
            nonce_seconds: 300,
            qop_required: true,
        }
    }
}

impl AuthSettings {
    /// The algorithms of a realm, in the order in which they are offered.
    pub fn algorithms_of(&self, realm: &str) -> &[Algorithm] {
        self.realms
            .iter()
            .find(|entry| &*entry.realm == realm)
            .map_or(&self.algorithms, |entry| &entry.algorithms)
    }
}
