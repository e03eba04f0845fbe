//! Stateless replies as the `sl` module counts and words them.

mod error;
mod reply;
mod statistics;

pub use error::{AnsweredBy, ErrorReply, InternalError};
pub use reply::{Caller, PreparedReply, ReplyDefaults, ReplyOutcome, changed_code, prepare};
pub use statistics::{SlEvent, SlStatistics};
