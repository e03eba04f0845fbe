//! Matches a pattern by backtracking, step by step.

use super::compile::{Item, Kind, Pattern};

/// Captures of one pattern, as the VM has it.
pub(crate) const CAPTURES_MAX: usize = 32;

/// Items of one pattern at which matching may have to come back, as the VM has it; it bounds the recursion.
const DEPTH_MAX: u32 = 200;

/// Steps between two questions whether the slice has time left: some 30 µs.
pub(crate) const STEPS_PER_CHECK_MAX: u32 = 8_192;

/// Octets that are compared, copied or searched in the time of one step.
pub(crate) const OCTETS_PER_STEP: usize = 16;

/// Why matching ended without an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The pattern is wrong.
    Fault(&'static str),
    /// A result would be larger than it may be.
    TooLarge,
    /// There is no time left.
    Over,
}

/// Counts steps, and asks now and then whether there may be more.
pub(crate) struct Meter<'a> {
    left: u32,
    /// Told of that many steps; false ends the matching.
    go_on: &'a mut dyn FnMut(u32) -> bool,
}

impl<'a> Meter<'a> {
    pub fn new(go_on: &'a mut dyn FnMut(u32) -> bool) -> Self {
        Meter {
            left: STEPS_PER_CHECK_MAX,
            go_on,
        }
    }

    /// Takes a step.
    #[inline]
    fn step(&mut self) -> Result<(), Stop> {
        self.steps(1)
    }

    #[inline]
    fn steps(&mut self, count: u32) -> Result<(), Stop> {
        match self.left.checked_sub(count) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => self.ask(count),
        }
    }

    #[cold]
    fn ask(&mut self, count: u32) -> Result<(), Stop> {
        let taken = (STEPS_PER_CHECK_MAX - self.left).saturating_add(count);
        self.left = STEPS_PER_CHECK_MAX;
        if (self.go_on)(taken) {
            Ok(())
        } else {
            Err(Stop::Over)
        }
    }

    /// Steps for octets that are handled in bulk.
    pub fn octets(&mut self, count: usize) -> Result<(), Stop> {
        self.steps(u32::try_from(count / OCTETS_PER_STEP).unwrap_or(u32::MAX))
    }
}

/// Steps that were taken since the last question count as well.
impl Drop for Meter<'_> {
    fn drop(&mut self) {
        (self.go_on)(STEPS_PER_CHECK_MAX - self.left);
    }
}

/// A match.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub start: usize,
    pub end: usize,
}

/// What a capture holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Capture<'a> {
    Text(&'a [u8]),
    /// A position, from 1.
    Position(usize),
}

/// A pattern at work on a subject.
pub(crate) struct Matcher<'a, 'm> {
    pattern: &'a Pattern,
    subject: &'a [u8],
    starts: [usize; CAPTURES_MAX],
    ends: [usize; CAPTURES_MAX],
    pub meter: Meter<'m>,
}

impl<'a, 'm> Matcher<'a, 'm> {
    pub fn new(pattern: &'a Pattern, subject: &'a [u8], meter: Meter<'m>) -> Self {
        Matcher {
            pattern,
            subject,
            starts: [0; CAPTURES_MAX],
            ends: [0; CAPTURES_MAX],
            meter,
        }
    }

    /// The first match that begins here or behind.
    pub fn find(&mut self, mut start: usize) -> Result<Option<Found>, Stop> {
        while start <= self.subject.len() {
            if let Some(found) = self.at(start)? {
                return Ok(Some(found));
            }
            if self.pattern.anchored {
                break;
            }
            start += 1;
            if let Some(first) = &self.pattern.first {
                let rest = self.subject.get(start..).unwrap_or_default();
                let ahead = rest.iter().position(|octet| first.has(*octet));
                let ahead = ahead.unwrap_or(rest.len());
                self.meter.steps(u32::try_from(ahead).unwrap_or(u32::MAX))?;
                start += ahead;
            }
        }
        Ok(None)
    }

    /// The match that begins here.
    pub fn at(&mut self, start: usize) -> Result<Option<Found>, Stop> {
        let end = self.run(0, start, 1)?;
        Ok(end.map(|end| Found { start, end }))
    }

    /// The next match from here on, and where to look for the one behind it.
    pub fn next(&mut self, at: &mut usize) -> Result<Option<Found>, Stop> {
        let found = self.find(*at)?;
        *at = match found {
            Some(found) if !self.pattern.anchored => found.end.max(found.start + 1),
            _ => usize::MAX,
        };
        Ok(found)
    }

    /// Number of captures.
    pub fn captures(&self) -> usize {
        self.pattern.captures.len()
    }

    /// A capture of the match, from 0. A pattern without captures has one: the match.
    pub fn capture(&self, found: Found, index: usize) -> Result<Capture<'a>, Stop> {
        let text = |start, end| Ok(Capture::Text(self.subject.get(start..end).unwrap_or(b"")));
        let (start, end) = (self.starts.get(index), self.ends.get(index));
        match (self.pattern.captures.get(index), start, end) {
            (Some(Kind::Closed), Some(start), Some(end)) => text(*start, *end),
            (Some(Kind::Position), Some(start), _) => Ok(Capture::Position(start + 1)),
            (Some(Kind::Open), ..) => Err(Stop::Fault("unfinished capture")),
            _ if index == 0 => text(found.start, found.end),
            _ => Err(Stop::Fault("invalid capture index")),
        }
    }

    /// Matches from an item on; answers where the match ends. It calls itself only where it may have to come back.
    fn run(&mut self, mut item: usize, mut at: usize, depth: u32) -> Result<Option<usize>, Stop> {
        if depth > DEPTH_MAX {
            return Err(Stop::Fault("pattern too complex"));
        }
        let pattern = self.pattern;
        loop {
            self.meter.step()?;
            let Some(next) = pattern.items.get(item) else {
                return Ok(Some(at));
            };
            item += 1;
            let octet = self.subject.get(at).copied();
            let goes_on = match next {
                Item::One(set) => octet.is_some_and(|octet| set.has(octet)).then(|| at + 1),
                Item::Optional(set) => {
                    if octet.is_some_and(|octet| set.has(octet))
                        && let Some(end) = self.run(item, at + 1, depth + 1)?
                    {
                        return Ok(Some(end));
                    }
                    Some(at)
                }
                Item::Greedy(set) => {
                    let rest = self.subject.get(at..).unwrap_or_default();
                    let count = rest.iter().position(|octet| !set.has(*octet));
                    let count = count.unwrap_or(rest.len());
                    return self.greedy(item, at, count, depth + 1);
                }
                Item::Lazy(set) => loop {
                    if let Some(end) = self.run(item, at, depth + 1)? {
                        return Ok(Some(end));
                    }
                    if self.subject.get(at).is_none_or(|octet| !set.has(*octet)) {
                        return Ok(None);
                    }
                    at += 1;
                },
                Item::Open(index) | Item::Position(index) => {
                    set(&mut self.starts, *index, at);
                    return self.run(item, at, depth + 1);
                }
                Item::Close(index) => {
                    set(&mut self.ends, *index, at);
                    return self.run(item, at, depth + 1);
                }
                Item::Balance(open, close) => self.balance(at, *open, *close)?,
                Item::Frontier(set) => {
                    let before = at.checked_sub(1).and_then(|at| self.subject.get(at));
                    let before = before.copied().unwrap_or(0);
                    (!set.has(before) && set.has(octet.unwrap_or(0))).then_some(at)
                }
                Item::Back(index) => self.back(at, *index)?,
                Item::End => (at == self.subject.len()).then_some(at),
                Item::Never => None,
                Item::Fault(text) => return Err(Stop::Fault(text)),
            };
            match goes_on {
                Some(next) => at = next,
                None => return Ok(None),
            }
        }
    }

    /// The rest of the pattern behind as many octets as possible, at most this count.
    fn greedy(
        &mut self,
        item: usize,
        at: usize,
        count: usize,
        depth: u32,
    ) -> Result<Option<usize>, Stop> {
        self.meter.steps(u32::try_from(count).unwrap_or(u32::MAX))?;
        for end in (at..=at + count).rev() {
            if let Some(end) = self.run(item, end, depth)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    /// The end of a stretch that opens as often as it closes.
    fn balance(&mut self, at: usize, open: u8, close: u8) -> Result<Option<usize>, Stop> {
        let Some((first, rest)) = self.subject.get(at..).and_then(<[u8]>::split_first) else {
            return Ok(None);
        };
        if *first != open {
            return Ok(None);
        }
        let mut depth = 1_usize;
        for (end, octet) in (at + 2..).zip(rest) {
            self.meter.step()?;
            if *octet == close {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(end));
                }
            } else if *octet == open {
                depth += 1;
            }
        }
        Ok(None)
    }

    fn back(&mut self, at: usize, index: usize) -> Result<Option<usize>, Stop> {
        let (start, end) = (self.starts.get(index), self.ends.get(index));
        let (Some(start), Some(end)) = (start, end) else {
            return Ok(None);
        };
        let text = self.subject.get(*start..*end).unwrap_or_default();
        self.meter.octets(text.len())?;
        let rest = self.subject.get(at..).unwrap_or_default();
        Ok(rest.starts_with(text).then(|| at + text.len()))
    }
}

fn set(places: &mut [usize; CAPTURES_MAX], index: usize, at: usize) {
    if let Some(place) = places.get_mut(index) {
        *place = at;
    }
}
