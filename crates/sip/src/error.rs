//! What is wrong with a message, and what to answer (RFC 3261 §8.2, §16.3, §21.4.1; RFC 4475 for the cases).

use core::fmt;

use crate::header_name::HeaderName;
use crate::limits::Limit;
use crate::message::Message;
use crate::method::Method;
use crate::status::StatusCode;

/// Why a URI was not understood.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum UriError {
    /// Nothing before or after the colon of the scheme, or no colon.
    Scheme,
    /// An octet that no URI holds (space, control, quote, angle bracket).
    Octet,
    /// A user or password that is empty or has an octet it must not have.
    UserInfo,
    /// A `%` without two hexadecimal digits.
    Escape,
    /// No host, or not a name, IPv4 address or bracketed IPv6 address.
    Host,
    /// Not a number from 0 to 65535.
    Port,
    /// A parameter without a name, or with an octet it must not have.
    Parameter,
    /// A header part that is malformed, or not allowed here.
    Headers,
}

impl fmt::Display for UriError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            UriError::Scheme => "bad scheme",
            UriError::Octet => "octet not allowed in a URI",
            UriError::UserInfo => "bad user part",
            UriError::Escape => "bad escape",
            UriError::Host => "bad host",
            UriError::Port => "bad port",
            UriError::Parameter => "bad URI parameter",
            UriError::Headers => "bad URI headers",
        })
    }
}

impl core::error::Error for UriError {}

/// Why the value of a header field was not understood.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum FieldError {
    /// No value.
    Empty,
    /// A quoted string without its end.
    Quotes,
    /// `<` without `>`.
    Brackets,
    /// A display name that is neither tokens nor a quoted string.
    DisplayName,
    /// The URI.
    Uri(UriError),
    /// Not `SIP/2.0/transport`.
    Protocol,
    /// The host of sent-by.
    Host,
    /// The port of sent-by.
    Port,
    /// An empty or malformed parameter.
    Parameter,
    /// A parameter that may stand only once.
    RepeatedParameter,
    /// More parameters than `parameters_max`.
    TooManyParameters,
    /// Not a number, or out of range.
    Number,
    /// Not a method.
    Method,
    /// Something after the end of the value.
    Trailing,
    /// Some other rule of this header field.
    Syntax,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FieldError::Empty => "no value",
            FieldError::Quotes => "quoted string without end",
            FieldError::Brackets => "angle bracket without end",
            FieldError::DisplayName => "bad display name",
            FieldError::Uri(error) => return error.fmt(f),
            FieldError::Protocol => "bad protocol",
            FieldError::Host => "bad host",
            FieldError::Port => "bad port",
            FieldError::Parameter => "bad parameter",
            FieldError::RepeatedParameter => "repeated parameter",
            FieldError::TooManyParameters => "too many parameters",
            FieldError::Number => "bad number",
            FieldError::Method => "bad method",
            FieldError::Trailing => "excess octets after the value",
            FieldError::Syntax => "bad syntax",
        })
    }
}

impl core::error::Error for FieldError {}

impl From<UriError> for FieldError {
    fn from(error: UriError) -> FieldError {
        FieldError::Uri(error)
    }
}

/// Why octets are not a message that can be handled.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum ParseError {
    /// Nothing but CR LF: a keep-alive.
    KeepAlive,
    /// The start line is neither a request line nor a status line.
    StartLine,
    /// The Request-URI.
    RequestUri(UriError),
    /// Another version than SIP/2.0.
    Version,
    /// A status code outside of 100 to 699.
    StatusCode,
    /// NUL, or a CR or LF that does not belong to a CR LF; the offset.
    StrayOctet(usize),
    /// A line without a name and a colon; its offset.
    HeaderLine(usize),
    /// The header fields end without an empty line.
    NoEmptyLine,
    /// A mandatory header field is not there.
    Missing(HeaderName),
    /// A header field that may stand only once stands more than once.
    Repeated(HeaderName),
    /// A value that is needed to handle the message is malformed.
    Field(HeaderName, FieldError),
    /// The method of CSeq is not that of the request.
    CSeqMethod,
    /// Content-Length says more than there is.
    Truncated,
    /// More than one of the [`crate::Limits`] allows.
    TooMuch(Limit),
}

impl ParseError {
    /// What a request with this error is answered; `None` where silence is right.
    pub fn status(&self) -> Option<StatusCode> {
        Some(match self {
            ParseError::KeepAlive => return None,
            ParseError::Version => StatusCode::VERSION_NOT_SUPPORTED,
            ParseError::TooMuch(Limit::UriOctets) => StatusCode::REQUEST_URI_TOO_LONG,
            ParseError::TooMuch(
                Limit::MessageOctets | Limit::HeaderSectionOctets | Limit::Headers,
            ) => StatusCode::MESSAGE_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        })
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParseError::KeepAlive => f.write_str("Keep-alive"),
            ParseError::StartLine => f.write_str("Bad start line"),
            ParseError::RequestUri(error) => write!(f, "Bad Request-URI: {error}"),
            ParseError::Version => f.write_str("Version not supported"),
            ParseError::StatusCode => f.write_str("Bad status code"),
            ParseError::StrayOctet(at) => write!(f, "Stray CR, LF or NUL at octet {at}"),
            ParseError::HeaderLine(at) => write!(f, "Bad header field at octet {at}"),
            ParseError::NoEmptyLine => f.write_str("No empty line after the header fields"),
            ParseError::Missing(name) => write!(f, "Missing {name}"),
            ParseError::Repeated(name) => write!(f, "Repeated {name}"),
            ParseError::Field(name, error) => write!(f, "Bad {name}: {error}"),
            ParseError::CSeqMethod => f.write_str("CSeq method differs from request"),
            ParseError::Truncated => f.write_str("Content-Length exceeds message"),
            ParseError::TooMuch(limit) => write!(f, "Limit {} exceeded", limit.name()),
        }
    }
}

impl core::error::Error for ParseError {}

/// Octets that were refused, with as much of the message as an answer needs.
#[derive(Clone, Debug)]
pub struct ParseFailure {
    /// The first error found.
    pub error: ParseError,
    /// The request, if its method and topmost sent-by could be read, so that it can be answered without state.
    /// Of its From, To, Call-ID and CSeq some may be absent: their accessors then give empty values.
    /// Never a response.
    pub message: Option<Box<Message>>,
}

impl ParseFailure {
    /// The request to answer and the code to answer it with; `None` for responses, ACK and what is beyond reading.
    pub fn answer(&self) -> Option<(&Message, StatusCode)> {
        let message = self.message.as_deref()?;
        if message.method() == Method::Ack {
            return None;
        }
        Some((message, self.error.status()?))
    }
}

impl fmt::Display for ParseFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl core::error::Error for ParseFailure {}
