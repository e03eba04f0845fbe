//! Text with pseudo-variables in it: `Invalid user - $fU`, as log lines, reply reasons and table keys use it.

use std::borrow::Cow;

use super::source::PvSource;
use super::spec::{PvError, PvSpec, SPEC_OCTETS_MAX, spec_prefix};

#[derive(Clone, Debug)]
enum Piece {
    Text(Vec<u8>),
    Value(PvSpec),
}

/// A text with pseudo-variables, read once.
#[derive(Clone, Debug, Default)]
pub struct PvFormat {
    pieces: Vec<Piece>,
}

impl PvFormat {
    /// Reads a text. `$$` is one dollar sign.
    pub fn parse(text: &[u8]) -> Result<PvFormat, PvError> {
        if text.len() > SPEC_OCTETS_MAX {
            return Err(PvError::too_long(0));
        }
        let mut pieces = Vec::new();
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let plain = rest
                .iter()
                .position(|octet| *octet == b'$')
                .unwrap_or(rest.len());
            if plain > 0 {
                pieces.push(Piece::Text(rest.get(..plain).unwrap_or_default().to_vec()));
                at += plain;
                continue;
            }
            let (spec, length) = spec_prefix(rest).map_err(|error| error.behind(at))?;
            pieces.push(Piece::Value(spec));
            at += length;
        }
        Ok(PvFormat { pieces })
    }

    /// A text that is taken as it stands.
    pub fn plain(text: &[u8]) -> PvFormat {
        PvFormat {
            pieces: vec![Piece::Text(text.to_vec())],
        }
    }

    /// The text, if it holds no pseudo-variable.
    pub fn constant(&self) -> Option<&[u8]> {
        match self.pieces.as_slice() {
            [] => Some(b""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the text with its values; null is `<null>`.
    pub fn write(&self, source: &dyn PvSource, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Value(spec) => spec.read(source).write(out),
            }
        }
    }

    /// The text with its values; nothing is copied where there are none.
    pub fn text(&self, source: &dyn PvSource) -> Cow<'_, [u8]> {
        match self.constant() {
            Some(text) => Cow::Borrowed(text),
            None => {
                let mut out = Vec::new();
                self.write(source, &mut out);
                Cow::Owned(out)
            }
        }
    }
}
