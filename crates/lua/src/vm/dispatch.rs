//! From a row of the table to a function of the VM.
//!
//! Arguments are read in the cheapest way that the kinds of the row allow: a string that is copied once costs a third
//! of one that is held by reference. Rows with more than three parameters go the general way.

use std::cell::RefCell;
use std::sync::Arc;

use mlua::{BString, Either, FromLuaMulti, Function, Lua, LuaString, MultiValue};
use smallvec::SmallVec;

use super::convert::to_lua;
use super::place;
use super::watch::Shared;
use crate::table::{Arg, Args, ArgumentFault, FaultAnswer, Kind, Ret, Row, Tolerance, Value};

/// Known strings that a VM keeps for one row (16): no row answers more of them.
const KNOWN_STRINGS_MAX: usize = 16;

type List = SmallVec<[Arg; 4]>;

/// A value of any kind.
type Any = mlua::Value;
/// A string or a number as a string; anything else as it is.
type Text = Either<BString, mlua::Value>;
/// Whether there is an argument more than there are parameters: only that counts, whatever it is.
type Excess = Option<bool>;

/// An answer; numbers, the most frequent, take the short way.
type Answer = Either<i64, mlua::Value>;

/// What functions of one VM need to know.
pub(crate) struct Dispatch<C> {
    pub shared: Arc<Shared<C>>,
    pub fault: FaultAnswer,
    pub tolerance: Tolerance,
    pub memory_octets_max: usize,
}

impl<C> Clone for Dispatch<C> {
    fn clone(&self) -> Self {
        Dispatch {
            shared: Arc::clone(&self.shared),
            ..*self
        }
    }
}

impl<C: Send + 'static> Dispatch<C> {
    /// The function of a row; for rows that wait it answers a second value, true if the run must be parked.
    pub fn function(&self, lua: &Lua, row: &'static Row<C>) -> mlua::Result<Function> {
        let text: SmallVec<[bool; 4]> = row
            .parameters
            .iter()
            .map(|parameter| parameter.kind == Kind::Text)
            .collect();
        // One more than there are parameters, to see that there are too many.
        match text.as_slice() {
            [] => self.typed::<Excess>(lua, row),
            [false] => self.typed::<(Any, Excess)>(lua, row),
            [true] => self.typed::<(Text, Excess)>(lua, row),
            [false, false] => self.typed::<(Any, Any, Excess)>(lua, row),
            [false, true] => self.typed::<(Any, Text, Excess)>(lua, row),
            [true, false] => self.typed::<(Text, Any, Excess)>(lua, row),
            [true, true] => self.typed::<(Text, Text, Excess)>(lua, row),
            [true, true, true] => self.typed::<(Text, Text, Text, Excess)>(lua, row),
            [true, true, false] => self.typed::<(Text, Text, Any, Excess)>(lua, row),
            [true, false, false] => self.typed::<(Text, Any, Any, Excess)>(lua, row),
            _ => self.typed::<MultiValue>(lua, row),
        }
    }

    fn typed<A: Incoming>(&self, lua: &Lua, row: &'static Row<C>) -> mlua::Result<Function> {
        let this = self.clone();
        let known = KnownStrings::default();
        if row.yields {
            lua.create_function(move |lua, arguments: A| {
                let answer = arguments.enter(|list| this.answer(lua, row, &known, list))?;
                Ok((answer, this.shared.slot().wait.is_some()))
            })
        } else {
            lua.create_function(move |lua, arguments: A| {
                arguments.enter(|list| this.answer(lua, row, &known, list))
            })
        }
    }

    /// Calls the row with arguments as they came.
    #[inline(always)]
    fn answer(
        &self,
        lua: &Lua,
        row: &Row<C>,
        known: &KnownStrings,
        arguments: Arguments<'_>,
    ) -> mlua::Result<Answer> {
        match arguments {
            Arguments::Exact(arguments) if row.fits(arguments) => {
                self.call(lua, row, known, arguments)
            }
            Arguments::Exact(arguments) => {
                let mut list: List = arguments.iter_mut().map(std::mem::take).collect();
                self.coerced(lua, row, known, &mut list)
            }
            Arguments::Any(mut list) => self.coerced(lua, row, known, &mut list),
        }
    }

    #[cold]
    fn coerced(
        &self,
        lua: &Lua,
        row: &Row<C>,
        known: &KnownStrings,
        arguments: &mut List,
    ) -> mlua::Result<Answer> {
        match row.coerce(arguments, self.tolerance) {
            Ok(None) => {}
            Ok(Some(fault)) => self.forgiven(lua, row, &fault),
            Err(fault) => return self.fault(lua, row, &fault).map(Either::Right),
        }
        self.call(lua, row, known, arguments)
    }

    /// Calls the row. If the run must be parked, the wait lies in the slot.
    #[inline(always)]
    fn call(
        &self,
        lua: &Lua,
        row: &Row<C>,
        known: &KnownStrings,
        arguments: &[Arg],
    ) -> mlua::Result<Answer> {
        let ret = {
            let mut slot = self.shared.slot();
            let Some(context) = &mut slot.context else {
                return Err(while_loading(lua, row));
            };
            let ret = (row.call)(context, Args::new(arguments));
            // Nearly all answers: they own nothing, and the drop is a call that is spared.
            if let Ret::Int(number) = ret {
                std::mem::forget(ret);
                return Ok(Either::Left(number));
            }
            match ret {
                Ret::Bool(value) => return Ok(Either::Right(Any::Boolean(value))),
                Ret::Wait(wait) if row.yields => {
                    slot.wait = Some(wait);
                    return Ok(Either::Right(Any::Nil));
                }
                ret => ret,
            }
        };
        self.value(lua, row, known, ret).map(Either::Right)
    }

    fn value(&self, lua: &Lua, row: &Row<C>, known: &KnownStrings, ret: Ret) -> mlua::Result<Any> {
        match ret {
            Ret::Int(number) => Ok(Any::Integer(number)),
            Ret::Bool(value) => Ok(Any::Boolean(value)),
            Ret::None | Ret::Value(Value::Nil) => Ok(Any::Nil),
            Ret::Known(octets) => known
                .get(octets, || {
                    self.unlimited(lua, |lua| lua.create_string(octets))
                })
                .map(Any::String),
            Ret::Text(octets) => {
                self.unlimited(lua, |lua| lua.create_string(&octets).map(Any::String))
            }
            Ret::Value(value) => self.unlimited(lua, |lua| to_lua(lua, &value)),
            Ret::Wait(_) => Err(raised(
                lua,
                format!("{} waits, but its row does not say so", row.full_name()),
            )),
            Ret::Error(text) => Err(raised(lua, text.into_owned())),
        }
    }

    /// With a memory limit every new string costs a protected call, five times the string itself. What a verb answers is
    /// small, so it is made outside the limit, which is back before the script goes on.
    fn unlimited<T>(
        &self,
        lua: &Lua,
        make: impl FnOnce(&Lua) -> mlua::Result<T>,
    ) -> mlua::Result<T> {
        lua.set_memory_limit(0)?;
        let made = make(lua);
        lua.set_memory_limit(self.memory_octets_max)?;
        made
    }

    #[cold]
    fn forgiven(&self, lua: &Lua, row: &Row<C>, fault: &ArgumentFault) {
        self.shared.slot().argument_faults += 1;
        self.shared
            .log(lua, false, &format!("{}: {fault}", row.full_name()));
    }

    #[cold]
    fn fault(&self, lua: &Lua, row: &Row<C>, fault: &ArgumentFault) -> mlua::Result<Any> {
        self.shared.slot().argument_faults += 1;
        let text = format!("{}: {fault}", row.full_name());
        match self.fault {
            FaultAnswer::False => {
                self.shared.log(lua, true, &text);
                Ok(Any::Boolean(false))
            }
            FaultAnswer::Error => Err(raised(lua, text)),
        }
    }
}

#[cold]
fn while_loading<C>(lua: &Lua, row: &Row<C>) -> mlua::Error {
    raised(
        lua,
        format!(
            "{} cannot be called while the script loads",
            row.full_name()
        ),
    )
}

/// An error that names its place, as errors raised by the script do.
fn raised(lua: &Lua, text: String) -> mlua::Error {
    mlua::Error::RuntimeError(match place::of_script(lua) {
        Some((file, line)) => format!("{file}:{line}: {text}"),
        None => text,
    })
}

/// Strings of the VM that a row answered with [`Ret::Known`].
#[derive(Default)]
struct KnownStrings(RefCell<Vec<(&'static [u8], LuaString)>>);

impl KnownStrings {
    fn get(
        &self,
        octets: &'static [u8],
        make: impl FnOnce() -> mlua::Result<LuaString>,
    ) -> mlua::Result<LuaString> {
        let mut known = self.0.borrow_mut();
        if let Some((_, string)) = known.iter().find(|(one, _)| std::ptr::eq(*one, octets)) {
            return Ok(string.clone());
        }
        let string = make()?;
        if known.len() < KNOWN_STRINGS_MAX {
            known.push((octets, string.clone()));
        }
        Ok(string)
    }
}

/// What stands for an argument that is too many.
const EXCESS: Arg = Arg::Other(Value::Bool(true));

/// Arguments on their way to a row.
enum Arguments<'a> {
    /// As many as there are parameters; those at the end may be absent.
    Exact(&'a mut [Arg]),
    /// Any number.
    Any(List),
}

/// Arguments as they come from the VM.
trait Incoming: FromLuaMulti + 'static {
    fn enter<R>(self, call: impl FnOnce(Arguments<'_>) -> R) -> R;
}

trait One {
    fn arg(self) -> Arg;
}

impl One for Any {
    #[inline]
    fn arg(self) -> Arg {
        match self {
            Any::Nil => Arg::Absent,
            Any::Integer(number) => Arg::Int(number),
            Any::String(text) => Arg::Text(text.as_bytes().to_vec()),
            other => match super::from_lua(&other) {
                // Functions and the like have no form here, but they are not absent either.
                Value::Nil => Arg::Other(Value::Nil),
                value => Arg::Other(value),
            },
        }
    }
}

impl One for Text {
    #[inline]
    fn arg(self) -> Arg {
        match self {
            Either::Left(octets) => Arg::Text(octets.into()),
            Either::Right(value) => value.arg(),
        }
    }
}

impl Incoming for Excess {
    #[inline]
    fn enter<R>(self, call: impl FnOnce(Arguments<'_>) -> R) -> R {
        call(match self {
            None => Arguments::Exact(&mut []),
            Some(_) => Arguments::Any(List::from_iter([EXCESS])),
        })
    }
}

impl Incoming for MultiValue {
    fn enter<R>(self, call: impl FnOnce(Arguments<'_>) -> R) -> R {
        call(Arguments::Any(self.into_iter().map(One::arg).collect()))
    }
}

macro_rules! incoming {
    ($($name:ident: $kind:ident),+) => {
        impl Incoming for ($($kind,)+ Excess) {
            #[inline]
            fn enter<R>(self, call: impl FnOnce(Arguments<'_>) -> R) -> R {
                let ($($name,)+ excess) = self;
                let mut arguments = [$($name.arg()),+];
                call(match excess {
                    None => Arguments::Exact(&mut arguments),
                    Some(_) => {
                        let mut list: List = arguments.iter_mut().map(std::mem::take).collect();
                        list.push(EXCESS);
                        Arguments::Any(list)
                    }
                })
            }
        }
    };
}

incoming!(a: Any);
incoming!(a: Text);
incoming!(a: Any, b: Any);
incoming!(a: Any, b: Text);
incoming!(a: Text, b: Any);
incoming!(a: Text, b: Text);
incoming!(a: Text, b: Text, c: Text);
incoming!(a: Text, b: Text, c: Any);
incoming!(a: Text, b: Any, c: Any);
