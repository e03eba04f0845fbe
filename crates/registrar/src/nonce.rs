//! Nonces (RFC 3261 §22.4, RFC 2617): self-validating text, and the table that catches their second use.
//!
//! A challenge costs no memory: the text is a sealed token with the run of the process (u32), the monotonic second
//! (u32) and a serial number (u64); a change of the wall clock does not matter to it. The serial names a slot. The
//! first *good* answer claims the slot; from then on it counts which `nc` were used. Nonces whose slot a later nonce
//! claimed, or of an earlier run of the process, are stale: the client answers a fresh one without asking its user.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use strowger_sip::{Message, Time};
use strowger_transaction::token::{Kind, SEALED_PAYLOAD_MAX, Secrets, open, seal};

use crate::fingerprint::FingerprintMaker;

/// How many `nc` below the highest are still told apart.
pub const WINDOW: u32 = 64;

/// Octets that a nonce carries.
const PAYLOAD: usize = 16;

/// Answers of which the request is remembered, per nonce, to recognise its retransmission.
const REMEMBERED: usize = 4;

/// What the table says of one use of a nonce.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum NonceUse {
    /// This count was not used before.
    Fresh,
    /// The very request that used this count before.
    Retransmission,
    /// The count was used by another request, or is too old to tell.
    Replayed,
    /// A later nonce has the slot.
    Overwritten,
}

#[derive(Debug, Default)]
struct Slot {
    /// 0 while nobody claimed it.
    serial: u64,
    /// Bit n: `highest - n` was used.
    window: u64,
    highest: u32,
    fingerprints: [u64; REMEMBERED],
}

/// Which `nc` of which nonce were used; shared by all shards.
#[derive(Debug)]
pub struct NonceTable {
    slots: Box<[Mutex<Slot>]>,
    fingerprints: FingerprintMaker,
    boot: u32,
    issued: AtomicU64,
    replayed: AtomicU64,
    overwritten: AtomicU64,
    retransmitted: AtomicU64,
}

/// What the nonce table did.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct NonceCounters {
    /// Nonces issued.
    pub issued: u64,
    /// Counts used twice.
    pub replayed: u64,
    /// Uses of nonces whose slot another nonce had claimed.
    pub overwritten: u64,
    /// Retransmissions recognised by their count.
    pub retransmitted: u64,
}

impl NonceCounters {
    /// Calls `f` with the name, the help text and the value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f("nonce_issued_total", "Nonces issued.", self.issued);
        f(
            "nonce_replayed_total",
            "Credentials whose nonce count was used before.",
            self.replayed,
        );
        f(
            "nonce_overwritten_total",
            "Credentials whose nonce had lost its slot.",
            self.overwritten,
        );
        f(
            "nonce_retransmitted_total",
            "Retransmissions recognised by their nonce count.",
            self.retransmitted,
        );
    }
}

impl NonceTable {
    /// Slots unless told otherwise: about 4 MiB.
    pub const SLOTS_DEFAULT: usize = 1 << 16;

    /// An empty table. `boot` is different in each run of the process, so that nonces do not outlive it.
    pub fn new(slots: usize, boot: u32) -> NonceTable {
        NonceTable {
            slots: (0..slots.max(1)).map(|_| Mutex::default()).collect(),
            fingerprints: FingerprintMaker::default(),
            boot,
            issued: AtomicU64::new(0),
            replayed: AtomicU64::new(0),
            overwritten: AtomicU64::new(0),
            retransmitted: AtomicU64::new(0),
        }
    }

    /// Appends a new nonce.
    pub fn issue(&self, secrets: &Secrets, now: Time, out: &mut Vec<u8>) {
        let serial = self.issued.fetch_add(1, Ordering::Relaxed) + 1;
        let mut payload = [0; PAYLOAD];
        let seconds = u32::try_from(now.as_secs()).unwrap_or(u32::MAX);
        for (place, octet) in payload.iter_mut().zip(
            self.boot
                .to_be_bytes()
                .into_iter()
                .chain(seconds.to_be_bytes())
                .chain(serial.to_be_bytes()),
        ) {
            *place = octet;
        }
        seal(secrets, Kind::Nonce, &payload, out);
    }

    /// The serial number of a nonce of this run of the process that is not older than `lifetime_seconds`.
    pub fn open(
        &self,
        secrets: &Secrets,
        nonce: &[u8],
        now: Time,
        lifetime_seconds: u32,
    ) -> Option<u64> {
        let mut buffer = [0; SEALED_PAYLOAD_MAX + 10];
        let payload: &[u8; PAYLOAD] = open(secrets, Kind::Nonce, nonce, &mut buffer)
            .ok()?
            .try_into()
            .ok()?;
        let (boot, rest) = payload.split_first_chunk::<4>()?;
        let (seconds, serial) = rest.split_first_chunk::<4>()?;
        let age = now
            .as_secs()
            .checked_sub(u64::from(u32::from_be_bytes(*seconds)))?;
        let ours = u32::from_be_bytes(*boot) == self.boot;
        (ours && age <= u64::from(lifetime_seconds))
            .then_some(u64::from_be_bytes(serial.try_into().ok()?))
    }

    /// What tells a request from all others that may use the same `nc`.
    pub(crate) fn fingerprint(&self, request: &Message, secrets: &Secrets) -> u64 {
        self.fingerprints.of(request, secrets)
    }

    /// Notes a use of `nc` by the request with this fingerprint. Only for credentials that were verified.
    pub fn note_use(&self, serial: u64, nc: u32, fingerprint: u64) -> NonceUse {
        let index = usize::try_from(serial % self.slots.len() as u64).unwrap_or(0);
        let Some(slot) = self.slots.get(index) else {
            return NonceUse::Overwritten;
        };
        let verdict = slot
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note_use(serial, nc, fingerprint);
        match verdict {
            NonceUse::Fresh => {}
            NonceUse::Retransmission => _ = self.retransmitted.fetch_add(1, Ordering::Relaxed),
            NonceUse::Replayed => _ = self.replayed.fetch_add(1, Ordering::Relaxed),
            NonceUse::Overwritten => _ = self.overwritten.fetch_add(1, Ordering::Relaxed),
        }
        verdict
    }

    /// True if this very request used `nc` before. Claims and notes nothing.
    pub fn was_used_by(&self, serial: u64, nc: u32, fingerprint: u64) -> bool {
        let index = usize::try_from(serial % self.slots.len() as u64).unwrap_or(0);
        let repeated = self.slots.get(index).is_some_and(|slot| {
            slot.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .was_used_by(serial, nc, fingerprint)
        });
        if repeated {
            self.retransmitted.fetch_add(1, Ordering::Relaxed);
        }
        repeated
    }

    /// The counters as they are now.
    pub fn counters(&self) -> NonceCounters {
        NonceCounters {
            issued: self.issued.load(Ordering::Relaxed),
            replayed: self.replayed.load(Ordering::Relaxed),
            overwritten: self.overwritten.load(Ordering::Relaxed),
            retransmitted: self.retransmitted.load(Ordering::Relaxed),
        }
    }
}

impl Slot {
    fn was_used_by(&self, serial: u64, nc: u32, fingerprint: u64) -> bool {
        let behind = self.highest.checked_sub(nc);
        serial == self.serial
            && nc > 0
            && behind.is_some_and(|behind| {
                behind < REMEMBERED as u32 && self.window & (1 << behind) != 0
            })
            && self.fingerprints.get(nc as usize % REMEMBERED) == Some(&fingerprint)
    }

    fn note_use(&mut self, serial: u64, nc: u32, fingerprint: u64) -> NonceUse {
        if serial < self.serial {
            return NonceUse::Overwritten;
        }
        if serial > self.serial {
            *self = Slot {
                serial,
                ..Slot::default()
            };
        }
        if nc == 0 {
            // Counts begin at 1 (RFC 2617).
            return NonceUse::Replayed;
        }
        let remembered = self.fingerprints.get_mut(nc as usize % REMEMBERED);
        if nc > self.highest {
            let ahead = nc - self.highest;
            self.window = if ahead >= WINDOW {
                0
            } else {
                self.window << ahead
            };
            self.window |= 1;
            self.highest = nc;
        } else {
            let behind = self.highest - nc;
            if behind >= WINDOW {
                return NonceUse::Replayed;
            }
            if self.window & (1 << behind) != 0 {
                let same = behind < REMEMBERED as u32
                    && remembered.is_some_and(|held| *held == fingerprint);
                return if same {
                    NonceUse::Retransmission
                } else {
                    NonceUse::Replayed
                };
            }
            self.window |= 1 << behind;
            if behind >= REMEMBERED as u32 {
                return NonceUse::Fresh;
            }
        }
        if let Some(held) = remembered {
            *held = fingerprint;
        }
        NonceUse::Fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use NonceUse::{Fresh, Overwritten, Replayed, Retransmission};

    fn table() -> NonceTable {
        NonceTable::new(4, 0)
    }

    #[test]
    fn a_count_is_good_once() {
        let table = table();
        assert_eq!(table.note_use(1, 1, 11), Fresh);
        assert_eq!(table.note_use(1, 1, 12), Replayed);
        assert_eq!(table.note_use(1, 2, 13), Fresh);
        assert_eq!(
            table.counters(),
            NonceCounters {
                replayed: 1,
                ..NonceCounters::default()
            }
        );
    }

    #[test]
    fn the_same_request_again_is_a_retransmission() {
        let table = table();
        assert_eq!(table.note_use(1, 1, 11), Fresh);
        assert_eq!(table.note_use(1, 1, 11), Retransmission);
        assert_eq!(table.note_use(1, 2, 12), Fresh);
        assert_eq!(
            table.note_use(1, 1, 11),
            Retransmission,
            "also after the next one"
        );
    }

    #[test]
    fn asking_whether_a_request_was_here_claims_nothing() {
        let table = table();
        assert!(!table.was_used_by(1, 1, 11));
        assert_eq!(table.note_use(1, 1, 11), Fresh);
        assert!(table.was_used_by(1, 1, 11));
        assert!(!table.was_used_by(1, 1, 12), "another request");
        assert!(!table.was_used_by(1, 2, 11), "another count");
        assert!(!table.was_used_by(1, 0, 11) && !table.was_used_by(0, 0, 0));
        assert!(!table.was_used_by(5, 1, 11), "another nonce");
        assert_eq!(table.note_use(1, 2, 12), Fresh);
        assert!(table.was_used_by(1, 1, 11), "also after the next one");
    }

    #[test]
    fn counts_may_arrive_in_any_order_within_the_window() {
        let table = table();
        assert_eq!(table.note_use(1, 70, 0), Fresh);
        assert_eq!(table.note_use(1, 7, 0), Fresh);
        assert_eq!(table.note_use(1, 6, 0), Replayed, "64 behind");
        assert_eq!(table.note_use(1, 69, 0), Fresh);
        assert_eq!(table.note_use(1, 69, 1), Replayed);
        assert_eq!(table.note_use(1, u32::MAX, 0), Fresh);
        assert_eq!(table.note_use(1, 70, 0), Replayed);
        assert_eq!(table.note_use(1, 0, 0), Replayed, "counts begin at 1");
    }

    #[test]
    fn a_later_nonce_takes_the_slot() {
        let table = table();
        assert_eq!(table.note_use(1, 1, 0), Fresh);
        assert_eq!(table.note_use(5, 1, 0), Fresh);
        assert_eq!(table.note_use(1, 2, 0), Overwritten);
        assert_eq!(table.note_use(2, 1, 0), Fresh, "another slot");
    }

    #[test]
    fn issuing_claims_nothing() {
        let table = table();
        assert_eq!(table.note_use(1, 1, 0), Fresh);
        for _ in 0..100 {
            table.issue(&Secrets::new([1; 16]), Time::ZERO, &mut Vec::new());
        }
        assert_eq!(table.note_use(1, 2, 0), Fresh);
    }

    #[test]
    fn a_nonce_is_good_for_its_time_its_key_and_its_run() {
        let (table, secrets, issued) = (table(), Secrets::new([1; 16]), Time::from_secs(1_000));
        let mut nonce = Vec::new();
        table.issue(&secrets, issued, &mut nonce);
        let open = |table: &NonceTable, secrets: &Secrets, nonce: &[u8], at| {
            table.open(secrets, nonce, Time::from_secs(at), 300)
        };
        assert_eq!(open(&table, &secrets, &nonce, 1_000), Some(1));
        assert_eq!(open(&table, &secrets, &nonce, 1_300), Some(1));
        assert_eq!(open(&table, &secrets, &nonce, 1_301), None, "too old");
        assert_eq!(
            open(&table, &Secrets::new([2; 16]), &nonce, 1_000),
            None,
            "another key"
        );
        assert_eq!(
            open(&NonceTable::new(4, 7), &secrets, &nonce, 1_000),
            None,
            "another run"
        );
        assert_eq!(open(&table, &secrets, b"forged", 1_000), None);
        let mut next = Vec::new();
        table.issue(&secrets, issued, &mut next);
        assert_ne!(nonce, next);
        assert_eq!(open(&table, &secrets, &next, 1_000), Some(2));
    }

    #[test]
    fn two_threads_cannot_both_use_a_count() {
        let table = NonceTable::new(1, 0);
        let fresh = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let (table, fresh) = (&table, &fresh);
                scope.spawn(move || {
                    for nc in 1..=1_000 {
                        if table.note_use(1, nc, thread) == Fresh {
                            fresh.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert!(fresh.load(Ordering::Relaxed) <= 1_000);
    }
}
