#![forbid(unsafe_code)]
//! Location and subscriber stores: what outlives the process.
//!
//! Memory is the truth for reads (`strowger-registrar`'s tables); this crate never sits on the read path.
//! It reloads those tables at start ([`load`]), keeps accounts ([`Accounts`]) and the server's secrets
//! ([`SecretsFile`]), and writes changes of bindings through a [`Journal`] before they become visible.
//!
//! ```text
//! shard --LocationChange--> Journal queue --batch--> SQLite (WAL) --> Completion --> shard: publish, 200
//! ```
//!
//! Everything lies in one [`DataFolder`]: `strowger.db` (SQLite), `strowger.lock` (the running instance) and
//! `secrets`. What people have in databases of Kamailio is read from there ([`kamailio`]).

mod accounts;
mod checkpoint;
mod counters;
mod database;
mod error;
mod folder;
mod import;
mod journal;
pub mod kamailio;
pub mod load;
mod rows;
mod salvage;
mod schema;
mod secrets;
#[cfg(test)]
mod testing;
mod writer;

pub use accounts::{
    Accounts, Hashes, USER_OCTETS_MAX, User, account_with_hashes, account_with_password,
};
pub use counters::JournalCounters;
pub use database::{Database, Opened, Warning};
pub use error::{ImportError, StoreError};
pub use folder::{DataFolder, InstanceLock};
pub use import::{
    IMPORT_ERRORS_MAX, IMPORT_OCTETS_MAX, IMPORT_ROWS_MAX, ImportFile, ImportMode, ImportReport,
};
pub use journal::{Completion, Durability, Journal, JournalSettings, QueueFull};
pub use rows::ListenerNames;
pub use secrets::{SecretsFile, new_secrets};
