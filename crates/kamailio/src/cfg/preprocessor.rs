//! What the preprocessor remembers: definitions, substitutions in strings, and open conditionals.

use std::collections::BTreeMap;

use super::source::Span;
use crate::pattern::PatternError;
use crate::substitution::{Parts, Substitution};

/// Conditionals inside one another (64).
pub const CONDITIONALS_MAX: usize = 64;
/// Definitions (4096).
pub const DEFINITIONS_MAX: usize = 4_096;

/// A definition: what stands for a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The text that replaces the word; empty if it was only declared.
    pub text: String,
    /// Where it was defined; `None` if on the command line.
    pub span: Option<Span>,
}

/// What happens if the word is defined already.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    Refuse,
    Replace,
    Keep,
}

/// An open `#!ifdef` or `#!ifndef`.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Conditional {
    pub(crate) span: Span,
    /// True if what stands around it is read.
    outer: bool,
    active: bool,
    pub(crate) has_else: bool,
}

/// The preprocessor's memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preprocessor {
    pub(crate) definitions: BTreeMap<String, Definition>,
    substitutions: Vec<Substitution>,
    conditionals: Vec<Conditional>,
}

impl Preprocessor {
    /// Defines a word; the definition that stands in the way if there is one.
    pub(crate) fn define(
        &mut self,
        name: &str,
        new: Definition,
        again: Again,
    ) -> Result<(), Definition> {
        match self.definitions.get(name) {
            Some(old) if again == Again::Refuse => return Err(old.clone()),
            Some(_) if again == Again::Keep => return Ok(()),
            _ => {}
        }
        if self.definitions.len() < DEFINITIONS_MAX || self.definitions.contains_key(name) {
            self.definitions.insert(name.to_owned(), new);
        }
        Ok(())
    }

    /// Adds a substitution in strings; also the word and its replacement, for `#!substdef`.
    pub(crate) fn substitute(&mut self, text: &str) -> Result<(String, String), PatternError> {
        let parts = Parts::read(text.as_bytes())?;
        self.substitutions.push(Substitution::new(&parts, false)?);
        let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
        Ok((text(parts.expression), text(parts.replacement)))
    }

    /// A string with the substitutions applied.
    pub(crate) fn substituted(&self, text: String) -> String {
        self.substitutions.iter().fold(text, |text, substitution| {
            match substitution.apply(text.as_bytes(), &mut |_, _| {}) {
                Some(octets) => String::from_utf8_lossy(&octets).into_owned(),
                None => text,
            }
        })
    }

    /// True if what follows is read.
    pub(crate) fn is_active(&self) -> bool {
        self.conditionals.last().is_none_or(|one| one.active)
    }

    /// Opens a conditional; false if there are too many.
    pub(crate) fn open(&mut self, span: Span, condition: bool) -> bool {
        if self.conditionals.len() >= CONDITIONALS_MAX {
            return false;
        }
        let outer = self.is_active();
        self.conditionals.push(Conditional {
            span,
            outer,
            active: outer && condition,
            has_else: false,
        });
        true
    }

    /// Turns to the other side of the innermost conditional; it as it was, or `None` if none is open.
    pub(crate) fn turn(&mut self) -> Option<Conditional> {
        let last = self.conditionals.last_mut()?;
        let before = *last;
        last.active = last.outer && !last.active;
        last.has_else = true;
        Some(before)
    }

    /// Closes the innermost conditional; false if none is open.
    pub(crate) fn close(&mut self) -> bool {
        self.conditionals.pop().is_some()
    }

    /// What was never closed.
    pub(crate) fn unclosed(&self) -> &[Conditional] {
        &self.conditionals
    }
}
