//! Values of the form `token;parameters`, and the header fields that have it: Event, Subscription-State, Reason,
//! Content-Disposition, Session-Expires, Retry-After, Replaces (RFC 3261 §20.11, §20.33; RFC 3265 §7.2, RFC 3326, RFC 3891, RFC 4028).

use crate::charset::{self, VALUE};
use crate::contact::seconds;
use crate::error::FieldError;
use crate::field::Field;
use crate::params::{self, Params};

/// A token (or number, or Call-ID) with parameters.
#[derive(Copy, Clone, Debug)]
pub struct TokenParams<'a> {
    /// What stands before the parameters.
    pub token: &'a [u8],
    /// The parameters.
    pub params: Params<'a>,
}

impl<'a> TokenParams<'a> {
    /// Reads a value that is the whole of `octets`; a comment after the token is passed over (§20.33).
    pub fn parse(octets: &'a [u8]) -> Result<TokenParams<'a>, FieldError> {
        let octets = charset::trim(octets);
        let token_end = charset::skip(octets, 0, VALUE);
        let (token, rest) = octets.split_at_checked(token_end).unwrap_or_default();
        if token.is_empty() {
            return Err(FieldError::Empty);
        }
        let mut rest = charset::trim(rest);
        if rest.first() == Some(&b'(') {
            rest = charset::trim(rest.get(comment_end(rest)..).unwrap_or_default());
        }
        let mut at = 0;
        while let Some(param) = params::scan(Field::whole(rest), at)? {
            at = param.end;
        }
        if at != rest.len() {
            return Err(FieldError::Trailing);
        }
        Ok(TokenParams {
            token,
            params: Params::new(rest),
        })
    }

    /// The token as seconds; more than 32 bits count as the largest number.
    pub fn seconds(&self) -> Option<u32> {
        seconds(self.token)
    }
}

fn comment_end(octets: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&octet) = octets.get(at) {
        match octet {
            b'\\' => at += 1,
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    octets.len()
}

/// Replaces: the dialog that a new call takes over (RFC 3891 §6.1). Also Join and Target-Dialog by form.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Replaces<'a> {
    /// Call-ID of the dialog.
    pub call_id: &'a [u8],
    /// Tag at the recipient's end.
    pub to_tag: &'a [u8],
    /// Tag at the other end.
    pub from_tag: &'a [u8],
    /// True if only an early dialog is meant.
    pub early_only: bool,
}

impl<'a> Replaces<'a> {
    /// Reads a value that is the whole of `octets`.
    pub fn parse(octets: &'a [u8]) -> Result<Replaces<'a>, FieldError> {
        let octets = charset::trim(octets);
        // A Call-ID may hold what a token may not.
        let end = octets
            .iter()
            .position(|&octet| octet == b';' || charset::is(octet, charset::LWS))
            .unwrap_or(octets.len());
        let (call_id, rest) = octets.split_at_checked(end).unwrap_or_default();
        let params = Params::new(rest);
        match (params.value(b"to-tag"), params.value(b"from-tag")) {
            (Some(to_tag), Some(from_tag)) if !call_id.is_empty() => Ok(Replaces {
                call_id,
                to_tag,
                from_tag,
                early_only: params.has(b"early-only"),
            }),
            _ => Err(FieldError::Parameter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_comment_and_parameters() {
        let value =
            TokenParams::parse(b"120 (I'm in a \\) meeting) ;duration=3600").expect("valid");
        assert_eq!(value.seconds(), Some(120));
        assert_eq!(value.params.value(b"duration"), Some(&b"3600"[..]));
        let reason =
            TokenParams::parse(b"Q.850;cause=16;text=\"Normal; clearing\"").expect("valid");
        assert_eq!(reason.token, b"Q.850");
        assert_eq!(reason.params.value(b"text"), Some(&b"Normal; clearing"[..]));
        assert!(TokenParams::parse(b"presence;;").is_err());
        assert!(TokenParams::parse(b"").is_err());
        assert!(TokenParams::parse(b"a b").is_err());
    }

    #[test]
    fn replaces_names_both_tags() {
        let replaces =
            Replaces::parse(b"98732@sip.example.com ;from-tag=r33th4x0r ;to-tag=ff87ff;early-only")
                .expect("valid");
        assert_eq!(
            (replaces.to_tag, replaces.from_tag, replaces.early_only),
            (&b"ff87ff"[..], &b"r33th4x0r"[..], true)
        );
        assert!(Replaces::parse(b"x;to-tag=1").is_err());
    }
}
