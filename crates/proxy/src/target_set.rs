//! The target set of a request: whom to try, in groups of equal q (RFC 3261 §16.5, §16.6).

use core::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;
use strowger_resolve::NextHop;
use strowger_sip::{Time, Uri};
use strowger_transaction::Flow;

use crate::settings::{Fork, ProxySettings};

/// One target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// What becomes the Request-URI; shared with the branch that is made of the target.
    pub uri: Arc<[u8]>,
    /// Preference in thousandths; 1000 where none is given.
    pub q: u16,
    /// The flow to send over instead of what the URI says; not used where there is a path.
    pub flow: Option<Flow>,
    /// The target can be reached over its flow alone: if that is gone, it is not dialled.
    pub flow_required: bool,
    /// Path values joined by commas, which become the first Route values (RFC 3327 §5.4); empty without.
    pub path: Box<[u8]>,
    /// The address in the URI is of no use to us.
    pub behind_nat: bool,
    /// When the binding it came from ends.
    pub expires_at: Option<Time>,
    /// Where its URI leads, if whoever made the target has read that there: an address, and not our own.
    pub hop: Option<NextHop>,
    /// The URI that it is sent to, whatever its own says; empty without.
    pub destination: Box<[u8]>,
    /// The listener to leave from, if it matters.
    pub listener: Option<u16>,
    /// Flags that a program set.
    pub flags: u32,
}

impl Target {
    /// A target that is reached as its URI says.
    pub fn from_uri(uri: &[u8]) -> Target {
        Target {
            uri: uri.into(),
            q: 1_000,
            ..Target::default()
        }
    }
}

/// What became of a target.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It will be tried.
    Yes,
    /// The set has had it before (§16.5).
    Duplicate,
    /// The set is full.
    Full,
}

/// The targets of one request, tried and untried.
#[derive(Clone, Debug, Default)]
pub struct TargetSet {
    targets: SmallVec<[Target; 1]>,
    /// Indices in the order in which they are tried; the first `tried` are done with.
    order: SmallVec<[u16; 4]>,
    tried: usize,
    targets_max: usize,
    parallel: bool,
}

impl TargetSet {
    /// An empty set.
    pub fn new(settings: &ProxySettings) -> TargetSet {
        TargetSet {
            targets_max: settings.targets_max.min(usize::from(u16::MAX)),
            parallel: settings.fork == Fork::Parallel,
            ..TargetSet::default()
        }
    }

    /// Adds a target, after all others of equal q. Two are the same if their URIs are equal by RFC 3261 §19.1.4 and they
    /// are reached the same way: two phones behind two NATs may well have one private address.
    pub fn add(&mut self, target: Target) -> Added {
        if self.contains(&target) {
            return Added::Duplicate;
        }
        if self.targets.len() >= self.targets_max {
            return Added::Full;
        }
        let index = self.targets.len() as u16;
        let untried = self.order.get(self.tried..).unwrap_or_default();
        let behind = |&other: &u16| {
            self.target(other.into())
                .is_some_and(|other| other.q < target.q)
        };
        let place = untried.iter().position(behind).unwrap_or(untried.len());
        self.order.insert(self.tried + place, index);
        self.targets.push(target);
        Added::Yes
    }

    /// Adds a target, whether or not the set has had it: a program that asks for the same once more means it.
    pub fn add_again(&mut self, target: Target) -> Added {
        if self.targets.len() >= self.targets_max {
            return Added::Full;
        }
        self.order.push(self.targets.len() as u16);
        self.targets.push(target);
        Added::Yes
    }

    /// All that are left are tried at once, whatever their q.
    pub fn set_parallel(&mut self) {
        self.parallel = true;
    }

    /// True if the set has, or had, this target.
    pub fn contains(&self, target: &Target) -> bool {
        let same_uri = |other: &Target| {
            other.uri == target.uri
                || match (Uri::parse(&other.uri), Uri::parse(&target.uri)) {
                    (Ok(a), Ok(b)) => a.equivalent(&b),
                    _ => false,
                }
        };
        self.targets
            .iter()
            .any(|other| other.flow == target.flow && other.path == target.path && same_uri(other))
    }

    /// Takes the next group, of at most `breadth` targets, and gives its places for [`TargetSet::in_order`]: the untried
    /// targets of the highest q, or all of them where forking is parallel. Targets beyond `breadth` form a group of their
    /// own. Empty if all were tried.
    pub fn next_group(&mut self, breadth: u32) -> Range<usize> {
        let start = self.tried;
        let untried = self.order.get(start..).unwrap_or_default();
        let q = |index: &u16| self.target((*index).into()).map(|target| target.q);
        let first = untried.first().and_then(q);
        let equal = untried
            .iter()
            .take_while(|index| self.parallel || q(index) == first)
            .count();
        self.tried = start + equal.min(usize::try_from(breadth.max(1)).unwrap_or(usize::MAX));
        start..self.tried
    }

    /// The target at a place of the order of trying.
    pub fn in_order(&self, place: usize) -> Option<&Target> {
        self.target(usize::from(*self.order.get(place)?))
    }

    /// True if no untried target is left.
    pub fn is_exhausted(&self) -> bool {
        self.tried >= self.order.len()
    }

    /// Targets, tried ones included.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// True if nothing was ever added.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// All targets in the order of adding.
    pub fn iter(&self) -> impl Iterator<Item = &Target> {
        self.targets.iter()
    }

    fn target(&self, index: usize) -> Option<&Target> {
        self.targets.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strowger_transaction::ListenerId;

    fn set(fork: Fork) -> TargetSet {
        TargetSet::new(&ProxySettings {
            fork,
            targets_max: 5,
            ..ProxySettings::default()
        })
    }

    fn target(uri: &str, q: u16) -> Target {
        Target {
            q,
            ..Target::from_uri(uri.as_bytes())
        }
    }

    fn groups(set: &mut TargetSet, breadth: u32) -> String {
        let mut text = String::new();
        while !set.is_exhausted() {
            let group = set.next_group(breadth);
            let uris: Vec<_> = group
                .filter_map(|place| set.in_order(place))
                .map(|target| String::from_utf8_lossy(&target.uri))
                .collect();
            text += &format!("[{}]", uris.join(" "));
        }
        text
    }

    #[test]
    fn equal_q_is_tried_together_and_higher_q_first() {
        let mut set = set(Fork::ByQ);
        for (uri, q) in [
            ("sip:a@h", 300),
            ("sip:b@h", 1_000),
            ("sip:c@h", 300),
            ("sip:d@h", 500),
        ] {
            assert_eq!(set.add(target(uri, q)), Added::Yes);
        }
        assert_eq!(groups(&mut set, 60), "[sip:b@h][sip:d@h][sip:a@h sip:c@h]");
    }

    #[test]
    fn parallel_forking_takes_all_at_once_within_the_breadth() {
        for (breadth, expected) in [
            (60, "[sip:b@h sip:a@h sip:c@h]"),
            (2, "[sip:b@h sip:a@h][sip:c@h]"),
        ] {
            let mut set = set(Fork::Parallel);
            for (uri, q) in [("sip:a@h", 300), ("sip:b@h", 1_000), ("sip:c@h", 300)] {
                set.add(target(uri, q));
            }
            assert_eq!(groups(&mut set, breadth), expected);
        }
    }

    #[test]
    fn a_target_is_added_once_even_if_it_was_tried() {
        let mut set = set(Fork::ByQ);
        set.add(target("sip:a@Example.com;x=1", 1_000));
        assert_eq!(set.next_group(60), 0..1);
        assert_eq!(
            set.add(target("sip:a@example.COM", 1_000)),
            Added::Duplicate
        );
        let elsewhere = Flow::udp(ListenerId(0), "192.0.2.1:5060".parse().expect("address"));
        assert_eq!(
            set.add(Target {
                flow: Some(elsewhere),
                ..target("sip:a@example.com", 1_000)
            }),
            Added::Yes
        );
    }

    #[test]
    fn targets_added_later_wait_for_their_turn() {
        let mut set = set(Fork::ByQ);
        set.add(target("sip:a@h", 500));
        set.add(target("sip:b@h", 100));
        set.next_group(60);
        set.add(target("sip:c@h", 1_000));
        assert_eq!(groups(&mut set, 60), "[sip:c@h][sip:b@h]");
    }

    #[test]
    fn the_limit_holds() {
        let mut set = set(Fork::ByQ);
        let added: Vec<_> = (0..6)
            .map(|number| set.add(target(&format!("sip:{number}@h"), 1_000)))
            .collect();
        assert_eq!(added.last(), Some(&Added::Full));
        assert_eq!(set.len(), 5);
    }
}
