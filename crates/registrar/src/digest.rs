//! The digest server: challenges, and credentials verified (RFC 3261 §22, RFC 2617, RFC 8760).
//!
//! ```text
//! no credentials for our realm ─────────────► challenge
//! algorithm not offered, qop other than auth ► challenge
//! syntax, digest URI ───────────────────────► 400
//! user unknown, password wrong, disabled ───► challenge, all three alike and with the same work
//! nonce old, of another run, or used before ─► challenge with stale=true
//! else ─────────────────────────────────────► passed
//! ```
//!
//! * Credentials are looked for in Authorization where we are the user agent server (401), and in
//!   Proxy-Authorization where we are a proxy (407). Schemes other than Digest are passed over (RFC 4475 regaut01).
//! * `qop=auth` is required: credentials without qop, as RFC 2069 has them, cannot be kept from being replayed.
//!   Every challenge offers it, and a client that sees it must use it (§22.4 item 8). `auth-int` is not offered.
//!   [`AuthSettings::qop_required`] can turn that off.
//! * The digest URI must name the same scheme, user and host as the Request-URI; ports and parameters are ignored,
//!   because clients and proxies on the way differ in them.
//! * Whether the nonce is stale is said only to who knows the password.

use std::sync::Arc;

use strowger_sip::{
    Credentials, Header, HeaderName, HexDigest, Message, Now, Qop, Uri, ha1, unescape,
    write_brief_challenge, write_challenge,
};
use strowger_transaction::token::Secrets;
use subtle::ConstantTimeEq;

use crate::account::{Ha1, Subscriber, SubscriberTable};
use crate::fingerprint::fingerprint;
use crate::nonce::{NonceTable, NonceUse};
use crate::settings::AuthSettings;

/// Credentials of our realm that are looked at in one request; more are ignored.
pub const CREDENTIALS_MAX: usize = 4;

/// Digits of the longest digest, that of SHA-256.
const DIGEST_DIGITS_MAX: usize = 64;

/// Which pair of header fields carries challenge and credentials.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum AuthKind {
    /// 401, WWW-Authenticate, Authorization: a user agent server or registrar.
    Www,
    /// 407, Proxy-Authenticate, Proxy-Authorization: a proxy.
    Proxy,
}

/// Why a request is challenged.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ChallengeCause {
    /// It carries no credentials for the realm.
    NoCredentials,
    /// Algorithm or qop are not what was offered.
    NotOffered,
    /// User or password are wrong, or the account is disabled.
    Wrong,
    /// The nonce is too old or not of this run of the process; the password is right.
    Stale,
    /// The nonce count was used before; the password is right.
    Replayed,
}

impl ChallengeCause {
    /// True if the client should repeat the request with the new nonce without asking its user.
    pub const fn is_stale(self) -> bool {
        matches!(self, ChallengeCause::Stale | ChallengeCause::Replayed)
    }
}

/// The judgement on a request's credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are good. Whether the user may claim the request's identity is asked by [`crate::owns_identity`].
    Passed(Arc<Subscriber>),
    /// Answer 401 or 407 with [`Authenticator::write_challenge`].
    Challenge(ChallengeCause),
    /// Answer 400: they cannot be understood or are for another request; says why.
    Malformed(&'static str),
}

/// All that credentials are judged by.
#[derive(Copy, Clone)]
pub struct Authenticator<'a> {
    /// The realm: a local domain in lower case.
    pub realm: &'a str,
    /// Which header fields.
    pub kind: AuthKind,
    /// Settings.
    pub settings: &'a AuthSettings,
    /// Accounts.
    pub subscribers: &'a SubscriberTable,
    /// Which nonces were used.
    pub nonces: &'a NonceTable,
    /// Keys of nonces.
    pub secrets: &'a Secrets,
    /// The local domain that the host of a URI stands for: itself, or the default domain for one of our addresses.
    pub domain_of: &'a dyn Fn(&Uri<'_>) -> Option<&'a str>,
    /// Both clocks.
    pub now: Now,
}

/// What the right password is known by.
#[derive(Copy, Clone, Debug)]
pub enum Secret<'a> {
    /// By the account of the user.
    Account,
    /// It is this, whoever the user is.
    Password(&'a [u8]),
    /// Its digest with user and realm (HA1, hexadecimal).
    Ha1(&'a [u8]),
}

/// What [`Authenticator::verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The judgement; the user if the credentials are good.
    pub judgement: Judgement,
    /// Position of the header field with the credentials that were judged.
    pub header: Option<usize>,
}

/// A judgement on credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// They are good; the user as the credentials name it, and the account if one was asked.
    Passed(Box<[u8]>, Option<Arc<Subscriber>>),
    /// The password is wrong, or the account is disabled.
    Wrong,
    /// There is no such account.
    UnknownUser,
    /// A challenge is due.
    Challenge(ChallengeCause),
    /// They cannot be understood or are for another request; says why.
    Malformed(&'static str),
}

impl From<Judgement> for Verdict {
    fn from(judgement: Judgement) -> Verdict {
        match judgement {
            Judgement::Passed(_, Some(subscriber)) => Verdict::Passed(subscriber),
            Judgement::Passed(_, None) | Judgement::Wrong | Judgement::UnknownUser => {
                Verdict::Challenge(ChallengeCause::Wrong)
            }
            Judgement::Challenge(cause) => Verdict::Challenge(cause),
            Judgement::Malformed(reason) => Verdict::Malformed(reason),
        }
    }
}

impl Authenticator<'_> {
    /// How long after its nonce has aged a request may still be sent again: 64*T1 (RFC 3261 §17.1.2.2).
    const RETRANSMITTED_SECONDS: u32 = 32;

    /// Judges the credentials of a request by the accounts.
    pub fn authenticate(&self, request: &Message) -> Verdict {
        self.verify(request, Secret::Account).judgement.into()
    }

    /// Judges the credentials of a request.
    pub fn verify(&self, request: &Message, secret: Secret<'_>) -> Verified {
        let name = match self.kind {
            AuthKind::Www => HeaderName::Authorization,
            AuthKind::Proxy => HeaderName::ProxyAuthorization,
        };
        let mut best = Verified {
            judgement: Judgement::Challenge(ChallengeCause::NoCredentials),
            header: None,
        };
        let mut judged = 0;
        for header in request.headers_named(name) {
            let found = match Credentials::parse(header.value) {
                Err(_) => Judgement::Malformed("Bad Credentials"),
                Ok(credentials) if !credentials.is_digest() => continue,
                Ok(credentials) if *credentials.realm != *self.realm.as_bytes() => continue,
                Ok(_) if judged == CREDENTIALS_MAX => break,
                Ok(credentials) => {
                    judged += 1;
                    self.judge(request, &credentials, secret)
                }
            };
            let passed = matches!(found, Judgement::Passed(..));
            // What comes nearest to passing decides the answer; credentials that cannot be read only if there are no others.
            if passed || rank(&found) > rank(&best.judgement) {
                best = Verified {
                    judgement: found,
                    header: Some(header.index),
                };
            }
            if passed {
                break;
            }
        }
        best
    }

    /// Same scheme, user and host; hosts that stand for one local domain are the same, as clients that were given our
    /// address instead of the domain write that. URIs of other schemes are compared octet by octet.
    fn same_resource(&self, digest_uri: &[u8], request_uri: &[u8]) -> bool {
        if digest_uri == request_uri {
            return true;
        }
        match (Uri::parse(digest_uri), Uri::parse(request_uri)) {
            (Ok(a), Ok(b)) if a.is_sip() && b.is_sip() => {
                let domain = |uri| (self.domain_of)(uri);
                a.scheme == b.scheme
                    && unescape(a.user.unwrap_or_default()) == unescape(b.user.unwrap_or_default())
                    && (a.host.eq_ignore_case(&b.host)
                        || domain(&a).is_some_and(|it| domain(&b) == Some(it)))
            }
            _ => false,
        }
    }

    /// Appends one challenge line for each algorithm of the realm, in configured order (RFC 8760).
    pub fn write_challenge(&self, cause: ChallengeCause, out: &mut Vec<u8>) {
        // The algorithms share one nonce: a client answers one of them.
        let mut nonce = Vec::with_capacity(48);
        self.nonces
            .issue(self.secrets, self.now.monotonic, &mut nonce);
        for algorithm in self.settings.algorithms_of(self.realm) {
            out.extend_from_slice(match self.kind {
                AuthKind::Www => b"WWW-Authenticate: ".as_slice(),
                AuthKind::Proxy => b"Proxy-Authenticate: ",
            });
            write_challenge(
                out,
                self.realm.as_bytes(),
                &nonce,
                *algorithm,
                cause.is_stale(),
            );
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Appends one challenge line in the brief form: MD5 without saying so, `qop=auth` only if asked for.
    pub fn write_brief_challenge(&self, offer_qop: bool, stale: bool, out: &mut Vec<u8>) {
        let mut nonce = Vec::with_capacity(48);
        self.nonces
            .issue(self.secrets, self.now.monotonic, &mut nonce);
        out.extend_from_slice(match self.kind {
            AuthKind::Www => b"WWW-Authenticate: ".as_slice(),
            AuthKind::Proxy => b"Proxy-Authenticate: ",
        });
        write_brief_challenge(out, self.realm.as_bytes(), &nonce, offer_qop, stale);
        out.extend_from_slice(b"\r\n");
    }

    fn judge(
        &self,
        request: &Message,
        credentials: &Credentials<'_>,
        secret: Secret<'_>,
    ) -> Judgement {
        let offered = self.settings.algorithms_of(self.realm);
        let Some(algorithm) = credentials
            .algorithm
            .filter(|algorithm| offered.contains(algorithm))
        else {
            return Judgement::Challenge(ChallengeCause::NotOffered);
        };
        let nc = match credentials.qop {
            Some(Qop::Auth) => match credentials.nonce_count() {
                Some(nc) => Some(nc),
                None => return Judgement::Malformed("Bad Nonce Count"),
            },
            Some(Qop::None) if !self.settings.qop_required => None,
            _ => return Judgement::Challenge(ChallengeCause::NotOffered),
        };
        if !self.same_resource(&credentials.uri, request.request_uri()) {
            return Judgement::Malformed("Digest URI Is Of Another Request");
        }
        // Nothing is no password: a look-up that found none must not let anybody in.
        if matches!(secret, Secret::Password(b"") | Secret::Ha1(b"")) {
            return Judgement::Malformed("No Password");
        }
        let (user, with_domain) = self.user_of(&credentials.user);
        let account = matches!(secret, Secret::Account);
        let subscriber = account
            .then(|| self.subscribers.get(user, self.realm))
            .flatten();
        let ha1 = match secret {
            Secret::Account => subscriber.as_ref().and_then(|subscriber| {
                let ha1 = if with_domain {
                    &subscriber.ha1_with_domain
                } else {
                    &subscriber.ha1
                };
                ha1.hex(algorithm)
            }),
            Secret::Password(password) => Some(ha1(
                algorithm,
                &credentials.user,
                self.realm.as_bytes(),
                password,
            )),
            Secret::Ha1(hex) => core::str::from_utf8(hex)
                .ok()
                .and_then(Ha1::parse_md5)
                .map(|octets| HexDigest::new(&octets)),
        };
        // The same work for a user who does not exist.
        let key = ha1.unwrap_or_else(|| algorithm.hash(&[&credentials.user]));
        let expected =
            credentials.expected_response(key.as_bytes(), request.method().as_bytes(), b"");
        let equal = |expected: HexDigest| -> bool {
            are_same_digits(expected.as_bytes(), &credentials.response)
        };
        let equal = expected.is_some_and(equal);
        if ha1.is_none() {
            return Judgement::UnknownUser;
        }
        if !equal
            || subscriber
                .as_ref()
                .is_some_and(|subscriber| !subscriber.enabled)
        {
            return Judgement::Wrong;
        }
        match self.check_nonce(request, credentials, nc) {
            None => Judgement::Passed(user.into(), subscriber),
            Some(cause) => Judgement::Challenge(cause),
        }
    }

    fn check_nonce(
        &self,
        request: &Message,
        credentials: &Credentials<'_>,
        nc: Option<u32>,
    ) -> Option<ChallengeCause> {
        let lifetime = self.settings.nonce_seconds;
        let Some(serial) = self.nonces.open(
            self.secrets,
            &credentials.nonce,
            self.now.monotonic,
            lifetime,
        ) else {
            // Without a count there is nothing to tell a repetition by.
            let repeated = nc.is_some_and(|nc| self.is_repeated(request, credentials, nc));
            return (!repeated).then_some(ChallengeCause::Stale);
        };
        match self
            .nonces
            .note_use(serial, nc?, fingerprint(request, self.secrets))
        {
            NonceUse::Fresh | NonceUse::Retransmission => None,
            NonceUse::Replayed => Some(ChallengeCause::Replayed),
            NonceUse::Overwritten => Some(ChallengeCause::Stale),
        }
    }

    /// True if this is the retransmission of a request that was accepted while its nonce was young: whoever heard, or will
    /// hear, a final response must not hear a challenge too (RFC 3261 §17.2.2).
    fn is_repeated(&self, request: &Message, credentials: &Credentials<'_>, nc: u32) -> bool {
        let lifetime = self.settings.nonce_seconds;
        let serial = self.nonces.open(
            self.secrets,
            &credentials.nonce,
            self.now.monotonic,
            lifetime.saturating_add(Self::RETRANSMITTED_SECONDS),
        );
        serial.is_some_and(|serial| {
            self.nonces
                .was_used_by(serial, nc, fingerprint(request, self.secrets))
        })
    }

    /// The user part of a digest user name, which clients send as `user` or as `user@domain`.
    fn user_of<'u>(&self, username: &'u [u8]) -> (&'u [u8], bool) {
        let at = username.iter().rposition(|&octet| octet == b'@');
        match at.and_then(|at| Some((username.get(..at)?, username.get(at + 1..)?))) {
            Some((user, domain)) if domain.eq_ignore_ascii_case(self.realm.as_bytes()) => {
                (user, true)
            }
            _ => (username, false),
        }
    }
}

/// True if `given` has the digits of `expected`, in either case. Takes the same time wherever they differ.
fn are_same_digits(expected: &[u8], given: &[u8]) -> bool {
    let mut rooms = [[0; DIGEST_DIGITS_MAX]; 2];
    let [left, right] = &mut rooms;
    let (Some(ours), Some(theirs)) = (left.get_mut(..expected.len()), right.get_mut(..given.len()))
    else {
        return false;
    };
    ours.copy_from_slice(expected);
    theirs.copy_from_slice(given);
    theirs.make_ascii_lowercase();
    let (ours, theirs) = (left.as_chunks::<8>().0, right.as_chunks::<8>().0);
    let mut differing = (expected.len() ^ given.len()) as u64;
    for (ours, theirs) in ours.iter().zip(theirs) {
        differing |= u64::from_le_bytes(*ours) ^ u64::from_le_bytes(*theirs);
    }
    differing.ct_eq(&0).into()
}

/// The header fields with credentials for realms of ours, which are removed before a request is forwarded.
///
/// Both kinds are looked at: a client that was challenged by us as a registrar may send Authorization along.
pub fn own_credentials<'m>(
    request: &'m Message,
    is_own_realm: &'m dyn Fn(&[u8]) -> bool,
) -> impl Iterator<Item = Header<'m>> {
    [HeaderName::Authorization, HeaderName::ProxyAuthorization]
        .into_iter()
        .flat_map(|name| request.headers_named(name))
        .filter(|header| {
            Credentials::parse(header.value).is_ok_and(|credentials| {
                credentials.is_digest() && is_own_realm(&credentials.realm)
            })
        })
}

/// What the digest server of one shard decided.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct AuthCounters {
    /// Good credentials.
    pub passed: u64,
    /// Challenged for want of credentials.
    pub challenged: u64,
    /// Challenged: algorithm or qop not offered.
    pub not_offered: u64,
    /// Challenged: user or password wrong.
    pub wrong: u64,
    /// Challenged: nonce stale.
    pub stale: u64,
    /// Challenged: nonce count used before.
    pub replayed: u64,
    /// Refused with 400.
    pub malformed: u64,
}

impl AuthCounters {
    /// Counts a verdict.
    pub fn count(&mut self, verdict: &Verdict) {
        let counter = match verdict {
            Verdict::Passed(_) => &mut self.passed,
            Verdict::Malformed(_) => &mut self.malformed,
            Verdict::Challenge(ChallengeCause::NoCredentials) => &mut self.challenged,
            Verdict::Challenge(ChallengeCause::NotOffered) => &mut self.not_offered,
            Verdict::Challenge(ChallengeCause::Wrong) => &mut self.wrong,
            Verdict::Challenge(ChallengeCause::Stale) => &mut self.stale,
            Verdict::Challenge(ChallengeCause::Replayed) => &mut self.replayed,
        };
        *counter += 1;
    }
    /// Calls `f` with the name, the help text and the value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f(
            "auth_passed_total",
            "Requests with good credentials.",
            self.passed,
        );
        f(
            "auth_challenged_total",
            "Requests challenged for want of credentials.",
            self.challenged,
        );
        f(
            "auth_not_offered_total",
            "Credentials with an algorithm or qop that was not offered.",
            self.not_offered,
        );
        f(
            "auth_wrong_total",
            "Credentials with a wrong user or password.",
            self.wrong,
        );
        f(
            "auth_stale_total",
            "Credentials with a nonce too old.",
            self.stale,
        );
        f(
            "auth_replayed_total",
            "Credentials whose nonce count was used before.",
            self.replayed,
        );
        f(
            "auth_malformed_total",
            "Credentials that cannot be understood.",
            self.malformed,
        );
    }
}

fn rank(judgement: &Judgement) -> u8 {
    match judgement {
        Judgement::Challenge(ChallengeCause::NoCredentials) => 0,
        Judgement::Malformed(_) => 1,
        Judgement::Challenge(ChallengeCause::NotOffered) => 2,
        Judgement::Wrong | Judgement::UnknownUser | Judgement::Challenge(ChallengeCause::Wrong) => {
            3
        }
        Judgement::Challenge(ChallengeCause::Stale | ChallengeCause::Replayed) => 4,
        Judgement::Passed(..) => 5,
    }
}
