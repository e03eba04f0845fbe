//! One resolution: from a next hop to targets in the order to try, with fail-over (RFC 3263 §4).
//!
//! ```text
//! numeric ─────────────────────────────────────────────────────> target
//! port given ────────────────────────────────> A, AAAA ────────> targets
//! transport given ─────────────> SRV ─(none)─> A, AAAA ────────> targets
//! neither ──> NAPTR ─(none)────> SRV of each transport ─(none)─> A, AAAA with the default transport
//! ```
//!
//! Questions are asked one at a time and only when their answer is needed: a further address family, SRV record or
//! transport is looked up once the targets before it have failed.

use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;

use smallvec::SmallVec;
use strowger_sip::{Time, Transport};

use crate::cache::{Cached, DnsCache, count};
use crate::next_hop::{HopHost, LocalTransports, NextHop};
use crate::question::{Answer, Question, QuestionKind, Record};
use crate::settings::ResolveSettings;
use crate::srv;

/// Where to send a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// The transport.
    pub transport: Transport,
    /// Address and port.
    pub address: SocketAddr,
    /// The name that the peer's certificate must have: the name that was resolved, not what the DNS led to
    /// (RFC 3263 §4.1); `None` where an address was given.
    pub tls_name: Option<Box<str>>,
    /// No explicit transport led here, so that a request too big for UDP may move to TCP.
    pub transport_is_free: bool,
}

/// What a resolution wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask the DNS, then hand in the answer.
    Ask(Question),
    /// Send to this target; if that fails, go on with [`Resolution::next_target`].
    Target(Target),
    /// There is no (further) target.
    Failed(FailReason),
}

/// Why a resolution ended without a target.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum FailReason {
    /// The DNS knows no address.
    NoSuchName,
    /// The DNS did not answer.
    DnsFailed,
    /// No listener of this element could reach what was found.
    NoTransport,
    /// Every target was tried.
    Exhausted,
    /// A limit was met first.
    Limited,
}

impl core::fmt::Display for FailReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            FailReason::NoSuchName => "the name has no address",
            FailReason::DnsFailed => "the DNS did not answer",
            FailReason::NoTransport => "no listener reaches the next hop",
            FailReason::Exhausted => "all addresses of the next hop failed",
            FailReason::Limited => "too many questions or targets for one next hop",
        })
    }
}

impl std::error::Error for FailReason {}

/// Something still to be looked at, in the order to try.
#[derive(Clone, Debug)]
enum Work {
    /// NAPTR records of the host.
    Naptr,
    /// SRV records at `name` for one transport.
    Srv {
        transport: Transport,
        name: Box<str>,
    },
    /// Addresses of a name.
    Host {
        transport: Transport,
        name: Box<str>,
        port: u16,
        kind: QuestionKind,
    },
    /// Addresses of the host itself with the default transport, unless SRV records were found.
    DefaultHost,
    /// A target.
    Address {
        transport: Transport,
        address: SocketAddr,
    },
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Resolution {
    hop: NextHop,
    local: LocalTransports,
    seed: u64,
    prefer_ipv6: bool,
    targets_max: usize,
    questions_left: usize,
    work: VecDeque<Work>,
    /// The question whose answer is awaited.
    asked: Option<Question>,
    /// Its answer, where the cache may not hold it.
    answered: Option<Option<Cached>>,
    current: Option<Target>,
    /// What has been given out: nothing is tried twice.
    tried: SmallVec<[(Transport, SocketAddr); 2]>,
    srv_found: bool,
    dns_failed: bool,
    unreachable: bool,
    limited: bool,
}

impl Resolution {
    /// A resolution of `hop` with the transports in `local`. The seed decides among SRV records of equal priority.
    pub fn new(
        hop: NextHop,
        settings: &ResolveSettings,
        local: LocalTransports,
        seed: u64,
    ) -> Resolution {
        let mut resolution = Resolution {
            hop,
            local,
            seed,
            prefer_ipv6: settings.prefer_ipv6,
            targets_max: settings.targets_max,
            questions_left: settings.questions_max,
            work: VecDeque::new(),
            asked: None,
            answered: None,
            current: None,
            tried: SmallVec::new(),
            srv_found: false,
            dns_failed: false,
            unreachable: false,
            limited: false,
        };
        resolution.plan(settings.naptr);
        resolution
    }

    /// What is wanted now. Repeats itself until an answer comes or [`Resolution::next_target`] is called.
    pub fn step(&mut self, cache: &DnsCache, now: Time) -> Step {
        if let Some(target) = &self.current {
            return Step::Target(target.clone());
        }
        if let (Some(question), None) = (&self.asked, &self.answered) {
            return Step::Ask(question.clone());
        }
        loop {
            let Some(work) = self.work.pop_front() else {
                return Step::Failed(self.reason());
            };
            let idle = matches!(work, Work::DefaultHost) && self.srv_found;
            if self.tried.len() >= self.targets_max && !idle {
                self.limit(&cache.counts.targets_limited);
                continue;
            }
            let (name, kind) = match &work {
                Work::Naptr => match &self.hop.host {
                    HopHost::Name(name) => (name, QuestionKind::Naptr),
                    HopHost::Address(_) => continue,
                },
                Work::Srv { name, .. } => (name, QuestionKind::Srv),
                Work::Host { name, kind, .. } => (name, *kind),
                Work::DefaultHost => {
                    self.default_host();
                    continue;
                }
                Work::Address { transport, address } => match self.offer(*transport, *address) {
                    Some(target) => return Step::Target(target),
                    None => continue,
                },
            };
            let answer = match self.answered.take() {
                Some(answer) => {
                    self.asked = None;
                    answer
                }
                None => {
                    if self.questions_left == 0 {
                        self.limit(&cache.counts.questions_limited);
                        continue;
                    }
                    self.questions_left -= 1;
                    let question = Question::new(name, kind);
                    match cache.lookup(&question, now) {
                        Some(cached) => Some(cached),
                        None => {
                            self.asked = Some(question.clone());
                            self.work.push_front(work);
                            return Step::Ask(question);
                        }
                    }
                }
            };
            let records = match answer {
                Some(Cached::Records(records)) => Some(records),
                Some(Cached::NoSuchName) => None,
                None => {
                    self.dns_failed = true;
                    None
                }
            };
            self.expand(work, records.as_deref().unwrap_or_default());
        }
    }

    /// The answer to the question that [`Resolution::step`] asked; the cache keeps it for others.
    pub fn answer(&mut self, answer: Answer, cache: &DnsCache, now: Time) {
        if let Some(question) = &self.asked
            && self.answered.is_none()
        {
            self.answered = Some(cache.insert(question, answer, now));
        }
    }

    /// The target given last has failed (time-out, 503, ICMP error, connection failure: RFC 3263 §4.3); what next?
    pub fn next_target(&mut self, cache: &DnsCache, now: Time) -> Step {
        if self.current.take().is_some() {
            count(&cache.counts.failovers, 1);
        }
        self.step(cache, now)
    }

    /// What is being resolved.
    pub fn next_hop(&self) -> &NextHop {
        &self.hop
    }

    /// True while a question is unanswered.
    pub fn is_waiting(&self) -> bool {
        self.asked.is_some() && self.answered.is_none()
    }

    fn plan(&mut self, naptr: bool) {
        match &self.hop.host {
            &HopHost::Address(address) => {
                let Some(transport) = self.default_transport(Some(address)) else {
                    return;
                };
                let port = self.hop.port.unwrap_or(transport.default_port());
                self.work.push_back(Work::Address {
                    transport,
                    address: SocketAddr::new(address, port),
                });
            }
            HopHost::Name(_) if self.hop.port.is_some() => self.work.push_back(Work::DefaultHost),
            HopHost::Name(_) => {
                if naptr && self.hop.transport.is_none() {
                    self.work.push_back(Work::Naptr);
                } else {
                    self.plan_services();
                }
            }
        }
    }

    /// SRV records of every transport in question, then the host itself.
    fn plan_services(&mut self) {
        if let HopHost::Name(host) = &self.hop.host {
            let candidates: &[Transport] = match (&self.hop.transport, self.hop.secure) {
                (Some(transport), _) => core::slice::from_ref(transport),
                (None, true) => &[Transport::Tls],
                (None, false) => &[Transport::Udp, Transport::Tcp, Transport::Tls],
            };
            for &transport in candidates
                .iter()
                .filter(|&&transport| self.local.has_transport(transport))
            {
                let name = format!("{}.{host}", service(transport)).into();
                self.work.push_back(Work::Srv { transport, name });
            }
        }
        self.work.push_back(Work::DefaultHost);
    }

    fn default_transport(&mut self, address: Option<IpAddr>) -> Option<Transport> {
        let found = self.hop.transport_to(self.local, address);
        self.unreachable |= found.is_none();
        found
    }

    fn default_host(&mut self) {
        if self.srv_found {
            return;
        }
        let Some(transport) = self.default_transport(None) else {
            return;
        };
        if let HopHost::Name(name) = &self.hop.host {
            let (name, port) = (
                name.clone(),
                self.hop.port.unwrap_or(transport.default_port()),
            );
            self.push_host_front(transport, name, port);
        }
    }

    /// Questions for the addresses of a name, in front of all other work.
    fn push_host_front(&mut self, transport: Transport, name: Box<str>, port: u16) {
        let mut kinds = [(QuestionKind::A, true), (QuestionKind::Aaaa, false)];
        if self.prefer_ipv6 {
            kinds.reverse();
        }
        let reachable = kinds
            .into_iter()
            .filter(|&(_, ipv4)| self.local.has(transport, ipv4));
        for (kind, _) in reachable.rev() {
            self.work.push_front(Work::Host {
                transport,
                name: name.clone(),
                port,
                kind,
            });
        }
    }

    fn expand(&mut self, work: Work, records: &[Record]) {
        match work {
            Work::Naptr => self.expand_naptr(records),
            Work::Srv { transport, .. } => {
                let servers = srv::order(records, self.seed);
                // A record that says "no such service" is an answer too: the host itself is then not asked.
                self.srv_found |= !records.is_empty();
                for server in servers.into_iter().rev() {
                    match server.target.parse::<IpAddr>() {
                        Ok(ip) => {
                            let address = SocketAddr::new(ip, server.port);
                            self.work.push_front(Work::Address { transport, address });
                        }
                        Err(_) => self.push_host_front(transport, server.target, server.port),
                    }
                }
            }
            Work::Host {
                transport, port, ..
            } => {
                let addresses = records.iter().filter_map(|record| match record {
                    Record::A(address) => Some(IpAddr::V4(*address)),
                    Record::Aaaa(address) => Some(IpAddr::V6(*address)),
                    Record::Srv { .. } | Record::Naptr { .. } => None,
                });
                for ip in addresses.rev() {
                    self.work.push_front(Work::Address {
                        transport,
                        address: SocketAddr::new(ip, port),
                    });
                }
            }
            Work::DefaultHost | Work::Address { .. } => {}
        }
    }

    /// The usable NAPTR records in their order; without any, SRV records of each transport are asked for.
    fn expand_naptr(&mut self, records: &[Record]) {
        let mut usable: Vec<(u16, u16, Transport, &str)> = records
            .iter()
            .filter_map(|record| match record {
                Record::Naptr {
                    order,
                    preference,
                    flags,
                    services,
                    regexp,
                    replacement,
                } => {
                    let transport = naptr_transport(services)?;
                    let replacement = replacement.strip_suffix('.').unwrap_or(replacement);
                    let fits = flags.eq_ignore_ascii_case("s")
                        && regexp.is_empty()
                        && !replacement.is_empty()
                        && (!self.hop.secure || transport.is_secure())
                        && self.local.has_transport(transport);
                    fits.then_some((*order, *preference, transport, replacement))
                }
                Record::A(_) | Record::Aaaa(_) | Record::Srv { .. } => None,
            })
            .collect();
        usable.sort_unstable();
        for &(_, _, transport, name) in &usable {
            self.work.push_back(Work::Srv {
                transport,
                name: name.into(),
            });
        }
        if usable.is_empty() {
            self.plan_services();
        } else {
            self.work.push_back(Work::DefaultHost);
        }
    }

    /// The target, unless it was given before or cannot be reached.
    fn offer(&mut self, transport: Transport, address: SocketAddr) -> Option<Target> {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        if !self.local.reaches(transport, address.ip())
            || address.ip().is_unspecified()
            || address.port() == 0
        {
            self.unreachable = true;
            return None;
        }
        if self.tried.contains(&(transport, address)) {
            return None;
        }
        self.tried.push((transport, address));
        let tls_name = match &self.hop.host {
            HopHost::Name(name) if transport.is_secure() => Some(name.clone()),
            HopHost::Name(_) | HopHost::Address(_) => None,
        };
        let target = Target {
            transport,
            address,
            tls_name,
            transport_is_free: self.hop.transport_is_free(),
        };
        self.current = Some(target.clone());
        Some(target)
    }

    fn limit(&mut self, counter: &std::sync::atomic::AtomicU64) {
        self.limited = true;
        self.work.clear();
        count(counter, 1);
    }

    fn reason(&self) -> FailReason {
        if self.limited {
            FailReason::Limited
        } else if !self.tried.is_empty() {
            FailReason::Exhausted
        } else if self.dns_failed {
            FailReason::DnsFailed
        } else if self.unreachable {
            FailReason::NoTransport
        } else {
            FailReason::NoSuchName
        }
    }
}

/// The labels before the domain in an SRV question (RFC 3263 §4.2, RFC 7118 §4).
fn service(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        Transport::Ws => "_sip._ws",
        Transport::Wss => "_sips._ws",
    }
}

fn naptr_transport(services: &str) -> Option<Transport> {
    const SERVICES: [(&str, Transport); 5] = [
        ("SIP+D2U", Transport::Udp),
        ("SIP+D2T", Transport::Tcp),
        ("SIPS+D2T", Transport::Tls),
        ("SIP+D2W", Transport::Ws),
        ("SIPS+D2W", Transport::Wss),
    ];
    SERVICES
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(services))
        .map(|(_, transport)| transport)
}

#[cfg(test)]
mod tests;
