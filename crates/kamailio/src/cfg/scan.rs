//! What a text begins with: a directive, blanks, a word, a number, a string.

/// True if a directive comes next. `!!` is one only before a word that names one: it may also deny twice.
pub(crate) fn is_directive(text: &str) -> bool {
    const NAMES: &[&str] = &[
        "if", "else", "endif", "def", "redef", "trydef", "subst", "include_", "import_",
    ];
    match text.strip_prefix("!!") {
        Some(rest) => NAMES.iter().any(|name| rest.starts_with(name)),
        None => text.starts_with("#!"),
    }
}

/// Octets of the blanks and comments that `text` begins with; a directive is neither.
pub(crate) fn blank_octets(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let line = rest.starts_with('#') && !is_directive(rest) || rest.starts_with("//");
        let end = if line {
            rest.find('\n')
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|at| at + 2)
        } else {
            return text.len() - rest.len();
        };
        rest = end.and_then(|end| rest.get(end..)).unwrap_or_default();
    }
}

/// Octets of the word that `text` begins with.
pub(crate) fn word_octets(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(text.len())
    } else {
        0
    }
}

/// Decimal, `0x` hexadecimal, `0` octal or binary with `b` behind; and how many octets it took.
pub(crate) fn number(text: &str) -> (i64, usize) {
    let run = |text: &str, radix: u32| {
        text.find(|c: char| !c.is_digit(radix))
            .unwrap_or(text.len())
    };
    let read = |digits: &str, radix| i64::from_str_radix(digits, radix).unwrap_or(i64::MAX);
    if let Some(rest) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let octets = run(rest, 16);
        if octets > 0 {
            return (read(rest.get(..octets).unwrap_or_default(), 16), octets + 2);
        }
    }
    let binary = run(text, 2);
    if binary > 0 && text.get(binary..) == Some("b") {
        return (read(text.get(..binary).unwrap_or_default(), 2), binary + 1);
    }
    let octets = run(text, 10);
    let digits = text.get(..octets).unwrap_or_default();
    let octal = digits.len() > 1 && digits.starts_with('0') && run(digits, 8) == octets;
    (read(digits, if octal { 8 } else { 10 }), octets)
}

/// Appends the string that `text` begins with; its octets with both quotes, and whether the second was there.
/// Escapes count in double quotes only; unknown ones stay as they are.
pub(crate) fn unquoted(text: &str, out: &mut String) -> (usize, bool) {
    let mut characters = text.char_indices();
    let Some((_, quote)) = characters.next() else {
        return (0, false);
    };
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return (at + 1, true);
        }
        if character != '\\' || quote == '\'' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some((_, 'n')) => out.push('\n'),
            Some((_, 'r')) => out.push('\r'),
            Some((_, 't')) => out.push('\t'),
            Some((_, 'a')) => out.push('\u{7}'),
            Some((_, '\\')) => out.push('\\'),
            Some((_, '"')) => out.push('"'),
            Some((_, '\n')) => {}
            Some((_, other)) => out.extend(['\\', other]),
            None => break,
        }
    }
    (text.len(), false)
}
