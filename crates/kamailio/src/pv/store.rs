//! Values that scripts keep: `$var` of a worker, `$avp` and `$xavp` of a transaction. `$shv` and `$sht` belong to
//! the process and live behind [`super::PvSource::stored_value`].

use std::collections::BTreeMap;

use super::source::{Family, Place};
use super::value::PvValue;

/// Values that one store keeps (1,024).
pub const STORED_VALUES_MAX: usize = 1_024;
/// Octets of one kept value with its name (64 KiB).
pub const STORED_OCTETS_MAX: usize = 64 * 1_024;

/// How often a store refused a value.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreCounters {
    /// Values refused because the store was full or they were too long.
    pub values_refused: u64,
}

impl StoreCounters {
    /// Shows every counter: name, meaning, value.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f(
            "script_values_refused",
            "Script values refused: store full or value too long",
            self.values_refused,
        );
    }

    fn admits(&mut self, name: &[u8], value: &PvValue<'_>, kept: usize) -> bool {
        let octets = match value {
            PvValue::Str(text) => text.len(),
            PvValue::Null | PvValue::Int(_) => 8,
        };
        let admitted = kept < STORED_VALUES_MAX && octets + name.len() <= STORED_OCTETS_MAX;
        self.values_refused += u64::from(!admitted);
        admitted
    }
}

/// `$var`, `$vn`, `$vz`: they outlive a message, as in a process of Kamailio.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    values: BTreeMap<Vec<u8>, PvValue<'static>>,
    /// How often a value was refused.
    pub counters: StoreCounters,
}

impl Variables {
    /// The value; null if it was never set.
    pub fn get(&self, name: &[u8]) -> PvValue<'_> {
        self.values.get(name).cloned().unwrap_or_default()
    }

    /// Sets the value; null takes it away.
    pub fn set(&mut self, name: &[u8], value: PvValue<'_>) -> bool {
        if value.is_null() {
            self.values.remove(name);
            return true;
        }
        let kept = if self.values.contains_key(name) {
            0
        } else {
            self.values.len()
        };
        if !self.counters.admits(name, &value, kept) {
            return false;
        }
        self.values.insert(name.to_vec(), value.into_owned());
        true
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.values.clear();
    }
}

/// `$avp`: of each name a stack, the newest first.
#[derive(Clone, Debug, Default)]
pub struct Avps {
    stacks: BTreeMap<Vec<u8>, Vec<PvValue<'static>>>,
    /// How often a value was refused.
    pub counters: StoreCounters,
}

impl Avps {
    /// The value at a place; all of them in one text. Negative places are null: observed on 5.6.3.
    pub fn get(&self, name: &[u8], place: Place) -> PvValue<'_> {
        let Some(stack) = self.stacks.get(name) else {
            return PvValue::Null;
        };
        match place {
            Place::Newest => stack.last().cloned().unwrap_or_default(),
            Place::At(index) => from_newest(stack, index).cloned().unwrap_or_default(),
            Place::All => {
                let mut out = Vec::new();
                for (index, value) in stack.iter().rev().enumerate() {
                    out.extend_from_slice(if index > 0 { b", " } else { b"" });
                    value.write(&mut out);
                }
                PvValue::owned(out)
            }
        }
    }

    /// Puts a value on top, or in the place of all; null takes the newest, or all, away.
    pub fn set(&mut self, name: &[u8], place: Place, value: PvValue<'_>) -> bool {
        if value.is_null() {
            if let Some(stack) = self.stacks.get_mut(name) {
                stack.pop();
            }
            if place == Place::All || self.stacks.get(name).is_some_and(Vec::is_empty) {
                self.stacks.remove(name);
            }
            return true;
        }
        let kept = self.stacks.values().map(Vec::len).sum();
        if !self.counters.admits(name, &value, kept) {
            return false;
        }
        let stack = self.stacks.entry(name.to_vec()).or_default();
        if place == Place::All {
            stack.clear();
        }
        stack.push(value.into_owned());
        true
    }
}

/// The value at `index`, 0 being the newest, which lies last.
fn from_newest<T>(stack: &[T], index: i64) -> Option<&T> {
    let back = usize::try_from(index).ok()?.checked_add(1)?;
    stack.get(stack.len().checked_sub(back)?)
}

/// One structured value.
#[derive(Clone, Debug, Default)]
struct Structure {
    /// What a name holds, the newest last.
    fields: Vec<(Vec<u8>, PvValue<'static>)>,
    /// Of `$xavu(name)` alone.
    own: PvValue<'static>,
}

/// `$xavp`, `$xavu`, `$xavi`: values of two levels.
#[derive(Clone, Debug, Default)]
pub struct Xavps {
    /// Family and name, and its values, the newest last.
    roots: BTreeMap<(u8, Vec<u8>), Vec<Structure>>,
    /// How often a value was refused.
    pub counters: StoreCounters,
}

fn root_key(family: Family, name: &[u8]) -> (u8, Vec<u8>) {
    match family {
        Family::Many => (0, name.to_vec()),
        Family::Single => (1, name.to_vec()),
        Family::AnyCase => (2, name.to_ascii_lowercase()),
    }
}

fn index_of<T>(stack: &[T], place: Place) -> Option<usize> {
    match place {
        Place::Newest | Place::All => stack.len().checked_sub(1),
        Place::At(index) if index >= 0 => stack
            .len()
            .checked_sub(usize::try_from(index).ok()?.checked_add(1)?),
        Place::At(index) => {
            let index = usize::try_from(index.unsigned_abs()).ok()?.checked_sub(1)?;
            (index < stack.len()).then_some(index)
        }
    }
}

impl Xavps {
    /// The structures of a name, the newest first: what their fields are called and hold, the oldest field first.
    pub fn structures(
        &self,
        family: Family,
        root: &[u8],
    ) -> impl Iterator<Item = &[(Vec<u8>, PvValue<'static>)]> {
        let stack = self.roots.get(&root_key(family, root));
        stack
            .into_iter()
            .flat_map(|stack| stack.iter().rev())
            .map(|structure| structure.fields.as_slice())
    }

    /// The value of a field, or of `$xavu(name)`.
    pub fn get(
        &self,
        family: Family,
        root: &[u8],
        place: Place,
        field: Option<(&[u8], Place)>,
    ) -> PvValue<'_> {
        let found = self
            .roots
            .get(&root_key(family, root))
            .and_then(|stack| stack.get(index_of(stack, place)?));
        let Some(structure) = found else {
            return PvValue::Null;
        };
        let Some((name, place)) = field else {
            return structure.own.clone();
        };
        let values: Vec<&PvValue<'static>> = structure
            .fields
            .iter()
            .filter(|(other, _)| same(family, other, name))
            .map(|(_, value)| value)
            .collect();
        let value = index_of(&values, place).and_then(|index| values.get(index).copied());
        value.cloned().unwrap_or_default()
    }

    /// Sets a field. Without an index on the first level a new structure is put on top, except for `$xavu`; with one
    /// the field of that structure is set. Null takes away.
    pub fn set(
        &mut self,
        family: Family,
        root: &[u8],
        place: Place,
        field: Option<(&[u8], Place)>,
        value: PvValue<'_>,
    ) -> bool {
        let key = root_key(family, root);
        if value.is_null() {
            return self.remove(family, key, place, field);
        }
        let kept: usize = self
            .roots
            .values()
            .flatten()
            .map(|one| one.fields.len() + 1)
            .sum();
        let name = field.map(|(name, _)| name).unwrap_or_default();
        if !self.counters.admits(name, &value, kept) {
            return false;
        }
        let value = value.into_owned();
        let stack = self.roots.entry(key).or_default();
        let adds = stack.is_empty() || (place == Place::Newest && family != Family::Single);
        if adds {
            stack.push(Structure::default());
        }
        let Some(structure) = index_of(stack, place).and_then(|index| stack.get_mut(index)) else {
            return false;
        };
        let Some((name, field_place)) = field else {
            *structure = Structure {
                own: value,
                fields: Vec::new(),
            };
            return true;
        };
        let indices = structure
            .fields
            .iter()
            .enumerate()
            .filter(|(_, (other, _))| same(family, other, name));
        let indices: Vec<usize> = indices.map(|(index, _)| index).collect();
        let replaced = match (field_place, family) {
            (Place::Newest, Family::Many | Family::AnyCase) => None,
            (place, _) => index_of(&indices, place).and_then(|index| indices.get(index).copied()),
        };
        match replaced.and_then(|index| structure.fields.get_mut(index)) {
            Some(field) => field.1 = value,
            None => structure.fields.push((name.to_vec(), value)),
        }
        true
    }

    fn remove(
        &mut self,
        family: Family,
        key: (u8, Vec<u8>),
        place: Place,
        field: Option<(&[u8], Place)>,
    ) -> bool {
        let Some(stack) = self.roots.get_mut(&key) else {
            return true;
        };
        let index = index_of(stack, place);
        match (field, index) {
            (None, _) if place == Place::All => stack.clear(),
            (None, Some(index)) => {
                stack.remove(index);
            }
            (Some((name, _)), Some(index)) => {
                if let Some(structure) = stack.get_mut(index) {
                    structure
                        .fields
                        .retain(|(other, _)| !same(family, other, name));
                }
            }
            (_, None) => {}
        }
        if stack.is_empty() {
            self.roots.remove(&key);
        }
        true
    }
}

fn same(family: Family, a: &[u8], b: &[u8]) -> bool {
    if family == Family::AnyCase {
        a.eq_ignore_ascii_case(b)
    } else {
        a == b
    }
}
