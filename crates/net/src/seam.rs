//! The seam's vocabulary, as the element defines it.

pub use strowger_element::seam::{Answer, Command, ConnectId, Input, Output, Query, QueryId};
pub use strowger_element::{Admission, Event};
pub use strowger_resolve::{Answer as DnsAnswer, Question};
