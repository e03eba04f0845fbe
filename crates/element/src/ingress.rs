//! Before the element: which messages are let in, which shard takes them, and what a message that cannot be parsed is
//! answered. Needs no lock; every worker has the same one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use core::hash::BuildHasher;
use core::sync::atomic::{AtomicU64, Ordering};
use strowger_registrar::{shard_of, write_canonical};
use strowger_routing::PolicyChoice;
use strowger_sip::{
    Limits, Message, Method, ParseError, ParseFailure, SipCounters, StatusCode, Time, Uri,
};
use strowger_transaction::token::{Home, Secrets, branch_home};
use strowger_transaction::{Flow, TagSource, write_stateless_reply};

use crate::settings::Settings;
use crate::shared::Shared;

/// Says of a source whether its next message is let in.
pub type Admits<'a> = &'a dyn Fn(&SocketAddr) -> bool;

/// The way in.
#[derive(Debug)]
pub struct Ingress {
    settings: ArcSwap<Settings>,
    /// Fixed while the process lives.
    home: Home,
    shared: Arc<Shared>,
    secrets: Secrets,
    /// Messages that could not be parsed and were answered.
    refused: AtomicU64,
    /// Messages that could not be parsed and were dropped.
    dropped: AtomicU64,
    /// Why messages could not be parsed. Locked for those alone.
    parsing: Mutex<SipCounters>,
    /// Answers to messages that could not be parsed that were not sent: too long for what had come.
    withheld: AtomicU64,
}

impl Ingress {
    /// A way in with these settings.
    pub fn new(settings: Arc<Settings>, shared: Arc<Shared>, secrets: Secrets) -> Ingress {
        let home = Home {
            node: settings.node,
            shards: settings.shards,
        };
        Ingress {
            settings: ArcSwap::new(settings),
            home,
            shared,
            secrets,
            refused: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            parsing: Mutex::default(),
            withheld: AtomicU64::new(0),
        }
    }

    /// Takes over new settings.
    pub fn reconfigure(&self, settings: Arc<Settings>) {
        self.settings.store(settings);
    }

    /// Limits of the parser.
    pub fn limits(&self) -> Limits {
        self.settings.load().message.clone()
    }

    /// Counts a message of `source` against its rate; false if it must be dropped unparsed and unanswered.
    pub fn admit(&self, source: SocketAddr, now: Time) -> bool {
        self.shared
            .sources
            .admit(source, &self.settings.load().sources, now)
    }

    /// Calls `each` once with what [`Ingress::admit`] is for every message of a batch: the settings are looked up once.
    pub fn admit_batch(&self, now: Time, each: &mut dyn FnMut(Admits<'_>)) {
        let settings = self.settings.load();
        let limits = &settings.sources;
        each(&|source| self.shared.sources.admit(*source, limits, now));
    }

    /// True if the source is exempt from limits.
    pub fn trusts(&self, source: SocketAddr) -> bool {
        self.settings.load().sources.trusts(source.ip())
    }

    /// The shard that takes a message: a response goes to the shard in our Via branch, REGISTER and the CANCEL for one to
    /// the shard of its address of record, every other request to the shard of its Call-ID.
    pub fn shard_for(&self, message: &Message) -> u16 {
        if self.home.shards <= 1 {
            return 0;
        }
        if message.is_response() {
            return self
                .shard_for_branch(message.via().branch().unwrap_or_default())
                .unwrap_or(0);
        }
        let method = message.method();
        if method != Method::Register && method != Method::Cancel {
            return self.shard_of_call(message);
        }
        let settings = self.settings.load();
        // Of a program an INVITE for ourselves may well have a transaction.
        let by_record = method == Method::Register
            || (matches!(settings.policy, PolicyChoice::Native(_))
                && is_for_ourselves(message, &settings));
        if by_record && let Ok(uri) = Uri::parse(message.to().uri) {
            let mut aor = Vec::with_capacity(64);
            if write_canonical(
                &uri,
                settings.record_domain(&uri.host).map(str::as_bytes),
                &mut aor,
            ) {
                return shard_of(&aor, self.home.shards, self.shared.shard_seed);
            }
        }
        self.shard_of_call(message)
    }

    fn shard_of_call(&self, message: &Message) -> u16 {
        let seed = self.shared.shard_seed;
        shard_of_call(message.call_id(), self.home.shards, seed)
    }

    /// The shard of an address of record (canonical octets).
    pub fn shard_for_aor(&self, aor: &[u8]) -> u16 {
        shard_of(aor, self.home.shards, self.shared.shard_seed)
    }

    /// The shard named by one of our branches; `None` if the branch is not ours.
    pub fn shard_for_branch(&self, branch: &[u8]) -> Option<u16> {
        branch_home(self.home, branch).ok().map(u16::from)
    }

    /// Writes the answer to a message that could not be parsed, if it deserves one. True if `out` holds an answer.
    pub fn refuse(&self, failure: &ParseFailure, flow: &Flow, out: &mut Vec<u8>) -> bool {
        self.parsing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .record(&failure.error);
        let answer = failure
            .message
            .as_deref()
            .filter(|message| message.is_request() && message.method() != Method::Ack)
            .zip(failure.error.status());
        let Some((message, status)) = answer else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return false;
        };
        self.refused.fetch_add(1, Ordering::Relaxed);
        let settings = self.settings.load();
        let malformed = &settings.compatibility.malformed;
        let named = match failure.error {
            ParseError::CSeqMethod => malformed.cseq_method.as_deref(),
            ParseError::Truncated => malformed.content_length.as_deref(),
            _ => None,
        };
        let reason = named.map_or_else(|| failure.error.to_string(), str::to_owned);
        let reason = (status.get() == 400).then_some(reason.as_bytes());
        let lines = match &settings.server_header {
            Some(server) => [b"Server: ", server.as_bytes(), b"\r\n"].concat(),
            None => Vec::new(),
        };
        write_stateless_reply(
            out,
            TagSource::new(&self.secrets, None),
            message,
            flow,
            status,
            reason,
            &lines,
            None,
        );
        true
    }

    /// True if an answer without state may go where the message came from, which had so many octets; the answer's come
    /// second.
    pub fn may_answer(&self, flow: &Flow, lengths: (usize, usize), now: Time) -> bool {
        let settings = self.settings.load();
        let may = flow.transport.is_reliable()
            || matches!(settings.policy, PolicyChoice::Program(_))
            || self
                .shared
                .sources
                .may_answer(flow.remote, lengths, &settings.sources, now);
        if !may {
            self.withheld.fetch_add(1, Ordering::Relaxed);
        }
        may
    }

    /// Writes the answer to a request that its shard cannot serve. True if `out` holds an answer.
    pub fn give_up(
        &self,
        request: &Message,
        flow: &Flow,
        status: StatusCode,
        out: &mut Vec<u8>,
    ) -> bool {
        if !request.is_request() || request.method() == Method::Ack {
            return false;
        }
        let settings = self.settings.load();
        let mut lines = Vec::new();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = settings.admission.retry_after_seconds;
            lines.extend_from_slice(format!("Retry-After: {seconds}\r\n").as_bytes());
        }
        if let Some(server) = &settings.server_header {
            lines.extend_from_slice(&[b"Server: ", server.as_bytes(), b"\r\n"].concat());
        }
        write_stateless_reply(
            out,
            TagSource::new(&self.secrets, None),
            request,
            flow,
            status,
            None,
            &lines,
            None,
        );
        true
    }

    /// Names and values of the counters.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        self.parsing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .visit(f);
        f(
            "malformed_refused",
            "Malformed messages that were answered",
            self.refused.load(Ordering::Relaxed),
        );
        f(
            "malformed_dropped",
            "Malformed messages that were dropped",
            self.dropped.load(Ordering::Relaxed),
        );
        f(
            "malformed_withheld",
            "Malformed messages left without an answer because it would exceed what the source had sent by too much",
            self.withheld.load(Ordering::Relaxed),
        );
        f(
            "source_over_rate_dropped",
            "Messages dropped because their source was over its rate",
            self.shared.sources.dropped(),
        );
    }
}

/// True if the Request-URI names this element and no user. An INVITE for such a URI never has a transaction, so that its
/// CANCEL may look anywhere.
fn is_for_ourselves(request: &Message, settings: &Settings) -> bool {
    Uri::parse(request.request_uri()).is_ok_and(|uri| {
        uri.is_sip()
            && uri.user.is_none_or(<[u8]>::is_empty)
            && settings.is_own_target(&uri.host, uri.port)
    })
}

/// The shard of a Call-ID.
pub fn shard_of_call(call_id: &[u8], shards: u16, seed: u64) -> u16 {
    let hash = foldhash::quality::FixedState::with_seed(seed).hash_one(call_id);
    u16::try_from(hash % u64::from(shards.max(1))).unwrap_or(0)
}
