//! From the text of a pattern to its items.
//!
//! The VM finds what is wrong in a pattern when it comes there, not before. So a fault is an item: it is raised when
//! matching reaches it, and nothing behind it is read.

use smallvec::SmallVec;

use super::class::Set;
use super::matcher::CAPTURES_MAX;

/// One item of a pattern.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// One octet of a set.
    One(Set),
    /// One or none (`?`).
    Optional(Set),
    /// As many as there are (`*`, and `+` behind a [`Item::One`]).
    Greedy(Set),
    /// As few as will do (`-`).
    Lazy(Set),
    /// A capture begins.
    Open(usize),
    /// A capture ends.
    Close(usize),
    /// The position is captured.
    Position(usize),
    /// `%bxy`.
    Balance(u8, u8),
    /// `%f[set]`.
    Frontier(Set),
    /// What a capture holds.
    Back(usize),
    /// The end of the subject.
    End,
    /// Matches nothing.
    Never,
    /// An error of the pattern.
    Fault(&'static str),
}

/// What becomes of a capture when the whole pattern has matched.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Closed,
    Position,
}

/// A pattern, ready to match.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub(super) items: Vec<Item>,
    pub(super) captures: SmallVec<[Kind; 4]>,
    pub(super) anchored: bool,
    /// What the first octet of every match is one of.
    pub(super) first: Option<Set>,
}

/// True if a pattern is a text that is looked for as it is.
pub(crate) fn is_text(pattern: &[u8]) -> bool {
    !pattern.iter().any(|octet| b"^$*+?.([%-".contains(octet))
}

impl Pattern {
    /// Reads a pattern. If it may be anchored, a `^` at its begin anchors it; otherwise it is an octet like any other.
    /// A pattern ends at its first zero.
    pub fn new(text: &[u8], may_anchor: bool) -> Pattern {
        let text = text.split(|octet| *octet == 0).next().unwrap_or_default();
        let (anchored, text) = match text {
            [b'^', rest @ ..] if may_anchor => (true, rest),
            _ => (false, text),
        };
        let mut pattern = Pattern {
            items: Vec::with_capacity(text.len()),
            captures: SmallVec::new(),
            anchored,
            first: None,
        };
        let mut rest = text;
        while !rest.is_empty() {
            match pattern.item(rest) {
                Ok(next) => rest = next,
                Err(fault) => {
                    pattern.items.push(Item::Fault(fault));
                    break;
                }
            }
        }
        pattern.first = match pattern.items.first() {
            Some(Item::One(set)) => Some(*set),
            _ => None,
        };
        pattern
    }

    /// Adds the item that the text begins with; answers what follows.
    fn item<'a>(&mut self, text: &'a [u8]) -> Result<&'a [u8], &'static str> {
        match text {
            [b'(', b')', rest @ ..] => self.open(Kind::Position, rest),
            [b'(', rest @ ..] => self.open(Kind::Open, rest),
            [b')', rest @ ..] => self.close(rest),
            [b'%', b'b', rest @ ..] => match rest {
                [open, close, rest @ ..] => self.push(Item::Balance(*open, *close), rest),
                _ => Err("unbalanced pattern"),
            },
            [b'%', b'f', rest @ ..] => match rest {
                [b'[', rest @ ..] => {
                    let (set, rest) = bracketed(rest)?;
                    self.push(Item::Frontier(set), rest)
                }
                _ => Err("missing '[' after '%f' in pattern"),
            },
            [b'%', digit @ b'0'..=b'9', rest @ ..] => self.back(*digit, rest),
            [b'$'] => self.push(Item::End, &[]),
            [b'.', rest @ ..] => self.single(Set::ALL, rest),
            [b'%', letter, rest @ ..] => self.single(Set::escaped(*letter), rest),
            [b'%'] => Err("malformed pattern (ends with '%')"),
            [b'[', rest @ ..] => {
                let (set, rest) = bracketed(rest)?;
                self.single(set, rest)
            }
            [octet, rest @ ..] => self.single(Set::of(*octet), rest),
            [] => Ok(text),
        }
    }

    fn push<'a>(&mut self, item: Item, rest: &'a [u8]) -> Result<&'a [u8], &'static str> {
        self.items.push(item);
        Ok(rest)
    }

    /// A single octet, perhaps repeated.
    fn single<'a>(&mut self, set: Set, text: &'a [u8]) -> Result<&'a [u8], &'static str> {
        match text {
            [b'?', rest @ ..] => self.push(Item::Optional(set), rest),
            [b'*', rest @ ..] => self.push(Item::Greedy(set), rest),
            [b'-', rest @ ..] => self.push(Item::Lazy(set), rest),
            [b'+', rest @ ..] => {
                self.items.push(Item::One(set));
                self.push(Item::Greedy(set), rest)
            }
            rest => self.push(Item::One(set), rest),
        }
    }

    fn open<'a>(&mut self, kind: Kind, rest: &'a [u8]) -> Result<&'a [u8], &'static str> {
        let index = self.captures.len();
        if index >= CAPTURES_MAX {
            return Err("too many captures");
        }
        self.captures.push(kind);
        let item = match kind {
            Kind::Position => Item::Position(index),
            _ => Item::Open(index),
        };
        self.push(item, rest)
    }

    fn close<'a>(&mut self, rest: &'a [u8]) -> Result<&'a [u8], &'static str> {
        let last = (0..)
            .zip(&mut self.captures)
            .filter(|(_, kind)| **kind == Kind::Open)
            .last();
        let Some((index, kind)) = last else {
            return Err("invalid pattern capture");
        };
        *kind = Kind::Closed;
        self.push(Item::Close(index), rest)
    }

    fn back<'a>(&mut self, digit: u8, rest: &'a [u8]) -> Result<&'a [u8], &'static str> {
        let index = usize::from(digit).wrapping_sub(usize::from(b'1'));
        let item = match self.captures.get(index) {
            Some(Kind::Closed) => Item::Back(index),
            Some(Kind::Position) => Item::Never,
            Some(Kind::Open) | None => return Err("invalid capture index"),
        };
        self.push(item, rest)
    }
}

fn bracketed(text: &[u8]) -> Result<(Set, &[u8]), &'static str> {
    Set::bracketed(text).ok_or("malformed pattern (missing ']')")
}
