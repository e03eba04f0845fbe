//! Lua scripts route through the whole element, on virtual time: what a script does at each stage, what happens while it
//! waits, and what is left when it fails.

mod failures;
mod filter;
mod host;
mod regressions;
mod replies;
mod services;
mod stages;
mod waits;
