//! POSIX extended regular expressions, as configuration files and transformations write them, for a matcher of
//! linear time.
//!
//! The syntax differs in brackets, braces and stars; [`compile`] rewrites the one into the other. Two differences
//! stay: alternatives are tried in their order instead of the longest winning, and there are no references back.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

/// Octets that a compiled expression may take (256 KiB).
pub const PATTERN_OCTETS_MAX: usize = 1 << 18;

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(pub String);

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

/// How an expression matches.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct PatternFlags {
    /// Letters match in either case.
    pub ignore_case: bool,
    /// The text is one line: `.` matches a line end, `^` and `$` match at the ends of the text only.
    pub single_line: bool,
}

/// Compiles a POSIX extended expression.
pub fn compile(expression: &[u8], flags: PatternFlags) -> Result<Regex, PatternError> {
    let translated = translate(expression, flags.single_line)?;
    RegexBuilder::new(&translated)
        .unicode(false)
        .case_insensitive(flags.ignore_case)
        .multi_line(!flags.single_line)
        .dot_matches_new_line(flags.single_line)
        .size_limit(PATTERN_OCTETS_MAX)
        .build()
        .map_err(|error| PatternError(reason(&error)))
}

/// The last line of the matcher's message: the one that says what is wrong.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

fn translate(expression: &[u8], single_line: bool) -> Result<String, PatternError> {
    let mut out = String::with_capacity(expression.len() + 8);
    let mut at = 0;
    while let Some(&octet) = expression.get(at) {
        let next = expression.get(at + 1).copied();
        at += 1;
        match octet {
            b'\\' => {
                let Some(escaped) = next else {
                    return Err(PatternError("a backslash ends the expression".into()));
                };
                at += 1;
                push_escaped(&mut out, escaped);
            }
            b'[' => at = bracket(expression, at, single_line, &mut out)?,
            b'(' if next == Some(b'?') => {
                return Err(PatternError("`(?` repeats nothing".into()));
            }
            b'{' if !is_interval(expression.get(at..).unwrap_or_default()) => out.push_str("\\{"),
            b'*' | b'+' | b'?' => {
                let mut star = octet;
                while let Some(&again @ (b'*' | b'+' | b'?')) = expression.get(at) {
                    star = if star == again { star } else { b'*' };
                    at += 1;
                }
                out.push(char::from(star));
            }
            _ => push_octet(&mut out, octet),
        }
    }
    Ok(out)
}

fn push_octet(out: &mut String, octet: u8) {
    use fmt::Write as _;
    if octet.is_ascii() {
        out.push(char::from(octet));
    } else {
        let _ = write!(out, "\\x{octet:02x}");
    }
}

/// `\w`, `\s`, `\b` and word ends keep their meaning; every other octet stands for itself.
fn push_escaped(out: &mut String, octet: u8) {
    let special = matches!(octet, b'w' | b'W' | b's' | b'S' | b'b' | b'B' | b'<' | b'>');
    if special || octet.is_ascii_punctuation() || octet.is_ascii_digit() {
        out.push('\\');
    }
    push_octet(out, octet);
}

/// True if `{` is followed by `n}`, `n,}` or `n,m}`.
fn is_interval(rest: &[u8]) -> bool {
    let digits = |text: &[u8]| {
        text.iter()
            .take_while(|octet| octet.is_ascii_digit())
            .count()
    };
    let first = digits(rest);
    let rest = rest.get(first..).unwrap_or_default();
    match rest.first() {
        Some(b'}') => first > 0,
        Some(b',') => {
            let rest = rest.get(1..).unwrap_or_default();
            first > 0 && rest.get(digits(rest)) == Some(&b'}')
        }
        _ => false,
    }
}

/// Rewrites a bracket expression whose `[` was read; returns where it ends.
fn bracket(
    expression: &[u8],
    start: usize,
    single_line: bool,
    out: &mut String,
) -> Result<usize, PatternError> {
    let unclosed = || PatternError("`[` is not closed".into());
    let mut at = start;
    out.push('[');
    if expression.get(at) == Some(&b'^') {
        at += 1;
        out.push('^');
        if !single_line {
            out.push_str("\\n");
        }
    }
    let first = at;
    loop {
        let octet = *expression.get(at).ok_or_else(unclosed)?;
        let rest = expression.get(at..).unwrap_or_default();
        at += 1;
        match octet {
            b']' if at > first + 1 => break,
            b'[' if rest.starts_with(b"[:") => {
                let end = rest.windows(2).skip(2).position(|pair| pair == b":]");
                let length = end.ok_or_else(unclosed)? + 4;
                let class = rest.get(..length).unwrap_or_default();
                out.push_str(&String::from_utf8_lossy(class));
                at += length - 1;
            }
            b'[' if rest.starts_with(b"[.") || rest.starts_with(b"[=") => {
                return Err(PatternError("collating elements are not supported".into()));
            }
            b'-' => {
                let last = rest.get(1) == Some(&b']');
                let twice = rest.get(1) == Some(&b'-');
                out.push_str(if at == first + 1 || last || twice {
                    "\\-"
                } else {
                    "-"
                });
            }
            b'\\' | b'[' | b']' | b'^' | b'&' | b'~' => {
                out.push('\\');
                out.push(char::from(octet));
            }
            _ => push_octet(out, octet),
        }
    }
    out.push(']');
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(expression: &str, text: &str) -> bool {
        compile(expression.as_bytes(), PatternFlags::default())
            .expect("an expression")
            .is_match(text.as_bytes())
    }

    #[test]
    fn brackets_take_backslashes_as_they_stand() {
        assert!(finds(r"^[\d]$", "\\"));
        assert!(!finds(r"^[\d]$", "5"));
        assert!(finds(r"^[]a]+$", "]a]"));
        assert!(finds(r"^[^]a]+$", "bcd"));
        assert!(finds(r"^[a-]+$", "a-a"));
        assert!(finds(r"^[[:digit:]&&[]+$", "12&["));
    }

    #[test]
    fn braces_that_count_nothing_stand_for_themselves() {
        assert!(finds("a{x", "a{x"));
        assert!(finds("^a{2}$", "aa"));
        assert!(finds("^a{2,}$", "aaaa"));
        assert!(finds("^a{,2}$", "a{,2}"));
    }

    #[test]
    fn dots_and_negated_brackets_stop_at_line_ends() {
        assert!(!finds("a.b", "a\nb"));
        assert!(!finds("a[^x]b", "a\nb"));
        let flags = PatternFlags {
            single_line: true,
            ..PatternFlags::default()
        };
        assert!(
            compile(b"a[^x]b", flags)
                .expect("an expression")
                .is_match(b"a\nb")
        );
    }

    #[test]
    fn repeated_stars_are_one() {
        assert!(finds("^a*?$", "aaa"));
        assert!(finds("^a+?b$", "b"));
    }

    #[test]
    fn octets_beyond_ascii_match_themselves() {
        assert!(finds("^\u{f6}$", "\u{f6}"));
    }

    #[test]
    fn faults_are_told_in_one_line() {
        for expression in ["(", "[a", "a\\", "(?i)a", "[[.a.]]", "(a)\\1"] {
            let error =
                compile(expression.as_bytes(), PatternFlags::default()).expect_err("a fault");
            assert!(!error.0.is_empty() && !error.0.contains('\n'), "{error}");
        }
    }
}
