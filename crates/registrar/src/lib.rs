#![forbid(unsafe_code)]
//! Registrar, location service, redirect server and digest server (RFC 3261 §10, §8.3, §22).
//!
//! The shard of an address of record judges its REGISTERs with [`register`]; what changes goes through the store and
//! then into the [`LocationTable`], which all shards read. [`Authenticator`] verifies digest credentials against the
//! [`SubscriberTable`] and the [`NonceTable`].

mod account;
mod aor;
mod binding;
mod change;
mod counters;
mod digest;
mod expiry;
mod extension;
mod fingerprint;
mod identity;
mod location;
mod methods;
mod nat;
mod nonce;
mod pending;
mod redirect;
mod register;
mod reply;
mod settings;
mod shared_octets;
mod stream_index;

pub use account::{Ha1, Subscriber, SubscriberTable, TooManySubscribers};
pub use aor::{AddressOfRecord, shard_of, write_canonical};
pub use binding::{Binding, BindingParts, branch_hash};
pub use change::{BindingChange, BindingList, LocationChange};
pub use counters::RegistrarCounters;
pub use digest::{
    AuthCounters, AuthKind, Authenticator, CREDENTIALS_MAX, ChallengeCause, Judgement, Secret,
    Verdict, Verified, own_credentials,
};
pub use extension::SUPPORTED;
pub use identity::owns_identity;
pub use location::{Bindings, LocationCounters, LocationLimits, LocationService, LocationTable};
pub use nat::behind_nat;
pub use nonce::{NonceCounters, NonceTable, NonceUse};
pub use pending::{Admission, PendingCounters, PendingLimits, PendingRegistrations};
pub use redirect::write_redirect_contacts;
pub use register::{Outcome, Registration, address_of_record, register};
pub use reply::{Cause, RegisterReply, write_contacts};
pub use settings::{AuthSettings, PathMode, RealmSettings, RegistrarProfile, RegistrarSettings};
