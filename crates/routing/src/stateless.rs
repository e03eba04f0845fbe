//! The statistics of the `sl` module, under its 24 names.
//!
//! A code with a statistic of its own counts there and not in that of its class: 200 is not among `2xx_replies`.
//! Two defects of Kamailio 5.6.3 are not copied: there 1xx replies count as `xxx_replies`, and `sent_err_replies`
//! is always 0. Here the latter counts what `sl_reply_error` sent.

use core::sync::atomic::{AtomicU64, Ordering};

/// What happened.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SlEvent {
    /// A reply left statelessly, whoever made it: a script, the registrar, a challenge.
    Sent {
        /// Its code.
        code: u16,
        /// True if `sl_reply_error` made it.
        is_error_reply: bool,
    },
    /// A reply could not be sent: the request is an ACK, or building or sending failed. A request that must not be
    /// answered is no failure.
    Failed,
    /// An ACK for a stateless reply was absorbed.
    AckAbsorbed,
}

/// Names in the order in which they are shown, with what they count.
const NAMES: [(&str, &str); 24] = [
    ("1xx_replies", "Replies from 100 to 199"),
    ("200_replies", "Replies 200"),
    ("202_replies", "Replies 202"),
    ("2xx_replies", "Other replies from 200 to 299"),
    ("300_replies", "Replies 300"),
    ("301_replies", "Replies 301"),
    ("302_replies", "Replies 302"),
    ("3xx_replies", "Other replies from 300 to 399"),
    ("400_replies", "Replies 400"),
    ("401_replies", "Replies 401"),
    ("403_replies", "Replies 403"),
    ("404_replies", "Replies 404"),
    ("407_replies", "Replies 407"),
    ("408_replies", "Replies 408"),
    ("483_replies", "Replies 483"),
    ("4xx_replies", "Other replies from 400 to 499"),
    ("500_replies", "Replies 500"),
    ("5xx_replies", "Other replies from 500 to 599"),
    ("6xx_replies", "Replies from 600 to 699"),
    ("xxx_replies", "Replies below 100 or above 699"),
    ("sent_replies", "All replies sent statelessly"),
    ("sent_err_replies", "Replies made by sl_reply_error"),
    ("failures", "Replies that could not be sent"),
    (
        "received_ACKs",
        "ACKs absorbed because they answer a stateless reply",
    ),
];

/// The statistics of one shard; those of all shards are added up with [`SlStatistics::add`].
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct SlStatistics {
    counts: [u64; NAMES.len()],
}

/// Places in [`NAMES`] of what has no code.
const SENT: usize = 20;
const SENT_ERRORS: usize = 21;
const FAILURES: usize = 22;
const ACKS: usize = 23;

/// The place in [`NAMES`] of the statistic that counts a code.
const fn place_of(code: u16) -> usize {
    match code {
        100..=199 => 0,
        200 => 1,
        202 => 2,
        201..=299 => 3,
        300 => 4,
        301 => 5,
        302 => 6,
        303..=399 => 7,
        400 => 8,
        401 => 9,
        403 => 10,
        404 => 11,
        407 => 12,
        408 => 13,
        483 => 14,
        402..=499 => 15,
        500 => 16,
        501..=599 => 17,
        600..=699 => 18,
        _ => 19,
    }
}

impl SlEvent {
    /// Calls `f` with the places of the statistics that count it.
    fn places(self, f: &mut dyn FnMut(usize)) {
        match self {
            SlEvent::Sent {
                code,
                is_error_reply,
            } => {
                f(place_of(code));
                f(SENT);
                if is_error_reply {
                    f(SENT_ERRORS);
                }
            }
            SlEvent::Failed => f(FAILURES),
            SlEvent::AckAbsorbed => f(ACKS),
        }
    }
}

impl SlStatistics {
    /// Counts an event.
    pub fn count(&mut self, event: SlEvent) {
        event.places(&mut |place| {
            if let Some(count) = self.counts.get_mut(place) {
                *count += 1;
            }
        });
    }

    /// The value of a statistic; `None` if there is none of that name.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.iter()
            .find(|(other, _)| *other == name)
            .map(|(_, count)| count)
    }

    /// Names and values in the order in which they are shown.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        NAMES
            .iter()
            .zip(&self.counts)
            .map(|((name, _), count)| (*name, *count))
    }

    /// Adds those of another shard.
    pub fn add(&mut self, other: &SlStatistics) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// What the RPC `sl.stats` shows: the replies with a code of their own and the rest of their classes, but neither
    /// 1xx, sent, failures nor ACKs.
    pub fn rpc(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        const HIDDEN: &[&str] = &[
            "1xx_replies",
            "sent_replies",
            "sent_err_replies",
            "failures",
            "received_ACKs",
        ];
        self.iter()
            .filter(|(name, _)| !HIDDEN.contains(name))
            .map(|(name, count)| (name.trim_end_matches("_replies"), count))
    }

    /// Shows every statistic: name, meaning, value.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        for ((name, help), count) in NAMES.iter().zip(&self.counts) {
            f(name, help, *count);
        }
    }
}

/// The statistics of all shards, each written by its own shard alone and read by any.
#[derive(Debug)]
pub struct SharedSlStatistics {
    shards: Box<[Stripe]>,
}

/// One shard's; a cache line apart from its neighbours.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe {
    counts: [AtomicU64; NAMES.len()],
}

impl SharedSlStatistics {
    /// Zero for so many shards.
    pub fn new(shards: u16) -> SharedSlStatistics {
        SharedSlStatistics {
            shards: (0..shards.max(1)).map(|_| Stripe::default()).collect(),
        }
    }

    /// Counts an event of a shard. Only that shard may call it for itself.
    pub fn count(&self, shard: u16, event: SlEvent) {
        let Some(stripe) = self.shards.get(usize::from(shard)) else {
            return;
        };
        // One writer: no locked addition is needed.
        event.places(&mut |place| {
            if let Some(count) = stripe.counts.get(place) {
                count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
        });
    }

    /// The sum of all shards.
    pub fn total(&self) -> SlStatistics {
        let mut total = SlStatistics::default();
        for stripe in &self.shards {
            for (sum, count) in total.counts.iter_mut().zip(&stripe.counts) {
                *sum += count.load(Ordering::Relaxed);
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(code: u16) -> SlEvent {
        SlEvent::Sent {
            code,
            is_error_reply: false,
        }
    }

    fn changed(events: &[SlEvent]) -> String {
        let mut statistics = SlStatistics::default();
        events.iter().for_each(|event| statistics.count(*event));
        let counted = statistics.iter().filter(|(_, count)| *count > 0);
        counted
            .map(|(name, count)| format!("{name}={count}"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn names_are_those_of_the_module() {
        let names: Vec<&str> = SlStatistics::default()
            .iter()
            .map(|(name, _)| name)
            .collect();
        insta::assert_snapshot!(names.join(" "), @"1xx_replies 200_replies 202_replies 2xx_replies 300_replies 301_replies 302_replies 3xx_replies 400_replies 401_replies 403_replies 404_replies 407_replies 408_replies 483_replies 4xx_replies 500_replies 5xx_replies 6xx_replies xxx_replies sent_replies sent_err_replies failures received_ACKs");
    }

    #[test]
    fn every_event_counts_where_it_belongs() {
        let codes = [
            0, 99, 100, 183, 199, 200, 202, 204, 300, 301, 302, 305, 400, 401, 403, 404, 407, 408,
            480, 483, 500, 503, 600, 699, 700, 999,
        ];
        let mut table: Vec<String> = codes
            .map(|code| format!("{code:03}: {}", changed(&[sent(code)])))
            .to_vec();
        table.push(format!(
            "error: {}",
            changed(&[SlEvent::Sent {
                code: 478,
                is_error_reply: true
            }])
        ));
        table.push(format!("failed: {}", changed(&[SlEvent::Failed])));
        table.push(format!("ACK: {}", changed(&[SlEvent::AckAbsorbed])));
        insta::assert_snapshot!(table.join("\n"));
    }

    #[test]
    fn sent_replies_is_the_sum_of_all_codes() {
        let mut statistics = SlStatistics::default();
        (0..1_000).for_each(|code| statistics.count(sent(code)));
        let sum: u64 = statistics.rpc().map(|(_, count)| count).sum();
        assert_eq!(statistics.get("sent_replies"), Some(1_000));
        assert_eq!(
            sum + statistics.get("1xx_replies").unwrap_or_default(),
            1_000
        );
    }

    #[test]
    fn shards_add_up() {
        let mut one = SlStatistics::default();
        one.count(sent(404));
        let mut other = one;
        other.add(&one);
        assert_eq!(other.get("404_replies"), Some(2));
        assert_eq!(other.get("nothing"), None);
    }
}
