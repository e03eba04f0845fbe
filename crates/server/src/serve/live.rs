//! The running server as the administration sees it: [`Control`] over tables, driver and configuration.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use core::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use std::sync::OnceLock;
use strowger_admin::{
    Control, ControlError, Imported, ListenerStatus, NewUser, Page, RealmStatus, Registration,
    Registrations, Reloaded, RpcFault, Sample, Status, UserEntry, Users, WatchFilter, WatchSender,
};
use strowger_element::{Admission, Command, Ingress, Input, Settings, Shared};
use strowger_net::Driver;
use strowger_registrar::{AddressOfRecord, Binding, Bindings, LocationService, Subscriber};
use strowger_sip::Time;
use strowger_store::{Journal, StoreError, User};

use super::accounts::{AccountBook, control_error, received};
use super::dns::DnsCounters;
use super::errands::ErrandCounters;
use super::hub::Hub;
use super::keeping::Keeping;
use super::log::LogLevel;
use super::services::Waiter;
use super::settings::{PlacedListener, shown};
use crate::config::{Algorithms, Config, Data, Durability};
use crate::kamailio::ScriptLines;
use crate::origin::Origin;

/// How long an order to drop registrations may take.
const DROP_LIMIT: Duration = Duration::from_secs(3);
/// How often is looked whether it is done.
const DROP_LOOK: Duration = Duration::from_millis(2);
/// Addresses of record copied from the table at a time.
const LISTED_AT_ONCE: usize = 4_096;

/// What layers count that goes up and down.
const GAUGES: [&str; 10] = [
    "client_transactions",
    "journal_batch_largest",
    "journal_waiting",
    "location_aors",
    "location_bindings",
    "parked",
    "registrar_pending",
    "relays",
    "server_transactions",
    "suspended",
];

/// What is counted here itself.
pub const OWN_COUNTERS: [&str; 3] = [
    "events_lost",
    "log_lines_left_out",
    "kernel_datagrams_dropped",
];

/// A running server.
pub struct Live {
    /// The configuration in effect.
    pub config: ArcSwap<Config>,
    /// Where it is read again.
    pub origin: Origin,
    /// Settings of the element, as the shards have them.
    pub settings: Arc<ArcSwap<Settings>>,
    /// Listeners, fixed while the process lives.
    pub listeners: Vec<PlacedListener>,
    /// Shared tables.
    pub shared: Arc<Shared>,
    /// The way in.
    pub ingress: Arc<Ingress>,
    /// The driver.
    pub driver: Arc<Driver>,
    /// Accounts.
    pub accounts: AccountBook,
    /// Journal; empty where nothing is kept.
    pub journal: Arc<OnceLock<Journal<Waiter>>>,
    /// Whether the journal does its work.
    pub keeping: Arc<Keeping>,
    /// Events.
    pub hub: Arc<Hub>,
    /// DNS.
    pub dns: Arc<DnsCounters>,
    /// Errands of scripts.
    pub errands: Arc<ErrandCounters>,
    /// Lines of scripts.
    pub lines: Arc<ScriptLines>,
    /// Log level.
    pub log: LogLevel,
    /// When the process began to serve.
    pub started: Instant,
    /// When the configuration was last taken over.
    pub configured_at: Mutex<SystemTime>,
    /// What an operator should know about the start.
    pub warnings: Vec<String>,
    /// Accounts of the configuration that hide stored ones, in words.
    pub hiding: ArcSwap<Vec<String>>,
    /// True once the end was asked for.
    pub ending: AtomicBool,
}

impl Live {
    pub(super) fn table(&self) -> &strowger_registrar::SubscriberTable {
        &self.shared.subscribers
    }

    fn bindings_of(&self, aor: &AddressOfRecord) -> Bindings {
        self.shared
            .location
            .bindings(aor.as_bytes(), self.driver.now().monotonic)
    }

    /// Drops all bindings of a user and waits until they are gone; how many there were.
    pub(super) fn drop_bindings(&self, user: &User) -> Result<usize, ControlError> {
        let aor = AddressOfRecord::new(user.name.as_bytes(), &user.domain);
        let held = self.bindings_of(&aor).len();
        if held == 0 {
            return Ok(0);
        }
        let octets = String::from_utf8_lossy(aor.as_bytes())
            .into_owned()
            .into_boxed_str();
        self.driver.deliver(
            self.ingress.shard_for_aor(aor.as_bytes()),
            Input::Command(Command::DropBindings { aor: octets }),
        );
        let began = Instant::now();
        while !self.bindings_of(&aor).is_empty() {
            if began.elapsed() > DROP_LIMIT {
                return Err(ControlError::Failed(format!(
                    "the registrations of {user} could not be dropped; see the log"
                )));
            }
            std::thread::sleep(DROP_LOOK);
        }
        Ok(held)
    }

    /// What an operator should know now.
    fn all_warnings(&self, config: &Config) -> Vec<String> {
        let open = "authentication is off: anybody may register and call as any user";
        let open = (!config.auth.required && config.script.is_none()).then(|| open.to_owned());
        let hiding = self.hiding.load();
        let all = self.warnings.iter().cloned().chain(open);
        let unkept = self.keeping.is_failing().then(|| {
            "registrations cannot be kept and are refused with 500; the log says why".to_owned()
        });
        let overloaded = match self.driver.admission() {
            Admission::Overloaded(percent) => Some(format!(
                "the server cannot keep up: {percent} % of new requests outside of calls get 503"
            )),
            Admission::Open | Admission::Draining => None,
        };
        let panics = self.driver.counters();
        let panics = panics.shard_panics + panics.worker_panics;
        let panicked = (panics > 0).then(|| {
            format!("{panics} panics since the start: bugs, please report them with the files that the log names")
        });
        let all = all.chain(unkept).chain(overloaded).chain(panicked);
        all.chain(hiding.iter().cloned()).collect()
    }

    /// An account as lists show it.
    fn entry(&self, account: &Subscriber) -> UserEntry {
        let aor = AddressOfRecord::new(account.user.as_bytes(), &account.domain);
        let written =
            |one: &crate::config::User| *one.name == *account.user && one.domain == account.domain;
        UserEntry {
            user: format!("{}@{}", account.user, account.domain),
            algorithms: Algorithms::of(account).names(),
            configured: self.config.load().users.iter().any(written),
            bindings: self.bindings_of(&aor).len() as u64,
        }
    }

    fn refuse_configured(&self, user: &str) -> Result<User, ControlError> {
        let config = self.config.load();
        let user = User::parse(user, &config.domains).map_err(control_error)?;
        match config
            .users
            .iter()
            .find(|one| *one.name == *user.name && one.domain == user.domain)
        {
            Some(one) => Err(ControlError::Invalid(format!(
                "the user {user} stands in the configuration file; change it there ({}:{}), then reload",
                config.file, one.line
            ))),
            None => Ok(user),
        }
    }

    /// All users with bindings, in the order of addresses of record, until one call returns false.
    pub(super) fn every_registered(
        &self,
        mut after: Option<AddressOfRecord>,
        mut each: impl FnMut(&AddressOfRecord, &Bindings) -> bool,
    ) {
        let now = self.driver.now().monotonic;
        loop {
            let rows = self.shared.location.list(
                now,
                after.as_ref().map(AddressOfRecord::as_bytes),
                LISTED_AT_ONCE,
            );
            if !rows.iter().all(|(aor, bindings)| each(aor, bindings)) {
                return;
            }
            let Some((last, _)) = rows.last() else { return };
            after = Some(last.clone());
        }
    }

    /// Tells every shard who wants events.
    pub fn refresh_interest(&self) {
        let interest = self.hub.interest().0;
        self.driver
            .deliver_to_all(|_| Input::Command(Command::SetInterest(interest)));
    }
}

/// A binding as lists show it.
fn registration(user: &str, binding: &Binding, now: Time) -> Registration {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let flow = binding.flow();
    Registration {
        user: user.to_owned(),
        contact: text(binding.contact()),
        source: format!("{} {}", flow.transport.as_param(), flow.remote),
        expires_seconds: binding.remaining_seconds(now),
        q: binding.q(),
        user_agent: text(binding.user_agent()),
        behind_nat: binding.behind_nat(),
        flow_lost: binding.flow_lost(),
    }
}

fn offer(config: &Config, domain: &str) -> RealmStatus {
    RealmStatus {
        name: domain.to_owned(),
        algorithms: config.auth.offered(domain).to_vec(),
    }
}

/// Memory of this process that is in use, from the kernel's count of pages.
fn resident_octets() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kib| kib * 1_024)
}

impl Control for Live {
    fn status(&self) -> Status {
        let config = self.config.load();
        let settings = self.settings.load();
        let listeners = settings.listeners.iter().map(|one| ListenerStatus {
            transport: one.transport.as_param().to_owned(),
            address: shown(one.address),
            advertised: one
                .advertised
                .as_ref()
                .map(|(host, port)| format!("{host}:{port}")),
        });
        let configured_at = *self
            .configured_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_seconds: self.started.elapsed().as_secs(),
            configuration: self.origin.path().map(|file| file.display().to_string()),
            domains: config.domains.iter().map(ToString::to_string).collect(),
            listeners: listeners.collect(),
            workers: super::settings::workers(&config),
            shards: settings.shards,
            accounts: self.table().len() as u64,
            bindings: self.shared.location.len() as u64,
            data: match &config.data {
                Data::Memory => "memory".to_owned(),
                Data::Folder(folder) => folder.display().to_string(),
            },
            durability: match config.durability {
                Durability::Memory => "memory",
                Durability::Process => "process",
                Durability::Disk => "disk",
            }
            .to_owned(),
            authentication: config.auth.required,
            realms: config
                .domains
                .iter()
                .map(|name| offer(&config, name))
                .collect(),
            not_ready: self.ready().err(),
            configured_at: configured_at
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
            script: config
                .script
                .as_ref()
                .map(|script| script.path().display().to_string()),
            warnings: self.all_warnings(&config),
        }
    }

    fn samples(&self) -> Vec<Sample> {
        let mut samples: Vec<Sample> = Vec::with_capacity(256);
        let mut add = |name: &'static str, help: &'static str, value: u64| match samples
            .iter_mut()
            .find(|sample| sample.name == name)
        {
            Some(sample) => sample.value = sample.value.saturating_add(value),
            None if GAUGES.contains(&name) => samples.push(Sample::gauge(name, help, value)),
            None => samples.push(Sample::counter(name, help, value)),
        };
        self.driver.counters().visit(&mut add);
        self.driver.visit_shard_counters(&mut add);
        self.ingress.visit(&mut add);
        self.shared.location.counters().visit(&mut add);
        self.shared.nonces.counters().visit(&mut add);
        self.shared.dns.counters().visit(&mut add);
        self.dns.visit(&mut add);
        if self.config.load().script.is_some() {
            self.errands.visit(&mut add);
            self.lines.visit(&mut add);
            self.shared.scripts.visit(&mut add);
        }
        if let Some(journal) = self.journal.get() {
            journal.counters().visit(&mut add);
        }
        add(
            OWN_COUNTERS[0],
            "Events lost because too many waited to be written, or could not be written",
            self.hub.lost(),
        );
        add(
            OWN_COUNTERS[1],
            "Log lines about refusals that were counted instead of written",
            self.hub.left_out(),
        );
        if let Ok(drops) = self.driver.kernel_drops() {
            add(
                OWN_COUNTERS[2],
                "Datagrams the kernel dropped because a receive buffer was full",
                drops,
            );
        }
        self.shared.sl.total().visit(&mut |name, help, value| {
            samples.push(Sample::counter(format!("sl_{name}"), help, value));
        });
        samples.push(Sample::gauge(
            "up_seconds",
            "Seconds since the start",
            self.started.elapsed().as_secs(),
        ));
        samples.push(Sample::gauge(
            "accounts",
            "Accounts known",
            self.table().len() as u64,
        ));
        samples.push(Sample::gauge(
            "bindings",
            "Bindings held",
            self.shared.location.len() as u64,
        ));
        samples.push(Sample::gauge(
            "connections",
            "Connections open",
            self.driver.connection_count() as u64,
        ));
        if let Some(octets) = resident_octets() {
            samples.push(Sample::gauge(
                "resident_memory_octets",
                "Memory of the process",
                octets,
            ));
        }
        samples
    }

    fn ready(&self) -> Result<(), String> {
        match self.ending.load(Ordering::Relaxed) {
            true => Err("the server is ending".to_owned()),
            false => Ok(()),
        }
    }

    fn users(&self, page: &Page) -> Result<Users, ControlError> {
        let all = self.table().list();
        let wanted = all
            .iter()
            .filter(|account| page.wants(&format!("{}@{}", account.user, account.domain)));
        let (rows, total) = page.take(wanted);
        Ok(Users {
            users: rows
                .into_iter()
                .map(|account| self.entry(account))
                .collect(),
            total,
        })
    }

    fn user(&self, user: &str) -> Result<UserEntry, ControlError> {
        let user = User::parse(user, &self.config.load().domains).map_err(control_error)?;
        match self.table().get(user.name.as_bytes(), &user.domain) {
            Some(account) => Ok(self.entry(&account)),
            None => Err(control_error(StoreError::UnknownUser(user.to_string()))),
        }
    }

    fn add_user(&self, user: NewUser) -> Result<(), ControlError> {
        self.refuse_configured(&user.user)?;
        self.accounts
            .add(received(&user, &self.config.load().domains)?, self.table())
    }

    fn change_user(&self, user: NewUser) -> Result<(), ControlError> {
        self.refuse_configured(&user.user)?;
        self.accounts
            .change(received(&user, &self.config.load().domains)?, self.table())
    }

    fn delete_user(&self, user: &str) -> Result<(), ControlError> {
        let user = self.refuse_configured(user)?;
        self.accounts.delete(&user, self.table())?;
        self.drop_bindings(&user).map(drop)
    }

    fn import_users(&self, users: Vec<NewUser>, replace: bool) -> Result<Imported, ControlError> {
        let config = self.config.load_full();
        let mut accounts = Vec::with_capacity(users.len());
        for user in &users {
            accounts.push(received(user, &config.domains)?);
        }
        for written in &config.users {
            if let Some(user) = users
                .iter()
                .find(|one| one.user == format!("{}@{}", written.name, written.domain))
            {
                self.refuse_configured(&user.user)?;
            }
        }
        self.accounts.import(accounts, replace, self.table())
    }

    fn registrations(&self, page: &Page) -> Result<Registrations, ControlError> {
        let now = self.driver.now().monotonic;
        let after = page.after.as_deref().and_then(|user| user.rsplit_once('@'));
        let after = after.map(|(user, domain)| AddressOfRecord::new(user.as_bytes(), domain));
        let counts = after.is_none();
        let (mut shown, mut total) = (Registrations::default(), 0);
        let mut last = None;
        self.every_registered(after, |aor, bindings| {
            let user = String::from_utf8_lossy(aor.as_bytes());
            let user = user.strip_prefix("sip:").unwrap_or(&user);
            if !page.wants(user) {
                return true;
            }
            if shown.registrations.len() >= page.rows() {
                shown.next = last.take().or(shown.next.take());
                total += bindings.len();
                // The rest is walked only to count it.
                return counts && page.contains.is_some();
            }
            for binding in bindings.iter() {
                total += 1;
                if total > page.offset {
                    shown.registrations.push(registration(user, binding, now));
                }
            }
            last = Some(user.to_owned());
            true
        });
        if page.contains.is_none() {
            total = self.shared.location.len();
        }
        shown.total = counts.then_some(total);
        Ok(shown)
    }

    fn drop_registrations(&self, user: &str) -> Result<usize, ControlError> {
        let user = User::parse(user, &self.config.load().domains).map_err(control_error)?;
        let dropped = self.drop_bindings(&user)?;
        let known = self.table().get(user.name.as_bytes(), &user.domain);
        // Without authentication there are users without accounts.
        if dropped == 0 && known.is_none() && self.config.load().auth.required {
            return Err(control_error(StoreError::UnknownUser(user.to_string())));
        }
        Ok(dropped)
    }

    fn reload(&self) -> Result<Reloaded, ControlError> {
        let result = self.take_over();
        match &result {
            Ok(reloaded) if reloaded.needs_restart.is_empty() => {
                tracing::info!("reloaded the configuration")
            }
            Ok(reloaded) => tracing::warn!(
                "reloaded the configuration; needs a restart to take effect: {}",
                reloaded.needs_restart.join(", ")
            ),
            Err(error) => tracing::error!("the configuration was not reloaded:\n{error}"),
        }
        result
    }

    fn rpc(
        &self,
        method: &str,
        params: &[serde_json::Value],
    ) -> Result<serde_json::Value, RpcFault> {
        super::rpc::call(self, method, params)
    }

    fn watch(&self, filter: WatchFilter, sender: WatchSender) {
        self.hub.watch(filter, sender);
        self.refresh_interest();
    }
}
