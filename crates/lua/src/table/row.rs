//! One function of a door: its name, parameters, kind of result, and the function pointer that does it.

use smallvec::SmallVec;

use super::argument::{Arg, Args, ArgumentFault};
use super::value::Ret;
use super::{Signature, Tolerance};

/// What a parameter accepts.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An integer: a number (its fraction is cut off) or a string that reads as one.
    Int,
    /// Octets: a string, or a number written as the language writes it.
    Text,
    /// Anything.
    Any,
}

/// A parameter of a function.
#[derive(Copy, Clone, Debug)]
pub struct Parameter {
    /// Name, for documentation and errors.
    pub name: &'static str,
    /// What it accepts.
    pub kind: Kind,
    /// True if it may be left out (only at the end).
    pub optional: bool,
}

impl Parameter {
    /// An integer.
    pub const fn int(name: &'static str) -> Self {
        Parameter {
            name,
            kind: Kind::Int,
            optional: false,
        }
    }
    /// Octets.
    pub const fn text(name: &'static str) -> Self {
        Parameter {
            name,
            kind: Kind::Text,
            optional: false,
        }
    }
    /// Anything.
    pub const fn any(name: &'static str) -> Self {
        Parameter {
            name,
            kind: Kind::Any,
            optional: false,
        }
    }
    /// The same, but it may be left out.
    pub const fn or_none(self) -> Self {
        Parameter {
            optional: true,
            ..self
        }
    }
}

/// The kind of a function's result.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Returns {
    /// A number, positive for yes and negative for no: never a boolean, for programs compare it with zero.
    Int,
    /// A boolean.
    Bool,
    /// A string, a number, a table or nothing.
    Value,
    /// Nothing.
    None,
}

/// How far a row is what its name promises.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// Does what it says.
    Real,
    /// Answers a failure as long as the engine that it needs (a relay, a server) is not there.
    WithoutEngine,
    /// Known, but absent (nil) by design.
    Absent,
}

/// A special error that ends a run without being a fault: its text, as a protected call in the script sees it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ExitMarker(pub &'static str);

/// One function.
#[derive(Debug)]
pub struct Row<C> {
    /// Module; empty for functions that stand in the root.
    pub module: &'static str,
    /// Name.
    pub name: &'static str,
    /// Parameters in order.
    pub parameters: &'static [Parameter],
    /// Kind of result.
    pub returns: Returns,
    /// True if a call may wait ([`Ret::Wait`]).
    pub yields: bool,
    /// If set, the run ends with this marker once the function has been called.
    pub exits: Option<ExitMarker>,
    /// How far it is done.
    pub class: Class,
    /// The version that first had it.
    pub since: &'static str,
    /// What it does, one line.
    pub doc: &'static str,
    /// Does it.
    pub call: fn(&mut C, Args<'_>) -> Ret,
}

impl<C> Row<C> {
    /// A row that neither waits nor exits, of class [`Class::Real`].
    pub const fn new(
        module: &'static str,
        name: &'static str,
        parameters: &'static [Parameter],
        returns: Returns,
        doc: &'static str,
        call: fn(&mut C, Args<'_>) -> Ret,
    ) -> Self {
        Row {
            module,
            name,
            parameters,
            returns,
            yields: false,
            exits: None,
            class: Class::Real,
            since: "0.1",
            doc,
            call,
        }
    }

    /// The same, but a call may wait.
    pub const fn waiting(self) -> Self {
        Row {
            yields: true,
            ..self
        }
    }

    /// The same, but the run ends after it.
    pub const fn exiting(self, marker: ExitMarker) -> Self {
        Row {
            exits: Some(marker),
            ..self
        }
    }

    /// The same in another class.
    pub const fn of_class(self, class: Class) -> Self {
        Row { class, ..self }
    }

    /// Name, parameters and result.
    pub fn signature(&self) -> Signature {
        Signature {
            module: self.module,
            name: self.name,
            parameters: self.parameters,
            returns: self.returns,
        }
    }

    /// `module.name`.
    pub fn full_name(&self) -> String {
        if self.module.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}.{}", self.module, self.name)
        }
    }

    /// True if the arguments are of the kinds of the parameters already, as nearly always.
    #[inline]
    pub(crate) fn fits(&self, arguments: &[Arg]) -> bool {
        arguments.len() == self.parameters.len()
            && arguments
                .iter()
                .zip(self.parameters)
                .all(|(argument, parameter)| match argument {
                    Arg::Absent => parameter.optional,
                    Arg::Int(_) => parameter.kind != Kind::Text,
                    Arg::Text(_) => parameter.kind != Kind::Int,
                    Arg::Other(_) => false,
                })
    }

    /// Brings the arguments into the kinds of the parameters and fills those left out. What was wrong and forgiven, if
    /// anything was.
    ///
    /// # Errors
    /// If there are too few, too many, or one cannot be read as its kind, and that is not forgiven.
    pub fn coerce(
        &self,
        arguments: &mut SmallVec<[Arg; 4]>,
        tolerance: Tolerance,
    ) -> Result<Option<ArgumentFault>, ArgumentFault> {
        while arguments.last().is_some_and(Arg::is_absent) {
            arguments.pop();
        }
        let given = arguments.len();
        let forgives = tolerance == Tolerance::OfStack && given > 0 && !self.parameters.is_empty();
        let mut forgiven = None;
        let mut meet = |fault| {
            if !forgives {
                return Err(fault);
            }
            forgiven.get_or_insert(fault);
            Ok(())
        };
        if given > self.parameters.len() {
            meet(self.signature().wrong_count(given))?;
        }
        arguments.resize(self.parameters.len(), Arg::Absent);
        for (index, (argument, parameter)) in arguments.iter_mut().zip(self.parameters).enumerate()
        {
            if argument.is_absent() && !parameter.optional {
                meet(if index >= given {
                    self.signature().wrong_count(given)
                } else {
                    ArgumentFault::wrong_kind(index, parameter, argument)
                })?;
            }
            if !argument.coerce(parameter.kind) {
                meet(ArgumentFault::wrong_kind(index, parameter, argument))?;
                *argument = Arg::Absent;
            }
        }
        Ok(forgiven)
    }
}

impl Signature {
    /// Least and most number of arguments.
    pub fn counts(&self) -> (usize, usize) {
        let least = self.parameters.iter().filter(|one| !one.optional).count();
        (least, self.parameters.len())
    }

    fn wrong_count(&self, given: usize) -> ArgumentFault {
        let (least, most) = self.counts();
        ArgumentFault::Count { given, least, most }
    }
}
