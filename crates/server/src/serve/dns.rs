//! The DNS service: answers the shards' questions on a tokio runtime beside the event loop (RFC 1035, 2782, 3263, 3403).
//!
//! Answers are cached by the shards' own cache; this service asks, follows aliases, and keeps the time limit.

use core::sync::atomic::{AtomicU64, Ordering};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use strowger_element::QueryId;
use strowger_resolve::{Answer, Question, QuestionKind, Record};
use tokio::sync::{Semaphore, mpsc};

use crate::config::Dns;

/// Questions that wait for the service; further ones fail at once.
pub const QUESTIONS_WAITING_MAX: usize = 4_096;
/// Questions that are asked at a time.
const QUESTIONS_ASKED_MAX: usize = 512;
/// How long "no such name" may be kept where the answer does not say.
const NEGATIVE_TTL_SECONDS: u32 = 30;
/// How often a name server is asked within the time limit.
const ATTEMPTS: usize = 2;

/// One question with who asked.
#[derive(Debug)]
pub struct Ask {
    /// The shard.
    pub shard: u16,
    /// Its name for the question.
    pub query: QueryId,
    /// The question.
    pub question: Question,
}

/// What the service did.
#[derive(Debug, Default)]
pub struct DnsCounters {
    asked: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
}

impl DnsCounters {
    /// Counts a question that found no room.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Names and values.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f(
            "dns_questions",
            "Questions asked to name servers",
            self.asked.load(Ordering::Relaxed),
        );
        f(
            "dns_questions_failed",
            "Questions without a usable answer in time",
            self.failed.load(Ordering::Relaxed),
        );
        f(
            "dns_questions_refused",
            "Questions refused because too many wait",
            self.refused.load(Ordering::Relaxed),
        );
    }
}

/// Makes the resolver. Name servers of the configuration take the place of the system's.
///
/// # Errors
/// The system's configuration cannot be read.
pub fn resolver(settings: &Dns) -> Result<TokioResolver, NetError> {
    let mut builder = if settings.servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = settings
            .servers
            .iter()
            .map(|address| name_server(*address))
            .collect();
        TokioResolver::builder_with_config(
            ResolverConfig::from_name_servers(servers),
            TokioRuntimeProvider::default(),
        )
    };
    tune(
        builder.options_mut(),
        Duration::from_millis(settings.timeout_ms.into()),
    );
    builder.build()
}

fn tune(options: &mut ResolverOpts, limit: Duration) {
    options.timeout = limit / u32::try_from(ATTEMPTS).unwrap_or(1);
    options.attempts = ATTEMPTS;
    // The shards' cache is the only one, so that times to live are counted once.
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Always;
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let with_port = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections = vec![
        with_port(ConnectionConfig::udp()),
        with_port(ConnectionConfig::tcp()),
    ];
    NameServerConfig::new(address.ip(), true, connections)
}

/// Answers questions until the senders are gone.
pub async fn serve(
    mut questions: mpsc::Receiver<Ask>,
    resolver: Option<TokioResolver>,
    limit: Duration,
    counters: Arc<DnsCounters>,
    answer: Arc<dyn Fn(u16, QueryId, Answer) + Send + Sync>,
) {
    let places = Arc::new(Semaphore::new(QUESTIONS_ASKED_MAX));
    while let Some(Ask {
        shard,
        query,
        question,
    }) = questions.recv().await
    {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let (resolver, counters, answer) = (resolver.clone(), counters.clone(), answer.clone());
        counters.asked.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            let found = match resolver {
                Some(resolver) => ask(&resolver, &question, limit).await,
                None => Answer::Failed,
            };
            if found == Answer::Failed {
                counters.failed.fetch_add(1, Ordering::Relaxed);
            }
            drop(place);
            answer(shard, query, found);
        });
    }
}

async fn ask(resolver: &TokioResolver, question: &Question, limit: Duration) -> Answer {
    // A final dot: search domains must never be tried.
    let Ok(name) = Name::from_ascii(format!("{}.", question.name)) else {
        return Answer::NoSuchName {
            ttl_seconds: NEGATIVE_TTL_SECONDS,
        };
    };
    let kind = match question.kind {
        QuestionKind::Naptr => RecordType::NAPTR,
        QuestionKind::Srv => RecordType::SRV,
        QuestionKind::A => RecordType::A,
        QuestionKind::Aaaa => RecordType::AAAA,
    };
    match tokio::time::timeout(limit, resolver.lookup(name, kind)).await {
        Ok(Ok(lookup)) => answer_of(&lookup, question.kind),
        Ok(Err(error)) if error.is_no_records_found() => {
            let ttl_seconds = error
                .into_soa()
                .map_or(NEGATIVE_TTL_SECONDS, |soa| soa.ttl.min(soa.data.minimum));
            Answer::NoSuchName { ttl_seconds }
        }
        Ok(Err(_)) | Err(_) => Answer::Failed,
    }
}

fn answer_of(lookup: &Lookup, kind: QuestionKind) -> Answer {
    // Aliases that were followed count for the time to live, but are no records of the kind asked for.
    let ttl_seconds = lookup
        .answers()
        .iter()
        .map(|record| record.ttl)
        .min()
        .unwrap_or(NEGATIVE_TTL_SECONDS);
    let records: Vec<Record> = lookup
        .answers()
        .iter()
        .filter_map(|record| record_of(&record.data))
        .filter(|one| one.kind() == kind)
        .collect();
    match records.is_empty() {
        true => Answer::NoSuchName {
            ttl_seconds: ttl_seconds.min(NEGATIVE_TTL_SECONDS),
        },
        false => Answer::Records {
            records,
            ttl_seconds,
        },
    }
}

fn record_of(data: &RData) -> Option<Record> {
    let text = |octets: &[u8]| {
        String::from_utf8_lossy(octets)
            .into_owned()
            .into_boxed_str()
    };
    let name = |name: &Name| {
        let text = name.to_ascii().to_ascii_lowercase();
        text.strip_suffix('.')
            .filter(|rest| !rest.is_empty())
            .unwrap_or(&text)
            .into()
    };
    match data {
        RData::A(address) => Some(Record::A(address.0)),
        RData::AAAA(address) => Some(Record::Aaaa(address.0)),
        RData::SRV(srv) => Some(Record::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: name(&srv.target),
        }),
        RData::NAPTR(naptr) => Some(Record::Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: text(&naptr.flags),
            services: text(&naptr.services),
            regexp: text(&naptr.regexp),
            replacement: name(&naptr.replacement),
        }),
        _ => None,
    }
}
