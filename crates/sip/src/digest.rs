//! The arithmetic of digest authentication (RFC 3261 §22.4, RFC 7616 §3.4, RFC 8760): hashes in, hexadecimal
//! text out. Comparing and remembering is for others.

use md5::Md5;
use sha2::{Digest as _, Sha256};

/// A digest algorithm.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `MD5`, also where none is named.
    Md5,
    /// `SHA-256`
    Sha256,
    /// `MD5-sess`: known, not offered.
    Md5Sess,
    /// `SHA-256-sess`: known, not offered.
    Sha256Sess,
}

impl Algorithm {
    /// Reads the token, without regard to case.
    pub fn from_token(token: &[u8]) -> Option<Algorithm> {
        [
            Algorithm::Md5,
            Algorithm::Sha256,
            Algorithm::Md5Sess,
            Algorithm::Sha256Sess,
        ]
        .into_iter()
        .find(|algorithm| algorithm.as_str().as_bytes().eq_ignore_ascii_case(token))
    }

    /// The token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Md5Sess => "MD5-sess",
            Algorithm::Sha256Sess => "SHA-256-sess",
        }
    }

    /// True for the `-sess` variants, whose HA1 depends on nonce and cnonce.
    pub const fn is_session(self) -> bool {
        matches!(self, Algorithm::Md5Sess | Algorithm::Sha256Sess)
    }

    /// The hexadecimal digest of the parts, one colon between each two.
    pub fn hash(self, parts: &[&[u8]]) -> HexDigest {
        match self {
            Algorithm::Md5 | Algorithm::Md5Sess => {
                let mut hash = Md5::new();
                feed(parts, |octets| hash.update(octets));
                HexDigest::new(&hash.finalize())
            }
            Algorithm::Sha256 | Algorithm::Sha256Sess => {
                let mut hash = Sha256::new();
                feed(parts, |octets| hash.update(octets));
                HexDigest::new(&hash.finalize())
            }
        }
    }
}

fn feed(parts: &[&[u8]], mut update: impl FnMut(&[u8])) {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            update(b":");
        }
        update(part);
    }
}

/// A digest in lower-case hexadecimal, without an allocation.
#[derive(Copy, Clone, PartialEq, Eq, Hash)]
pub struct HexDigest {
    digits: [u8; 64],
    len: u8,
}

impl HexDigest {
    /// Writes out at most 32 octets.
    pub fn new(octets: &[u8]) -> HexDigest {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0_u8; 64];
        for (pair, octet) in digits.chunks_exact_mut(2).zip(octets) {
            pair.copy_from_slice(&[
                DIGITS[usize::from(octet >> 4)],
                DIGITS[usize::from(octet & 15)],
            ]);
        }
        HexDigest {
            digits,
            len: (octets.len().min(32) * 2) as u8,
        }
    }

    /// The digits.
    pub fn as_bytes(&self) -> &[u8] {
        self.digits.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The digits as text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl core::fmt::Debug for HexDigest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AsRef<[u8]> for HexDigest {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// Quality of protection.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Qop {
    /// No `qop`, as RFC 2069 had it.
    #[default]
    None,
    /// `auth`
    Auth,
    /// `auth-int`: the body is covered too.
    AuthInt,
}

impl Qop {
    /// Reads the token, without regard to case.
    pub fn from_token(token: &[u8]) -> Option<Qop> {
        if token.eq_ignore_ascii_case(b"auth") {
            Some(Qop::Auth)
        } else if token.eq_ignore_ascii_case(b"auth-int") {
            Some(Qop::AuthInt)
        } else {
            None
        }
    }

    /// The token; empty for [`Qop::None`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Qop::None => "",
            Qop::Auth => "auth",
            Qop::AuthInt => "auth-int",
        }
    }
}

/// HA1: the hash of user, realm and password, which is stored in the password's place.
pub fn ha1(algorithm: Algorithm, user: &[u8], realm: &[u8], password: &[u8]) -> HexDigest {
    algorithm.hash(&[user, realm, password])
}

/// HA1 of a `-sess` algorithm from the plain one.
pub fn ha1_session(algorithm: Algorithm, ha1: &[u8], nonce: &[u8], cnonce: &[u8]) -> HexDigest {
    algorithm.hash(&[ha1, nonce, cnonce])
}

/// What is hashed besides HA1. All values without their quotes, as they stand in the credentials.
#[derive(Copy, Clone, Debug, Default)]
pub struct DigestInput<'a> {
    /// The nonce.
    pub nonce: &'a [u8],
    /// The nonce count, eight hexadecimal digits; unused without qop.
    pub nc: &'a [u8],
    /// The client's nonce; unused without qop.
    pub cnonce: &'a [u8],
    /// Quality of protection.
    pub qop: Qop,
    /// The method of the request.
    pub method: &'a [u8],
    /// The digest URI.
    pub uri: &'a [u8],
    /// The body; used with `auth-int`.
    pub body: &'a [u8],
}

/// The `response` of the credentials (RFC 7616 §3.4.1). `ha1` is in hexadecimal.
pub fn digest_response(algorithm: Algorithm, ha1: &[u8], input: &DigestInput<'_>) -> HexDigest {
    let ha2 = match input.qop {
        Qop::None | Qop::Auth => algorithm.hash(&[input.method, input.uri]),
        Qop::AuthInt => {
            let body = algorithm.hash(&[input.body]);
            algorithm.hash(&[input.method, input.uri, body.as_bytes()])
        }
    };
    match input.qop {
        Qop::None => algorithm.hash(&[ha1, input.nonce, ha2.as_bytes()]),
        qop => algorithm.hash(&[
            ha1,
            input.nonce,
            input.nc,
            input.cnonce,
            qop.as_str().as_bytes(),
            ha2.as_bytes(),
        ]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7616 §3.9.1, both algorithms.
    #[test]
    fn agrees_with_the_published_example() {
        let input = DigestInput {
            nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            nc: b"00000001",
            cnonce: b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
            qop: Qop::Auth,
            method: b"GET",
            uri: b"/dir/index.html",
            body: b"",
        };
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (
                Algorithm::Sha256,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let ha1 = ha1(
                algorithm,
                b"Mufasa",
                b"http-auth@example.org",
                b"Circle of Life",
            );
            assert_eq!(
                digest_response(algorithm, ha1.as_bytes(), &input).as_str(),
                expected
            );
        }
    }

    /// The example of RFC 2617 §3.5 without qop computed by hand from its parts.
    #[test]
    fn without_qop_count_and_client_nonce_do_not_count() {
        let ha1 = ha1(Algorithm::Md5, b"alice", b"r", b"p");
        let with = |nc: &[u8]| {
            let input = DigestInput {
                nonce: b"n",
                nc,
                cnonce: nc,
                method: b"REGISTER",
                uri: b"sip:r",
                ..Default::default()
            };
            digest_response(Algorithm::Md5, ha1.as_bytes(), &input)
        };
        assert_eq!(with(b"1"), with(b"2"));
        let ha2 = Algorithm::Md5.hash(&[b"REGISTER", b"sip:r"]);
        assert_eq!(
            with(b""),
            Algorithm::Md5.hash(&[ha1.as_bytes(), b"n", ha2.as_bytes()])
        );
    }

    #[test]
    fn tokens_are_read_in_any_case() {
        assert_eq!(Algorithm::from_token(b"md5"), Some(Algorithm::Md5));
        assert_eq!(
            Algorithm::from_token(b"sha-256-SESS"),
            Some(Algorithm::Sha256Sess)
        );
        assert_eq!(Algorithm::from_token(b"AKAv1-MD5"), None);
        assert_eq!(Qop::from_token(b"AUTH-int"), Some(Qop::AuthInt));
    }
}
