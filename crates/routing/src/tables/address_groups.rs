//! Groups of addresses that may do something: the `address` table of Kamailio's `permissions`.
//!
//! A whole address goes before a network, and among equals the rule that was loaded first. Port 0 is any port.

use core::fmt;
use core::net::IpAddr;
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use foldhash::fast::FixedState;

/// Rules of all address groups.
pub const ADDRESS_RULES_MAX: usize = 262_144;
/// Lines of an address file that are reported as wrong; the others are counted.
pub const ADDRESS_ERRORS_MAX: usize = 100;

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressHost {
    /// A network, or one address if all bits count.
    Network {
        /// Any address of it.
        address: IpAddr,
        /// Leading bits that count, at most 32 or 128.
        bits: u8,
    },
    /// A name, compared as it is written: nothing is resolved.
    Name(Box<str>),
}

/// A rule: this host, on this port, belongs to that group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRule {
    /// The group.
    pub group: i64,
    /// The host.
    pub host: AddressHost,
    /// The port; 0 is any.
    pub port: u16,
    /// What a script is told.
    pub tag: Option<Arc<str>>,
}

/// Why something is no rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// The address is empty.
    NoAddress,
    /// The mask is longer than the address.
    BadMask {
        /// The address.
        address: String,
        /// The mask.
        mask: String,
    },
    /// A number is none, or does not fit.
    BadNumber {
        /// What it is for.
        what: &'static str,
        /// As given.
        value: String,
    },
    /// There are [`ADDRESS_RULES_MAX`] rules.
    TooManyRules,
    /// Something follows the tag.
    Trailing(String),
    /// Lines of a file, by number from 1; the first [`ADDRESS_ERRORS_MAX`] of them.
    Lines {
        /// What is wrong with them.
        lines: Vec<(usize, AddressError)>,
        /// How many there are in all.
        total: usize,
    },
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AddressError::NoAddress => f.write_str("there is no address"),
            AddressError::BadMask { address, mask } => write!(
                f,
                "`{}` is not a number of bits of {}",
                mask.escape_debug(),
                address.escape_debug()
            ),
            AddressError::BadNumber { what, value } => {
                write!(f, "`{}` is not a {what}", value.escape_debug())
            }
            AddressError::TooManyRules => write!(f, "more than {ADDRESS_RULES_MAX} addresses"),
            AddressError::Trailing(text) => write!(
                f,
                "`{}` follows the tag; a tag has no spaces",
                text.escape_debug()
            ),
            AddressError::Lines { lines, total } => {
                for (line, error) in lines {
                    writeln!(f, "line {line}: {error}")?;
                }
                match total.saturating_sub(lines.len()) {
                    0 => Ok(()),
                    more => writeln!(f, "and {more} more"),
                }
            }
        }
    }
}

impl core::error::Error for AddressError {}

impl AddressRule {
    /// A rule from the columns of the table. A mask of 0 is that of one address; one in the address, `10.0.0.0/8`,
    /// goes before the column.
    pub fn new(
        group: i64,
        address: &str,
        mask: u8,
        port: u16,
        tag: Option<&str>,
    ) -> Result<AddressRule, AddressError> {
        let address = address.trim();
        let (name, mask) = match address.split_once('/') {
            Some((name, bits)) => match bits.parse() {
                Ok(bits) => (name, bits),
                Err(_) => return Err(bad_mask(name, bits)),
            },
            None => (address, mask),
        };
        if name.is_empty() {
            return Err(AddressError::NoAddress);
        }
        let bare = name
            .strip_prefix('[')
            .and_then(|name| name.strip_suffix(']'))
            .unwrap_or(name);
        let host = match bare.parse::<IpAddr>() {
            Ok(address) => {
                let full = full_bits(address);
                if mask > full {
                    return Err(bad_mask(name, &mask.to_string()));
                }
                let bits = if mask == 0 { full } else { mask };
                AddressHost::Network { address, bits }
            }
            Err(_) => AddressHost::Name(name.into()),
        };
        Ok(AddressRule {
            group,
            host,
            port,
            tag: tag.filter(|tag| !tag.is_empty()).map(Arc::from),
        })
    }

    /// Reads an address file: `group address [mask [port [tag]]]` in each line, `#` begins a comment.
    pub fn parse_file(text: &str) -> Result<Vec<AddressRule>, AddressError> {
        let (mut rules, mut lines, mut total) = (Vec::new(), Vec::new(), 0);
        for (number, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            match AddressRule::parse_line(line) {
                Ok(Some(_)) if rules.len() >= ADDRESS_RULES_MAX => {
                    return Err(AddressError::TooManyRules);
                }
                Ok(Some(rule)) => rules.push(rule),
                Ok(None) => {}
                Err(error) => {
                    total += 1;
                    if lines.len() < ADDRESS_ERRORS_MAX {
                        lines.push((number + 1, error));
                    }
                }
            }
        }
        match total {
            0 => Ok(rules),
            total => Err(AddressError::Lines { lines, total }),
        }
    }

    fn parse_line(line: &str) -> Result<Option<AddressRule>, AddressError> {
        fn number<N: core::str::FromStr>(
            what: &'static str,
            value: Option<&str>,
        ) -> Result<Option<N>, AddressError> {
            let bad = |value: &str| AddressError::BadNumber {
                what,
                value: value.to_owned(),
            };
            value
                .map(|value| value.parse().map_err(|_| bad(value)))
                .transpose()
        }
        let mut words = line.split_ascii_whitespace();
        let Some(group) = number("group number", words.next())? else {
            return Ok(None);
        };
        let address = words.next().unwrap_or_default();
        let mask = number("number of bits", words.next())?.unwrap_or(0);
        let port = number("port", words.next())?.unwrap_or(0);
        let tag = words.next();
        if let Some(more) = words.next() {
            return Err(AddressError::Trailing(more.to_owned()));
        }
        AddressRule::new(group, address, mask, port, tag).map(Some)
    }
}

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

fn bad_mask(address: &str, mask: &str) -> AddressError {
    AddressError::BadMask {
        address: address.to_owned(),
        mask: mask.to_owned(),
    }
}

fn full_bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
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

    #[test]
    fn errors_say_line_and_reason() {
        let error = AddressRule::parse_file("1 10.0.0.1 33\nx 10.0.0.1\n1\n1 10.0.0.1 32 0 a b\n")
            .expect_err("no rules");
        assert_eq!(
            error.to_string(),
            "line 1: `33` is not a number of bits of 10.0.0.1\nline 2: `x` is not a group number\n\
             line 3: there is no address\nline 4: `b` follows the tag; a tag has no spaces\n"
        );
    }
}
