//! Errors and warnings of a configuration file: what, where, why, and what to write instead.
//!
//! All of them are collected and shown together. Values of secret keys never appear: the source line is shown with
//! them starred out.

use std::fmt::{self, Write};
use std::ops::Range;
use std::sync::OnceLock;

use serde::Serialize;

/// How bad it is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, but somebody should look.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// One error or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Which octets of the file; `None` if the fault is an absence.
    pub span: Option<Range<usize>>,
    /// What to write instead; stands beside the caret.
    pub fix: String,
    /// Why it matters; a line of its own.
    pub hint: Option<String>,
}

/// A configuration file's text under the name its reader knows.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path as given.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// Where each line begins; made when a position is first asked for.
    line_starts: OnceLock<Box<[usize]>>,
}

impl Source {
    /// A text and its name.
    pub fn new(name: String, text: String) -> Source {
        Source {
            name,
            text,
            line_starts: OnceLock::new(),
        }
    }

    /// Line and column (in characters), both from 1.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let starts = self.line_starts.get_or_init(|| {
            let breaks = self.text.match_indices('\n');
            core::iter::once(0)
                .chain(breaks.map(|(at, _)| at + 1))
                .collect()
        });
        let line = starts.partition_point(|start| *start <= offset);
        let start = starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self
            .text
            .get(start..offset)
            .map_or(0, |before| before.chars().count())
            + 1;
        (line, column)
    }

    fn line_range(&self, offset: usize) -> Range<usize> {
        let offset = offset.min(self.text.len());
        let start = self
            .text
            .get(..offset)
            .and_then(|before| before.rfind('\n'))
            .map_or(0, |at| at + 1);
        let end = self
            .text
            .get(offset..)
            .and_then(|rest| rest.find('\n'))
            .map_or(self.text.len(), |at| offset + at);
        start..end
    }
}

/// Everything found in one file.
#[derive(Clone, Debug)]
pub struct Report {
    /// The file.
    pub source: Source,
    /// What was found, in the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// A diagnostic as `check --json` prints it.
#[derive(Serialize)]
struct Entry<'a> {
    severity: Severity,
    message: &'a str,
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
    #[serde(skip_serializing_if = "str::is_empty")]
    fix: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Report {
    /// An empty report about `source`.
    pub fn new(source: Source) -> Report {
        Report {
            source,
            diagnostics: Vec::new(),
        }
    }

    /// Adds an error.
    pub fn error(
        &mut self,
        span: Option<Range<usize>>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.push(Severity::Error, span, message.into(), fix.into(), None);
    }

    /// Adds a warning, with the reason why it matters.
    pub fn warning(
        &mut self,
        span: Option<Range<usize>>,
        message: impl Into<String>,
        fix: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.push(
            Severity::Warning,
            span,
            message.into(),
            fix.into(),
            Some(hint.into()),
        );
    }

    fn push(
        &mut self,
        severity: Severity,
        span: Option<Range<usize>>,
        message: String,
        fix: String,
        hint: Option<String>,
    ) {
        self.diagnostics.push(Diagnostic {
            severity,
            message,
            span,
            fix,
            hint,
        });
    }

    /// Puts the diagnostics in the order of the file; absences come last.
    pub fn sort(&mut self) {
        self.diagnostics
            .sort_by_key(|one| one.span.as_ref().map_or(usize::MAX, |span| span.start));
    }

    /// Number of errors.
    pub fn errors(&self) -> usize {
        self.diagnostics
            .iter()
            .filter(|one| one.severity == Severity::Error)
            .count()
    }

    /// Number of warnings.
    pub fn warnings(&self) -> usize {
        self.diagnostics.len() - self.errors()
    }

    /// All diagnostics as a JSON value.
    pub fn to_json(&self) -> serde_json::Value {
        let entries = self.diagnostics.iter().map(|one| {
            let position = one
                .span
                .as_ref()
                .map(|span| self.source.position(span.start));
            Entry {
                severity: one.severity,
                message: &one.message,
                file: &self.source.name,
                line: position.map(|at| at.0),
                column: position.map(|at| at.1),
                fix: &one.fix,
                hint: one.hint.as_deref(),
            }
        });
        serde_json::json!(entries.collect::<Vec<_>>())
    }

    /// Each diagnostic in one line, for the log.
    pub fn lines(&self) -> Vec<String> {
        let line = |one: &Diagnostic| {
            let place = one.span.as_ref().map(|span| {
                let (line, column) = self.source.position(span.start);
                format!(" ({}:{line}:{column})", self.source.name)
            });
            let hint = one.hint.as_ref().map(|hint| format!(": {hint}"));
            let (place, hint) = (place.unwrap_or_default(), hint.unwrap_or_default());
            format!("{}{place}{hint}", one.message)
        };
        self.diagnostics.iter().map(line).collect()
    }

    fn write_one(&self, one: &Diagnostic, out: &mut impl Write) -> fmt::Result {
        writeln!(out, "{}: {}", one.severity, one.message)?;
        match &one.span {
            Some(span) => self.write_place(span, &one.fix, out)?,
            None => {
                writeln!(out, "  --> {}", self.source.name)?;
                if !one.fix.is_empty() {
                    writeln!(out, "  {}", one.fix)?;
                }
            }
        }
        one.hint
            .as_ref()
            .map_or(Ok(()), |hint| writeln!(out, "  hint: {hint}"))
    }

    fn write_place(&self, span: &Range<usize>, fix: &str, out: &mut impl Write) -> fmt::Result {
        let (line, column) = self.source.position(span.start);
        let range = self.source.line_range(span.start);
        let text = self
            .source
            .text
            .get(range.clone())
            .unwrap_or_default()
            .trim_end_matches('\r');
        let marked = self
            .source
            .text
            .get(span.start..span.end.min(range.end))
            .unwrap_or_default();
        let carets = marked.trim_end().chars().count().max(1);
        let number = line.to_string();
        writeln!(out, "  --> {}:{line}:{column}", self.source.name)?;
        writeln!(out, " {number} | {}", starred(text).replace('\t', " "))?;
        write!(out, " {:1$} | ", "", number.len())?;
        write!(out, "{:1$}{2}", "", column - 1, "^".repeat(carets))?;
        if fix.is_empty() {
            writeln!(out)
        } else {
            writeln!(out, " {fix}")
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostics
            .iter()
            .try_for_each(|one| self.write_one(one, f))
    }
}

/// Parts of key names whose values are never shown, mistyped ones included.
const SECRET_WORDS: [&str; 4] = ["pass", "pwd", "secret", "ha1"];

/// The line with the values of secret keys replaced, character by character so that columns stay.
fn starred(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('=') {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let key = before
            .trim_end()
            .trim_end_matches(['"', '\''])
            .rsplit(|c| !word(c))
            .next()
            .unwrap_or_default();
        let key = key.to_ascii_lowercase();
        shown.push_str(before);
        shown.push('=');
        rest = after;
        if SECRET_WORDS.iter().any(|word| key.contains(word)) {
            let value = after.trim_start();
            let (hidden, kept) = value
                .split_at_checked(value_octets(value))
                .unwrap_or((value, ""));
            shown.push_str(after.strip_suffix(value).unwrap_or_default());
            shown.extend(hidden.chars().map(|_| '*'));
            rest = kept;
        }
    }
    shown.push_str(rest);
    shown
}

/// Octets of the value that `text` begins with.
fn value_octets(text: &str) -> usize {
    let quote = text
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''));
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(usize::from(quote.is_some())) {
        match quote {
            Some(_) if escaped => escaped = false,
            Some('"') if character == '\\' => escaped = true,
            Some(quote) if character == quote => return at + character.len_utf8(),
            None if matches!(character, ',' | '}' | '#') || character.is_whitespace() => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_starred_out() {
        assert_eq!(
            starred(r#"password = "abc" # x"#),
            r#"password = ***** # x"#
        );
        assert_eq!(
            starred(r#"{ name = "a", password="b\"c" }"#),
            r#"{ name = "a", password=****** }"#
        );
        assert_eq!(starred(r#"password = "abc"#), "password = ****");
        assert_eq!(
            starred("passwords are not shown"),
            "passwords are not shown"
        );
        assert_eq!(starred("ha1_md5=abc, x"), "ha1_md5=***, x");
        assert_eq!(starred("Passwd = 'x'"), "Passwd = ***");
        assert_eq!(starred("a = \"b=c\" d"), "a = \"b=c\" d");
    }

    #[test]
    fn positions_count_characters() {
        let source = Source::new("f".into(), "a\nöö x\n".into());
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(7), (2, 4));
        assert_eq!(source.position(2), (2, 1));
        assert_eq!(source.position(9), (3, 1), "behind the last line break");
        assert_eq!(source.position(100).0, 3, "beyond the end");
    }
}
