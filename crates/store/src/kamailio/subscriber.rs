//! Accounts of `auth_db`, and what they are here.

use std::fmt;

use strowger_registrar::Subscriber;

use super::KamailioDatabase;
use super::columns::SubscriberColumns;
use super::error::KamailioError;
use super::row::{needed, optional};
use crate::{Hashes, StoreError, User, account_with_hashes, account_with_password};

/// A row of the `subscriber` table: a password, or what was made of one.
#[derive(Clone, PartialEq, Eq)]
pub struct KamailioSubscriber {
    /// The name.
    pub user: String,
    /// The domain; databases for one domain may have none.
    pub domain: Option<String>,
    /// The password in plain, with `calculate_ha1`.
    pub password: Option<String>,
    /// HA1 in hexadecimal digits, without `calculate_ha1`.
    pub ha1: Option<String>,
    /// The same of `user@domain`.
    pub ha1b: Option<String>,
    /// Its line, or the number of its row.
    pub line: u64,
}

impl fmt::Debug for KamailioSubscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KamailioSubscriber")
            .field("user", &self.user)
            .field("domain", &self.domain)
            .field("password", &self.password.is_some())
            .field("ha1", &self.ha1.is_some())
            .field("ha1b", &self.ha1b.is_some())
            .field("line", &self.line)
            .finish()
    }
}

impl KamailioSubscriber {
    /// The account for the realm that is its domain, or `default_domain` if it has none. The kind of a hash is told
    /// by its length.
    pub fn account(&self, default_domain: &str) -> Result<Subscriber, StoreError> {
        let domain = self.domain.as_deref().unwrap_or(default_domain);
        let user = User::new(&self.user, Some(domain), &[domain])?;
        if let Some(password) = &self.password {
            return account_with_password(&user, password);
        }
        let of_length = |digits: &'_ Option<String>, is_sha256: bool| {
            digits
                .clone()
                .filter(|digits| (digits.len() == 64) == is_sha256)
        };
        let hashes = [
            of_length(&self.ha1, false),
            of_length(&self.ha1, true),
            of_length(&self.ha1b, false),
            of_length(&self.ha1b, true),
        ];
        let [ha1_md5, ha1_sha256, ha1b_md5, ha1b_sha256] = hashes.each_ref().map(Option::as_deref);
        account_with_hashes(
            &user,
            &Hashes {
                ha1_md5,
                ha1_sha256,
                ha1b_md5,
                ha1b_sha256,
            },
        )
    }
}

/// Only the columns that `calculate_ha1` names are read: the others may be left over from other times.
pub(super) fn read(
    database: &KamailioDatabase,
    columns: &SubscriberColumns,
) -> Result<Vec<KamailioSubscriber>, KamailioError> {
    let secret = if columns.calculate_ha1 {
        &columns.password
    } else {
        &columns.ha1
    };
    let wanted = [
        needed(&columns.user),
        optional(&columns.domain),
        needed(secret),
        optional(&columns.ha1b),
    ];
    database.rows(&columns.table, &wanted)?.read(|row| {
        let secret = Some(row.needed_text(2, secret)?);
        let (password, ha1) = if columns.calculate_ha1 {
            (secret, None)
        } else {
            (None, secret)
        };
        let ha1b = row.text(3).filter(|_| ha1.is_some());
        Ok(KamailioSubscriber {
            user: row.needed_text(0, "user name")?,
            domain: row.text(1).map(str::to_owned),
            password,
            ha1b: ha1b.map(str::to_owned),
            ha1,
            line: row.line(),
        })
    })
}
