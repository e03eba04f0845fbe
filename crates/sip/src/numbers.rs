//! Header fields that hold one number: Expires, Min-Expires, Max-Breadth, RSeq, and so on (RFC 3261 §20.19, §20.23).

use crate::contact::seconds;
use crate::error::FieldError;
use crate::header_name::HeaderName;
use crate::message::Message;
use crate::token_params::TokenParams;

impl Message {
    /// The number in a header field: `None` if absent, an error if it is no number; digits beyond 32 bits give
    /// the largest number.
    pub fn number(&self, name: HeaderName) -> Result<Option<u32>, FieldError> {
        match self.header(name) {
            None => Ok(None),
            Some(header) => seconds(header.value).map(Some).ok_or(FieldError::Number),
        }
    }

    /// Expires, in seconds.
    pub fn expires(&self) -> Result<Option<u32>, FieldError> {
        self.number(HeaderName::Expires)
    }

    /// Min-Expires, in seconds.
    pub fn min_expires(&self) -> Result<Option<u32>, FieldError> {
        self.number(HeaderName::MinExpires)
    }

    /// Retry-After, in seconds; comment and parameters are passed over.
    pub fn retry_after(&self) -> Result<Option<u32>, FieldError> {
        match self.header(HeaderName::RetryAfter) {
            None => Ok(None),
            Some(header) => TokenParams::parse(header.value)?
                .seconds()
                .map(Some)
                .ok_or(FieldError::Number),
        }
    }
}
