//! What went wrong in a script, and where.

use std::fmt;

/// The kind of an error.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The source does not compile.
    Syntax,
    /// A file cannot be read, or leads outside the script folder.
    Source,
    /// The script raised an error.
    Runtime,
    /// The slice used up its time.
    Overrun,
    /// The script used up its memory.
    Memory,
    /// Two generations are alive already.
    Busy,
    /// The run was ended from outside: its generation was retired, or its memory was needed.
    Ended,
}

/// The line of the source that an error speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line.
    pub text: String,
    /// The place in it, from 1.
    pub column: usize,
}

/// An error of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// Its kind.
    pub kind: ErrorKind,
    /// The file; empty if it is not known.
    pub file: String,
    /// The line, from 1; 0 if it is not known.
    pub line: u32,
    /// What is wrong.
    pub message: String,
    /// The line with a caret, for errors of syntax.
    pub excerpt: Option<Excerpt>,
    /// Who called whom, innermost first.
    pub traceback: Vec<String>,
}

impl ScriptError {
    /// An error whose text may begin with `file:line:`.
    pub(crate) fn new(kind: ErrorKind, text: &str) -> Self {
        let (file, line, message) = split_place(text);
        ScriptError {
            kind,
            file: file.to_owned(),
            line,
            message: message.to_owned(),
            excerpt: None,
            traceback: Vec::new(),
        }
    }

    /// An error that speaks of a file as a whole.
    pub fn of_file(file: &str, message: &str) -> Self {
        let mut error = ScriptError::new(ErrorKind::Source, "");
        error.file = file.to_owned();
        error.message = message.to_owned();
        error
    }

    /// An error of syntax, with the line it speaks of.
    pub(crate) fn syntax(text: &str, source: &[u8]) -> Self {
        let mut error = ScriptError::new(ErrorKind::Syntax, text);
        let number = usize::try_from(error.line).unwrap_or(0);
        let line = source
            .split(|octet| *octet == b'\n')
            .nth(number.wrapping_sub(1))
            .map(|line| String::from_utf8_lossy(line).trim_end().to_owned());
        error.excerpt = line.map(|text| Excerpt {
            column: column_of(&error.message, &text),
            text,
        });
        error
    }

    /// The same error with the place of it, if the text did not name one.
    pub(crate) fn at(mut self, place: Option<(String, u32)>) -> Self {
        if self.line == 0
            && let Some((file, line)) = place
        {
            self.file = file;
            self.line = line;
        }
        self
    }

    /// The same error with a traceback as the language writes it.
    pub(crate) fn with_traceback(mut self, text: &str) -> Self {
        self.traceback = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && *line != "stack traceback:")
            .filter(|line| {
                !line.contains(OWN_CHUNK) && !line.starts_with("[C]: in function 'error'")
            })
            .filter(|line| !line.contains("'real_xpcall'"))
            .map(str::to_owned)
            .collect();
        self
    }
}

/// How our own library calls itself in tracebacks.
pub(crate) const OWN_CHUNK: &str = "[strowger]";

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_str(), self.line) {
            ("", _) => {}
            (file, 0) => write!(f, "{file}: ")?,
            (file, line) => write!(f, "{file}:{line}: ")?,
        }
        f.write_str(&self.message)?;
        if let Some(excerpt) = &self.excerpt {
            let number = self.line.to_string();
            let blank = " ".repeat(number.len());
            write!(f, "\n  {number} | {}", excerpt.text)?;
            write!(
                f,
                "\n  {blank} | {}^",
                " ".repeat(excerpt.column.saturating_sub(1))
            )?;
        }
        for line in &self.traceback {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ScriptError {}

/// Splits `file:line: message`.
fn split_place(text: &str) -> (&str, u32, &str) {
    let mut from = 0;
    while let Some(colon) = text.get(from..).and_then(|rest| rest.find(':')) {
        let at = from + colon;
        let rest = text.get(at + 1..).unwrap_or("");
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let line = rest.get(..digits).and_then(|digits| digits.parse().ok());
        if let (Some(line), Some(message)) =
            (line, rest.get(digits..).and_then(|r| r.strip_prefix(':')))
        {
            return (text.get(..at).unwrap_or(""), line, message.trim_start());
        }
        // Only the first word can be a place.
        if rest.starts_with(' ') {
            break;
        }
        from = at + 1;
    }
    ("", 0, text)
}

/// The column of the token that the message names (`near 'x'`), or of the first word, or of the end.
fn column_of(message: &str, line: &str) -> usize {
    let token = message
        .rsplit_once("near '")
        .and_then(|(_, rest)| rest.strip_suffix('\''));
    let characters = |octets: usize| line.get(..octets).map_or(0, |text| text.chars().count());
    match token {
        Some("<eof>") => line.chars().count() + 1,
        Some(token) => line.rfind(token).map_or(1, |at| characters(at) + 1),
        None => characters(line.len() - line.trim_start().len()) + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_split_from_the_message() {
        assert_eq!(split_place("a/b.lua:12: oh: no"), ("a/b.lua", 12, "oh: no"));
        assert_eq!(split_place("c:/x.lua:3: y"), ("c:/x.lua", 3, "y"));
        assert_eq!(split_place("oh: no:5: x"), ("", 0, "oh: no:5: x"));
        assert_eq!(split_place("plain"), ("", 0, "plain"));
    }
}
