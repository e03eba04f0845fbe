//! Text to words, numbers and strings, with directives obeyed on the way.
//!
//! Definitions are put in place of words by reading their text as if it stood there, so that one may stand for
//! several tokens or a part of an address. Files that are included and texts of definitions lie on one stack.

use std::sync::Arc;

use super::Loader;
use super::diagnostic::Diagnostics;
use super::preprocessor::Preprocessor;
use super::scan::{blank_octets, is_directive, number, unquoted, word_octets};
use super::source::{Sources, Span};
use super::value::truth;

/// Files and definitions inside one another (64).
pub const NESTING_MAX: usize = 64;
/// Definitions put in place in one configuration (100,000), against definitions that grow without end.
pub const EXPANSIONS_MAX: usize = 100_000;
/// Octets of one string (64 KiB).
pub const STRING_OCTETS_MAX: usize = 64 * 1024;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A word without quotes.
    Word(String),
    /// A number.
    Integer(i64),
    /// A string.
    Text(String),
    /// Any other octet.
    Sign(char),
    /// The end of everything.
    End,
}

/// A token and its place.
#[derive(Clone, Debug)]
pub(crate) struct Lexed {
    pub(crate) token: Token,
    pub(crate) span: Span,
    /// True if no other token stands before it on its line.
    pub(crate) begins_line: bool,
}

/// What is being read: a file, or the text of a definition at the place where it is used.
pub(crate) struct Frame {
    pub(crate) text: Arc<str>,
    pub(crate) at: usize,
    file: u16,
    used_at: Option<Span>,
}

/// Reads tokens.
pub(crate) struct Lexer<'l> {
    pub(crate) stack: Vec<Frame>,
    pub(crate) preprocessor: Preprocessor,
    pub(crate) diagnostics: Diagnostics,
    pub(crate) loader: &'l mut dyn Loader,
    begins_line: bool,
    expansions: usize,
}

impl<'l> Lexer<'l> {
    pub(crate) fn new(loader: &'l mut dyn Loader, preprocessor: Preprocessor) -> Lexer<'l> {
        Lexer {
            stack: Vec::new(),
            preprocessor,
            diagnostics: Diagnostics {
                sources: Sources::default(),
                ..Diagnostics::default()
            },
            loader,
            begins_line: true,
            expansions: 0,
        }
    }

    /// Opens a file; false if there are too many, or too many inside one another.
    pub(crate) fn open(&mut self, name: String, text: Arc<str>) -> bool {
        if self.stack.len() >= NESTING_MAX {
            return false;
        }
        let Some(file) = self.diagnostics.sources.add(name, Arc::clone(&text)) else {
            return false;
        };
        self.stack.push(Frame {
            text,
            at: 0,
            file,
            used_at: None,
        });
        self.begins_line = true;
        true
    }

    pub(crate) fn rest(&self) -> &str {
        self.stack
            .last()
            .and_then(|frame| frame.text.get(frame.at..))
            .unwrap_or_default()
    }

    pub(crate) fn advance(&mut self, octets: usize) {
        if let Some(frame) = self.stack.last_mut() {
            frame.at = (frame.at + octets).min(frame.text.len());
        }
    }

    /// The next `octets` octets as a place; inside a definition the place of its use.
    pub(crate) fn here(&self, octets: usize) -> Span {
        let Some(frame) = self.stack.last() else {
            let end = self
                .diagnostics
                .sources
                .files()
                .first()
                .map_or(0, |file| file.text.len());
            let end = u32::try_from(end).unwrap_or(u32::MAX);
            return Span {
                file: 0,
                start: end,
                end,
            };
        };
        let offset = |at: usize| u32::try_from(at.min(frame.text.len())).unwrap_or(u32::MAX);
        frame.used_at.unwrap_or(Span {
            file: frame.file,
            start: offset(frame.at),
            end: offset(frame.at + octets),
        })
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Lexed {
        let mut begins_line = false;
        loop {
            self.skip_space();
            begins_line |= std::mem::take(&mut self.begins_line);
            if let Some(token) = self.token() {
                let (token, span) = token;
                let begins_line = begins_line || token == Token::End;
                return Lexed {
                    token,
                    span,
                    begins_line,
                };
            }
        }
    }

    /// Reads what comes next; `None` if it was a defined word, whose text now comes next.
    fn token(&mut self) -> Option<(Token, Span)> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Some((Token::End, self.here(0)));
        };
        if matches!(first, '"' | '\'') {
            let (text, span) = self.string();
            return Some((Token::Text(text), span));
        }
        let (token, octets) = if first.is_ascii_digit() {
            let digits = rest.find(|c: char| !c.is_ascii_alphanumeric());
            let (number, octets) = number(rest.get(..digits.unwrap_or(rest.len()))?);
            (Token::Integer(number), octets)
        } else if word_octets(rest) > 0 {
            let word = rest.get(..word_octets(rest))?.to_owned();
            if self.expand(&word) {
                return None;
            }
            let octets = word.len();
            match truth(&word) {
                Some(number) => (Token::Integer(number), octets),
                None => (Token::Word(word), octets),
            }
        } else {
            (Token::Sign(first), first.len_utf8())
        };
        let span = self.here(octets);
        self.advance(octets);
        Some((token, span))
    }

    /// Puts the text of a defined word in its place; false if it is not defined.
    fn expand(&mut self, word: &str) -> bool {
        let Some(definition) = self.preprocessor.definitions.get(word) else {
            return false;
        };
        let text: Arc<str> = definition.text.as_str().into();
        let span = self.here(word.len());
        self.expansions += 1;
        if self.stack.len() >= NESTING_MAX || self.expansions > EXPANSIONS_MAX {
            if self.expansions <= EXPANSIONS_MAX + 1 {
                let message = format!("the definition of `{word}` leads back to itself");
                self.diagnostics.error(span, message, "");
                self.expansions = EXPANSIONS_MAX + 1;
            }
            return false;
        }
        let file = self.stack.last().map_or(0, |frame| frame.file);
        self.advance(word.len());
        self.stack.push(Frame {
            text,
            at: 0,
            file,
            used_at: Some(span),
        });
        true
    }

    /// Reads an address or a part of one: letters, digits, dot, dash, underscore, with definitions put in place.
    /// A bracketed IPv6 address is one word with its brackets.
    pub(crate) fn address_word(&mut self) -> (String, Span) {
        self.skip_space();
        let mut word = String::new();
        let mut span = self.here(0);
        loop {
            let rest = self.rest();
            if word.is_empty() && rest.starts_with('[') {
                let octets = rest.find(']').map_or(rest.len(), |at| at + 1);
                word.push_str(rest.get(..octets).unwrap_or_default());
                span = self.here(octets);
                self.advance(octets);
                break;
            }
            let id = word_octets(rest);
            let name = rest.get(..id).unwrap_or_default().to_owned();
            if id > 0 && self.expand(&name) {
                span = span.to(self
                    .stack
                    .last()
                    .and_then(|frame| frame.used_at)
                    .unwrap_or(span));
                continue;
            }
            let rest = self.rest();
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            let octets = id.max(usize::from(rest.starts_with(plain)));
            if octets > 0 {
                word.push_str(rest.get(..octets).unwrap_or_default());
                span = span.to(self.here(octets));
                self.advance(octets);
            } else if rest.is_empty() && self.leave_definition() {
                // What stands behind a definition may go on its word.
            } else {
                break;
            }
        }
        (word, span)
    }

    /// Passes over a pseudo-variable whose `$` was read: what stands in its parentheses is no code.
    pub(crate) fn skip_variable(&mut self) {
        let rest = self.rest();
        let name = word_octets(rest);
        let mut depth = 0_usize;
        for (at, character) in rest.char_indices().skip(name) {
            match character {
                '(' => depth += 1,
                ')' if depth > 1 => depth -= 1,
                ')' if depth == 1 => return self.advance(at + 1),
                '\n' => break,
                _ if depth == 0 => break,
                _ => {}
            }
        }
        self.advance(name);
    }

    /// Goes back to where a definition was used that has been read to its end.
    pub(crate) fn leave_definition(&mut self) -> bool {
        let ended = self
            .stack
            .last()
            .is_some_and(|frame| frame.used_at.is_some());
        if ended {
            self.stack.pop();
        }
        ended
    }

    /// Reads a string whose quote comes next, with those that follow it: they are one.
    fn string(&mut self) -> (String, Span) {
        let mut text = String::new();
        let mut span = self.here(1);
        loop {
            let (octets, closed) = unquoted(self.rest(), &mut text);
            let place = self.here(octets);
            span = span.to(place);
            self.advance(octets);
            if !closed {
                self.diagnostics.error(
                    Span {
                        end: place.start + 1,
                        ..place
                    },
                    "a string without an end",
                    "close it; strings may span lines, so the missing quote can stand further up",
                );
                break;
            }
            let blank = blank_octets(self.rest());
            let next = self.rest().get(blank..).unwrap_or_default();
            if !next.starts_with(['"', '\'']) {
                break;
            }
            self.advance(blank);
        }
        if text.len() > STRING_OCTETS_MAX {
            self.diagnostics
                .error(span, "a string of more than 64 KiB", "");
            text.clear();
        }
        (self.preprocessor.substituted(text), span)
    }

    /// Skips blanks, line ends, comments, directives and what conditionals exclude.
    pub(crate) fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let Some(first) = rest.chars().next() else {
                if self.stack.pop().is_none_or(|ended| ended.used_at.is_none()) {
                    self.begins_line = true;
                }
                if self.stack.is_empty() {
                    return;
                }
                continue;
            };
            let comment = |end: &str, octets| rest.find(end).map_or(rest.len(), |at| at + octets);
            let octets = if is_directive(rest) {
                self.directive();
                continue;
            } else if !self.preprocessor.is_active() {
                let next = rest.get(first.len_utf8()..).unwrap_or_default();
                let marks = ["#!", "!!"].map(|mark| next.find(mark).unwrap_or(next.len()));
                first.len_utf8() + marks.into_iter().min().unwrap_or_default()
            } else if first.is_whitespace() {
                self.begins_line |= first == '\n';
                first.len_utf8()
            } else if first == '#' || rest.starts_with("//") {
                comment("\n", 0)
            } else if rest.starts_with("/*") {
                comment("*/", 2)
            } else {
                return;
            };
            self.advance(octets);
        }
    }
}
