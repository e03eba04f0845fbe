//! Accounts: who may register, by name, domain and the hashes of a password that is never kept.
//!
//! RFC 3261 §22.4, RFC 7616 §3.4.2 and RFC 8760: HA1 = H(user ":" realm ":" password), the realm being the domain.
//! Both hashes are made from a password, so that the algorithms offered can change later.

use std::fmt;

use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, params};
use strowger_registrar::{Ha1, Subscriber};

use crate::{Database, StoreError};

/// Octets of a user name.
pub const USER_OCTETS_MAX: usize = 64;
/// Octets of a password.
const PASSWORD_OCTETS_MAX: usize = 256;

const ADD: &str = "INSERT OR IGNORE INTO account (domain, name, ha1_md5, ha1_sha256, ha1b_md5, ha1b_sha256, enabled) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const CHANGE: &str = "UPDATE account SET ha1_md5 = ?3, ha1_sha256 = ?4, ha1b_md5 = ?5, ha1b_sha256 = ?6, enabled = ?7 \
     WHERE domain = ?1 AND name = ?2";
const GET: &str = "SELECT domain, name, ha1_md5, ha1_sha256, ha1b_md5, ha1b_sha256, enabled FROM account \
     WHERE domain = ?1 AND name = ?2";
const LIST: &str = "SELECT domain, name, ha1_md5, ha1_sha256, ha1b_md5, ha1b_sha256, enabled FROM account \
     ORDER BY domain, name";

macro_rules! values_of {
    ($account:expr) => {
        params![
            $account.domain,
            $account.user,
            digits_of($account.ha1.md5),
            digits_of($account.ha1.sha256),
            digits_of($account.ha1_with_domain.md5),
            digits_of($account.ha1_with_domain.sha256),
            $account.enabled
        ]
    };
}

/// A user of a domain served here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct User {
    /// The name: user part of the address of record and digest username.
    pub name: Box<str>,
    /// The domain, in lower case: host of the address of record and realm.
    pub domain: Box<str>,
}

impl User {
    /// Read `name` (of the first domain served) or `name@domain`.
    pub fn parse(text: &str, served: &[impl AsRef<str>]) -> Result<User, StoreError> {
        let (name, domain) = match text.rsplit_once('@') {
            Some((name, domain)) => (name, Some(domain)),
            None => (text, None),
        };
        User::new(name, domain, served)
    }

    /// A user from its parts; no domain means the first one served.
    pub fn new(
        name: &str,
        domain: Option<&str>,
        served: &[impl AsRef<str>],
    ) -> Result<User, StoreError> {
        if let Some(reason) = fault_of_name(name) {
            return Err(StoreError::BadUser {
                user: name.to_owned(),
                reason,
            });
        }
        let found = match domain {
            None => served.first(),
            Some(domain) => served
                .iter()
                .find(|one| one.as_ref().eq_ignore_ascii_case(domain)),
        };
        match found {
            Some(domain) => Ok(User {
                name: name.into(),
                domain: domain.as_ref().to_ascii_lowercase().into(),
            }),
            None => Err(StoreError::UnknownDomain {
                domain: domain.unwrap_or_default().to_owned(),
                served: served.iter().map(|one| one.as_ref().to_owned()).collect(),
            }),
        }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.domain)
    }
}

/// The account of a user with this password.
pub fn account_with_password(user: &User, password: &str) -> Result<Subscriber, StoreError> {
    if let Some(reason) = fault_of_password(password) {
        return Err(StoreError::BadPassword(reason));
    }
    Ok(Subscriber::from_password(
        &user.name,
        &user.domain,
        password.as_bytes(),
    ))
}

/// Hashes made elsewhere, in hexadecimal digits: `ha1` of `user:realm:password`, `ha1b` of
/// `user@realm:realm:password` (for phones that authenticate with their whole address).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Hashes<'a> {
    /// HA1 with MD5.
    pub ha1_md5: Option<&'a str>,
    /// HA1 with SHA-256.
    pub ha1_sha256: Option<&'a str>,
    /// The same of `user@realm` with MD5.
    pub ha1b_md5: Option<&'a str>,
    /// The same of `user@realm` with SHA-256.
    pub ha1b_sha256: Option<&'a str>,
}

impl Hashes<'_> {
    /// True if none is given.
    pub fn is_empty(&self) -> bool {
        *self == Hashes::default()
    }
}

/// The account of a user with hashes made elsewhere; `ha1_md5` or `ha1_sha256` at least.
pub fn account_with_hashes(user: &User, hashes: &Hashes<'_>) -> Result<Subscriber, StoreError> {
    if hashes.ha1_md5.or(hashes.ha1_sha256).is_none() {
        return Err(StoreError::BadPassword(
            "neither a password nor ha1_md5 or ha1_sha256 is given",
        ));
    }
    let md5 = |digits: Option<&str>| {
        octets_of(digits)
            .map_err(|()| StoreError::BadPassword("an MD5 hash must be 32 hexadecimal digits"))
    };
    let sha256 = |digits: Option<&str>| {
        octets_of(digits)
            .map_err(|()| StoreError::BadPassword("a SHA-256 hash must be 64 hexadecimal digits"))
    };
    Ok(Subscriber {
        user: user.name.clone(),
        domain: user.domain.clone(),
        ha1: Ha1 {
            md5: md5(hashes.ha1_md5)?,
            sha256: sha256(hashes.ha1_sha256)?,
        },
        ha1_with_domain: Ha1 {
            md5: md5(hashes.ha1b_md5)?,
            sha256: sha256(hashes.ha1b_sha256)?,
        },
        enabled: true,
    })
}

/// The accounts of a database. Every change is one transaction; other processes may change accounts at the same time.
#[derive(Debug)]
pub struct Accounts {
    connection: Connection,
    database: Database,
}

impl Accounts {
    /// The accounts of this database.
    pub fn open(database: &Database) -> Result<Accounts, StoreError> {
        Ok(Accounts {
            connection: database.connect()?,
            database: database.clone(),
        })
    }

    /// Add an account; refused if the user has one.
    pub fn add(&mut self, account: &Subscriber) -> Result<(), StoreError> {
        let added = self.connection.execute(ADD, values_of!(account));
        match added.map_err(|error| self.wrap("add an account", error))? {
            0 => Err(StoreError::UserExists(name_of(account))),
            _ => Ok(()),
        }
    }

    /// Replace an account; refused if the user has none.
    pub fn change(&mut self, account: &Subscriber) -> Result<(), StoreError> {
        let changed = self.connection.execute(CHANGE, values_of!(account));
        match changed.map_err(|error| self.wrap("change an account", error))? {
            0 => Err(StoreError::UnknownUser(name_of(account))),
            _ => Ok(()),
        }
    }

    /// Delete an account and the bindings kept for it.
    pub fn delete(&mut self, user: &User) -> Result<(), StoreError> {
        let path = self.database.path().to_owned();
        let wrap = |error| StoreError::sqlite("delete an account", &path, error);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(wrap)?;
        let deleted = transaction
            .execute(
                "DELETE FROM account WHERE domain = ?1 AND name = ?2",
                params![user.domain, user.name],
            )
            .map_err(wrap)?;
        if deleted == 0 {
            return Err(StoreError::UnknownUser(user.to_string()));
        }
        transaction
            .execute(
                "DELETE FROM binding WHERE aor = ?1",
                [format!("sip:{user}")],
            )
            .map_err(wrap)?;
        transaction.commit().map_err(wrap)
    }

    /// One account.
    pub fn get(&self, user: &User) -> Result<Option<Subscriber>, StoreError> {
        self.connection
            .query_row(GET, params![user.domain, user.name], account_of)
            .optional()
            .map_err(|error| self.wrap("read an account", error))
    }

    /// All accounts, by domain and name.
    pub fn list(&self) -> Result<Vec<Subscriber>, StoreError> {
        let read = || {
            self.connection
                .prepare(LIST)?
                .query_map([], account_of)?
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|error| self.wrap("read the accounts", error))
    }

    /// Add many accounts, all or none. Returns the positions of those whose user exists already; if there are
    /// any and `replace` is false, nothing was changed.
    pub fn add_all(
        &mut self,
        accounts: &[Subscriber],
        replace: bool,
    ) -> Result<Vec<usize>, StoreError> {
        let path = self.database.path().to_owned();
        let wrap = |error| StoreError::sqlite("import accounts", &path, error);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(wrap)?;
        let mut present = Vec::new();
        {
            let mut add = transaction.prepare(ADD).map_err(wrap)?;
            let mut change = transaction.prepare(CHANGE).map_err(wrap)?;
            for (position, account) in accounts.iter().enumerate() {
                if add.execute(values_of!(account)).map_err(wrap)? == 0 {
                    present.push(position);
                    change.execute(values_of!(account)).map_err(wrap)?;
                }
            }
        }
        if present.is_empty() || replace {
            transaction.commit().map_err(wrap)?;
        }
        Ok(present)
    }

    fn wrap(&self, action: &'static str, error: rusqlite::Error) -> StoreError {
        StoreError::sqlite(action, self.database.path(), error)
    }
}

fn account_of(row: &Row<'_>) -> rusqlite::Result<Subscriber> {
    Ok(Subscriber {
        domain: row.get(0)?,
        user: row.get(1)?,
        ha1: Ha1 {
            md5: hash_in(row, 2)?,
            sha256: hash_in(row, 3)?,
        },
        ha1_with_domain: Ha1 {
            md5: hash_in(row, 4)?,
            sha256: hash_in(row, 5)?,
        },
        enabled: row.get(6)?,
    })
}

/// A column of hexadecimal digits; what is none counts as no hash, so that nobody gets in by it.
fn hash_in<const N: usize>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<[u8; N]>> {
    let digits: Option<String> = row.get(column)?;
    Ok(octets_of(digits.as_deref()).unwrap_or(None))
}

fn name_of(account: &Subscriber) -> String {
    format!("{}@{}", account.user, account.domain)
}

/// What keeps a text from being a user name.
///
/// RFC 3261 §25.1 `user`: unreserved characters and those of user-unreserved that need no escape and no quotes in
/// a shell line or a CSV file. Names that need `%` escapes are refused: phones disagree about their comparison.
fn fault_of_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() > USER_OCTETS_MAX {
        return Some("it is longer than 64 octets");
    }
    if name.contains('@') {
        return Some("it has two @ signs");
    }
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.!~*'()&=+$".contains(&octet);
    match name.bytes().all(allowed) {
        true => None,
        false => Some("only letters, digits and -_.!~*'()&=+$ may stand in it"),
    }
}

fn fault_of_password(password: &str) -> Option<&'static str> {
    if password.is_empty() {
        Some("it is empty")
    } else if password.len() > PASSWORD_OCTETS_MAX {
        Some("it is longer than 256 octets")
    } else if password.chars().any(char::is_control) {
        Some("it has a control character in it")
    } else {
        None
    }
}

fn octets_of<const N: usize>(digits: Option<&str>) -> Result<Option<[u8; N]>, ()> {
    let Some(digits) = digits else {
        return Ok(None);
    };
    if digits.len() != 2 * N || !digits.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return Err(());
    }
    let mut octets = [0; N];
    for (position, octet) in octets.iter_mut().enumerate() {
        let pair = digits.get(2 * position..2 * position + 2).ok_or(())?;
        *octet = u8::from_str_radix(pair, 16).map_err(|_| ())?;
    }
    Ok(Some(octets))
}

fn digits_of(octets: Option<impl AsRef<[u8]>>) -> Option<String> {
    octets.map(|octets| {
        octets
            .as_ref()
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect()
    })
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
