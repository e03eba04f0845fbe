//! Builds a running server step by step; the first step that fails ends the start and undoes the others.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use strowger_element::{Answer, Element, Ingress, Input, Shared, SourceTable};
use strowger_kamailio::kemi::LogLevel as Level;
use strowger_net::{BindError, Driver, Running, Server, Services, Shard};
use strowger_registrar::{LocationLimits, LocationTable, NonceTable, SubscriberTable};
use strowger_resolve::{DnsCache, ResolveSettings};
use strowger_routing::SharedSlStatistics;
use strowger_routing::tables::ScriptTables;
use strowger_sip::{Now, Time};
use strowger_store::{
    DataFolder, Database, InstanceLock, Journal, JournalSettings, ListenerNames, SecretsFile,
    StoreError, load,
};
use strowger_transaction::token::{SecretKey, Secrets};
use tokio::sync::mpsc;

use super::accounts::AccountBook;
use super::beside::{Beside, Doors};
use super::dns::{DnsCounters, QUESTIONS_WAITING_MAX};
use super::errands::{ErrandCounters, ErrandDesk};
use super::hub::Hub;
use super::keeping::Keeping;
use super::lines::Names;
use super::live::Live;
use super::log::LogLevel;
use super::panic_hook::{self, Panicking};
use super::panics::PanicBox;
use super::port_owner::port_owner;
use super::services::{Outside, Waiter};
use super::settings::{self, PlacedListener};
use crate::config::{Config, Data, Durability};
use crate::exit::{Exit, Failure};
use crate::kamailio::{ScriptLines, Stores};
use crate::locate::Located;
use crate::password;

/// A running server.
pub struct Started {
    /// What the administration sees.
    pub live: Arc<Live>,
    running: Running,
    beside: Beside,
    /// Held as long as the process serves.
    _lock: Option<InstanceLock>,
}

impl Started {
    /// Writes out what connections hold, ends the workers, then the rest.
    pub fn end(self, drain: Duration) {
        self.running.shutdown(drain);
        self.beside.end();
    }
}

/// What is kept on disk.
#[derive(Default)]
struct Kept {
    folder: Option<DataFolder>,
    lock: Option<InstanceLock>,
    database: Option<Database>,
    warnings: Vec<String>,
}

/// Starts a server.
///
/// # Errors
/// A step failed; everything before it is undone.
pub fn start(located: Located, log: LogLevel) -> Result<Started, Failure> {
    let Located { config, origin, .. } = located;
    let listeners = settings::listeners(&config)?;
    // A folder that is there is locked first: that another instance runs says more than that its ports are taken.
    // One that is not there is made only when nothing else is wrong.
    let locked = match &config.data {
        Data::Folder(path) if path.exists() => Some(lock(path)?),
        _ => None,
    };
    let bound = Server::bind(settings::net(&config, &listeners))
        .map_err(|error| cannot_listen(&error, &listeners, &config))?;
    let (connections_max, receive_octets) =
        (bound.connections_max(), bound.datagram_buffer_octets());
    let kept = keep(&config, locked)?;
    let secrets = secrets(kept.folder.as_ref())?;
    let doors = Doors::open(&config)?;
    let mut stores = Stores::load(&config)?;
    for warning in &stores.warnings {
        tracing::warn!("{warning}");
    }

    let lines = Arc::new(ScriptLines::new(Level::Notice));
    let element_settings = Arc::new(settings::element(&config, &listeners, &lines));
    let shared = Arc::new(shared_tables(
        &element_settings.resolve,
        element_settings.shards,
    )?);
    let accounts = AccountBook::open(kept.database.as_ref())?;
    let foreign = std::mem::take(&mut stores.accounts);
    let hiding = accounts.fill(&config, foreign, &shared.subscribers)?;
    // The driver's monotonic clock begins with its start; what expires is counted from there.
    let beginning = Now {
        monotonic: Time::ZERO,
        wall: wall(),
    };
    let faults = stores.fill(config.script.as_deref(), &shared.scripts, beginning);
    for warning in hiding.iter().chain(&faults) {
        tracing::warn!("{warning}");
    }
    let ingress = Arc::new(Ingress::new(
        element_settings.clone(),
        shared.clone(),
        secrets,
    ));
    let settings = Arc::new(ArcSwap::new(element_settings));
    let hub = Arc::new(Hub::new(Names::of(&config, &listeners)));
    hub.set_refusals_max(config.log.refusals_per_second_max);
    let journal: Arc<OnceLock<Journal<Waiter>>> = Arc::default();
    let keeping: Arc<Keeping> = Arc::default();
    let dns = Arc::new(DnsCounters::default());
    let (questions, asked) = mpsc::channel(QUESTIONS_WAITING_MAX);
    let errands = Arc::new(ErrandCounters::default());
    let (desk, errands_asked) = ErrandDesk::new(errands.clone());

    let factory = {
        let (settings, shared, seed) = (settings.clone(), shared.clone(), random_u64()?);
        // A shard that takes the place of one that panicked begins its numbers elsewhere: late responses to what the
        // other had sent must not find its requests.
        let built = AtomicU64::new(0);
        let panicking = panic_hook::from_environment();
        Arc::new(move |shard: u16| -> Box<dyn Shard> {
            let number = built.fetch_add(1, Ordering::Relaxed);
            let seed = seed ^ shard_number_seed(shard, number);
            let element: Box<dyn Shard> = Box::new(Element::new(
                settings.load_full(),
                shared.clone(),
                secrets,
                shard,
                seed,
            ));
            match panicking.clone() {
                None => element,
                Some(call_id) => Box::new(Panicking {
                    shard: element,
                    call_id,
                }),
            }
        })
    };
    let mut restored = Ok(());
    let running = bound
        .start(ingress.clone(), factory, |driver| {
            // The driver's monotonic clock begins now, before any worker runs.
            let now = Now {
                monotonic: Time::ZERO,
                wall: wall(),
            };
            restored = restore(
                &config,
                &kept,
                &listeners,
                &shared,
                now,
                (&journal, &keeping),
                driver,
            );
            let panics = PanicBox::new(kept.folder.as_ref().map(DataFolder::path));
            let services = Outside::new(
                driver.clone(),
                questions,
                dns.clone(),
                desk,
                journal.clone(),
                hub.clone(),
                panics,
            );
            Arc::new(services) as Arc<dyn Services>
        })
        .map_err(|error| {
            Failure::new(Exit::Failed, format!("cannot start the workers: {error}"))
        })?;
    restored?;

    let warnings = warnings(&kept, &config, connections_max, receive_octets);
    let live = Arc::new(Live {
        config: ArcSwap::from_pointee(config),
        origin,
        settings,
        listeners,
        shared,
        ingress,
        driver: running.driver().clone(),
        accounts,
        journal,
        keeping,
        hub,
        dns,
        errands,
        lines,
        log,
        started: Instant::now(),
        configured_at: Mutex::new(SystemTime::now()),
        warnings,
        hiding: ArcSwap::from_pointee(hiding),
        ending: AtomicBool::new(false),
    });
    live.refresh_interest();
    write_events(&live)?;
    let beside = Beside::start(doors, &live, asked, errands_asked)?;
    Ok(Started {
        live,
        running,
        beside,
        _lock: kept.lock,
    })
}

/// Opens the data folder as its only instance.
fn lock(path: &Path) -> Result<(DataFolder, InstanceLock), StoreError> {
    let folder = DataFolder::open(path)?;
    let lock = folder.lock()?;
    Ok((folder, lock))
}

/// Opens what is kept on disk.
fn keep(config: &Config, locked: Option<(DataFolder, InstanceLock)>) -> Result<Kept, Failure> {
    let Data::Folder(path) = &config.data else {
        return Ok(Kept::default());
    };
    let (folder, lock) = match locked {
        Some(locked) => locked,
        None => lock(path)?,
    };
    let opened = Database::open_for_service(&folder, &lock, wall().as_secs())?;
    let warnings: Vec<String> = opened.warnings.iter().map(ToString::to_string).collect();
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    Ok(Kept {
        folder: Some(folder),
        lock: Some(lock),
        database: Some(opened.database),
        warnings,
    })
}

/// Loads bindings and starts the journal.
fn restore(
    config: &Config,
    kept: &Kept,
    listeners: &[PlacedListener],
    shared: &Shared,
    now: Now,
    (journal, keeping): (&OnceLock<Journal<Waiter>>, &Arc<Keeping>),
    driver: &Weak<Driver>,
) -> Result<(), StoreError> {
    let Some(database) = &kept.database else {
        return Ok(());
    };
    if config.durability == Durability::Memory {
        return load::clear_bindings(database);
    }
    let names = ListenerNames::new(listeners.iter().map(|one| (one.transport, one.address)));
    let loaded = load::bindings(database, &shared.location, now, &names)?;
    tracing::info!(
        "{} accounts, {} registrations",
        shared.subscribers.len(),
        loaded.bindings
    );
    let settings = JournalSettings {
        durability: match config.durability {
            Durability::Disk => strowger_store::Durability::Disk,
            _ => strowger_store::Durability::Process,
        },
        listeners: names,
        ..JournalSettings::default()
    };
    let (driver, keeping) = (driver.clone(), keeping.clone());
    let completed = move |waiters: &[Waiter], durable: bool| {
        keeping.note(durable, waiters.len());
        let Some(driver) = driver.upgrade() else {
            return;
        };
        let answer = if durable {
            Answer::Journaled
        } else {
            Answer::Failed
        };
        for &(shard, query) in waiters {
            let answer = answer.clone();
            driver.deliver(shard, Input::Completed { query, answer });
        }
    };
    if let Some(started) = Journal::start(database, settings, completed)? {
        let _ = journal.set(started);
    }
    Ok(())
}

fn secrets(folder: Option<&DataFolder>) -> Result<Secrets, Failure> {
    if let Some(folder) = folder {
        return Ok(SecretsFile::of(folder).load_or_create()?);
    }
    Ok(Secrets {
        current: SecretKey {
            id: 1,
            key: random()?,
        },
        previous: None,
    })
}

pub(super) fn shared_tables(resolve: &ResolveSettings, shards: u16) -> Result<Shared, Failure> {
    Ok(Shared {
        location: LocationTable::new(LocationLimits::default(), random_u64()?),
        subscribers: SubscriberTable::new(random_u64()?),
        nonces: NonceTable::new(NonceTable::SLOTS_DEFAULT, u32::from_ne_bytes(random()?)),
        sources: SourceTable::new(random()?),
        dns: DnsCache::new(resolve, random_u64()?),
        scripts: ScriptTables::new(random_u64()?),
        sl: SharedSlStatistics::new(shards),
        shard_seed: random_u64()?,
    })
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut octets = [0; N];
    password::fill_random(&mut octets).map_err(|error| {
        Failure::new(
            Exit::Failed,
            format!("the system has no random source: {error}"),
        )
    })?;
    Ok(octets)
}

fn random_u64() -> Result<u64, Failure> {
    random().map(u64::from_ne_bytes)
}

/// What makes the seed of one shard, built as the `number`-th of the process, differ from all others.
fn shard_number_seed(shard: u16, number: u64) -> u64 {
    (number << 16 | u64::from(shard)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn wall() -> Time {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Time::ZERO + since
}

/// Says which line asked for the address, who has it, and what to write instead.
fn cannot_listen(error: &BindError, listeners: &[PlacedListener], config: &Config) -> Failure {
    let (transport, address) = (error.listener.transport, error.listener.address);
    let placed = listeners
        .iter()
        .find(|one| one.transport == transport && one.address == address);
    let what = format!(
        "{} port {} on {}",
        transport.as_str(),
        address.port(),
        address.ip()
    );
    let failure = if error.cause.kind() == std::io::ErrorKind::AddrInUse {
        let owner =
            port_owner(transport, address).map_or_else(String::new, |owner| format!(" by {owner}"));
        let other = std::net::SocketAddr::new(address.ip(), address.port().saturating_add(10));
        Failure::new(Exit::Failed, format!("{what} is already in use{owner}")).fix(format!(
            "stop that program, or listen elsewhere: \"{}:{other}\"",
            transport.as_param()
        ))
    } else {
        let text = error.cause.to_string();
        let reason = text
            .split(" (os error")
            .next()
            .unwrap_or(&text)
            .to_lowercase();
        Failure::new(Exit::Failed, format!("cannot listen on {what}: {reason}")).fix(error.hint())
    };
    match placed.filter(|_| !config.file.is_empty()) {
        Some(placed) => {
            let (line, column) = placed.listen.position;
            failure.place(format!("{}:{line}:{column}", config.file))
        }
        None => failure,
    }
}

/// What an operator should know about this start, whatever the configuration becomes.
fn warnings(
    kept: &Kept,
    config: &Config,
    connections_max: usize,
    receive_octets: Option<usize>,
) -> Vec<String> {
    let mut warnings = kept.warnings.clone();
    if connections_max < config.limits.connections_max {
        warnings.push(format!(
            "only {connections_max} connections fit under the limit of open files; raise it (`ulimit -n`, LimitNOFILE)"
        ));
    }
    let wanted = strowger_net::NetSettings::default().datagram_buffer_octets;
    if let Some(octets) = receive_octets.filter(|octets| *octets < wanted) {
        warnings.push(format!(
            "UDP receive buffers hold {octets} octets; for bursts let them hold {wanted}: sysctl net.core.rmem_max={wanted}"
        ));
    }
    warnings
}

/// Starts the thread that writes log lines and feeds watchers.
fn write_events(live: &Arc<Live>) -> Result<(), Failure> {
    let (hub, weak) = (live.hub.clone(), Arc::downgrade(live));
    let form = live.log.form();
    let unwatched = move || {
        if let Some(live) = weak.upgrade() {
            live.refresh_interest();
        }
    };
    std::thread::Builder::new()
        .name("strowger-events".to_owned())
        .spawn(move || hub.write_lines(form, unwatched))
        .map(drop)
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot start a thread: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_that_replaces_another_has_another_seed() {
        let mut seeds: Vec<u64> = (0..256)
            .flat_map(|shard| (0..16).map(move |number| shard_number_seed(shard, number)))
            .collect();
        seeds.sort_unstable();
        seeds.dedup();
        assert_eq!(seeds.len(), 256 * 16);
    }
}
