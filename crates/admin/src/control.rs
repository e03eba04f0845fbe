//! What the server offers: the trait it implements, and the data that crosses the socket.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::metrics::Sample;
use crate::rpc::RpcFault;
use crate::watch::WatchSender;

/// Rows in one page, whatever was asked for.
pub const PAGE_ROWS_MAX: usize = 1_000;

/// What a running server shows and lets be changed. Calls may take milliseconds; they run on threads of their own.
pub trait Control: Send + Sync + 'static {
    /// How it stands.
    fn status(&self) -> Status;
    /// All counters and gauges.
    fn samples(&self) -> Vec<Sample>;
    /// `Err` with the reason while requests should go elsewhere (start-up, draining, store down).
    fn ready(&self) -> Result<(), String>;
    /// Accounts by domain and name.
    fn users(&self, page: &Page) -> Result<Users, ControlError>;
    /// One account.
    fn user(&self, user: &str) -> Result<UserEntry, ControlError>;
    /// Adds an account.
    fn add_user(&self, user: NewUser) -> Result<(), ControlError>;
    /// Replaces the hashes of an account.
    fn change_user(&self, user: NewUser) -> Result<(), ControlError>;
    /// Deletes an account and its bindings.
    fn delete_user(&self, user: &str) -> Result<(), ControlError>;
    /// Adds many accounts, all or none.
    fn import_users(&self, users: Vec<NewUser>, replace: bool) -> Result<Imported, ControlError>;
    /// Bindings by address of record.
    fn registrations(&self, page: &Page) -> Result<Registrations, ControlError>;
    /// Removes all bindings of a user; returns how many.
    fn drop_registrations(&self, user: &str) -> Result<usize, ControlError>;
    /// Reads the configuration again; all or nothing.
    fn reload(&self) -> Result<Reloaded, ControlError>;
    /// Sends a line for every event that passes the filter, until the receiver is gone.
    fn watch(&self, filter: WatchFilter, sender: WatchSender);
    /// Calls a method by the name that other servers gave it.
    fn rpc(
        &self,
        method: &str,
        params: &[serde_json::Value],
    ) -> Result<serde_json::Value, RpcFault>;
}

/// Which rows of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Page {
    /// Only rows whose user contains this.
    #[serde(default, rename = "match")]
    pub contains: Option<String>,
    /// Rows to skip.
    #[serde(default)]
    pub offset: usize,
    /// Most rows to return; at most [`PAGE_ROWS_MAX`].
    #[serde(default)]
    pub limit: Option<usize>,
    /// Only rows whose user comes after this one, in place of `offset`: what [`Registrations::next`] said.
    #[serde(default)]
    pub after: Option<String>,
}

impl Page {
    /// Rows to return.
    pub fn rows(&self) -> usize {
        self.limit.unwrap_or(PAGE_ROWS_MAX).clamp(1, PAGE_ROWS_MAX)
    }

    /// True if this row's user passes the filter.
    pub fn wants(&self, user: &str) -> bool {
        self.contains
            .as_deref()
            .is_none_or(|part| user.contains(part))
    }

    /// One page of an iterator, and how many rows there are in all.
    pub fn take<T>(&self, rows: impl Iterator<Item = T>) -> (Vec<T>, usize) {
        let (mut taken, mut total) = (Vec::new(), 0);
        for row in rows {
            if total >= self.offset && taken.len() < self.rows() {
                taken.push(row);
            }
            total += 1;
        }
        (taken, total)
    }
}

/// Which events a watcher wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct WatchFilter {
    /// Only events whose text contains this (a user, a Call-ID, an address).
    #[serde(default, rename = "match")]
    pub contains: Option<String>,
    /// Failures only.
    #[serde(default)]
    pub failures: bool,
}

/// The digest algorithms of a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RealmStatus {
    /// The domain.
    pub name: String,
    /// Registered names, in the order of the offer.
    pub algorithms: Vec<String>,
}

/// How the server stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Program version.
    pub version: String,
    /// Process number.
    pub pid: u32,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// Configuration file; none for the trial.
    pub configuration: Option<String>,
    /// Local domains.
    pub domains: Vec<String>,
    /// Listening addresses.
    pub listeners: Vec<ListenerStatus>,
    /// Worker threads.
    pub workers: u16,
    /// Shards.
    pub shards: u16,
    /// Accounts known.
    pub accounts: u64,
    /// Bindings held.
    pub bindings: u64,
    /// Data folder, or `memory`.
    pub data: String,
    /// When a registration is confirmed.
    pub durability: String,
    /// True if authentication is on.
    pub authentication: bool,
    /// What each domain offers.
    #[serde(default)]
    pub realms: Vec<RealmStatus>,
    /// Why it is not ready; none if it is.
    pub not_ready: Option<String>,
    /// When the configuration was last taken over, seconds since 1970.
    pub configured_at: u64,
    /// The script that decides about requests; none for the native policy.
    #[serde(default)]
    pub script: Option<String>,
    /// What an operator should know.
    pub warnings: Vec<String>,
}

/// One listening address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// `udp` or `tcp`.
    pub transport: String,
    /// Address and port.
    pub address: String,
    /// What stands in Via instead, if anything.
    pub advertised: Option<String>,
}

/// An account to be made. Passwords are hashed before they come here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewUser {
    /// `name@domain`.
    pub user: String,
    /// MD5 HA1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ha1_md5: Option<String>,
    /// SHA-256 HA1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ha1_sha256: Option<String>,
    /// MD5 HA1 for phones that authenticate as `name@domain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ha1b_md5: Option<String>,
    /// SHA-256 HA1 for phones that authenticate as `name@domain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ha1b_sha256: Option<String>,
}

impl fmt::Debug for NewUser {
    /// Without the hashes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewUser")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// One account of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserEntry {
    /// `name@domain`.
    pub user: String,
    /// Digest algorithms it can use.
    pub algorithms: Vec<String>,
    /// True if the account stands in the configuration file.
    pub configured: bool,
    /// Bindings held.
    pub bindings: u64,
}

/// A page of accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Users {
    /// The rows.
    pub users: Vec<UserEntry>,
    /// Rows in all pages.
    pub total: usize,
}

/// One binding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// `user@domain`.
    pub user: String,
    /// Contact URI.
    pub contact: String,
    /// Where it came from, `udp 192.0.2.1:5060`.
    pub source: String,
    /// Seconds left.
    pub expires_seconds: u64,
    /// Preference in thousandths.
    pub q: u16,
    /// What the phone calls itself.
    pub user_agent: String,
    /// The contact address cannot be reached from here.
    pub behind_nat: bool,
    /// Its connection is gone.
    pub flow_lost: bool,
}

/// A page of bindings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registrations {
    /// The rows.
    pub registrations: Vec<Registration>,
    /// Rows in all pages; not counted for pages asked for with `after`.
    pub total: Option<usize>,
    /// What to ask for as `after` to see more; a user's bindings are always in one page.
    pub next: Option<String>,
}

/// What an import did.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    /// Accounts added.
    pub added: usize,
    /// Accounts replaced.
    pub replaced: usize,
}

/// What a reload did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Warnings of the configuration file, as text.
    pub warnings: String,
    /// Keys whose change takes effect only after a restart.
    pub needs_restart: Vec<String>,
}

/// Why an order was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlError {
    /// There is no such thing.
    NotFound(String),
    /// It exists already.
    Exists(String),
    /// The order makes no sense.
    Invalid(String),
    /// The configuration has errors; the text shows them all.
    Configuration(String),
    /// It could not be done.
    Failed(String),
}

impl ControlError {
    /// What is wrong.
    pub fn message(&self) -> &str {
        match self {
            ControlError::NotFound(text)
            | ControlError::Exists(text)
            | ControlError::Invalid(text)
            | ControlError::Configuration(text)
            | ControlError::Failed(text) => text,
        }
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            ControlError::NotFound(_) => 404,
            ControlError::Exists(_) => 409,
            ControlError::Invalid(_) => 400,
            ControlError::Configuration(_) => 422,
            ControlError::Failed(_) => 500,
        }
    }

    /// The error that an HTTP status and a message stand for.
    pub fn from_status(status: u16, message: String) -> ControlError {
        match status {
            404 => ControlError::NotFound(message),
            409 => ControlError::Exists(message),
            400 => ControlError::Invalid(message),
            422 => ControlError::Configuration(message),
            _ => ControlError::Failed(message),
        }
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for ControlError {}
