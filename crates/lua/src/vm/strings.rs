//! Functions of strings that keep an account of their time, for the library of a VM (`strings.lua`).
//!
//! A fault of a pattern is answered as `false` and its text; the library raises it where the script called.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use mlua::{BString, Function, IntoLua, Lua, MultiValue, Table, Value};

use super::watch::{Shared, open};
use crate::pattern::{
    CAPTURES_MAX, Capture, Found, Matcher, Meter, OCTETS_PER_STEP, Pattern, Stop, is_text,
    subject_octets_max, substitute,
};

/// The part of the library that replaces functions of strings and tables, run before the rest.
pub(super) const SOURCE: &str = include_str!("strings.lua");

/// Patterns that are kept ready to match, in Rust, and judged, in the VM.
const PATTERNS_KEPT_MAX: usize = 256;

/// Octets of a pattern that is kept.
const PATTERN_KEPT_OCTETS_MAX: usize = 256;

/// Steps, each about as long as an instruction, in which the VM compiles an octet of source.
const STEPS_PER_SOURCE_OCTET: u64 = 4;

/// What the functions of one VM share.
struct Strings<C> {
    shared: Arc<Shared<C>>,
    kept: Mutex<HashMap<Box<[u8]>, Arc<Pattern>>>,
    octets_max: usize,
}

/// Adds the functions to the table that the library gets.
pub(super) fn add<C: Send + 'static>(
    lua: &Lua,
    host: &Table,
    shared: &Arc<Shared<C>>,
    octets_max: usize,
) -> mlua::Result<()> {
    let strings = Arc::new(Strings {
        shared: Arc::clone(shared),
        kept: Mutex::default(),
        octets_max,
    });
    host.set("most", octets_max)?;
    host.set("captures_max", CAPTURES_MAX)?;
    host.set("kept_max", PATTERNS_KEPT_MAX)?;
    host.set("kept_octets_max", PATTERN_KEPT_OCTETS_MAX)?;
    host.set(
        "judge",
        lua.create_function(|_, pattern: BString| Ok(subject_octets_max(&pattern)))?,
    )?;
    let watch = Arc::clone(shared);
    host.set(
        "handles",
        lua.create_function(move |lua, octets: f64| watch.spend_octets(lua, octets as u64))?,
    )?;
    let watch = Arc::clone(shared);
    host.set(
        "compiles",
        lua.create_function(move |lua, octets: u64| {
            watch.spend(lua, octets.saturating_mul(STEPS_PER_SOURCE_OCTET))
        })?,
    )?;
    matching(lua, host, &strings)
}

fn matching<C: Send + 'static>(
    lua: &Lua,
    host: &Table,
    strings: &Arc<Strings<C>>,
) -> mlua::Result<()> {
    let this = Arc::clone(strings);
    host.set(
        "find",
        lua.create_function(
            move |lua, (subject, pattern, from, plain): (BString, BString, f64, bool)| {
                this.find(lua, &subject, &pattern, from, plain)
            },
        )?,
    )?;
    let this = Arc::clone(strings);
    host.set(
        "match",
        lua.create_function(
            move |lua, (subject, pattern, from): (BString, BString, f64)| {
                this.search(lua, &subject, &pattern, from, false)
            },
        )?,
    )?;
    let this = Arc::clone(strings);
    host.set(
        "matches",
        lua.create_function(
            move |lua, (subject, pattern, may_anchor, most): (BString, BString, bool, usize)| {
                Arc::clone(&this).matches(lua, subject, &pattern, may_anchor, most)
            },
        )?,
    )?;
    let this = Arc::clone(strings);
    host.set(
        "substitute",
        lua.create_function(move |lua, arguments: (BString, BString, BString, f64)| {
            let (subject, pattern, replacement, most) = arguments;
            this.substitute(lua, &subject, &pattern, &replacement, most as usize)
        })?,
    )
}

impl<C: Send + 'static> Strings<C> {
    /// The pattern of this text, perhaps from an earlier call.
    fn pattern(&self, text: &[u8], may_anchor: bool) -> Arc<Pattern> {
        let is_plain = may_anchor || text.first() != Some(&b'^');
        if !is_plain || text.len() > PATTERN_KEPT_OCTETS_MAX {
            return Arc::new(Pattern::new(text, may_anchor));
        }
        let mut kept = open(&self.kept);
        if let Some(pattern) = kept.get(text) {
            return Arc::clone(pattern);
        }
        if kept.len() >= PATTERNS_KEPT_MAX {
            kept.clear();
        }
        let pattern = Arc::new(Pattern::new(text, may_anchor));
        kept.insert(text.into(), Arc::clone(&pattern));
        pattern
    }

    /// Calls a function with a meter that takes its steps from the slice.
    fn metered<T>(
        &self,
        lua: &Lua,
        work: impl FnOnce(Meter<'_>) -> Result<T, Stop>,
    ) -> mlua::Result<Result<T, Fault>> {
        let mut ended = None;
        let mut go_on = |steps: u32| match self.shared.spend(lua, steps.into()) {
            Ok(()) => true,
            Err(error) => {
                ended = Some(error);
                false
            }
        };
        let result = work(Meter::new(&mut go_on));
        match (ended, result) {
            (Some(error), _) => Err(error),
            (None, Ok(done)) => Ok(Ok(done)),
            (None, Err(Stop::Fault(text))) => Ok(Err(Fault(text.to_owned()))),
            (None, Err(Stop::TooLarge | Stop::Over)) => Ok(Err(Fault(format!(
                "the result would be longer than {} octets",
                self.octets_max
            )))),
        }
    }

    /// `string.find`, also for a text that is no pattern.
    fn find(
        &self,
        lua: &Lua,
        subject: &[u8],
        pattern: &[u8],
        from: f64,
        plain: bool,
    ) -> mlua::Result<MultiValue> {
        if !plain && !is_text(pattern) {
            return self.search(lua, subject, pattern, from, true);
        }
        let start = begin(from, subject.len());
        let rest = subject.get(start..).unwrap_or_default();
        self.shared
            .spend(lua, (rest.len() / OCTETS_PER_STEP) as u64)?;
        let Some(at) = memchr::memmem::find(rest, pattern) else {
            return Ok(nil());
        };
        let first = start + at + 1;
        Ok(MultiValue::from_iter([
            number(first),
            number(first + pattern.len() - 1),
        ]))
    }

    /// `string.match`, or `string.find`: then the answer begins with the places.
    fn search(
        &self,
        lua: &Lua,
        subject: &[u8],
        pattern: &[u8],
        from: f64,
        with_places: bool,
    ) -> mlua::Result<MultiValue> {
        let pattern = self.pattern(pattern, true);
        let found = self.metered(lua, |meter| {
            let mut matcher = Matcher::new(&pattern, subject, meter);
            match matcher.find(begin(from, subject.len()))? {
                None => Ok(None),
                Some(found) => {
                    let count = matcher.captures().max(usize::from(!with_places));
                    captures(lua, &matcher, found, with_places, count).map(Some)
                }
            }
        })?;
        match found {
            Ok(Some(answer)) => answer,
            Ok(None) => Ok(nil()),
            Err(fault) => fault.answer(lua),
        }
    }

    /// A function that answers the places and the captures of the next match each time it is called, or the match itself
    /// if there are none.
    fn matches(
        self: Arc<Self>,
        lua: &Lua,
        subject: BString,
        pattern: &[u8],
        may_anchor: bool,
        captures_max: usize,
    ) -> mlua::Result<Function> {
        let pattern = self.pattern(pattern, may_anchor);
        let place = Mutex::new(0);
        lua.create_function(move |lua, ()| {
            let mut at = open(&place);
            let found = self.metered(lua, |meter| {
                let mut matcher = Matcher::new(&pattern, &subject, meter);
                match matcher.next(&mut at)? {
                    None => Ok(None),
                    Some(found) => {
                        let count = matcher.captures().clamp(1, captures_max.max(1));
                        captures(lua, &matcher, found, true, count).map(Some)
                    }
                }
            })?;
            match found {
                Ok(Some(answer)) => answer,
                Ok(None) => Ok(MultiValue::new()),
                Err(fault) => fault.answer(lua),
            }
        })
    }

    /// `string.gsub` with a text.
    fn substitute(
        &self,
        lua: &Lua,
        subject: &[u8],
        pattern: &[u8],
        replacement: &[u8],
        matches_max: usize,
    ) -> mlua::Result<MultiValue> {
        let pattern = self.pattern(pattern, true);
        let most = self.octets_max;
        let replaced = self.metered(lua, |meter| {
            substitute(&pattern, subject, replacement, matches_max, most, meter)
        })?;
        match replaced {
            Ok((text, count)) => {
                let text = lua.create_string(text)?.into_lua(lua)?;
                Ok(MultiValue::from_iter([text, count.into_lua(lua)?]))
            }
            Err(fault) => fault.answer(lua),
        }
    }
}

/// What the script did wrong.
struct Fault(String);

impl Fault {
    #[cold]
    fn answer(self, lua: &Lua) -> mlua::Result<MultiValue> {
        let text = self.0.into_lua(lua)?;
        Ok(MultiValue::from_iter([Value::Boolean(false), text]))
    }
}

/// Where a search begins: positions count from 1, or from the end.
fn begin(from: f64, octets: usize) -> usize {
    // What is not a position becomes 0 or the largest.
    let from = from as i64;
    let from = if from < 0 {
        from.saturating_add_unsigned(octets as u64)
    } else {
        from - 1
    };
    usize::try_from(from).unwrap_or(0).min(octets)
}

/// The places of a match, if they are wanted, and so many of its captures.
fn captures(
    lua: &Lua,
    matcher: &Matcher<'_, '_>,
    found: Found,
    with_places: bool,
    count: usize,
) -> Result<mlua::Result<MultiValue>, Stop> {
    let mut values = MultiValue::with_capacity(count + 2);
    if with_places {
        values.extend([found.start + 1, found.end].map(number));
    }
    for index in 0..count {
        let value = match matcher.capture(found, index)? {
            Capture::Position(at) => number(at),
            Capture::Text(text) => match lua.create_string(text) {
                Ok(text) => Value::String(text),
                Err(error) => return Ok(Err(error)),
            },
        };
        values.push_back(value);
    }
    Ok(Ok(values))
}

fn number(value: usize) -> Value {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

fn nil() -> MultiValue {
    MultiValue::from_iter([Value::Nil])
}
