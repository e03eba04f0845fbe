//! Errors and warnings of a configuration: what, where, why, and what to write instead.
//!
//! All are collected and shown together. Passwords inside URLs of the shown line are starred out.

use std::fmt::{self, Write};

use super::source::{Sources, Span};

/// Errors and warnings that are kept (200); more are counted only.
pub const DIAGNOSTICS_MAX: usize = 200;

/// How bad it is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, but somebody should look.
    Warning,
}

/// One error or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where; `None` if it is an absence.
    pub span: Option<Span>,
    /// What to write instead; stands beside the caret.
    pub fix: String,
}

/// Everything found in one configuration.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    /// The files.
    pub sources: Sources,
    /// What was found, in the order of reading.
    pub list: Vec<Diagnostic>,
    /// How many more there were than [`DIAGNOSTICS_MAX`].
    pub omitted: usize,
}

impl Diagnostics {
    /// Adds an error or a warning.
    pub fn push(&mut self, severity: Severity, span: Option<Span>, message: String, fix: String) {
        if self.list.len() >= DIAGNOSTICS_MAX {
            self.omitted += 1;
        } else {
            self.list.push(Diagnostic {
                severity,
                message,
                span,
                fix,
            });
        }
    }

    /// Adds an error.
    pub fn error(&mut self, span: Span, message: impl Into<String>, fix: impl Into<String>) {
        self.push(Severity::Error, Some(span), message.into(), fix.into());
    }

    /// Adds a warning.
    pub fn warning(&mut self, span: Span, message: impl Into<String>, fix: impl Into<String>) {
        self.push(Severity::Warning, Some(span), message.into(), fix.into());
    }

    /// Number of errors.
    pub fn errors(&self) -> usize {
        self.list
            .iter()
            .filter(|one| one.severity == Severity::Error)
            .count()
            + self.omitted
    }

    /// Number of warnings.
    pub fn warnings(&self) -> usize {
        self.list.len() + self.omitted - self.errors()
    }

    fn write_one(&self, one: &Diagnostic, out: &mut dyn Write) -> fmt::Result {
        let severity = match one.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        writeln!(out, "{severity}: {}", one.message)?;
        let Some(span) = one.span else {
            return if one.fix.is_empty() {
                Ok(())
            } else {
                writeln!(out, "  {}", one.fix)
            };
        };
        let (line, column) = self.sources.position(span);
        let (text, carets) = self.sources.marked_line(span);
        let number = line.to_string();
        writeln!(out, "  --> {}", self.sources.place(span))?;
        writeln!(out, " {number} | {}", starred(text).replace('\t', " "))?;
        let blank = number.len();
        let marks = "^".repeat(carets);
        let shown = format!(" {:blank$} | {:2$}{marks} {3}", "", "", column - 1, one.fix);
        writeln!(out, "{}", shown.trim_end())
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list
            .iter()
            .try_for_each(|one| self.write_one(one, f))?;
        match self.omitted {
            0 => Ok(()),
            more => writeln!(f, "and {more} more"),
        }
    }
}

/// The line with the passwords of its URLs replaced, character by character so that columns stay.
fn starred(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(['/', '"', '\'', ' ']).unwrap_or(after.len());
        let authority = after.get(..end).unwrap_or_default();
        rest = after;
        if let Some((userinfo, _)) = authority.rsplit_once('@')
            && let Some((user, password)) = userinfo.split_once(':')
        {
            shown.push_str(user);
            shown.push(':');
            shown.extend(password.chars().map(|_| '*'));
            rest = after.get(userinfo.len()..).unwrap_or_default();
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_starred_out() {
        assert_eq!(
            starred(r#"modparam("a", "db_url", "mysql://kam:secret@db/kam") # x://y"#),
            r#"modparam("a", "db_url", "mysql://kam:******@db/kam") # x://y"#
        );
        assert_eq!(starred("http://a/b:c@d"), "http://a/b:c@d");
    }
}
