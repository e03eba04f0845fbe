//! Lua scripts route through the whole element, on virtual time: what a script does at each stage, what happens while it
//! waits, and what is left when it fails.

#[path = "../behaviour/draft.rs"]
mod draft;
mod failures;
mod filter;
mod host;
mod replies;
mod stages;
mod waits;
#[path = "../behaviour/world.rs"]
mod world;
