//! The files that a configuration was read from, and places in them.

use std::sync::Arc;

/// Files of one configuration, included ones too (200).
pub const FILES_MAX: usize = 200;

/// A run of octets of one file.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Place of the file in [`Sources`].
    pub file: u16,
    /// First octet.
    pub start: u32,
    /// Behind the last octet.
    pub end: u32,
}

impl Span {
    /// From the start of this one to the end of the other, if both lie in one file.
    pub fn to(self, last: Span) -> Span {
        if last.file == self.file && last.end > self.start {
            Span {
                end: last.end,
                ..self
            }
        } else {
            self
        }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name its reader knows.
    pub name: String,
    /// The whole text.
    pub text: Arc<str>,
}

/// All files in the order in which they were opened; the first is the configuration itself.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    pub(crate) fn add(&mut self, name: String, text: Arc<str>) -> Option<u16> {
        if self.files.len() >= FILES_MAX {
            return None;
        }
        self.files.push(Source { name, text });
        u16::try_from(self.files.len() - 1).ok()
    }

    /// The files.
    pub fn files(&self) -> &[Source] {
        &self.files
    }

    /// The name of the file of a place.
    pub fn name(&self, span: Span) -> &str {
        self.files
            .get(usize::from(span.file))
            .map_or("", |file| &file.name)
    }

    fn text(&self, span: Span) -> &str {
        self.files
            .get(usize::from(span.file))
            .map_or("", |file| &file.text)
    }

    /// The octets of a place.
    pub fn slice(&self, span: Span) -> &str {
        self.text(span)
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    /// Line and column (in characters), both from 1.
    pub fn position(&self, span: Span) -> (usize, usize) {
        let text = self.text(span);
        let before = text.get(..span.start as usize).unwrap_or(text);
        let line = before.bytes().filter(|octet| *octet == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(start..).map_or(0, |part| part.chars().count()) + 1;
        (line, column)
    }

    /// `file:line:column`.
    pub fn place(&self, span: Span) -> String {
        let (line, column) = self.position(span);
        format!("{}:{line}:{column}", self.name(span))
    }

    /// The line of a place, and how many of its characters the place covers.
    pub(crate) fn marked_line(&self, span: Span) -> (&str, usize) {
        let text = self.text(span);
        let start = (span.start as usize).min(text.len());
        let from = text
            .get(..start)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |at| at + 1);
        let to = text
            .get(start..)
            .and_then(|rest| rest.find('\n'))
            .map_or(text.len(), |at| start + at);
        let line = text
            .get(from..to)
            .unwrap_or_default()
            .trim_end_matches('\r');
        let marked = text
            .get(start..(span.end as usize).clamp(start, to))
            .unwrap_or_default();
        (line, marked.trim_end().chars().count().max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        let mut sources = Sources::default();
        sources.add("f".into(), "a\n\u{f6}\u{f6} x\n".into());
        let at = |start| {
            sources.position(Span {
                file: 0,
                start,
                end: start,
            })
        };
        assert_eq!(at(0), (1, 1));
        assert_eq!(at(7), (2, 4));
    }
}
