//! An element in a world: its shards, what they share, its way in, its journal.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use strowger_element::{Element, Ingress, Listener, Settings, Shared, SourceTable};
use strowger_registrar::{LocationLimits, LocationTable, NonceTable, Subscriber, SubscriberTable};
use strowger_resolve::DnsCache;
use strowger_sip::{Algorithm, Now, Time, Transport};
use strowger_transaction::token::{SecretKey, Secrets};

use crate::journal::{Journal, JournalSettings};
use crate::random::Random;

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
    /// How often each shard has begun anew. What was asked for an earlier one has nobody to be told.
    pub epochs: Vec<u32>,
    /// How often the process has begun anew.
    pub incarnation: u32,
    /// False while the process is down.
    pub is_up: bool,
    /// The whole host is away, not the process alone.
    pub host_is_down: bool,
    /// Counters of shards that are gone.
    pub counters_before: BTreeMap<&'static str, u64>,
    accounts: Vec<(String, String)>,
    settings: Arc<Settings>,
    secrets: Secrets,
    random: Random,
    wall_offset: Time,
}

impl ElementNode {
    /// An element as production builds it, with numbers of this generator for secrets and seeds.
    pub fn new(plan: &ElementPlan, random: &mut Random) -> ElementNode {
        let settings = Arc::new(settings_of(plan));
        let secrets = Secrets {
            current: SecretKey {
                id: 1,
                key: key(random),
            },
            previous: None,
        };
        let shared = Arc::new(shared_of(&settings, random));
        let mut node = ElementNode {
            address: plan.address,
            domain: plan.domain.clone(),
            ingress: Ingress::new(Arc::clone(&settings), Arc::clone(&shared), secrets),
            shared,
            shards: Vec::new(),
            journal: Journal::new(plan.journal.clone(), random.fork()),
            epochs: vec![0; usize::from(plan.shards)],
            incarnation: 0,
            is_up: true,
            host_is_down: false,
            counters_before: BTreeMap::new(),
            accounts: Vec::new(),
            settings,
            secrets,
            random: random.fork(),
            wall_offset: Time::from_secs(1_800_000_000),
        };
        node.shards = (0..plan.shards).map(|shard| node.fresh(shard)).collect();
        node
    }

    fn fresh(&mut self, shard: u16) -> (Element, Option<Time>) {
        let (settings, shared) = (Arc::clone(&self.settings), Arc::clone(&self.shared));
        let seed = self.random.next();
        (
            Element::new(settings, shared, self.secrets, shard, seed),
            None,
        )
    }

    /// A fresh shard takes the place of one that panicked; bindings and all else that is shared stay.
    pub fn replace_shard(&mut self, shard: usize) {
        self.keep_counters(shard);
        let number = u16::try_from(shard).unwrap_or(0);
        let fresh = self.fresh(number);
        if let (Some(place), Some(epoch)) = (self.shards.get_mut(shard), self.epochs.get_mut(shard))
        {
            *place = fresh;
            *epoch += 1;
        }
    }

    /// The process is gone with all it held in memory. Of the changes that were with the journal some were written.
    pub fn crash(&mut self, host: bool) {
        self.is_up = false;
        self.host_is_down = host;
        self.incarnation += 1;
        for shard in 0..self.shards.len() {
            self.keep_counters(shard);
        }
        self.shards.clear();
        for epoch in &mut self.epochs {
            *epoch += 1;
        }
        self.journal.crash();
    }

    /// The process begins anew, with the secrets of its data folder and the bindings that its journal holds.
    pub fn restart(&mut self, now: Time) {
        self.is_up = true;
        self.host_is_down = false;
        self.shared = Arc::new(shared_of(&self.settings, &mut self.random));
        self.ingress = Ingress::new(
            Arc::clone(&self.settings),
            Arc::clone(&self.shared),
            self.secrets,
        );
        for (user, password) in &self.accounts {
            self.serve_account(user, password);
        }
        let clocks = self.now(now);
        for (aor, binding) in self.journal.load(clocks) {
            self.shared.location.restore(&aor, binding);
        }
        let count = u16::try_from(self.epochs.len()).unwrap_or(1);
        self.shards = (0..count).map(|shard| self.fresh(shard)).collect();
    }

    /// Someone sets the wall clock.
    pub fn jump(&mut self, seconds: i64) {
        let nanos = seconds.unsigned_abs().saturating_mul(1_000_000_000);
        let before = self.wall_offset.as_nanos();
        self.wall_offset = Time::from_nanos(if seconds < 0 {
            before.saturating_sub(nanos)
        } else {
            before.saturating_add(nanos)
        });
    }

    fn keep_counters(&mut self, shard: usize) {
        let (Some((element, _)), sums) = (self.shards.get(shard), &mut self.counters_before) else {
            return;
        };
        element.visit_counters(&mut |name, _, value| *sums.entry(name).or_default() += value);
    }
}

fn settings_of(plan: &ElementPlan) -> Settings {
    let listener = |transport| Listener {
        transport,
        address: plan.address,
        advertised: None,
    };
    let mut settings = Settings {
        shards: plan.shards,
        listeners: vec![listener(Transport::Udp), listener(Transport::Tcp)],
        domains: vec![plan.domain.as_str().into()],
        durable: true,
        ..Settings::default()
    };
    settings.policy.native().auth_required = plan.auth;
    settings.policy.native().accept_foreign = true;
    settings.proxy.accept_foreign = true;
    settings.auth.algorithms.clone_from(&plan.algorithms);
    settings
}

fn shared_of(settings: &Settings, random: &mut Random) -> Shared {
    Shared {
        location: LocationTable::new(LocationLimits::default(), random.next()),
        subscribers: SubscriberTable::new(random.next()),
        nonces: NonceTable::new(1 << 10, random.next() as u32),
        sources: SourceTable::new(key(random)),
        dns: DnsCache::new(&settings.resolve, random.next()),
        scripts: strowger_routing::tables::ScriptTables::new(random.next()),
        sl: strowger_routing::SharedSlStatistics::new(settings.shards),
        shard_seed: random.next(),
    }
}

impl ElementNode {
    /// Adds an account; it is in the store, and is there again after a restart.
    pub fn add_account(&mut self, user: &str, password: &str) {
        self.accounts.push((user.into(), password.into()));
        self.serve_account(user, password);
    }

    fn serve_account(&self, user: &str, password: &str) {
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
        let mut sum = self.counters_before.get(name).copied().unwrap_or(0);
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
