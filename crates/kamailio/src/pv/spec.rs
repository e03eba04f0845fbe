//! Reads the text of a pseudo-variable.

use std::fmt;

use super::format::PvFormat;
use super::item::{Pv, PvIndex};
use super::name::{Taking, taking};
use super::select::{Selected, selected};
use super::source::Family;
use super::transform::{self, Transform};

/// Octets of one pseudo-variable or format (16 KiB).
pub const SPEC_OCTETS_MAX: usize = 16 * 1024;
/// Transformations of one pseudo-variable (32).
pub const TRANSFORMS_MAX: usize = 32;
/// Pseudo-variables inside one another (16).
pub const NESTED_MAX: usize = 16;

/// Why a text is no pseudo-variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PvError {
    /// The octet at which it went wrong.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

impl PvError {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> PvError {
        PvError {
            at,
            message: message.into(),
        }
    }

    pub(crate) fn too_long(at: usize) -> PvError {
        PvError::new(at, "more than 16 KiB")
    }

    /// The same fault in a text that begins `octets` earlier.
    pub(crate) fn behind(mut self, octets: usize) -> PvError {
        self.at += octets;
        self
    }
}

impl fmt::Display for PvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (at octet {})", self.message, self.at)
    }
}

impl std::error::Error for PvError {}

/// A pseudo-variable with its transformations, read once.
#[derive(Clone, Debug)]
pub struct PvSpec {
    pub(crate) item: Pv,
    pub(crate) index: PvIndex,
    pub(crate) transforms: Vec<Transform>,
    /// The module that it waits for.
    pub(crate) module: Option<&'static str>,
}

impl PvSpec {
    /// Reads a pseudo-variable that is the whole of `text`.
    pub fn parse(text: &[u8]) -> Result<PvSpec, PvError> {
        let (spec, length) = spec_prefix(text)?;
        if length == text.len() {
            return Ok(spec);
        }
        Err(PvError::new(
            length,
            "something stands behind the pseudo-variable",
        ))
    }

    /// The module without which it is always null.
    pub fn missing_module(&self) -> Option<&'static str> {
        self.module
    }
}

/// Reads the pseudo-variable that `text` begins with; also how many octets it takes.
pub(crate) fn spec_prefix(text: &[u8]) -> Result<(PvSpec, usize), PvError> {
    if text.len() > SPEC_OCTETS_MAX {
        return Err(PvError::too_long(0));
    }
    let depth = text.iter().filter(|octet| **octet == b'$').count();
    if text.first() != Some(&b'$') {
        return Err(PvError::new(0, "a pseudo-variable begins with `$`"));
    }
    // What nests is counted once at the outside: every inner one has a `$` of its own.
    if depth > NESTED_MAX && nesting(text) > NESTED_MAX {
        return Err(PvError::new(
            0,
            "more than 16 pseudo-variables inside one another",
        ));
    }
    match text.get(1) {
        Some(b'$') => Ok((plain(Pv::Dollar), 2)),
        Some(b'(') => long_form(text),
        _ => {
            let (item, module, end) = named(text, 1)?;
            Ok((
                PvSpec {
                    item,
                    index: PvIndex::None,
                    transforms: Vec::new(),
                    module,
                },
                end,
            ))
        }
    }
}

fn plain(item: Pv) -> PvSpec {
    PvSpec {
        item,
        index: PvIndex::None,
        transforms: Vec::new(),
        module: None,
    }
}

/// The deepest nesting of parentheses.
fn nesting(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut deepest = 0;
    for octet in text {
        match octet {
            b'(' | b'{' => depth += 1,
            b')' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// `$(name(inner)[index]{transformation}…)`.
fn long_form(text: &[u8]) -> Result<(PvSpec, usize), PvError> {
    let (item, module, mut at) = named(text, 2)?;
    let mut spec = PvSpec {
        item,
        index: PvIndex::None,
        transforms: Vec::new(),
        module,
    };
    if text.get(at) == Some(&b'[') {
        let end = closing(text, at, b'[', b']')?;
        let inside = text.get(at + 1..end).unwrap_or_default();
        spec.index = index(inside).map_err(|error| error.behind(at + 1))?;
        at = end + 1;
    }
    while text.get(at) == Some(&b'{') {
        let end = closing(text, at, b'{', b'}')?;
        let inside = text.get(at + 1..end).unwrap_or_default();
        if spec.transforms.len() >= TRANSFORMS_MAX {
            return Err(PvError::new(at, "more than 32 transformations"));
        }
        let read = transform::parse(inside).map_err(|error| error.behind(at + 1))?;
        spec.transforms.push(read);
        at = end + 1;
    }
    while text.get(at) == Some(&b' ') {
        at += 1;
    }
    match text.get(at) {
        Some(b')') => Ok((spec, at + 1)),
        Some(_) => Err(PvError::new(at, "`)` is expected")),
        None => Err(PvError::new(at, "no `)` ends the pseudo-variable")),
    }
}

/// The place of the octet that closes what opens at `start`.
fn closing(text: &[u8], start: usize, open: u8, close: u8) -> Result<usize, PvError> {
    let mut depth = 0_usize;
    for (at, &octet) in text.iter().enumerate().skip(start) {
        if octet == open {
            depth += 1;
        } else if octet == close {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return Ok(at);
            }
        }
    }
    Err(PvError::new(
        start,
        format!("no `{}` closes this", char::from(close)),
    ))
}

fn index(text: &[u8]) -> Result<PvIndex, PvError> {
    match text {
        b"*" => Ok(PvIndex::All),
        [b'$', ..] => Ok(PvIndex::From(Box::new(PvSpec::parse(text)?))),
        _ => number(text)
            .map(PvIndex::At)
            .ok_or_else(|| PvError::new(0, "an index is a number, `*` or a pseudo-variable")),
    }
}

pub(crate) fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// The name at `start` with what stands in its parentheses; also where it ends.
fn named(text: &[u8], start: usize) -> Result<(Pv, Option<&'static str>, usize), PvError> {
    let rest = text.get(start..).unwrap_or_default();
    let length = rest
        .iter()
        .take_while(|octet| octet.is_ascii_alphanumeric() || **octet == b'_')
        .count();
    let name = rest
        .get(..length)
        .and_then(|name| std::str::from_utf8(name).ok())
        .unwrap_or_default();
    if name.is_empty() {
        return Err(PvError::new(start, "a name is expected behind `$`"));
    }
    let taking = taking(name)
        .ok_or_else(|| PvError::new(start, format!("there is no pseudo-variable `${name}`")))?;
    let at = start + length;
    let (inner, end) = if text.get(at) == Some(&b'(') {
        let end = closing(text, at, b'(', b')')?;
        (text.get(at + 1..end), end + 1)
    } else {
        (None, at)
    };
    let (item, module) = inner_item(taking, name, inner).map_err(|error| error.behind(at + 1))?;
    Ok((item, module, end))
}

fn inner_item(
    taking: Taking,
    name: &str,
    inner: Option<&[u8]>,
) -> Result<(Pv, Option<&'static str>), PvError> {
    let taken = match (taking, inner) {
        (Taking::Plain(item), None) => item,
        (Taking::Plain(_), Some(_)) => {
            return Err(PvError::new(
                0,
                format!("`${name}` takes nothing in parentheses"),
            ));
        }
        (Taking::Module(module), _) => return Ok((Pv::Absent, Some(module))),
        (_, None | Some(b"")) => {
            return Err(PvError::new(
                0,
                format!("`${name}` takes something in parentheses"),
            ));
        }
        (Taking::Text(make), Some(inner)) => make(PvFormat::parse(avp_name(name, inner))?),
        (Taking::Word(make), Some(inner)) => {
            let word = inner.trim_ascii();
            make(word).ok_or_else(|| {
                let word = String::from_utf8_lossy(word);
                PvError::new(0, format!("`${name}` has no `{word}`"))
            })?
        }
        (Taking::Inner(stored), Some(inner)) => {
            Pv::Through(stored, Box::new(PvSpec::parse(inner)?))
        }
        (Taking::Select, Some(inner)) => select(inner)?,
        (Taking::Count, Some(inner)) => Pv::Count(Box::new(PvSpec::parse(inner)?)),
        (Taking::Cell(item), Some(inner)) => {
            let (table, key) = split_arrow(inner)
                .ok_or_else(|| PvError::new(0, format!("`${name}` takes `table=>key`")))?;
            Pv::Table(
                item,
                PvFormat::parse(table.trim_ascii())?,
                PvFormat::parse(key)?,
            )
        }
        (Taking::Xavp(family), Some(inner)) => return Ok((xavp(family, inner)?, None)),
    };
    Ok((taken, None))
}

/// What a path means.
fn select(path: &[u8]) -> Result<Pv, PvError> {
    Ok(match selected(path) {
        Some(Selected::Like(text)) => {
            Pv::Selected(Box::new(PvSpec::parse(text.as_bytes())?), false)
        }
        Some(Selected::Port(text)) => Pv::Selected(Box::new(PvSpec::parse(text.as_bytes())?), true),
        Some(Selected::Via(place, part)) => Pv::SelectedVia(place, part),
        Some(Selected::ViaParam(place, name)) => Pv::SelectedViaParam(place, name),
        None => {
            let path = String::from_utf8_lossy(path);
            return Err(PvError::new(0, format!("there is no path `{path}`")));
        }
    })
}

/// `s:name` and `i:4` are old ways to write `name` and `4`.
fn avp_name<'t>(name: &str, inner: &'t [u8]) -> &'t [u8] {
    match inner {
        [b's' | b'i', b':', rest @ ..] if name == "avp" => rest,
        _ => inner,
    }
}

fn split_arrow(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.windows(2).position(|pair| pair == b"=>")?;
    Some((text.get(..at)?, text.get(at + 2..)?))
}

/// `root[i]=>field[j]`; the index of the root lies with it, that of the field here.
fn xavp(family: Family, inner: &[u8]) -> Result<Pv, PvError> {
    let (root, field) = match split_arrow(inner) {
        Some((root, field)) => (root, Some(field)),
        None => (inner, None),
    };
    let (root, root_index) = indexed(root)?;
    let field = match field {
        Some(field) => Some(indexed(field)?),
        None => None,
    };
    let root = PvFormat::parse(root)?;
    Ok(match field {
        Some((field, field_index)) => Pv::XavpField(
            family,
            root,
            root_index,
            PvFormat::parse(field)?,
            field_index,
        ),
        None => Pv::Xavp(family, root, root_index),
    })
}

fn indexed(text: &[u8]) -> Result<(&[u8], PvIndex), PvError> {
    let text = text.trim_ascii();
    match text.iter().position(|octet| *octet == b'[') {
        Some(at) if text.last() == Some(&b']') => {
            let inside = text.get(at + 1..text.len() - 1).unwrap_or_default();
            Ok((text.get(..at).unwrap_or_default(), index(inside)?))
        }
        _ => Ok((text, PvIndex::None)),
    }
}
