//! The words of a Lua source, with their places. Strings and numbers are not read further.

/// What a token is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Word<'a> {
    /// A name or keyword.
    Name(&'a str),
    /// A string.
    Text,
    /// A number.
    Number,
    /// An operator or a sign.
    Symbol(&'a str),
}

/// A token.
#[derive(Copy, Clone, Debug)]
pub(super) struct Token<'a> {
    pub word: Word<'a>,
    pub line: u32,
    pub column: u32,
}

/// Signs of more than one character, the longest first.
const LONG_SYMBOLS: &[&str] = &["...", "..", "==", "~=", "<=", ">=", "::", "//"];

const KEYWORDS: &[&str] = &[
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
    "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
];

pub(super) fn is_keyword(name: &str) -> bool {
    KEYWORDS.contains(&name)
}

/// Reads all tokens. What is no Lua is passed over.
pub(super) fn read(source: &str) -> Vec<Token<'_>> {
    let mut reader = Reader {
        rest: source,
        line: 1,
        column: 1,
    };
    // A first line that names the interpreter.
    if source.starts_with('#') {
        reader.skip(source.find('\n').unwrap_or(source.len()));
    }
    let mut tokens = Vec::new();
    while !reader.rest.is_empty() {
        let (line, column) = (reader.line, reader.column);
        let (octets, word) = next(reader.rest);
        if let Some(word) = word {
            tokens.push(Token { word, line, column });
        }
        reader.skip(octets);
    }
    tokens
}

struct Reader<'a> {
    rest: &'a str,
    line: u32,
    column: u32,
}

impl Reader<'_> {
    fn skip(&mut self, octets: usize) {
        let (skipped, rest) = self
            .rest
            .split_at_checked(octets)
            .unwrap_or((self.rest, ""));
        for one in skipped.chars() {
            if one == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.rest = rest;
    }
}

/// The length of what comes next, and the word if it is one.
fn next(rest: &str) -> (usize, Option<Word<'_>>) {
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_whitespace() {
        return (length_while(rest, char::is_whitespace), None);
    }
    if let Some(comment) = rest.strip_prefix("--") {
        let octets = match long_bracket(comment) {
            Some(octets) => octets,
            None => comment.find('\n').unwrap_or(comment.len()),
        };
        return (octets + 2, None);
    }
    if first.is_alphabetic() || first == '_' {
        let octets = length_while(rest, |one| one.is_alphanumeric() || one == '_');
        return (octets, rest.get(..octets).map(Word::Name));
    }
    if first.is_ascii_digit() {
        return (number(rest), Some(Word::Number));
    }
    if let Some(octets) = long_bracket(rest) {
        return (octets, Some(Word::Text));
    }
    if matches!(first, '"' | '\'') {
        return (quoted(rest, first), Some(Word::Text));
    }
    let symbol = LONG_SYMBOLS
        .iter()
        .find(|symbol| rest.starts_with(**symbol));
    let octets = symbol.map_or(first.len_utf8(), |symbol| symbol.len());
    (octets, rest.get(..octets).map(Word::Symbol))
}

fn length_while(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|one| !belongs(one)).unwrap_or(text.len())
}

/// A number: also `1..2` is one sign after another, so that two points end it.
fn number(rest: &str) -> usize {
    let octets = length_while(rest, |one| one.is_ascii_alphanumeric() || one == '.');
    let octets = rest
        .get(..octets)
        .and_then(|text| text.find(".."))
        .unwrap_or(octets);
    octets.max(1)
}

/// A string or comment in long brackets, `[==[ … ]==]`.
fn long_bracket(rest: &str) -> Option<usize> {
    let level = length_while(rest.strip_prefix('[')?, |one| one == '=');
    let inner = rest.get(level + 1..)?.strip_prefix('[')?;
    let close = format!("]{}]", "=".repeat(level));
    let end = inner
        .find(&close)
        .map_or(inner.len(), |at| at + close.len());
    Some(level + 2 + end)
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, one) in rest.char_indices().skip(1) {
        match one {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\n' => return at,
            _ if one == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}
