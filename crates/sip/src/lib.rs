#![forbid(unsafe_code)]
//! SIP syntax: octets to messages and back (RFC 3261 §7, §19, §25). No state, no input or output.
//!
//! [`Message::parse`] indexes the octets it is given. A proxy changes them with [`Edits`]; a user agent builds
//! new ones with [`MessageBuilder`]; [`write_response`] answers a request. [`StreamFramer`] cuts a stream into
//! messages. [`Challenge`] and [`Credentials`] with [`digest_response`] are the syntax of digest authentication.

mod auth;
mod build;
mod charset;
mod contact;
mod copied_octets;
mod counters;
mod cseq;
mod date;
mod digest;
mod edit;
mod error;
mod field;
mod frame;
mod header_name;
mod header_word;
mod host;
mod host_span;
mod index;
mod limits;
mod list;
mod media_type;
mod message;
mod method;
mod name_addr;
mod numbers;
mod params;
mod parse;
mod parse_fields;
mod parse_lines;
mod plain_address;
mod quoted;
mod response;
mod scan;
mod source;
mod span;
mod spare_messages;
mod status;
mod time;
mod token_params;
mod top_via;
mod transport;
mod uri;
mod uri_compare;
mod uri_spans;
mod values;
mod via;

pub use auth::{
    AnswerInput, Challenge, Credentials, Secret, digest_parameter, write_brief_challenge,
    write_challenge,
};
pub use build::{FieldName, MessageBuilder};
pub use contact::{Contact, parse_q};
pub use counters::SipCounters;
pub use cseq::{CSEQ_MAX, CSeq, RAck};
pub use date::{parse_date, write_date};
pub use digest::{Algorithm, DigestInput, HexDigest, Qop, digest_response, ha1, ha1_session};
pub use edit::Edits;
pub use error::{FieldError, ParseError, ParseFailure, UriError};
pub use frame::{Frame, FrameError, StreamFramer};
pub use header_name::HeaderName;
pub use host::{Host, write_ip};
pub use index::HEADERS_INLINE;
pub use limits::{Limit, Limits};
pub use list::ListItems;
pub use media_type::MediaType;
pub use message::{Header, Message};
pub use method::Method;
pub use name_addr::NameAddr;
pub use params::{Param, Params, ParamsIter};
pub use plain_address::{is_plain_user, plain_contact, plain_user};
pub use quoted::{unquote, write_quoted};
pub use response::write_response;
pub use spare_messages::SpareMessages;
pub use status::StatusCode;
pub use time::{Now, Time};
pub use token_params::{Replaces, TokenParams};
pub use transport::Transport;
pub use uri::{Scheme, Uri, unescape, write_escaped_user};
pub use uri_spans::RequestTarget;
pub use via::{BRANCH_COOKIE, Via};
