//! Who a client says it is: random tokens and the answer to a challenge (RFC 3261 §22).

use strowger_sip::{AnswerInput, Challenge, HeaderName, Message, Secret, StatusCode};

use crate::exit::{Exit, Failure};

/// Characters of a random token; 100 bits.
const TOKEN_LENGTH: usize = 20;

/// A random token for tags, branches and Call-IDs.
pub fn token() -> Result<String, Failure> {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut octets = [0u8; TOKEN_LENGTH];
    crate::password::fill_random(&mut octets).map_err(|error| {
        Failure::new(
            Exit::Failed,
            format!("the system gives no random octets: {error}"),
        )
    })?;
    let letter = |octet: u8| {
        ALPHABET
            .get(usize::from(octet & 31))
            .copied()
            .map_or('a', char::from)
    };
    Ok(octets.into_iter().map(letter).collect())
}

/// User name and password; the password is asked for when a server wants it.
pub struct Login {
    user: Vec<u8>,
    password: Option<String>,
    /// Nonce that was answered last: the same once more means that the password is wrong.
    answered: bool,
}

impl Login {
    /// A user with or without a password.
    pub fn new(user: Vec<u8>, password: Option<String>) -> Login {
        Login {
            user,
            password,
            answered: false,
        }
    }

    /// A new request begins: its first challenge is no refusal.
    pub fn begin(&mut self) {
        self.answered = false;
    }

    /// The header field that answers the challenge of a response: name and value. `None` if there is no challenge
    /// that can be answered, or the last answer was refused.
    pub fn answer(
        &mut self,
        response: &Message,
        method: &[u8],
        uri: &str,
        body: &[u8],
    ) -> Result<Option<(HeaderName, Vec<u8>)>, Failure> {
        let (asked_in, answer_in) = match response.status() {
            Some(StatusCode::UNAUTHORIZED) => {
                (HeaderName::WwwAuthenticate, HeaderName::Authorization)
            }
            Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED) => (
                HeaderName::ProxyAuthenticate,
                HeaderName::ProxyAuthorization,
            ),
            _ => return Ok(None),
        };
        let challenges: Vec<_> = response
            .headers_named(asked_in)
            .filter_map(|header| Challenge::parse(header.value).ok())
            .collect();
        let refused = self.answered && !challenges.iter().any(|challenge| challenge.stale);
        // The first that is understood: servers list what they prefer first (RFC 8760 §2.4).
        let Some(challenge) = challenges
            .iter()
            .find(|one| one.is_digest() && one.algorithm.is_some())
        else {
            return Ok(None);
        };
        if refused {
            return Ok(None);
        }
        let realm = crate::commands::printable(&String::from_utf8_lossy(&challenge.realm));
        let password = self.password(&realm)?.to_owned();
        let cnonce = token()?;
        let input = AnswerInput {
            user: &self.user,
            method,
            uri: uri.as_bytes(),
            body,
            cnonce: cnonce.as_bytes(),
            nonce_count: 1,
        };
        let mut value = Vec::new();
        challenge.write_answer(&mut value, Secret::Password(password.as_bytes()), &input);
        self.answered = true;
        Ok(Some((answer_in, value)))
    }

    fn password(&mut self, realm: &str) -> Result<&str, Failure> {
        let user = crate::commands::printable(&String::from_utf8_lossy(&self.user));
        if user.is_empty() {
            return Err(Failure::new(
                Exit::Failed,
                format!("{realm} asks for a user name and a password"),
            )
            .fix("--from sip:1001@DOMAIN --password PASSWORD"));
        }
        if self.password.is_none() {
            let asked = crate::password::ask(&format!("password of {user} at {realm}: "), false);
            let missing = |error| {
                Failure::new(
                    Exit::Failed,
                    format!("{realm} asks for the password of {user}: {error}"),
                )
                .fix("--password PASSWORD, --password-stdin or STROWGER_PASSWORD")
            };
            self.password = Some(asked.map_err(missing)?);
        }
        Ok(self.password.as_deref().unwrap_or_default())
    }
}
