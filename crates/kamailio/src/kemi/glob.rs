//! Patterns of file names (POSIX `fnmatch` without flags).

/// `*`, `?` and `[a-z]` of file names; a backslash takes the next octet as it stands. In time text × pattern.
pub(crate) fn matches_glob(text: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    // Where the last star stands, and the text that it was tried to end at.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let rest = pattern.get(from..).unwrap_or_default();
        if rest.first() == Some(&b'*') {
            star = Some((from + 1, at));
            from += 1;
            continue;
        }
        match (text.get(at), rest.is_empty()) {
            (None, true) => return true,
            (Some(octet), false) => {
                if let Some(length) = matches_one(*octet, rest) {
                    at += 1;
                    from += length;
                    continue;
                }
            }
            (None, false) => return false,
            (Some(_), true) => {}
        }
        let Some((behind, tried)) = star else {
            return false;
        };
        star = Some((behind, tried + 1));
        from = behind;
        at = tried + 1;
        if at > text.len() {
            return false;
        }
    }
}

/// Octets of the pattern that stand for this one octet.
fn matches_one(octet: u8, pattern: &[u8]) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => (*escaped == octet).then_some(2),
        [b'[', rest @ ..] => {
            let negated = matches!(rest.first(), Some(b'!' | b'^'));
            let skipped = usize::from(negated);
            let set = rest.get(skipped..)?;
            // A bracket that stands first is one of the set.
            let Some(end) = set.iter().skip(1).position(|one| *one == b']') else {
                return (octet == b'[').then_some(1);
            };
            let set = set.get(..end + 1)?;
            let mut inside = false;
            let mut items = set;
            while let Some((&low, after)) = items.split_first() {
                items = match after {
                    [b'-', high, more @ ..] => {
                        inside |= (low..=*high).contains(&octet);
                        more
                    }
                    _ => {
                        inside |= low == octet;
                        after
                    }
                };
            }
            (inside != negated).then_some(end + 3 + skipped)
        }
        [literal, ..] => (*literal == octet).then_some(1),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_file_names() {
        for (text, pattern, matched) in [
            ("", "", true),
            ("abc", "a*", true),
            ("abc", "A*", false),
            ("abc", "a?c", true),
            ("abc", "a?", false),
            ("a/c", "a*c", true),
            ("abc", "*b*", true),
            ("abcabd", "*ab[d]", true),
            ("abc", "[!x]bc", true),
            ("abc", "[!a]bc", false),
            ("b", "[a-c]", true),
            ("]", "[]]", true),
            ("-", "[a-]", true),
            ("a*", "a\\*", true),
            ("ab", "a\\*", false),
            ("[x", "[x", true),
            ("", "*", true),
            ("", "?", false),
            (
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
                "*a*a*a*a*a*a*a*a*c",
                false,
            ),
        ] {
            assert_eq!(
                matches_glob(text.as_bytes(), pattern.as_bytes()),
                matched,
                "{text} {pattern}"
            );
        }
    }
}
