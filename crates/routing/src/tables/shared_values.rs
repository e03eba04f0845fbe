//! Values of the process by name: Kamailio's `$shv(name)` and `KSR.pvx.shv_*`.

use core::fmt;
use core::hash::BuildHasher;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use foldhash::fast::FixedState;

use super::TableValue;
use super::locks::{read_lock, write_lock};

/// Shared values of one process.
pub const SHARED_VALUES_MAX: usize = 65_536;
/// Octets of the name of a shared value.
pub const SHARED_NAME_OCTETS_MAX: usize = 255;
/// Octets of a shared value.
pub const SHARED_VALUE_OCTETS_MAX: usize = 65_536;

/// Why a shared value was not kept.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SharedValueError {
    /// The name is longer than [`SHARED_NAME_OCTETS_MAX`].
    NameTooLong,
    /// The value is longer than [`SHARED_VALUE_OCTETS_MAX`].
    ValueTooLong,
    /// There are [`SHARED_VALUES_MAX`] names already.
    TooManyValues,
}

impl fmt::Display for SharedValueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SharedValueError::NameTooLong => write!(
                f,
                "the name of a shared value is longer than {SHARED_NAME_OCTETS_MAX} octets"
            ),
            SharedValueError::ValueTooLong => write!(
                f,
                "a shared value is longer than {SHARED_VALUE_OCTETS_MAX} octets"
            ),
            SharedValueError::TooManyValues => {
                write!(f, "more than {SHARED_VALUES_MAX} shared values")
            }
        }
    }
}

impl core::error::Error for SharedValueError {}

type Values = HashMap<Arc<[u8]>, TableValue, FixedState>;

/// The shared values. What a script reads of a name that nobody set is its matter: Kamailio says 0.
#[derive(Debug)]
pub struct SharedValues {
    stripes: Box<[RwLock<Values>]>,
    hash: FixedState,
    count: AtomicUsize,
    refused: AtomicU64,
}

impl SharedValues {
    /// Locks of the table; each guards an equal share of the names.
    pub const STRIPES: usize = 16;

    /// No values. `seed` spreads the names over the stripes.
    pub fn new(seed: u64) -> SharedValues {
        let hash = FixedState::with_seed(seed);
        SharedValues {
            stripes: (0..Self::STRIPES)
                .map(|_| RwLock::new(HashMap::with_hasher(hash.clone())))
                .collect(),
            hash,
            count: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// The value of a name.
    pub fn get(&self, name: &[u8]) -> Option<TableValue> {
        read_lock(self.stripe(name)).get(name).cloned()
    }
    /// Gives a name a number.
    pub fn set_int(&self, name: &[u8], number: i64) -> Result<(), SharedValueError> {
        self.set(name, TableValue::Int(number))
    }
    /// Gives a name octets.
    pub fn set_text(&self, name: &[u8], octets: &[u8]) -> Result<(), SharedValueError> {
        if octets.len() > SHARED_VALUE_OCTETS_MAX {
            return self.refuse(SharedValueError::ValueTooLong);
        }
        self.set(name, TableValue::text(octets))
    }
    /// Gives a name a value.
    pub fn set(&self, name: &[u8], value: TableValue) -> Result<(), SharedValueError> {
        if value.octets() > SHARED_VALUE_OCTETS_MAX {
            return self.refuse(SharedValueError::ValueTooLong);
        }
        let mut values = write_lock(self.stripe(name));
        match values.get_mut(name) {
            Some(held) => *held = value,
            None => self.insert(&mut values, name, value)?,
        }
        Ok(())
    }
    /// Adds to the number of a name and returns the sum, in one step. An absent one begins at 0; `None` for octets.
    pub fn add(&self, name: &[u8], delta: i64) -> Result<Option<i64>, SharedValueError> {
        let mut values = write_lock(self.stripe(name));
        match values.get_mut(name) {
            Some(TableValue::Int(number)) => {
                *number = number.saturating_add(delta);
                Ok(Some(*number))
            }
            Some(TableValue::Text(_)) => Ok(None),
            None => {
                self.insert(&mut values, name, TableValue::Int(delta))?;
                Ok(Some(delta))
            }
        }
    }
    /// Forgets a name; false if it had no value.
    pub fn remove(&self, name: &[u8]) -> bool {
        let removed = write_lock(self.stripe(name)).remove(name).is_some();
        if removed {
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
        removed
    }
    /// All values, in the order of their names.
    pub fn list(&self) -> Vec<(Arc<[u8]>, TableValue)> {
        let mut all: Vec<(Arc<[u8]>, TableValue)> = Vec::with_capacity(self.len());
        for stripe in &self.stripes {
            let values = read_lock(stripe);
            all.extend(
                values
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
        }
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        all
    }
    /// Names that have a value.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
    /// True if no name has a value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Calls `f` with the name, the help text and the value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f(
            "shared_values",
            "Shared values of scripts.",
            self.len() as u64,
        );
        f(
            "shared_values_refused_total",
            "Shared values refused because of a limit.",
            self.refused.load(Ordering::Relaxed),
        );
    }

    fn insert(
        &self,
        values: &mut Values,
        name: &[u8],
        value: TableValue,
    ) -> Result<(), SharedValueError> {
        if name.len() > SHARED_NAME_OCTETS_MAX {
            return self.refuse(SharedValueError::NameTooLong);
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= SHARED_VALUES_MAX {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return self.refuse(SharedValueError::TooManyValues);
        }
        values.insert(name.into(), value);
        Ok(())
    }

    fn refuse<T>(&self, error: SharedValueError) -> Result<T, SharedValueError> {
        self.refused.fetch_add(1, Ordering::Relaxed);
        Err(error)
    }

    fn stripe(&self, name: &[u8]) -> &RwLock<Values> {
        &self.stripes[(self.hash.hash_one(name) >> 40) as usize % Self::STRIPES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_by_name() {
        let values = SharedValues::new(1);
        assert_eq!(values.get(b"x"), None);
        values.set_int(b"x", 1).expect("room");
        values.set_text(b"x", b"text").expect("room");
        values.set_int(b"a", 2).expect("room");
        assert_eq!(values.get(b"x"), Some(TableValue::text(b"text")));
        assert_eq!(values.len(), 2);
        let names: Vec<_> = values
            .list()
            .iter()
            .map(|(name, _)| name.to_vec())
            .collect();
        assert_eq!(names, [b"a", b"x"]);
        assert!(values.remove(b"x"));
        assert!(!values.remove(b"x"));
        assert_eq!(values.len(), 1);
    }

    #[test]
    fn numbers_are_added_to_in_one_step() {
        let values = SharedValues::new(1);
        assert_eq!(values.add(b"x", 3), Ok(Some(3)));
        assert_eq!(values.add(b"x", -1), Ok(Some(2)));
        values.set_text(b"s", b"text").expect("room");
        assert_eq!(values.add(b"s", 1), Ok(None));
    }

    #[test]
    fn limits_hold_and_are_counted() {
        let values = SharedValues::new(1);
        let name = vec![b'x'; SHARED_NAME_OCTETS_MAX + 1];
        assert_eq!(values.set_int(&name, 1), Err(SharedValueError::NameTooLong));
        let long = vec![b'x'; SHARED_VALUE_OCTETS_MAX + 1];
        assert_eq!(
            values.set_text(b"x", &long),
            Err(SharedValueError::ValueTooLong)
        );
        for number in 0..SHARED_VALUES_MAX {
            values.set_int(&number.to_be_bytes(), 1).expect("room");
        }
        assert_eq!(values.add(b"x", 1), Err(SharedValueError::TooManyValues));
        values
            .set_int(&0_usize.to_be_bytes(), 2)
            .expect("it exists already");
        let mut refused = 0;
        values.visit(&mut |name, _, value| {
            if name == "shared_values_refused_total" {
                refused = value;
            }
        });
        assert_eq!(refused, 3);
    }
}
