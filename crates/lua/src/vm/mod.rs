//! One VM: its library, the functions of the doors, its hook, and what its coroutines run.

mod convert;
mod dispatch;
mod generation;
mod library;
mod place;
mod strings;
mod watch;

use convert::from_lua;
pub(crate) use generation::{Coroutine, Generation, Resume, SliceEnd, failure};
pub(crate) use watch::{Shared, open};
