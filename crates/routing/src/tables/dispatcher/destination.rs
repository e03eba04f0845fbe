//! A destination in use: its state outlives reloads of the list.
//!
//! ```text
//! Active --failure--> Trying --probing_threshold failures in a row--> Inactive
//! Trying --success--> Active
//! Inactive --inactive_threshold successes in a row--> Active      Inactive --failure--> Inactive
//! any --operator--> any, also Disabled, which failures and successes do not touch
//! ```

use core::net::IpAddr;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use strowger_sip::{Host, Scheme, Time, Transport, Uri};

use super::entry::{DestinationAttributes, DestinationEntry};
use super::status::{DestinationChange, DestinationState, DestinationStatus};
use crate::tables::locks::lock;

/// Addresses kept of a destination that is named by host.
pub const ADDRESSES_OF_HOST_MAX: usize = 32;

/// A destination in use.
#[derive(Debug)]
pub struct Destination {
    entry: DestinationEntry,
    /// The address in the URI, or its name in lower case.
    host: Result<IpAddr, Box<str>>,
    port: Option<u16>,
    transport: Transport,
    pub(super) live: Arc<Live>,
}

/// What a destination remembers over reloads.
#[derive(Debug)]
pub(super) struct Live {
    status: AtomicU8,
    counts: Mutex<Counts>,
    /// Calls that the call load counts here.
    pub(super) calls: AtomicU32,
    addresses: Mutex<Vec<IpAddr>>,
}

#[derive(Debug, Default)]
struct Counts {
    failures: u32,
    successes: u32,
    probe_at: Option<Time>,
}

/// How many failures and successes in a row change a state.
#[derive(Copy, Clone, Debug)]
pub(super) struct Thresholds {
    pub(super) failures: u32,
    pub(super) successes: u32,
}

impl Destination {
    pub(super) fn new(entry: DestinationEntry, live: Option<Arc<Live>>) -> Destination {
        let uri = Uri::parse(entry.uri.as_bytes()).ok();
        let host = match uri.as_ref().map(|uri| uri.host) {
            Some(Host::V4(address)) => Ok(IpAddr::V4(address)),
            Some(Host::V6(address)) => Ok(IpAddr::V6(address)),
            Some(Host::Name(name)) => Err(String::from_utf8_lossy(name)
                .to_ascii_lowercase()
                .into_boxed_str()),
            None => Err(Box::default()),
        };
        let is_sips = uri.as_ref().is_some_and(|uri| uri.scheme == Scheme::Sips);
        let transport = match uri.as_ref().and_then(Uri::transport) {
            Some(transport) => transport,
            None if is_sips => Transport::Tls,
            None => Transport::Udp,
        };
        let status = DestinationStatus::from_flags(entry.flags);
        Destination {
            host,
            port: uri.as_ref().and_then(|uri| uri.port),
            transport,
            live: live.unwrap_or_else(|| Arc::new(Live::new(status))),
            entry,
        }
    }

    /// As it was listed.
    pub fn entry(&self) -> &DestinationEntry {
        &self.entry
    }
    /// Where it is.
    pub fn uri(&self) -> &str {
        &self.entry.uri
    }
    /// Its attributes.
    pub fn attributes(&self) -> &DestinationAttributes {
        &self.entry.attributes
    }
    /// Its state now.
    pub fn status(&self) -> DestinationStatus {
        DestinationStatus::from_flags(u32::from(self.live.status.load(Ordering::Relaxed)))
    }
    /// Calls that the call load counts here.
    pub fn calls(&self) -> u32 {
        self.live.calls.load(Ordering::Relaxed)
    }
    /// True if it may get another call by the call load: it has a `duid` and is under its `maxload`.
    pub fn takes_calls(&self) -> bool {
        let attributes = &self.entry.attributes;
        attributes.duid.is_some() && (attributes.maxload == 0 || self.calls() < attributes.maxload)
    }
    /// The host to resolve, if the URI has no address.
    pub fn host_name(&self) -> Option<&str> {
        self.host.as_ref().err().map(|name| &**name)
    }
    /// True if a message from there could come from this destination. A URI without port stands for any port.
    pub fn is_at(&self, address: IpAddr, port: Option<u16>, transport: Option<Transport>) -> bool {
        let address = address.to_canonical();
        let same_host = match &self.host {
            Ok(own) => own.to_canonical() == address,
            Err(_) => lock(&self.live.addresses).contains(&address),
        };
        let same =
            |own: Option<u16>, asked: Option<u16>| own.is_none() || asked.is_none() || own == asked;
        same_host
            && same(self.port, port)
            && transport.is_none_or(|transport| transport == self.transport)
    }

    /// Counts another call, if there may be one more.
    pub(super) fn take_call(&self) -> bool {
        let most = match self.entry.attributes.maxload {
            0 => u32::MAX,
            most => most,
        };
        let one_more = |calls| (calls < most).then(|| calls + 1);
        self.live
            .calls
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .is_ok()
    }

    pub(super) fn note_addresses(&self, addresses: &[IpAddr]) {
        let addresses = addresses.iter().take(ADDRESSES_OF_HOST_MAX);
        *lock(&self.live.addresses) = addresses.map(IpAddr::to_canonical).collect();
    }
}

impl Live {
    fn new(status: DestinationStatus) -> Live {
        Live {
            status: AtomicU8::new(status.bits()),
            counts: Mutex::default(),
            calls: AtomicU32::new(0),
            addresses: Mutex::default(),
        }
    }

    fn status(&self) -> DestinationStatus {
        DestinationStatus::from_flags(u32::from(self.status.load(Ordering::Relaxed)))
    }

    /// What an operator orders, at once.
    pub(super) fn set(&self, status: DestinationStatus) -> Option<DestinationChange> {
        let mut counts = lock(&self.counts);
        (counts.failures, counts.successes) = (0, 0);
        self.become_status(status)
    }

    /// What a script or a probe has found; `Active` is a success, `Trying` a failure.
    pub(super) fn mark(
        &self,
        found: DestinationStatus,
        thresholds: Thresholds,
    ) -> Option<DestinationChange> {
        use DestinationState::{Active, Disabled, Inactive, Trying};
        let mut counts = lock(&self.counts);
        let old = self.status();
        let (state, probing) = match (old.state, found.state) {
            (Disabled, _) => (Disabled, old.probing),
            (_, Disabled | Inactive) => {
                (counts.failures, counts.successes) = (0, 0);
                (found.state, found.probing)
            }
            (Inactive, Trying) => {
                counts.successes = 0;
                (Inactive, found.probing)
            }
            (_, Trying) => {
                counts.failures = counts.failures.saturating_add(1);
                let state = if counts.failures >= thresholds.failures {
                    (counts.failures, counts.successes) = (0, 0);
                    Inactive
                } else {
                    Trying
                };
                (state, found.probing)
            }
            (Inactive, Active) => {
                counts.successes = counts.successes.saturating_add(1);
                if counts.successes >= thresholds.successes {
                    (counts.failures, counts.successes) = (0, 0);
                    (Active, found.probing)
                } else {
                    (Inactive, found.probing || old.probing)
                }
            }
            (_, Active) => {
                counts.failures = 0;
                (Active, found.probing)
            }
        };
        self.become_status(DestinationStatus { state, probing })
    }

    fn become_status(&self, status: DestinationStatus) -> Option<DestinationChange> {
        let old = self.status();
        self.status.store(status.bits(), Ordering::Relaxed);
        match (old.is_usable(), status.is_usable()) {
            (false, true) => Some(DestinationChange::Up),
            (true, false) => Some(DestinationChange::Down),
            _ => None,
        }
    }

    /// True if a probe is due; the next one is then due at `next`.
    pub(super) fn take_probe(&self, now: Time, next: Time) -> bool {
        let mut counts = lock(&self.counts);
        let due = counts.probe_at.is_none_or(|at| at <= now);
        if due {
            counts.probe_at = Some(next);
        }
        due
    }

    /// When the next probe is due, if one has been sent.
    pub(super) fn probe_at(&self) -> Option<Time> {
        lock(&self.counts).probe_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWICE: Thresholds = Thresholds {
        failures: 2,
        successes: 2,
    };

    fn destination(uri: &str, flags: u32) -> Destination {
        let entry = DestinationEntry::new(1, uri, flags, 0, "").expect("a destination");
        Destination::new(entry, None)
    }

    /// Marks one after the other, and the letters after each, as measured with Kamailio 5.6.3.
    fn after(flags: u32, marks: &[&str]) -> Vec<&'static str> {
        let destination = destination("sip:192.0.2.1", flags);
        marks
            .iter()
            .map(|letters| {
                let status = DestinationStatus::parse(letters).expect("a status");
                destination.live.mark(status, TWICE);
                destination.status().letters()
            })
            .collect()
    }

    #[test]
    fn failures_in_a_row_make_inactive() {
        assert_eq!(after(0, &["t", "t", "t"]), ["TX", "IX", "IX"]);
        assert_eq!(after(0, &["t", "a", "t", "a"]), ["TX", "AX", "TX", "AX"]);
        assert_eq!(after(0, &["tp", "tp"]), ["TP", "IP"]);
    }

    #[test]
    fn successes_in_a_row_make_active() {
        assert_eq!(after(9, &["a", "a"]), ["IP", "AX"]);
        assert_eq!(after(1, &["a", "t", "a", "a"]), ["IX", "IX", "IX", "AX"]);
        assert_eq!(after(9, &["ap", "ap"]), ["IP", "AP"]);
    }

    #[test]
    fn inactive_is_marked_at_once() {
        assert_eq!(after(0, &["ip"]), ["IP"]);
        assert_eq!(after(0, &["I"]), ["IX"]);
    }

    #[test]
    fn a_disabled_destination_waits_for_an_operator() {
        assert_eq!(after(4, &["a", "a", "t", "i"]), ["DX", "DX", "DX", "DX"]);
        let destination = destination("sip:192.0.2.1", 4);
        let active = DestinationStatus::parse("ap").expect("a status");
        assert_eq!(destination.live.set(active), Some(DestinationChange::Up));
        assert_eq!(destination.status().letters(), "AP");
    }

    #[test]
    fn changes_are_told_once() {
        let destination = destination("sip:192.0.2.1", 0);
        let mark = |letters| {
            let status = DestinationStatus::parse(letters).expect("a status");
            destination.live.mark(status, TWICE)
        };
        assert_eq!(mark("t"), None);
        assert_eq!(mark("t"), Some(DestinationChange::Down));
        assert_eq!(mark("t"), None);
        assert_eq!(mark("a"), None);
        assert_eq!(mark("a"), Some(DestinationChange::Up));
    }

    #[test]
    fn a_source_is_compared_by_address_port_and_transport() {
        let at = |uri: &str, address: &str, port, transport| {
            let address = address.parse().expect("an address");
            destination(uri, 0).is_at(address, port, transport)
        };
        let with_port = "sip:192.0.2.1:5080;transport=tcp";
        assert!(at(with_port, "192.0.2.1", Some(5080), None));
        assert!(at(with_port, "::ffff:192.0.2.1", Some(5080), None));
        assert!(at(with_port, "192.0.2.1", None, Some(Transport::Tcp)));
        assert!(!at(with_port, "192.0.2.1", Some(5060), None));
        assert!(!at(
            with_port,
            "192.0.2.1",
            Some(5080),
            Some(Transport::Udp)
        ));
        assert!(!at(with_port, "192.0.2.2", Some(5080), None));
        assert!(at("sip:192.0.2.1", "192.0.2.1", Some(6000), None));
        assert!(at(
            "sips:192.0.2.1",
            "192.0.2.1",
            None,
            Some(Transport::Tls)
        ));
    }

    #[test]
    fn a_named_host_is_where_it_was_resolved_to() {
        let destination = destination("sip:GW.example.org", 0);
        let address = "192.0.2.7".parse().expect("an address");
        assert_eq!(destination.host_name(), Some("gw.example.org"));
        assert!(!destination.is_at(address, None, None));
        destination.note_addresses(&[address]);
        assert!(destination.is_at(address, Some(5060), None));
    }
}
