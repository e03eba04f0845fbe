//! Dialogs that scripts track: their profiles, variables and flags.
//!
//! ```text
//! absent --begin--> early --2xx, in-dialog request--> confirmed --BYE--> gone
//!                     |  refused, time is up        |  time is up
//!                     +-----------> gone <----------+
//! ```
//!
//! A dialog is named by its Call-ID and the tag of the caller (RFC 3261 §12). What ends an early one is its
//! final answer; else its time ends it.

mod contents;

use core::hash::BuildHasher;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use foldhash::fast::FixedState;
use strowger_sip::{Message, Method, StatusCode, Time};

use crate::tables::locks::lock;

/// Dialogs of one Call-ID (16): a caller forks no more, and each is looked for in all of them.
pub const DIALOGS_PER_CALL_ID_MAX: usize = 16;
/// Dialogs of one process (100,000).
pub const DIALOGS_MAX: usize = 100_000;
/// Profiles that one dialog is in (16).
pub const DIALOG_PROFILES_MAX: usize = 16;
/// Variables of one dialog (32).
pub const DIALOG_VARIABLES_MAX: usize = 32;
/// Octets of a Call-ID with a tag, of a profile with its value, or of a variable with its value (1,024).
pub const DIALOG_TEXT_OCTETS_MAX: usize = 1_024;
/// Seconds that a dialog may stay early (300).
pub const EARLY_SECONDS: u64 = 300;
/// Seconds that a confirmed dialog lives if nothing else is said (12 h).
pub const DIALOG_SECONDS: u64 = 43_200;

/// Which dialog.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct DialogName<'a> {
    /// The Call-ID.
    pub call_id: &'a [u8],
    /// The tag of From.
    pub from_tag: &'a [u8],
    /// The tag of To; none in what begins a dialog.
    pub to_tag: Option<&'a [u8]>,
}

impl<'a> DialogName<'a> {
    /// The dialog that a message belongs to, or may begin.
    pub fn of(message: &'a Message) -> DialogName<'a> {
        DialogName {
            call_id: message.call_id(),
            from_tag: message.from_tag().unwrap_or_default(),
            to_tag: message.to_tag(),
        }
    }
}

/// How a dialog began to be tracked.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum DialogBegun {
    /// It is new.
    New,
    /// It was tracked before.
    Known,
    /// There are too many, or its name is too long.
    Refused,
}

/// A profile and the value in it; no value for a profile without.
pub type ProfileValue = (Box<[u8]>, Box<[u8]>);

#[derive(Debug)]
struct Dialog {
    caller_tag: Box<[u8]>,
    confirmed: bool,
    expires_at: Time,
    /// How long it lives once it is confirmed.
    lifetime: Duration,
    profiles: BTreeSet<ProfileValue>,
    variables: BTreeMap<Box<[u8]>, Box<[u8]>>,
    flags: u32,
}

type Stripe = HashMap<Box<[u8]>, Vec<Dialog>, FixedState>;

/// The dialogs, shared by all shards, striped by their Call-ID.
#[derive(Debug)]
pub struct Dialogs {
    stripes: Box<[Mutex<Stripe>]>,
    /// How many dialogs are in a profile with a value. Taken after a stripe, never before.
    sizes: Mutex<BTreeMap<ProfileValue, usize>>,
    hash: FixedState,
    count: AtomicUsize,
    begun: AtomicU64,
    refused: AtomicU64,
    expired: AtomicU64,
    sweep_at: AtomicUsize,
}

impl Dialogs {
    /// Locks of the table; each guards an equal share of the Call-IDs.
    pub const STRIPES: usize = 64;

    /// No dialogs. `seed` spreads the Call-IDs over the stripes.
    pub fn new(seed: u64) -> Dialogs {
        let hash = FixedState::with_seed(seed);
        let stripe = |_| Mutex::new(HashMap::with_hasher(hash.clone()));
        Dialogs {
            stripes: (0..Self::STRIPES).map(stripe).collect(),
            sizes: Mutex::default(),
            hash,
            count: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            expired: AtomicU64::new(0),
            sweep_at: AtomicUsize::new(0),
        }
    }

    /// Dialogs held, expired ones that were not swept yet included.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tracks the dialog that an INVITE may begin.
    pub fn begin(&self, name: DialogName<'_>, now: Time) -> DialogBegun {
        let mut stripe = lock(self.stripe(name.call_id));
        self.drop_expired(&mut stripe, name.call_id, now);
        if find(&mut stripe, name).is_some() {
            return DialogBegun::Known;
        }
        let octets = name.call_id.len() + name.from_tag.len();
        let of_call = stripe.get(name.call_id).map_or(0, |dialogs| dialogs.len());
        if self.len() >= DIALOGS_MAX
            || octets > DIALOG_TEXT_OCTETS_MAX
            || of_call >= DIALOGS_PER_CALL_ID_MAX
        {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return DialogBegun::Refused;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        stripe.entry(name.call_id.into()).or_default().push(Dialog {
            caller_tag: name.from_tag.into(),
            confirmed: false,
            expires_at: now + Duration::from_secs(EARLY_SECONDS),
            lifetime: Duration::from_secs(DIALOG_SECONDS),
            profiles: BTreeSet::new(),
            variables: BTreeMap::new(),
            flags: 0,
        });
        DialogBegun::New
    }

    /// True if the dialog is tracked.
    pub fn is_known(&self, name: DialogName<'_>, now: Time) -> bool {
        self.with(name, now, |_, _| ()).is_some()
    }
    /// A request within the dialog has passed: it is confirmed. False if it is not tracked.
    pub fn confirm(&self, name: DialogName<'_>, now: Time) -> bool {
        let confirmed = self.with(name, now, |_, dialog| {
            if !core::mem::replace(&mut dialog.confirmed, true) {
                dialog.expires_at = now + dialog.lifetime;
            }
        });
        confirmed.is_some()
    }
    /// The dialog is over: a BYE, or its INVITE was refused. False if it was not tracked.
    pub fn end(&self, name: DialogName<'_>) -> bool {
        let mut stripe = lock(self.stripe(name.call_id));
        let Some(dialogs) = stripe.get_mut(name.call_id) else {
            return false;
        };
        let Some(at) = dialogs.iter().position(|dialog| dialog.has_tag(name)) else {
            return false;
        };
        let ended = dialogs.swap_remove(at);
        if dialogs.is_empty() {
            stripe.remove(name.call_id);
        }
        self.forget(&ended);
        true
    }
    /// What a final answer to a request does: a 2xx confirms the dialog that an INVITE began, a refusal ends it
    /// (RFC 3261 §12.3).
    pub fn answered(&self, request: &Message, status: StatusCode, now: Time) {
        if self.is_empty() || request.method() != Method::Invite || request.to_tag().is_some() {
            return;
        }
        let name = DialogName::of(request);
        match status.class() {
            2 => drop(self.confirm(name, now)),
            3..=6 => drop(self.end(name)),
            _ => {}
        }
    }
    /// How long the dialog lives: from now on if it is confirmed, else once it is. False if it is not tracked.
    pub fn set_lifetime(&self, name: DialogName<'_>, seconds: u64, now: Time) -> bool {
        let set = self.with(name, now, |_, dialog| {
            dialog.lifetime = Duration::from_secs(seconds.clamp(1, DIALOG_SECONDS * 2));
            if dialog.confirmed {
                dialog.expires_at = now + dialog.lifetime;
            }
        });
        set.is_some()
    }

    /// Removes expired dialogs from stripes in turn until `budget` dialogs have been looked at; says how many.
    pub fn sweep(&self, now: Time, budget: usize) -> usize {
        let (mut seen, mut removed) = (0, 0);
        for _ in 0..self.stripes.len() {
            if seen >= budget {
                break;
            }
            let at = self.sweep_at.fetch_add(1, Ordering::Relaxed) % self.stripes.len();
            let Some(stripe) = self.stripes.get(at) else {
                break;
            };
            let mut stripe = lock(stripe);
            stripe.retain(|_, dialogs| {
                dialogs.retain(|dialog| {
                    seen += 1;
                    let live = dialog.expires_at > now;
                    if !live {
                        removed += 1;
                        self.forget_expired(dialog);
                    }
                    live
                });
                !dialogs.is_empty()
            });
        }
        removed
    }

    /// Calls `f` with the name, the help text and the value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        f(
            "script_dialogs",
            "Dialogs that scripts track.",
            self.len() as u64,
        );
        f(
            "script_dialogs_begun_total",
            "Dialogs that scripts began to track.",
            load(&self.begun),
        );
        f(
            "script_dialogs_refused_total",
            "Dialogs not tracked: too many, or a name too long.",
            load(&self.refused),
        );
        f(
            "script_dialogs_expired_total",
            "Dialogs ended by their time alone.",
            load(&self.expired),
        );
    }

    fn stripe(&self, call_id: &[u8]) -> &Mutex<Stripe> {
        let at = self.hash.hash_one(call_id) as usize % Self::STRIPES;
        match self.stripes.get(at) {
            Some(stripe) => stripe,
            None => unreachable!("the remainder is below the number of stripes"),
        }
    }

    fn with<R>(
        &self,
        name: DialogName<'_>,
        now: Time,
        f: impl FnOnce(&Dialogs, &mut Dialog) -> R,
    ) -> Option<R> {
        let mut stripe = lock(self.stripe(name.call_id));
        self.drop_expired(&mut stripe, name.call_id, now);
        find(&mut stripe, name).map(|dialog| f(self, dialog))
    }

    fn drop_expired(&self, stripe: &mut Stripe, call_id: &[u8], now: Time) {
        let Some(dialogs) = stripe.get_mut(call_id) else {
            return;
        };
        dialogs.retain(|dialog| {
            let live = dialog.expires_at > now;
            if !live {
                self.forget_expired(dialog);
            }
            live
        });
        if dialogs.is_empty() {
            stripe.remove(call_id);
        }
    }

    fn forget_expired(&self, dialog: &Dialog) {
        self.expired.fetch_add(1, Ordering::Relaxed);
        self.forget(dialog);
    }

    fn forget(&self, dialog: &Dialog) {
        self.count.fetch_sub(1, Ordering::Relaxed);
        for key in &dialog.profiles {
            self.uncount(key);
        }
    }

    fn uncount(&self, key: &ProfileValue) {
        let mut sizes = lock(&self.sizes);
        if let Some(size) = sizes.get_mut(key) {
            *size = size.saturating_sub(1);
            if *size == 0 {
                sizes.remove(key);
            }
        }
    }
}

impl Dialog {
    /// True if one side has the tag of the caller: requests of the callee carry it in To.
    fn has_tag(&self, name: DialogName<'_>) -> bool {
        *self.caller_tag == *name.from_tag || name.to_tag == Some(&*self.caller_tag)
    }
}

fn find<'s>(stripe: &'s mut Stripe, name: DialogName<'_>) -> Option<&'s mut Dialog> {
    stripe
        .get_mut(name.call_id)?
        .iter_mut()
        .find(|dialog| dialog.has_tag(name))
}

#[cfg(test)]
mod tests;
