//! What a dialog holds: the profiles it is in, its variables and flags.

use strowger_sip::Time;

use super::{
    DIALOG_PROFILES_MAX, DIALOG_TEXT_OCTETS_MAX, DIALOG_VARIABLES_MAX, DialogName, Dialogs,
    ProfileValue,
};
use crate::tables::locks::lock;

impl Dialogs {
    /// Puts the dialog into a profile. False if it is not tracked, or that is too much.
    pub fn set_profile(
        &self,
        name: DialogName<'_>,
        profile: &[u8],
        value: &[u8],
        now: Time,
    ) -> bool {
        let added = self.with(name, now, |table, dialog| {
            let key: ProfileValue = (profile.into(), value.into());
            if dialog.profiles.contains(&key) {
                return true;
            }
            let fits = dialog.profiles.len() < DIALOG_PROFILES_MAX
                && profile.len() + value.len() <= DIALOG_TEXT_OCTETS_MAX;
            if fits {
                *lock(&table.sizes).entry(key.clone()).or_default() += 1;
                dialog.profiles.insert(key);
            }
            fits
        });
        added.unwrap_or(false)
    }
    /// Takes the dialog out of a profile. False if it was not in it.
    pub fn unset_profile(
        &self,
        name: DialogName<'_>,
        profile: &[u8],
        value: &[u8],
        now: Time,
    ) -> bool {
        let removed = self.with(name, now, |table, dialog| {
            let key: ProfileValue = (profile.into(), value.into());
            let removed = dialog.profiles.remove(&key);
            if removed {
                table.uncount(&key);
            }
            removed
        });
        removed.unwrap_or(false)
    }
    /// True if the dialog is in a profile.
    pub fn is_in_profile(
        &self,
        name: DialogName<'_>,
        profile: &[u8],
        value: &[u8],
        now: Time,
    ) -> bool {
        let found = self.with(name, now, |_, dialog| {
            dialog.profiles.contains(&(profile.into(), value.into()))
        });
        found.unwrap_or(false)
    }
    /// How many dialogs are in a profile with this value.
    pub fn profile_size(&self, profile: &[u8], value: &[u8]) -> usize {
        let key: ProfileValue = (profile.into(), value.into());
        lock(&self.sizes).get(&key).copied().unwrap_or(0)
    }

    /// Sets a variable of the dialog, or takes it away. False if the dialog is not tracked, or that is too much.
    pub fn set_variable(
        &self,
        name: DialogName<'_>,
        variable: &[u8],
        value: Option<&[u8]>,
        now: Time,
    ) -> bool {
        let set = self.with(name, now, |_, dialog| {
            let Some(value) = value else {
                dialog.variables.remove(variable);
                return true;
            };
            let is_new = !dialog.variables.contains_key(variable);
            let fits = !(is_new && dialog.variables.len() >= DIALOG_VARIABLES_MAX)
                && variable.len() + value.len() <= DIALOG_TEXT_OCTETS_MAX;
            if fits {
                dialog.variables.insert(variable.into(), value.into());
            }
            fits
        });
        set.unwrap_or(false)
    }
    /// A variable of the dialog.
    pub fn variable(&self, name: DialogName<'_>, variable: &[u8], now: Time) -> Option<Box<[u8]>> {
        self.with(name, now, |_, dialog| {
            dialog.variables.get(variable).cloned()
        })?
    }

    /// The flags of the dialog, after `change`; `None` if it is not tracked.
    pub fn flags(
        &self,
        name: DialogName<'_>,
        now: Time,
        change: fn(u32, u32) -> u32,
        bits: u32,
    ) -> Option<u32> {
        self.with(name, now, |_, dialog| {
            dialog.flags = change(dialog.flags, bits);
            dialog.flags
        })
    }
}
