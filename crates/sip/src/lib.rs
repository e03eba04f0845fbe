#![forbid(unsafe_code)]
//! SIP syntax: octets to messages and back (RFC 3261 §7, §19, §25). No state, no input or output.
//!
//! [`Message::parse`] indexes the octets it is given. A proxy changes them with [`Edits`]; a user agent builds
//! new ones with [`MessageBuilder`]; [`write_response`] answers a request. [`StreamFramer`] cuts a stream into
//! messages.

mod charset;
mod contact;
mod cseq;
mod error;
mod header_name;
mod host;
mod limits;
mod list;
mod message;
mod method;
mod name_addr;
mod params;
mod parse;
mod quoted;
mod span;
mod status;
mod time;
mod transport;
mod uri;
mod uri_compare;
mod values;
mod via;

pub use contact::{Contact, parse_q};
pub use cseq::{CSEQ_MAX, CSeq, RAck};
pub use error::{FieldError, ParseError, ParseFailure, UriError};
pub use header_name::HeaderName;
pub use host::{Host, write_ip};
pub use limits::{Limit, Limits};
pub use list::ListItems;
pub use message::{HEADERS_INLINE, Header, Message};
pub use method::Method;
pub use name_addr::NameAddr;
pub use params::{Param, Params, ParamsIter};
pub use quoted::{unquote, write_quoted};
pub use status::StatusCode;
pub use time::{Now, Time};
pub use transport::Transport;
pub use uri::{Scheme, Uri, unescape, write_escaped_user};
pub use via::{BRANCH_COOKIE, Via};
