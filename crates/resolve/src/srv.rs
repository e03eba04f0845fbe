//! The order of SRV records: by priority, and a weighted choice among equals (RFC 2782 "Usage rules").

use crate::question::Record;

/// One usable SRV record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Server {
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    pub(crate) target: Box<str>,
    pub(crate) port: u16,
}

/// The records as servers in the order to try. Those whose target is the root ("no such service here") or whose port
/// is 0 are left out. The same records and seed give the same order, whatever order the records came in.
pub(crate) fn order(records: &[Record], seed: u64) -> Vec<Server> {
    let mut servers: Vec<Server> = records.iter().filter_map(server).collect();
    servers.sort_unstable();
    servers.dedup();
    let mut random = SplitMix(seed);
    let mut start = 0;
    while let Some(priority) = servers.get(start).map(|server| server.priority) {
        let end = start
            + servers
                .iter()
                .skip(start)
                .take_while(|server| server.priority == priority)
                .count();
        // Within one priority the sort above has placed the weights of 0 first, as RFC 2782 asks.
        for place in start..end {
            let rest = servers.get(place..end).unwrap_or_default();
            let total: u64 = rest.iter().map(|server| u64::from(server.weight)).sum();
            let drawn = random.below(total + 1);
            let mut running = 0;
            let chosen = rest.iter().position(|server| {
                running += u64::from(server.weight);
                running >= drawn
            });
            if let Some(group) = servers.get_mut(place..=place + chosen.unwrap_or(0)) {
                group.rotate_right(1);
            }
        }
        start = end;
    }
    servers
}

fn server(record: &Record) -> Option<Server> {
    let Record::Srv {
        priority,
        weight,
        port,
        target,
    } = record
    else {
        return None;
    };
    let target = target.strip_suffix('.').unwrap_or(target);
    let usable = *port != 0 && !target.is_empty();
    usable.then(|| Server {
        priority: *priority,
        weight: *weight,
        port: *port,
        target: target.to_ascii_lowercase().into(),
    })
}

/// SplitMix64: enough for spreading load, and reproducible.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// A number below `bound`, which is small against 2^64.
    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn srv(priority: u16, weight: u16, target: &str) -> Record {
        Record::Srv {
            priority,
            weight,
            port: 5060,
            target: target.into(),
        }
    }

    fn names(records: &[Record], seed: u64) -> Vec<String> {
        order(records, seed)
            .into_iter()
            .map(|server| server.target.into())
            .collect()
    }

    #[test]
    fn lower_priority_numbers_come_first() {
        let records = [
            srv(20, 0, "c.example"),
            srv(10, 0, "b.example"),
            srv(5, 100, "a.example"),
        ];
        assert_eq!(names(&records, 1), ["a.example", "b.example", "c.example"]);
    }

    #[test]
    fn weights_share_the_first_place() {
        let records = [
            srv(1, 60, "a"),
            srv(1, 20, "b"),
            srv(1, 20, "c"),
            srv(1, 0, "d"),
        ];
        let first = |name: &str| {
            (0..1_000)
                .filter(|&seed| names(&records, seed)[0] == name)
                .count()
        };
        let (a, b, c, d) = (first("a"), first("b"), first("c"), first("d"));
        assert!((540..660).contains(&a), "{a}");
        assert!(
            (150..250).contains(&b) && (150..250).contains(&c),
            "{b} {c}"
        );
        assert!(d < 40, "{d}");
        assert_eq!(a + b + c + d, 1_000);
    }

    #[test]
    fn order_depends_on_seed_and_records_alone() {
        let records = [srv(1, 1, "a"), srv(1, 1, "b"), srv(1, 1, "c")];
        let reversed: Vec<Record> = records.iter().rev().cloned().collect();
        for seed in 0..50 {
            assert_eq!(names(&records, seed), names(&reversed, seed));
        }
        assert!((0..50).any(|seed| names(&records, seed) != names(&records, 0)));
    }

    #[test]
    fn root_target_and_port_zero_are_left_out() {
        let no_port = Record::Srv {
            priority: 1,
            weight: 1,
            port: 0,
            target: "x".into(),
        };
        assert!(names(&[srv(0, 0, "."), no_port], 1).is_empty());
    }
}
