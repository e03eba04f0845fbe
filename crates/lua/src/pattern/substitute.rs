//! Replaces matches by a text with references to their captures.

use super::compile::Pattern;
use super::matcher::{Capture, Found, Matcher, Meter, Stop};

/// What `string.gsub` with a text makes of a subject, and how many matches were replaced.
pub(crate) fn substitute(
    pattern: &Pattern,
    subject: &[u8],
    replacement: &[u8],
    matches_max: usize,
    octets_max: usize,
    meter: Meter<'_>,
) -> Result<(Vec<u8>, usize), Stop> {
    let mut matcher = Matcher::new(pattern, subject, meter);
    let mut out = Output {
        octets: Vec::with_capacity(subject.len().min(octets_max)),
        octets_max,
    };
    let count = replace(&mut matcher, subject, replacement, matches_max, &mut out)?;
    Ok((out.octets, count))
}

struct Output {
    octets: Vec<u8>,
    octets_max: usize,
}

impl Output {
    fn push(&mut self, text: &[u8], meter: &mut Meter<'_>) -> Result<(), Stop> {
        if self.octets.len().saturating_add(text.len()) > self.octets_max {
            return Err(Stop::TooLarge);
        }
        meter.octets(text.len())?;
        self.octets.extend_from_slice(text);
        Ok(())
    }
}

fn replace(
    matcher: &mut Matcher<'_, '_>,
    subject: &[u8],
    replacement: &[u8],
    matches_max: usize,
    out: &mut Output,
) -> Result<usize, Stop> {
    let (mut count, mut copied, mut at) = (0, 0, 0);
    while count < matches_max {
        let Some(found) = matcher.next(&mut at)? else {
            break;
        };
        let before = subject.get(copied..found.start).unwrap_or_default();
        out.push(before, &mut matcher.meter)?;
        expand(matcher, found, subject, replacement, out)?;
        copied = found.end;
        count += 1;
    }
    let rest = subject.get(copied..).unwrap_or_default();
    out.push(rest, &mut matcher.meter)?;
    Ok(count)
}

/// Writes the replacement of one match.
fn expand(
    matcher: &mut Matcher<'_, '_>,
    found: Found,
    subject: &[u8],
    replacement: &[u8],
    out: &mut Output,
) -> Result<(), Stop> {
    let mut rest = replacement;
    loop {
        let plain = rest.iter().position(|octet| *octet == b'%');
        let (text, escape) = rest.split_at(plain.unwrap_or(rest.len()));
        out.push(text, &mut matcher.meter)?;
        match escape {
            [] => return Ok(()),
            // The VM reads the zero behind its string.
            [_] => return out.push(b"\0", &mut matcher.meter),
            [_, b'0', behind @ ..] => {
                let whole = subject.get(found.start..found.end).unwrap_or_default();
                out.push(whole, &mut matcher.meter)?;
                rest = behind;
            }
            [_, digit @ b'1'..=b'9', behind @ ..] => {
                match matcher.capture(found, usize::from(digit - b'1'))? {
                    Capture::Text(text) => out.push(text, &mut matcher.meter)?,
                    Capture::Position(at) => {
                        out.push(at.to_string().as_bytes(), &mut matcher.meter)?;
                    }
                }
                rest = behind;
            }
            [_, other, behind @ ..] => {
                out.push(&[*other], &mut matcher.meter)?;
                rest = behind;
            }
        }
    }
}
