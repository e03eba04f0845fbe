//! Accounts of a running server: the store's and those of the configuration file, in one table.
//!
//! An account of the file hides one of the same name in the store while the file has it.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use strowger_admin::{ControlError, Imported, NewUser};
use strowger_registrar::{Subscriber, SubscriberTable};
use strowger_store::{
    Accounts, Database, Hashes, StoreError, User, account_with_hashes, account_with_password,
};

use crate::config::{Config, Secret};

/// The accounts.
#[derive(Debug)]
pub struct AccountBook {
    /// `None` if nothing is kept.
    store: Option<Mutex<Accounts>>,
    /// Names and domains of those that another database gave last.
    foreign: Mutex<HashSet<(Box<str>, Box<str>)>>,
}

impl AccountBook {
    /// The accounts of this database, or of memory alone.
    ///
    /// # Errors
    /// The database cannot be used.
    pub fn open(database: Option<&Database>) -> Result<AccountBook, StoreError> {
        let store = database.map(Accounts::open).transpose()?;
        Ok(AccountBook {
            store: store.map(Mutex::new),
            foreign: Mutex::default(),
        })
    }

    /// Adds an account, first to the store.
    ///
    /// # Errors
    /// It exists, or cannot be stored.
    pub fn add(&self, account: Subscriber, table: &SubscriberTable) -> Result<(), ControlError> {
        match &self.store {
            Some(store) => lock(store).add(&account).map_err(control_error)?,
            None if table
                .get(account.user.as_bytes(), &account.domain)
                .is_some() =>
            {
                return Err(control_error(StoreError::UserExists(format!(
                    "{}@{}",
                    account.user, account.domain
                ))));
            }
            None => {}
        }
        put(account, table)
    }

    /// Replaces an account.
    ///
    /// # Errors
    /// There is none, or it cannot be stored.
    pub fn change(&self, account: Subscriber, table: &SubscriberTable) -> Result<(), ControlError> {
        match &self.store {
            Some(store) => lock(store).change(&account).map_err(control_error)?,
            None if table
                .get(account.user.as_bytes(), &account.domain)
                .is_none() =>
            {
                return Err(control_error(StoreError::UnknownUser(format!(
                    "{}@{}",
                    account.user, account.domain
                ))));
            }
            None => {}
        }
        put(account, table)
    }

    /// Deletes an account.
    ///
    /// # Errors
    /// There is none, or the store fails.
    pub fn delete(&self, user: &User, table: &SubscriberTable) -> Result<(), ControlError> {
        if let Some(store) = &self.store {
            lock(store).delete(user).map_err(control_error)?;
        }
        match table.remove(user.name.as_bytes(), &user.domain) || self.store.is_some() {
            true => Ok(()),
            false => Err(control_error(StoreError::UnknownUser(user.to_string()))),
        }
    }

    /// Adds many, all or none.
    ///
    /// # Errors
    /// Some exist and are not to be replaced, or the store fails.
    pub fn import(
        &self,
        accounts: Vec<Subscriber>,
        replace: bool,
        table: &SubscriberTable,
    ) -> Result<Imported, ControlError> {
        let present: Vec<usize> = match &self.store {
            Some(store) => lock(store)
                .add_all(&accounts, replace)
                .map_err(control_error)?,
            None => (0..accounts.len())
                .filter(|at| {
                    accounts
                        .get(*at)
                        .is_some_and(|one| table.get(one.user.as_bytes(), &one.domain).is_some())
                })
                .collect(),
        };
        if !replace && let Some(first) = present.first().and_then(|at| accounts.get(*at)) {
            let more = present.len() - 1;
            let others = if more > 0 {
                format!(" and {more} more exist")
            } else {
                " exists".to_owned()
            };
            return Err(ControlError::Exists(format!(
                "nothing was imported: the user {}@{}{others} already; --replace gives them new passwords",
                first.user, first.domain
            )));
        }
        let imported = Imported {
            added: accounts.len() - present.len(),
            replaced: present.len(),
        };
        for account in accounts {
            put(account, table)?;
        }
        Ok(imported)
    }

    /// Brings the table to what the store, another database and this configuration hold; the later ones count before
    /// the earlier. Returns, in words, which accounts of the configuration hide stored ones.
    ///
    /// # Errors
    /// The store fails, or there are too many.
    pub fn fill(
        &self,
        config: &Config,
        foreign: Vec<Subscriber>,
        table: &SubscriberTable,
    ) -> Result<Vec<String>, StoreError> {
        let name = |one: &Subscriber| (one.user.clone(), one.domain.clone());
        let names = foreign.iter().map(name).collect();
        let before = std::mem::replace(&mut *lock(&self.foreign), names);
        let (mut all, hiding) = match &self.store {
            Some(store) => {
                let stored = lock(store).list()?;
                let hidden = hiding(config, &stored);
                let hiding = hidden
                    .into_iter()
                    .map(|user| in_words(config, user))
                    .collect();
                (stored, hiding)
            }
            None => {
                let present = table.list();
                let kept = present
                    .iter()
                    .map(|one| Subscriber::clone(one))
                    .filter(|one| !before.contains(&name(one)));
                (kept.collect(), Vec::new())
            }
        };
        all.extend(foreign);
        for user in &config.users {
            all.push(configured(user)?);
        }
        // Later ones take the place of earlier ones: the file hides the store.
        table
            .replace_all(all)
            .map_err(|_| StoreError::BadPassword("too many accounts"))?;
        Ok(hiding)
    }

    /// Forgets accounts of the old configuration that the new one has no more; only where nothing is stored.
    pub fn forget(&self, old: &Config, table: &SubscriberTable) {
        if self.store.is_none() {
            for user in &old.users {
                table.remove(user.name.as_bytes(), &user.domain);
            }
        }
    }
}

/// The accounts of the configuration that hide stored ones.
pub fn hiding<'c>(config: &'c Config, stored: &[Subscriber]) -> Vec<&'c crate::config::User> {
    let stored: HashSet<(&str, &str)> = stored
        .iter()
        .map(|one| (&*one.user, &*one.domain))
        .collect();
    let hides = |user: &&crate::config::User| stored.contains(&(&*user.name, &*user.domain));
    config.users.iter().filter(hides).collect()
}

fn in_words(config: &Config, user: &crate::config::User) -> String {
    format!(
        "user {}@{} stands in {}:{} and in the data folder; the file's account counts",
        user.name, user.domain, config.file, user.line
    )
}

fn put(account: Subscriber, table: &SubscriberTable) -> Result<(), ControlError> {
    table
        .add(account)
        .map_err(|error| ControlError::Failed(error.to_string()))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An account of the configuration file.
///
/// # Errors
/// The password cannot be used.
pub fn configured(user: &crate::config::User) -> Result<Subscriber, StoreError> {
    let named = User {
        name: user.name.as_str().into(),
        domain: user.domain.clone(),
    };
    let account = match &user.secret {
        Secret::Password(password) => account_with_password(&named, password),
        Secret::Ha1 { md5, sha256 } => {
            let hashes = Hashes {
                ha1_md5: md5.as_deref(),
                ha1_sha256: sha256.as_deref(),
                ..Hashes::default()
            };
            account_with_hashes(&named, &hashes)
        }
    }?;
    Ok(user.algorithms.keep(account))
}

/// An account that came over the socket.
///
/// # Errors
/// The user or the hashes are malformed, or the domain is not served.
pub fn received(new: &NewUser, domains: &[Box<str>]) -> Result<Subscriber, ControlError> {
    let user = User::parse(&new.user, domains).map_err(control_error)?;
    let hashes = Hashes {
        ha1_md5: new.ha1_md5.as_deref(),
        ha1_sha256: new.ha1_sha256.as_deref(),
        ha1b_md5: new.ha1b_md5.as_deref(),
        ha1b_sha256: new.ha1b_sha256.as_deref(),
    };
    account_with_hashes(&user, &hashes).map_err(control_error)
}

/// A store's error as the socket tells it.
pub fn control_error(error: StoreError) -> ControlError {
    let text = error.to_string();
    match error {
        StoreError::UnknownUser(_) => ControlError::NotFound(text),
        StoreError::UserExists(_) => ControlError::Exists(text),
        StoreError::BadUser { .. }
        | StoreError::UnknownDomain { .. }
        | StoreError::BadPassword(_) => ControlError::Invalid(text),
        _ => ControlError::Failed(text),
    }
}
