//! From a configuration to what the element and the driver are made with.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use strowger_element::{
    AdmissionSettings, Compatibility, Listener, Prefix, Settings, SourceLimits,
};
use strowger_net::{ListenerSettings, NetSettings, StreamSettings, interface_addresses};
use strowger_proxy::{Fork, ProxySettings};
use strowger_registrar::{AuthSettings, RealmSettings, RegistrarSettings};
use strowger_resolve::ResolveSettings;
use strowger_routing::{Mode, PolicyChoice, PolicySettings};
use strowger_sip::{Algorithm, Limits, Transport};
use strowger_transaction::{TableLimits, TimerSettings};

use super::scripted;
use crate::config::{Config, Durability, Listen, Realm, host_text};
use crate::exit::{Exit, Failure};
use crate::kamailio::ScriptLines;

/// Workers without a setting: one per processor up to this.
const WORKERS_MAX: usize = 16;
/// Shards per worker without a setting, if there are several.
const SHARDS_PER_WORKER: u16 = 4;

/// A listener with the place in the file where it was asked for.
#[derive(Clone, Debug)]
pub struct PlacedListener {
    /// Transport.
    pub transport: Transport,
    /// Address, no wildcard.
    pub address: SocketAddr,
    /// As written.
    pub listen: Listen,
}

/// The listeners with wildcards expanded.
///
/// # Errors
/// The machine's addresses cannot be listed, or it has none of a family asked for.
pub fn listeners(config: &Config) -> Result<Vec<PlacedListener>, Failure> {
    let mut placed: Vec<PlacedListener> = Vec::new();
    for listen in &config.listen {
        let addresses = match listen.address.ip().is_unspecified() {
            false => vec![listen.address],
            true => expanded(listen)?,
        };
        for address in addresses {
            if !placed
                .iter()
                .any(|one| one.transport == listen.transport && one.address == address)
            {
                placed.push(PlacedListener {
                    transport: listen.transport,
                    address,
                    listen: listen.clone(),
                });
            }
        }
    }
    Ok(placed)
}

fn expanded(listen: &Listen) -> Result<Vec<SocketAddr>, Failure> {
    let failure = |what: String| Failure::new(Exit::Failed, what);
    let all = interface_addresses()
        .map_err(|error| failure(format!("cannot list this machine's addresses: {error}")))?;
    let wanted = all
        .iter()
        .filter(|one| one.address.is_ipv4() == listen.address.is_ipv4() && !one.is_link_local());
    let addresses: Vec<SocketAddr> = wanted
        .map(|one| SocketAddr::new(one.address.ip(), listen.address.port()))
        .collect();
    match addresses.is_empty() {
        true => Err(
            failure(format!("this machine has no address for `{}`", listen.text))
                .fix("remove it from `listen`"),
        ),
        false => Ok(addresses),
    }
}

/// Worker threads.
pub fn workers(config: &Config) -> u16 {
    let processors = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(WORKERS_MAX);
    config
        .workers
        .unwrap_or(u16::try_from(processors).unwrap_or(1))
}

/// Shards.
pub fn shards(config: &Config) -> u16 {
    config.shards.unwrap_or_else(|| match workers(config) {
        1 => 1,
        workers => (workers * SHARDS_PER_WORKER).min(256),
    })
}

/// What the driver is made with.
pub fn net(config: &Config, listeners: &[PlacedListener]) -> NetSettings {
    let limits = &config.limits;
    NetSettings {
        listeners: listeners
            .iter()
            .map(|one| ListenerSettings {
                transport: one.transport,
                address: one.address,
            })
            .collect(),
        workers: workers(config),
        shards: shards(config),
        streams: StreamSettings {
            connections_max: limits.connections_max,
            connections_per_source_max: limits.connections_per_source_max,
            connect_timeout: Duration::from_millis(limits.connect_timeout_ms.into()),
            message_timeout: Duration::from_millis(limits.message_timeout_ms.into()),
            idle_timeout: Duration::from_secs(limits.connection_idle_seconds.into()),
            ..StreamSettings::default()
        },
        queue_delay_max: Duration::from_millis(limits.queue_delay_ms_max.into()),
        ..NetSettings::default()
    }
}

/// What the element is made with. Lines of a script go to `lines`.
pub fn element(
    config: &Config,
    listeners: &[PlacedListener],
    lines: &Arc<ScriptLines>,
) -> Settings {
    let mut settings = native(config, listeners);
    if let Some(factory) = scripted::factory(config, lines) {
        scripted::overlay(config, factory, &mut settings);
    }
    settings
}

fn native(config: &Config, listeners: &[PlacedListener]) -> Settings {
    let shards = shards(config);
    let per_shard =
        u32::try_from(config.limits.transactions_max.div_ceil(shards.into())).unwrap_or(u32::MAX);
    Settings {
        shards,
        node: 0,
        listeners: listeners.iter().map(|one| listener(config, one)).collect(),
        domains: config.domains.clone(),
        message: Limits {
            message_octets_max: config.limits.message_octets_max,
            headers_max: config.limits.headers_max,
            header_octets_max: config.limits.header_octets_max,
            ..Limits::default()
        },
        timers: TimerSettings {
            t2: Duration::from_millis(config.timers.t2_ms.into()),
            t4: Duration::from_millis(config.timers.t4_ms.into()),
            ..TimerSettings::with_t1(Duration::from_millis(config.timers.t1_ms.into()))
        },
        transactions: TableLimits {
            servers_max: per_shard,
            clients_max: per_shard,
        },
        sources: SourceLimits {
            messages_per_second: config.limits.messages_per_second,
            burst_messages: config.limits.burst_messages,
            trusted: config
                .limits
                .trusted_sources
                .iter()
                .map(|&(address, bits)| Prefix { address, bits })
                .collect(),
            answer_excess_octets: config.limits.answer_excess_octets,
        },
        admission: AdmissionSettings {
            retry_after_seconds: config.limits.retry_after_seconds,
        },
        auth: AuthSettings {
            algorithms: algorithms(&config.auth.algorithms),
            realms: config.auth.realms.iter().map(realm).collect(),
            nonce_seconds: config.auth.nonce_seconds,
            ..AuthSettings::default()
        },
        registrar: RegistrarSettings {
            expires_seconds_min: config.registrar.expires_min,
            expires_seconds_default: config.registrar.expires_default,
            expires_seconds_max: config.registrar.expires_max,
            bindings_per_aor_max: config.registrar.bindings_per_aor_max,
            ..RegistrarSettings::default()
        },
        proxy: proxy(config),
        resolve: ResolveSettings::default(),
        policy: PolicyChoice::Native(PolicySettings {
            auth_required: config.auth.required,
            accept_foreign: config.proxy.accept_foreign,
            mode: if config.proxy.redirect {
                Mode::Redirect
            } else {
                Mode::Proxy
            },
        }),
        one_domain: false,
        compatibility: Compatibility::default(),
        durable: config.durability != Durability::Memory
            && config.data != crate::config::Data::Memory,
        server_header: config.server_header.clone(),
    }
}

fn realm(realm: &Realm) -> RealmSettings {
    RealmSettings {
        realm: realm.name.clone(),
        algorithms: algorithms(&realm.algorithms),
    }
}

fn algorithms(names: &[String]) -> Vec<Algorithm> {
    names.iter().map(|name| algorithm(name)).collect()
}

fn listener(config: &Config, placed: &PlacedListener) -> Listener {
    let advertised = placed
        .listen
        .advertised
        .as_ref()
        .or(config.advertise.as_ref())
        .filter(|(host, _)| same_family(host, placed.address.ip()));
    Listener {
        transport: placed.transport,
        address: placed.address,
        advertised: advertised
            .map(|(host, port)| (host.clone(), port.unwrap_or(placed.address.port()))),
    }
}

/// An IPv4 address is not advertised for an IPv6 listener, nor the other way round; a name serves both.
fn same_family(host: &str, ip: IpAddr) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>()
        .map_or(true, |advertised| advertised.is_ipv4() == ip.is_ipv4())
}

fn algorithm(name: &str) -> Algorithm {
    match name {
        "SHA-256" => Algorithm::Sha256,
        _ => Algorithm::Md5,
    }
}

fn proxy(config: &Config) -> ProxySettings {
    ProxySettings {
        timer_c_seconds: config.proxy.timer_c_seconds,
        ring_seconds_max: config.proxy.ring_seconds_max,
        accept_foreign: config.proxy.accept_foreign,
        fork: if config.proxy.parallel {
            Fork::Parallel
        } else {
            Fork::ByQ
        },
        recurse_on_3xx: config.proxy.recurse,
        ..ProxySettings::default()
    }
}

/// A listener's address as it is shown.
pub fn shown(address: SocketAddr) -> String {
    format!("{}:{}", host_text(address.ip()), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;

    #[test]
    fn one_worker_has_one_shard_and_several_have_four_each() {
        for (written, expected) in [
            ("workers = 1", 1),
            ("workers = 2", 8),
            ("workers = 64", 256),
            ("workers = 1\nshards = 4", 4),
            ("workers = 8\nshards = 1", 1),
        ] {
            let text = format!("domains = [\"a.test\"]\nlisten = [\"udp:127.0.0.1\"]\n{written}\n");
            let source = Source::new("strowger.toml".into(), text);
            let (config, report) = Config::parse(source, std::path::Path::new("."));
            let config = config.unwrap_or_else(|| panic!("{report:?}"));
            assert_eq!(shards(&config), expected, "{written}");
        }
    }
}
