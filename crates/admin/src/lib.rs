#![forbid(unsafe_code)]
//! Administration: what a running server shows and lets be changed, without any knowledge of SIP.
//!
//! The server implements [`Control`]; this crate puts HTTP around it, twice:
//!
//! ```text
//! admin.sock (UNIX socket, mode 0600)   everything: the command line's way in      serve_socket
//! 127.0.0.1:8060 (TCP, by choice)       /metrics /health /ready /v1/status: read   serve_http
//!                                       /rpc, by another choice
//! ```
//!
//! Bodies are JSON; errors are `{"error": …, "fix": …}` with a fitting HTTP status.

mod bounded;
mod control;
mod host;
mod metrics;
mod routes;
mod rpc;
mod serve;
mod watch;

pub use control::{
    Control, ControlError, Imported, ListenerStatus, NewUser, PAGE_ROWS_MAX, Page, RealmStatus,
    Registration, Registrations, Reloaded, Status, UserEntry, Users, WatchFilter,
};
pub use host::AllowedHosts;
pub use metrics::{Sample, SampleKind, write_metrics};
pub use rpc::{RPC_BATCH_MAX, RpcFault};
pub use serve::{bind_http, bind_socket, serve_http, serve_socket};
pub use watch::{WATCH_LINES_MAX, WatchSender, watch_channel};
