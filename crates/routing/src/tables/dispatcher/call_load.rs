//! Which destination has how many calls, by Call-ID: what algorithm 10 goes by.

use core::hash::BuildHasher;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use foldhash::fast::FixedState;
use strowger_sip::Time;

use super::destination::{Destination, Live};
use crate::tables::locks::lock;

/// Calls counted at once; later ones are dispatched but not counted.
pub const COUNTED_CALLS_MAX: usize = 1_000_000;
/// Octets of a Call-ID that is counted.
pub const COUNTED_CALL_ID_OCTETS_MAX: usize = 256;

#[derive(Debug)]
pub(super) struct CallLoad {
    stripes: Box<[Mutex<Stripe>]>,
    hash: FixedState,
    count: AtomicUsize,
    sweep_at: AtomicUsize,
    uncounted: AtomicU64,
    expired: AtomicU64,
}

#[derive(Debug)]
struct Stripe {
    calls: HashMap<Box<[u8]>, Call, FixedState>,
    /// No call of the stripe expires before this.
    earliest: Option<Time>,
}

#[derive(Debug)]
struct Call {
    live: Arc<Live>,
    expires_at: Time,
}

impl CallLoad {
    const STRIPES: usize = 64;

    pub(super) fn new(seed: u64) -> CallLoad {
        let hash = FixedState::with_seed(seed);
        CallLoad {
            stripes: (0..Self::STRIPES)
                .map(|_| {
                    Mutex::new(Stripe {
                        calls: HashMap::with_hasher(hash.clone()),
                        earliest: None,
                    })
                })
                .collect(),
            hash,
            count: AtomicUsize::new(0),
            sweep_at: AtomicUsize::new(0),
            uncounted: AtomicU64::new(0),
            expired: AtomicU64::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
    pub(super) fn uncounted(&self) -> u64 {
        self.uncounted.load(Ordering::Relaxed)
    }
    pub(super) fn expired(&self) -> u64 {
        self.expired.load(Ordering::Relaxed)
    }

    /// Counts a call at a destination, and no longer where it was before. False if the destination has as many as it
    /// may. Where a limit of this table is reached, the call goes uncounted.
    pub(super) fn begin(&self, call_id: &[u8], to: &Destination, expires_at: Time) -> bool {
        let mut stripe = lock(self.stripe(call_id));
        if let Some(call) = stripe.calls.get_mut(call_id) {
            if !Arc::ptr_eq(&call.live, &to.live) {
                if !to.take_call() {
                    return false;
                }
                call.live.calls.fetch_sub(1, Ordering::Relaxed);
                call.live = to.live.clone();
            }
            call.expires_at = expires_at;
            stripe.note(expires_at);
            return true;
        }
        let full = self.count.fetch_add(1, Ordering::Relaxed) >= COUNTED_CALLS_MAX;
        if full || call_id.is_empty() || call_id.len() > COUNTED_CALL_ID_OCTETS_MAX {
            self.count.fetch_sub(1, Ordering::Relaxed);
            self.uncounted.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        if !to.take_call() {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        let call = Call {
            live: to.live.clone(),
            expires_at,
        };
        stripe.calls.insert(call_id.into(), call);
        stripe.note(expires_at);
        true
    }

    /// The call goes on to `expires_at`; false if it is not counted.
    pub(super) fn confirm(&self, call_id: &[u8], expires_at: Time) -> bool {
        let mut stripe = lock(self.stripe(call_id));
        stripe.note(expires_at);
        match stripe.calls.get_mut(call_id) {
            Some(call) => call.expires_at = expires_at,
            None => return false,
        }
        true
    }

    /// A counted call is at another destination now.
    pub(super) fn transfer(&self, call_id: &[u8], live: &Arc<Live>) -> bool {
        let mut stripe = lock(self.stripe(call_id));
        let Some(call) = stripe.calls.get_mut(call_id) else {
            return false;
        };
        call.live.calls.fetch_sub(1, Ordering::Relaxed);
        live.calls.fetch_add(1, Ordering::Relaxed);
        call.live = live.clone();
        true
    }

    /// The call is over; false if it is not counted.
    pub(super) fn end(&self, call_id: &[u8]) -> bool {
        let ended = lock(self.stripe(call_id)).calls.remove(call_id);
        if let Some(call) = &ended {
            call.live.calls.fetch_sub(1, Ordering::Relaxed);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        ended.is_some()
    }

    /// Forgets calls whose time is up, looking at about `budget` calls.
    pub(super) fn sweep(&self, now: Time, budget: usize) -> usize {
        let (mut seen, mut gone) = (0, 0);
        for _ in 0..Self::STRIPES {
            if seen >= budget {
                break;
            }
            let at = self.sweep_at.fetch_add(1, Ordering::Relaxed) % Self::STRIPES;
            let Some(stripe) = self.stripes.get(at) else {
                break;
            };
            let mut stripe = lock(stripe);
            if stripe.earliest.is_none_or(|earliest| earliest > now) {
                continue;
            }
            let before = stripe.calls.len();
            seen += before.max(1);
            stripe.calls.retain(|_, call| {
                let live = call.expires_at > now;
                if !live {
                    call.live.calls.fetch_sub(1, Ordering::Relaxed);
                }
                live
            });
            gone += before - stripe.calls.len();
            stripe.earliest = stripe.calls.values().map(|call| call.expires_at).min();
        }
        self.count.fetch_sub(gone, Ordering::Relaxed);
        self.expired.fetch_add(gone as u64, Ordering::Relaxed);
        gone
    }

    fn stripe(&self, call_id: &[u8]) -> &Mutex<Stripe> {
        &self.stripes[(self.hash.hash_one(call_id) >> 40) as usize % Self::STRIPES]
    }
}

impl Stripe {
    fn note(&mut self, expires_at: Time) {
        self.earliest = Some(
            self.earliest
                .map_or(expires_at, |earliest| earliest.min(expires_at)),
        );
    }
}
