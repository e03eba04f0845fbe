//! What the rows of `dialog` do to the dialogs that are tracked.

use strowger_routing::RoutingContext;
use strowger_routing::tables::dialogs::{
    DIALOG_PROFILES_MAX, DIALOG_VARIABLES_MAX, DialogBegun, DialogName, Dialogs,
};
use strowger_sip::{Message, Method};

use crate::kemi::run::{KemiRun, RoutePlace};
use crate::pv::PvValue;

/// What a script set before its dialog began.
#[derive(Clone, Debug, Default)]
pub struct PendingDialog {
    profiles: Vec<(Vec<u8>, Vec<u8>)>,
    variables: Vec<(Vec<u8>, Vec<u8>)>,
    flags: u32,
}

/// What becomes of a flag.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum FlagChange {
    Set,
    Reset,
    None,
}

fn name_of(message: &Message) -> DialogName<'_> {
    DialogName {
        call_id: message.call_id(),
        from_tag: message.from_tag().unwrap_or_default(),
        to_tag: message.to_tag(),
    }
}

fn dialogs(run: &KemiRun) -> (&Dialogs, DialogName<'_>, strowger_sip::Time) {
    let name = name_of(run.context.message());
    let now = run.context.now().monotonic;
    (&run.context.tables().dialogs, name, now)
}

/// Notes what a request does to the dialog that it belongs to; true if there is one. Called for what is forwarded too.
pub(super) fn pass(context: &dyn RoutingContext) -> bool {
    let dialogs = &context.tables().dialogs;
    let message = context.message();
    if dialogs.is_empty() {
        return false;
    }
    let name = name_of(message);
    let now = context.now().monotonic;
    if message.is_response() || name.to_tag.is_none() {
        return dialogs.is_known(name, now);
    }
    if message.method() == Method::Bye {
        return dialogs.end(name);
    }
    dialogs.confirm(name, now)
}

/// A BYE is known the moment before it ends its dialog; one that comes again is known no more.
pub(super) fn is_known(run: &mut KemiRun) -> bool {
    let ended = run.kept().dialog_ended;
    let known = ended || pass(&*run.context);
    note_end(run, known);
    known
}

/// A second look at the same BYE within its transaction sees the dialog that the first one ended.
fn note_end(run: &mut KemiRun, known: bool) {
    if known && run.is_request() && run.context.message().method() == Method::Bye {
        run.kept().dialog_ended = true;
    }
}

pub(super) fn manage(run: &mut KemiRun) -> bool {
    let message = run.context.message();
    if message.to_tag().is_some() {
        return is_known(run);
    }
    if message.is_response() || message.method() != Method::Invite {
        return false;
    }
    let (dialogs, name, now) = dialogs(run);
    if dialogs.begin(name, now) != DialogBegun::New {
        return false;
    }
    let pending = core::mem::take(&mut run.kept().dialog);
    let (dialogs, name, now) = self::dialogs(run);
    for (profile, value) in &pending.profiles {
        dialogs.set_profile(name, profile, value, now);
    }
    for (variable, value) in &pending.variables {
        dialogs.set_variable(name, variable, Some(value), now);
    }
    dialogs.flags(name, now, |old, bits| old | bits, pending.flags);
    true
}

pub(super) fn set_lifetime(run: &KemiRun, seconds: i64) -> bool {
    let (dialogs, name, now) = dialogs(run);
    match u64::try_from(seconds) {
        Ok(seconds) if seconds > 0 => dialogs.set_lifetime(name, seconds, now),
        _ => false,
    }
}

/// The value of the profile, if it is declared with or without values as it is used.
fn profile<'v>(run: &KemiRun, profile: &[u8], value: Option<&'v [u8]>) -> Option<&'v [u8]> {
    let parameter = match value {
        Some(_) => "profiles_with_value",
        None => "profiles_no_value",
    };
    let declared = run.shard.door.text("dialog", parameter)?;
    let is_declared = declared
        .split(';')
        .any(|name| name.trim().as_bytes() == profile);
    is_declared.then_some(value.unwrap_or_default())
}

pub(super) fn set_profile(run: &mut KemiRun, name: &[u8], value: Option<&[u8]>) -> bool {
    let Some(value) = profile(run, name, value) else {
        return false;
    };
    let (dialogs, dialog, now) = dialogs(run);
    if dialogs.is_known(dialog, now) {
        return dialogs.set_profile(dialog, name, value, now);
    }
    let pending = &mut run.kept().dialog.profiles;
    let fits = pending.len() < DIALOG_PROFILES_MAX;
    if fits {
        pending.push((name.to_vec(), value.to_vec()));
    }
    fits
}

pub(super) fn unset_profile(run: &KemiRun, name: &[u8], value: Option<&[u8]>) -> bool {
    if run.place == RoutePlace::Request {
        return false;
    }
    let Some(value) = profile(run, name, value) else {
        return false;
    };
    let (dialogs, dialog, now) = dialogs(run);
    dialogs.unset_profile(dialog, name, value, now)
}

pub(super) fn is_in_profile(run: &KemiRun, name: &[u8], value: Option<&[u8]>) -> bool {
    let Some(value) = profile(run, name, value) else {
        return false;
    };
    let (dialogs, dialog, now) = dialogs(run);
    dialogs.is_in_profile(dialog, name, value, now)
}

pub(super) fn write_size(run: &mut KemiRun, name: &[u8], value: Option<&[u8]>, dst: &[u8]) -> bool {
    let value = match (profile(run, name, value), value) {
        // Observed: the empty value is refused.
        (None, _) | (_, Some(b"")) => return false,
        (Some(value), _) => value,
    };
    let size = run.context.tables().dialogs.profile_size(name, value);
    let size = PvValue::Int(i64::try_from(size).unwrap_or(i64::MAX));
    match run.shard.spec(dst) {
        Some(spec) => spec.write(run, size) == crate::pv::WriteOutcome::Written,
        None => false,
    }
}

pub(super) fn flag(run: &mut KemiRun, number: i64, change: FlagChange) -> bool {
    let number = u32::try_from(number).ok();
    let Some(bit) = number.and_then(|number| 1_u32.checked_shl(number)) else {
        return false;
    };
    let apply: fn(u32, u32) -> u32 = match change {
        FlagChange::Set => |old, bits| old | bits,
        FlagChange::Reset => |old, bits| old & !bits,
        FlagChange::None => |old, _| old,
    };
    let (dialogs, name, now) = dialogs(run);
    let flags = match dialogs.flags(name, now, apply, bit) {
        Some(flags) => flags,
        None => {
            let pending = &mut run.kept().dialog.flags;
            *pending = apply(*pending, bit);
            *pending
        }
    };
    change != FlagChange::None || flags & bit != 0
}

pub(super) fn set_variable(run: &mut KemiRun, variable: &[u8], value: Option<&[u8]>) -> bool {
    let (dialogs, name, now) = dialogs(run);
    if dialogs.is_known(name, now) {
        return dialogs.set_variable(name, variable, value, now);
    }
    let pending = &mut run.kept().dialog.variables;
    pending.retain(|(other, _)| other != variable);
    match value {
        Some(value) if pending.len() < DIALOG_VARIABLES_MAX => {
            pending.push((variable.to_vec(), value.to_vec()));
            true
        }
        Some(_) => false,
        None => true,
    }
}

/// Observed: what is set before the dialog begins is not read back until then.
pub(super) fn variable(run: &KemiRun, variable: &[u8]) -> Option<Box<[u8]>> {
    let (dialogs, name, now) = dialogs(run);
    dialogs.variable(name, variable, now)
}
