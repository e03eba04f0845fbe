//! Groups of addresses that may do something: the `address` table of Kamailio's `permissions`.
//!
//! A whole address goes before a network, and among equals the rule that was loaded first. Port 0 is any port.

mod rule;

use core::net::IpAddr;
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::fast::FixedState;

use rule::full_bits;
pub use rule::{ADDRESS_ERRORS_MAX, ADDRESS_RULES_MAX, AddressError, AddressHost, AddressRule};

/// The rule that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressMatch {
    /// Its group.
    pub group: i64,
    /// Its tag.
    pub tag: Option<Arc<str>>,
}

/// All rules, shared by all shards, replaced as a whole.
#[derive(Debug, Default)]
pub struct AddressGroups {
    rules: ArcSwap<Rules>,
    looked_up: AtomicU64,
    allowed: AtomicU64,
}

#[derive(Debug, Default)]
struct Rules {
    list: Vec<AddressRule>,
    /// Positions in `list`, in its order, by bits that count and the network of so many bits.
    networks: HashMap<(u8, IpAddr), Vec<usize>, FixedState>,
    names: HashMap<Box<str>, Vec<usize>, FixedState>,
    /// The numbers of bits in use.
    v4_bits: Vec<u8>,
    v6_bits: Vec<u8>,
}

impl AddressGroups {
    /// No rules; nobody is allowed anything.
    pub fn new() -> AddressGroups {
        AddressGroups::default()
    }

    /// Replaces all rules at once. Their order decides which tag is told where networks overlap.
    pub fn replace(&self, rules: Vec<AddressRule>) -> Result<(), AddressError> {
        if rules.len() > ADDRESS_RULES_MAX {
            return Err(AddressError::TooManyRules);
        }
        self.rules.store(Arc::new(Rules::new(rules)));
        Ok(())
    }

    /// The rule that puts an address and port into a group: `allow_address`, `allow_source_address`.
    pub fn allows(&self, group: i64, address: IpAddr, port: u16) -> Option<AddressMatch> {
        self.counted(self.rules.load().find(Some(group), address, port))
    }
    /// The rule that puts an address and port into any group: `allow_address_group`, `allow_source_address_group`.
    pub fn group_of(&self, address: IpAddr, port: u16) -> Option<AddressMatch> {
        self.counted(self.rules.load().find(None, address, port))
    }
    /// The rule that puts a name, as it is written, and a port into a group.
    pub fn allows_name(&self, group: i64, name: &str, port: u16) -> Option<AddressMatch> {
        let rules = self.rules.load();
        let positions = rules.names.get(name).map(Vec::as_slice);
        let found = rules.first(positions.unwrap_or_default(), Some(group), port);
        self.counted(found.and_then(|position| rules.told(position)))
    }

    /// All rules in their order.
    pub fn list(&self) -> Vec<AddressRule> {
        self.rules.load().list.clone()
    }
    /// Number of rules.
    pub fn len(&self) -> usize {
        self.rules.load().list.len()
    }
    /// True if there is no rule.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls `f` with the name, the help text and the value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f(
            "address_rules",
            "Rules of address groups.",
            self.len() as u64,
        );
        f(
            "address_lookups_total",
            "Addresses looked up in address groups.",
            self.looked_up.load(Ordering::Relaxed),
        );
        f(
            "address_allowed_total",
            "Addresses found in address groups.",
            self.allowed.load(Ordering::Relaxed),
        );
    }

    fn counted(&self, found: Option<AddressMatch>) -> Option<AddressMatch> {
        self.looked_up.fetch_add(1, Ordering::Relaxed);
        if found.is_some() {
            self.allowed.fetch_add(1, Ordering::Relaxed);
        }
        found
    }
}

impl Rules {
    fn new(list: Vec<AddressRule>) -> Rules {
        let mut rules = Rules::default();
        for (position, rule) in list.iter().enumerate() {
            match &rule.host {
                AddressHost::Network { address, bits } => {
                    let (address, bits) = canonical(*address, *bits);
                    let used = match address {
                        IpAddr::V4(_) => &mut rules.v4_bits,
                        IpAddr::V6(_) => &mut rules.v6_bits,
                    };
                    if !used.contains(&bits) {
                        used.push(bits);
                    }
                    let network = (bits, masked(address, bits));
                    rules.networks.entry(network).or_default().push(position);
                }
                AddressHost::Name(name) => {
                    rules.names.entry(name.clone()).or_default().push(position);
                }
            }
        }
        rules.list = list;
        rules
    }

    fn find(&self, group: Option<i64>, address: IpAddr, port: u16) -> Option<AddressMatch> {
        let address = address.to_canonical();
        let in_network = |bits: u8| {
            let positions = self.networks.get(&(bits, masked(address, bits)))?;
            self.first(positions, group, port)
        };
        let full = full_bits(address);
        let used = match address {
            IpAddr::V4(_) => &self.v4_bits,
            IpAddr::V6(_) => &self.v6_bits,
        };
        let networks = used.iter().filter(|bits| **bits != full);
        in_network(full)
            .or_else(|| networks.filter_map(|bits| in_network(*bits)).min())
            .and_then(|position| self.told(position))
    }

    fn first(&self, positions: &[usize], group: Option<i64>, port: u16) -> Option<usize> {
        positions.iter().copied().find(|position| {
            self.list.get(*position).is_some_and(|rule| {
                group.is_none_or(|group| group == rule.group)
                    && (rule.port == 0 || rule.port == port)
            })
        })
    }

    fn told(&self, position: usize) -> Option<AddressMatch> {
        let rule = self.list.get(position)?;
        Some(AddressMatch {
            group: rule.group,
            tag: rule.tag.clone(),
        })
    }
}

/// An IPv4-mapped IPv6 network as the IPv4 network that it is.
fn canonical(address: IpAddr, bits: u8) -> (IpAddr, u8) {
    match (address, address.to_canonical()) {
        (IpAddr::V6(_), IpAddr::V4(mapped)) if bits >= 96 => (IpAddr::V4(mapped), bits - 96),
        _ => (address, bits),
    }
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    let bits = u32::from(bits);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX
                .checked_shl(32_u32.saturating_sub(bits))
                .unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX
                .checked_shl(128_u32.saturating_sub(bits))
                .unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(file: &str) -> AddressGroups {
        let groups = AddressGroups::new();
        let rules = AddressRule::parse_file(file).expect("rules");
        groups.replace(rules).expect("room");
        groups
    }

    fn tag(found: Option<AddressMatch>) -> Option<String> {
        found.map(|found| found.tag.as_deref().unwrap_or("-").to_owned())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn addresses_and_networks_belong_to_groups() {
        let groups = groups(
            "# a comment\n1 127.0.0.1 32 0 tag1\n1 10.0.0.10\n\n2 192.168.1.0 24 0 tag2 # more\n2 192.168.2.0/24\n3 [2001:db8::]/32\n",
        );
        assert_eq!(groups.len(), 5);
        let allows = |group, address| tag(groups.allows(group, ip(address), 5060));
        assert_eq!(allows(1, "127.0.0.1"), Some("tag1".into()));
        assert_eq!(allows(1, "10.0.0.10"), Some("-".into()));
        assert_eq!(allows(1, "10.0.0.11"), None);
        assert_eq!(allows(2, "192.168.1.77"), Some("tag2".into()));
        assert_eq!(allows(2, "192.168.2.77"), Some("-".into()));
        assert_eq!(allows(2, "::ffff:192.168.1.5"), Some("tag2".into()));
        assert_eq!(allows(1, "192.168.1.77"), None);
        assert_eq!(allows(3, "2001:db8:5::1"), Some("-".into()));
        assert_eq!(allows(3, "2001:db9::1"), None);
    }

    #[test]
    fn a_rule_may_be_about_one_port() {
        let groups = groups("1 192.0.2.1 32 5060 a\n1 192.0.2.1 32 5080 b\n1 192.0.2.2 32 0 any");
        let allows = |address, port| tag(groups.allows(1, ip(address), port));
        assert_eq!(allows("192.0.2.1", 5060), Some("a".into()));
        assert_eq!(allows("192.0.2.1", 5080), Some("b".into()));
        assert_eq!(allows("192.0.2.1", 5070), None);
        assert_eq!(allows("192.0.2.2", 1), Some("any".into()));
    }

    #[test]
    fn an_address_goes_before_networks_and_the_first_before_later_ones() {
        let groups = groups("1 10.0.0.0 8 0 wide\n1 10.1.0.0 16 0 narrow\n1 10.1.2.3 0 0 one");
        let tag_of = |address| tag(groups.allows(1, ip(address), 1));
        assert_eq!(tag_of("10.1.2.3"), Some("one".into()));
        assert_eq!(tag_of("10.1.2.4"), Some("wide".into()));
        let all = AddressGroups::new();
        let rule = AddressRule::new(1, "0.0.0.0/0", 0, 0, None).expect("a rule");
        all.replace(vec![rule]).expect("room");
        assert!(all.allows(1, ip("10.1.2.4"), 1).is_some());
        assert!(all.allows(1, ip("::1"), 1).is_none());
    }

    #[test]
    fn the_group_of_an_address_can_be_asked() {
        let groups = groups("7 192.0.2.0 24\n8 198.51.100.1");
        let group = |address| groups.group_of(ip(address), 5060).map(|found| found.group);
        assert_eq!(group("192.0.2.9"), Some(7));
        assert_eq!(group("198.51.100.1"), Some(8));
        assert_eq!(group("203.0.113.1"), None);
    }

    #[test]
    fn names_match_as_they_are_written() {
        let groups = groups("1 sip.example.org 0 0 name");
        assert_eq!(
            tag(groups.allows_name(1, "sip.example.org", 5060)),
            Some("name".into())
        );
        assert_eq!(groups.allows_name(2, "sip.example.org", 5060), None);
        assert_eq!(groups.allows_name(1, "example.org", 5060), None);
    }

    #[test]
    fn replacing_forgets_what_was_there() {
        let groups = groups("1 192.0.2.1");
        groups.replace(Vec::new()).expect("room");
        assert!(groups.is_empty());
        assert_eq!(groups.allows(1, ip("192.0.2.1"), 1), None);
        let mut seen = Vec::new();
        groups.visit(&mut |name, _, value| seen.push((name, value)));
        assert_eq!(
            seen,
            [
                ("address_rules", 0),
                ("address_lookups_total", 1),
                ("address_allowed_total", 0)
            ]
        );
    }
}
