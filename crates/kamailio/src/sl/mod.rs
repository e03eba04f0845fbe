//! Stateless replies as the `sl` module counts and words them.

mod error;
mod reply;

pub use error::{AnsweredBy, ErrorReply, InternalError};
pub use reply::{Caller, PreparedReply, ReplyDefaults, changed_code, prepare, return_code};
pub use strowger_routing::{SlEvent, SlStatistics};
