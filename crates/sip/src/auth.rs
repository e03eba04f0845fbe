//! Challenges and credentials: WWW-Authenticate, Proxy-Authenticate, Authorization, Proxy-Authorization
//! (RFC 3261 §20.7, §20.44, §22; RFC 7616 §3.3, §3.4).

use std::borrow::Cow;

use crate::charset::{self, LWS, TOKEN};
use crate::digest::{Algorithm, DigestInput, Qop, digest_response, ha1, ha1_session};
use crate::error::FieldError;
use crate::field::Field;
use crate::list::ListItems;
use crate::quoted::{strip_quotes, unquote, write_quoted};

/// Parameters that one challenge or one set of credentials may have; RFC 7616 names eleven.
const AUTH_PARAMETERS_MAX: usize = 32;

/// A scheme and its comma-separated parameters, read once. Those of other schemes than Digest are not read.
#[derive(Copy, Clone)]
struct AuthParams<'a> {
    scheme: &'a [u8],
    /// Names and values as they stand.
    params: [RawParam<'a>; AUTH_PARAMETERS_MAX],
    count: usize,
}

impl<'a> AuthParams<'a> {
    fn parse(octets: &'a [u8]) -> Result<AuthParams<'a>, FieldError> {
        let octets = charset::trim(octets);
        let end = charset::skip(octets, 0, TOKEN);
        let scheme = octets.get(..end).unwrap_or_default();
        if scheme.is_empty()
            || !octets
                .get(end)
                .is_some_and(|&octet| charset::is(octet, LWS))
        {
            return Err(FieldError::Syntax);
        }
        let mut params = AuthParams {
            scheme,
            params: [(b"", b""); AUTH_PARAMETERS_MAX],
            count: 0,
        };
        if !params.is_digest() {
            return Ok(params);
        }
        let field: Field<'_> = Field::whole(octets);
        let mut at = end;
        loop {
            at = field.skip_lws(at);
            match field.get(at) {
                None => return Ok(params),
                // An empty item of a list.
                Some(b',') => at += 1,
                Some(_) => {
                    let param;
                    (param, at) = read_param(field, at).ok_or(FieldError::Parameter)?;
                    let place = params.params.get_mut(params.count);
                    *place.ok_or(FieldError::TooManyParameters)? = param;
                    params.count += 1;
                }
            }
        }
    }

    fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case(b"Digest")
    }

    /// The value of a parameter, with its quotes. One that stands twice is refused: two readers could take
    /// different ones.
    fn get(&self, name: &[u8]) -> Result<Option<&'a [u8]>, FieldError> {
        let mut value = None;
        for (other, its_value) in self.params.get(..self.count).unwrap_or_default() {
            if other.len() == name.len() && (*other == name || other.eq_ignore_ascii_case(name)) {
                if value.is_some() {
                    return Err(FieldError::RepeatedParameter);
                }
                value = Some(*its_value);
            }
        }
        Ok(value)
    }

    fn plain(&self, name: &[u8]) -> Result<Option<Cow<'a, [u8]>>, FieldError> {
        Ok(self.get(name)?.map(unquote))
    }
}

/// The value of a parameter of Digest credentials or of a Digest challenge, without its quotes, escapes left in: read as
/// [`Credentials::parse`] reads it. `None` where that would refuse the whole, and for other schemes.
pub fn digest_parameter<'a>(value: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let params = AuthParams::parse(value).ok()?;
    params.get(name).ok()?.map(strip_quotes)
}

/// Name and value of a parameter as they stand.
type RawParam<'a> = (&'a [u8], &'a [u8]);

/// Reads `name = value` at `at` up to the comma or the end; the value is a token or a quoted string.
fn read_param<'a>(field: Field<'a>, at: usize) -> Option<(RawParam<'a>, usize)> {
    let name_end = field.token_end(at);
    let equals = field.skip_lws(name_end);
    if name_end == at || field.get(equals) != Some(b'=') {
        return None;
    }
    let start = field.skip_lws(equals + 1);
    let end = match field.get(start)? {
        b'"' => field.quoted_end(start)?,
        _ => field.value_end(start),
    };
    let after = field.skip_lws(end);
    let value = field.slice(start, end);
    // A parenthesis would be the start of a comment to other readers, who would then find another next parameter.
    let token = !value
        .first()
        .is_some_and(|octet| *octet != b'"' && value.iter().any(|octet| b"()".contains(octet)));
    let sound = end > start && token && matches!(field.get(after), None | Some(b','));
    sound.then(|| ((field.slice(at, name_end), value), after))
}

/// One challenge. Values are without quotes.
#[derive(Clone, Debug)]
pub struct Challenge<'a> {
    /// The scheme, `Digest` mostly.
    pub scheme: &'a [u8],
    /// The realm.
    pub realm: Cow<'a, [u8]>,
    /// The nonce.
    pub nonce: Cow<'a, [u8]>,
    /// To be returned unchanged.
    pub opaque: Option<Cow<'a, [u8]>>,
    /// True if only the nonce was out of date.
    pub stale: bool,
    /// The algorithm; `None` if it is not known here.
    pub algorithm: Option<Algorithm>,
    /// True if `qop` offers `auth`.
    pub qop_auth: bool,
    /// True if `qop` offers `auth-int`.
    pub qop_auth_int: bool,
}

impl<'a> Challenge<'a> {
    /// Reads the value of a header field. A scheme other than Digest has an empty realm and nonce.
    pub fn parse(octets: &'a [u8]) -> Result<Challenge<'a>, FieldError> {
        let params = AuthParams::parse(octets)?;
        let mut challenge = Challenge {
            scheme: params.scheme,
            realm: Cow::Borrowed(b""),
            nonce: Cow::Borrowed(b""),
            opaque: None,
            stale: false,
            algorithm: None,
            qop_auth: false,
            qop_auth_int: false,
        };
        if !params.is_digest() {
            return Ok(challenge);
        }
        challenge.realm = params.plain(b"realm")?.ok_or(FieldError::Parameter)?;
        challenge.nonce = params.plain(b"nonce")?.ok_or(FieldError::Parameter)?;
        challenge.opaque = params.plain(b"opaque")?;
        challenge.stale = params
            .plain(b"stale")?
            .is_some_and(|stale| stale.eq_ignore_ascii_case(b"true"));
        challenge.algorithm = match params.plain(b"algorithm")? {
            None => Some(Algorithm::Md5),
            Some(token) => Algorithm::from_token(&token),
        };
        if let Some(options) = params.plain(b"qop")? {
            for option in ListItems::new(&options) {
                match Qop::from_token(option) {
                    Some(Qop::Auth) => challenge.qop_auth = true,
                    Some(Qop::AuthInt) => challenge.qop_auth_int = true,
                    _ => {}
                }
            }
        }
        Ok(challenge)
    }

    /// True for the scheme Digest.
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case(b"Digest")
    }

    /// Appends the credentials that answer this challenge: the value of Authorization or Proxy-Authorization.
    /// `auth` is preferred to `auth-int`. False, and nothing appended, if scheme or algorithm are not known.
    pub fn write_answer(
        &self,
        out: &mut Vec<u8>,
        secret: Secret<'_>,
        request: &AnswerInput<'_>,
    ) -> bool {
        let Some(algorithm) = self.algorithm.filter(|_| self.is_digest()) else {
            return false;
        };
        let qop = match (self.qop_auth, self.qop_auth_int) {
            (true, _) => Qop::Auth,
            (false, true) => Qop::AuthInt,
            (false, false) => Qop::None,
        };
        let nc = format!("{:08x}", request.nonce_count);
        let mut key = match secret {
            Secret::Password(password) => ha1(algorithm, request.user, &self.realm, password)
                .as_bytes()
                .to_vec(),
            Secret::Ha1(hash) => hash.to_vec(),
        };
        if algorithm.is_session() {
            key = ha1_session(algorithm, &key, &self.nonce, request.cnonce)
                .as_bytes()
                .to_vec();
        }
        let input = DigestInput {
            nonce: &self.nonce,
            nc: nc.as_bytes(),
            cnonce: request.cnonce,
            qop,
            method: request.method,
            uri: request.uri,
            body: request.body,
        };
        let response = digest_response(algorithm, &key, &input);
        out.extend_from_slice(b"Digest ");
        for (name, value) in [
            (&b"username="[..], request.user),
            (b", realm=", &self.realm),
            (b", nonce=", &self.nonce),
            (b", uri=", request.uri),
            (b", response=", response.as_bytes()),
        ] {
            out.extend_from_slice(name);
            write_quoted(out, value);
        }
        out.extend_from_slice(b", algorithm=");
        out.extend_from_slice(algorithm.as_str().as_bytes());
        if qop != Qop::None || algorithm.is_session() {
            out.extend_from_slice(b", cnonce=");
            write_quoted(out, request.cnonce);
        }
        if qop != Qop::None {
            out.extend_from_slice(b", qop=");
            out.extend_from_slice(qop.as_str().as_bytes());
            out.extend_from_slice(b", nc=");
            out.extend_from_slice(nc.as_bytes());
        }
        if let Some(opaque) = &self.opaque {
            out.extend_from_slice(b", opaque=");
            write_quoted(out, opaque);
        }
        true
    }
}

/// What a client proves that it knows.
#[derive(Copy, Clone)]
pub enum Secret<'a> {
    /// The password.
    Password(&'a [u8]),
    /// HA1 for the challenge's realm and algorithm, in hexadecimal.
    Ha1(&'a [u8]),
}

/// What a client's answer is made of, apart from challenge and secret.
#[derive(Copy, Clone, Debug)]
pub struct AnswerInput<'a> {
    /// The user.
    pub user: &'a [u8],
    /// The method of the request.
    pub method: &'a [u8],
    /// The digest URI: the Request-URI of the request.
    pub uri: &'a [u8],
    /// The body, for `auth-int`.
    pub body: &'a [u8],
    /// The client's nonce.
    pub cnonce: &'a [u8],
    /// How often the server's nonce has been used, this time included.
    pub nonce_count: u32,
}

/// Appends a challenge with `qop="auth"`: the value of WWW-Authenticate or Proxy-Authenticate.
pub fn write_challenge(
    out: &mut Vec<u8>,
    realm: &[u8],
    nonce: &[u8],
    algorithm: Algorithm,
    stale: bool,
) {
    out.extend_from_slice(b"Digest realm=");
    write_quoted(out, realm);
    out.extend_from_slice(b", nonce=");
    write_quoted(out, nonce);
    if stale {
        out.extend_from_slice(b", stale=true");
    }
    out.extend_from_slice(b", algorithm=");
    out.extend_from_slice(algorithm.as_str().as_bytes());
    out.extend_from_slice(b", qop=\"auth\"");
}

/// Appends a challenge that names no algorithm, which means MD5, and offers `qop=auth` only if asked to: the form of
/// RFC 2069, which some old clients need.
pub fn write_brief_challenge(
    out: &mut Vec<u8>,
    realm: &[u8],
    nonce: &[u8],
    offer_qop: bool,
    stale: bool,
) {
    out.extend_from_slice(b"Digest realm=");
    write_quoted(out, realm);
    out.extend_from_slice(b", nonce=");
    write_quoted(out, nonce);
    if stale {
        out.extend_from_slice(b", stale=true");
    }
    if offer_qop {
        out.extend_from_slice(b", qop=\"auth\"");
    }
}

/// Credentials. Values are without quotes.
#[derive(Clone, Debug)]
pub struct Credentials<'a> {
    /// The scheme; only of Digest is anything else read.
    pub scheme: &'a [u8],
    /// The user.
    pub user: Cow<'a, [u8]>,
    /// The realm.
    pub realm: Cow<'a, [u8]>,
    /// The nonce.
    pub nonce: Cow<'a, [u8]>,
    /// The digest URI.
    pub uri: Cow<'a, [u8]>,
    /// The response, hexadecimal.
    pub response: Cow<'a, [u8]>,
    /// The algorithm: MD5 where none is named, `None` if not known here.
    pub algorithm: Option<Algorithm>,
    /// The client's nonce; empty without `qop`.
    pub cnonce: Cow<'a, [u8]>,
    /// Quality of protection; `None` if it is one not known here.
    pub qop: Option<Qop>,
    /// The nonce count as it stands; empty without `qop`.
    pub nc: Cow<'a, [u8]>,
    /// What the challenge had.
    pub opaque: Option<Cow<'a, [u8]>>,
}

impl<'a> Credentials<'a> {
    /// Reads the value of a header field. A scheme other than Digest is no error.
    pub fn parse(octets: &'a [u8]) -> Result<Credentials<'a>, FieldError> {
        let params = AuthParams::parse(octets)?;
        let digest = params.is_digest();
        let mandatory = |name: &[u8]| match params.plain(name)? {
            Some(value) => Ok(value),
            None if !digest => Ok(Cow::Borrowed(&b""[..])),
            None => Err(FieldError::Parameter),
        };
        let qop = match params.plain(b"qop")? {
            None => Some(Qop::None),
            Some(token) => Qop::from_token(&token),
        };
        let counted = digest && qop != Some(Qop::None);
        let with_qop = |name: &[u8]| match params.plain(name)? {
            Some(value) => Ok(value),
            None if counted => Err(FieldError::Parameter),
            None => Ok(Cow::Borrowed(&b""[..])),
        };
        let credentials = Credentials {
            scheme: params.scheme,
            user: mandatory(b"username")?,
            realm: mandatory(b"realm")?,
            nonce: mandatory(b"nonce")?,
            uri: mandatory(b"uri")?,
            response: mandatory(b"response")?,
            algorithm: match params.plain(b"algorithm")? {
                None => Some(Algorithm::Md5),
                Some(token) => Algorithm::from_token(&token),
            },
            cnonce: with_qop(b"cnonce")?,
            qop,
            nc: with_qop(b"nc")?,
            opaque: params.plain(b"opaque")?,
        };
        if counted && credentials.nonce_count().is_none() {
            return Err(FieldError::Number);
        }
        Ok(credentials)
    }

    /// True for the scheme Digest.
    pub fn is_digest(&self) -> bool {
        self.scheme.eq_ignore_ascii_case(b"Digest")
    }

    /// The nonce count as a number: exactly eight hexadecimal digits (RFC 7616 §3.4).
    pub fn nonce_count(&self) -> Option<u32> {
        if self.nc.len() != 8 {
            return None;
        }
        self.nc.iter().try_fold(0_u32, |count, &octet| {
            Some(count << 4 | u32::from(charset::hex_digit(octet)?))
        })
    }

    /// The response that a holder of `ha1` would have sent with these credentials; `None` if algorithm or qop
    /// are not known. Compare in constant time.
    pub fn expected_response(
        &self,
        ha1: &[u8],
        method: &[u8],
        body: &[u8],
    ) -> Option<crate::HexDigest> {
        let algorithm = self.algorithm?;
        let input = DigestInput {
            nonce: &self.nonce,
            nc: &self.nc,
            cnonce: &self.cnonce,
            qop: self.qop?,
            method,
            uri: &self.uri,
            body,
        };
        if algorithm.is_session() {
            let ha1 = ha1_session(algorithm, ha1, &self.nonce, &self.cnonce);
            return Some(digest_response(algorithm, ha1.as_bytes(), &input));
        }
        Some(digest_response(algorithm, ha1, &input))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_what_the_server_expects() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256, Algorithm::Md5Sess] {
            let mut value = Vec::new();
            write_challenge(&mut value, b"example \"x\"", b"abc", algorithm, false);
            let challenge = Challenge::parse(&value).expect("valid");
            let mut answer = Vec::new();
            let request = AnswerInput {
                user: b"al\\ice",
                method: b"REGISTER",
                uri: b"sip:example.com",
                body: b"",
                cnonce: b"c",
                nonce_count: 10,
            };
            assert!(challenge.write_answer(&mut answer, Secret::Password(b"p"), &request));
            let credentials = Credentials::parse(&answer).expect("valid");
            assert_eq!(credentials.user.as_ref(), b"al\\ice");
            assert_eq!(credentials.realm.as_ref(), b"example \"x\"");
            assert_eq!(
                (credentials.nonce_count(), credentials.qop),
                (Some(10), Some(Qop::Auth))
            );
            let key = ha1(algorithm, b"al\\ice", b"example \"x\"", b"p");
            let expected = credentials
                .expected_response(key.as_bytes(), b"REGISTER", b"")
                .expect("known");
            assert_eq!(credentials.response.as_ref(), expected.as_bytes());
        }
    }

    #[test]
    fn unknown_schemes_are_no_error() {
        let credentials =
            Credentials::parse(b"NoOneKnowsThisScheme opaque-data=here").expect("valid");
        assert!(!credentials.is_digest());
        assert!(
            !Challenge::parse(b"Basic realm=\"x\"")
                .expect("valid")
                .is_digest()
        );
    }

    #[test]
    fn malformed_credentials_are_refused() {
        let parse = |octets: &str| Credentials::parse(octets.as_bytes()).err();
        let good = "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"0\"";
        assert_eq!(parse(good), None);
        assert_eq!(
            parse(&format!("{good}, username=\"b\"")),
            Some(FieldError::RepeatedParameter)
        );
        assert_eq!(
            parse(&format!("{good}, qop=auth, cnonce=\"c\"")),
            Some(FieldError::Parameter)
        );
        assert_eq!(
            parse(&format!("{good}, qop=auth, cnonce=\"c\", nc=1")),
            Some(FieldError::Number)
        );
        assert_eq!(parse("Digest username=\"a"), Some(FieldError::Parameter));
        assert_eq!(parse("Digest"), Some(FieldError::Syntax));
    }

    #[test]
    fn a_parenthesis_hides_no_parameter() {
        let good = "realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"0\"";
        for hidden in [
            "a=(, b=\"), username=victim, z=\", username=\"bob\"",
            "a=(x), username=\"bob\"",
            "username=bob)",
        ] {
            let value = format!("Digest {hidden}, {good}");
            assert_eq!(
                Credentials::parse(value.as_bytes()).err(),
                Some(FieldError::Parameter)
            );
            assert_eq!(digest_parameter(value.as_bytes(), b"username"), None);
        }
        let value = format!("Digest username=\"(bob\", {good}");
        assert_eq!(
            digest_parameter(value.as_bytes(), b"UserName"),
            Some(&b"(bob"[..])
        );
    }

    #[test]
    fn too_many_parameters_are_refused() {
        let many = |count: usize| {
            let more: String = (0..count).map(|n| format!(", x{n}=1")).collect();
            format!(
                "Digest username=\"a\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"0\"{more}"
            )
        };
        assert!(Credentials::parse(many(AUTH_PARAMETERS_MAX - 5).as_bytes()).is_ok());
        assert_eq!(
            Credentials::parse(many(AUTH_PARAMETERS_MAX - 4).as_bytes()).err(),
            Some(FieldError::TooManyParameters)
        );
    }

    #[test]
    fn algorithms_not_known_here_are_told() {
        let challenge = Challenge::parse(
            b"Digest realm=\"r\", nonce=\"n\", algorithm=AKAv1-MD5, qop=\"auth-int,auth\"",
        )
        .expect("valid");
        assert_eq!(
            (
                challenge.algorithm,
                challenge.qop_auth,
                challenge.qop_auth_int
            ),
            (None, true, true)
        );
    }
}
