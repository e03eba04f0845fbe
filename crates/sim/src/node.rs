//! An element in a world: its shards, what they share, its way in, its journal.

use std::net::SocketAddr;
use std::sync::Arc;

use strowger_element::{Element, Ingress, Listener, Settings, Shared, SourceTable};
use strowger_registrar::{LocationLimits, LocationTable, NonceTable, Subscriber, SubscriberTable};
use strowger_resolve::DnsCache;
use strowger_sip::{Algorithm, Now, Time, Transport};
use strowger_transaction::token::{SecretKey, Secrets};

use crate::random::Random;
use crate::services::{Journal, JournalSettings};

/// How an element is set up.
#[derive(Clone, Debug)]
pub struct ElementPlan {
    /// Its address.
    pub address: SocketAddr,
    /// Its domain.
    pub domain: String,
    /// Its shards, 1 to 4.
    pub shards: u16,
    /// It challenges local identities.
    pub auth: bool,
    /// The digest algorithms it offers.
    pub algorithms: Vec<Algorithm>,
    /// How its journal behaves.
    pub journal: JournalSettings,
}

/// An element and its driver's side of the seam.
#[derive(Debug)]
pub struct ElementNode {
    /// Its address.
    pub address: SocketAddr,
    /// Its domain.
    pub domain: String,
    /// What its shards share.
    pub shared: Arc<Shared>,
    /// Its way in.
    pub ingress: Ingress,
    /// Its shards, each with the time it is to be woken.
    pub shards: Vec<(Element, Option<Time>)>,
    /// Its journal.
    pub journal: Journal,
    wall_offset: Time,
}

impl ElementNode {
    /// An element as production builds it, with numbers of this generator for secrets and seeds.
    pub fn new(plan: &ElementPlan, random: &mut Random) -> ElementNode {
        let mut settings = Settings {
            shards: plan.shards,
            listeners: vec![Listener {
                transport: Transport::Udp,
                address: plan.address,
                advertised: None,
            }],
            domains: vec![plan.domain.as_str().into()],
            durable: true,
            ..Settings::default()
        };
        settings.policy.native().auth_required = plan.auth;
        settings.policy.native().accept_foreign = true;
        settings.proxy.accept_foreign = true;
        settings.auth.algorithms.clone_from(&plan.algorithms);
        let settings = Arc::new(settings);
        let shared = Arc::new(Shared {
            location: LocationTable::new(LocationLimits::default(), random.next()),
            subscribers: SubscriberTable::new(random.next()),
            nonces: NonceTable::new(1 << 10, random.next() as u32),
            sources: SourceTable::new(key(random)),
            dns: DnsCache::new(&settings.resolve, random.next()),
            scripts: strowger_routing::tables::ScriptTables::new(random.next()),
            sl: strowger_routing::SharedSlStatistics::new(plan.shards),
            shard_seed: random.next(),
        });
        let secrets = Secrets {
            current: SecretKey {
                id: 1,
                key: key(random),
            },
            previous: None,
        };
        let shards = (0..plan.shards)
            .map(|shard| {
                let (settings, shared) = (Arc::clone(&settings), Arc::clone(&shared));
                (
                    Element::new(settings, shared, secrets, shard, random.next()),
                    None,
                )
            })
            .collect();
        ElementNode {
            address: plan.address,
            domain: plan.domain.clone(),
            ingress: Ingress::new(Arc::clone(&settings), Arc::clone(&shared), secrets),
            shared,
            shards,
            journal: Journal::new(plan.journal.clone(), random.fork()),
            wall_offset: Time::from_secs(1_800_000_000),
        }
    }

    /// Adds an account.
    pub fn add_account(&self, user: &str, password: &str) {
        let subscriber = Subscriber::from_password(user, &self.domain, password.as_bytes());
        // The table takes millions.
        let _ = self.shared.subscribers.add(subscriber);
    }

    /// Both clocks of this element.
    pub fn now(&self, now: Time) -> Now {
        Now {
            monotonic: now,
            wall: Time::from_nanos(self.wall_offset.as_nanos() + now.as_nanos()),
        }
    }

    /// The sum of a counter over the shards.
    pub fn counter(&self, name: &str) -> u64 {
        let mut sum = 0;
        for (element, _) in &self.shards {
            element.visit_counters(&mut |counter, _, value| {
                if counter == name {
                    sum += value;
                }
            });
        }
        sum
    }
}

fn key(random: &mut Random) -> [u8; 16] {
    let mut key = [0; 16];
    for half in key.chunks_mut(8) {
        half.copy_from_slice(&random.next().to_le_bytes());
    }
    key
}
