//! Binding and serving. Binding happens at start, so that its errors stop the start; serving runs on the caller's runtime.

use std::io;
use std::net::{SocketAddr, TcpListener as StdTcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};

use crate::bounded::{Bounded, HTTP_CONNECTIONS_MAX, HTTP_IDLE_SECONDS_MAX};
use crate::control::Control;
use crate::host::AllowedHosts;
use crate::routes;

/// Binds the socket with mode 0600. A socket that a dead process left behind is replaced; a live one is an error.
///
/// # Errors
/// The path cannot be bound, or somebody answers there.
pub fn bind_socket(path: &Path) -> io::Result<StdUnixListener> {
    if UnixStream::connect(path).is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if std::os::unix::fs::FileTypeExt::is_socket(&found.file_type()) => {
            std::fs::remove_file(path)?
        }
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the path exists and is no socket",
            ));
        }
        Err(_) => {}
    }
    // Bound under another name and made private before anybody can find it.
    let hidden = path.with_extension(format!("{}", std::process::id()));
    let _ = std::fs::remove_file(&hidden);
    let listener = StdUnixListener::bind(&hidden)?;
    std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&hidden, path)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Binds the HTTP listener.
///
/// # Errors
/// The address cannot be bound.
pub fn bind_http(address: SocketAddr) -> io::Result<StdTcpListener> {
    let listener = StdTcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves the command line until the future is dropped. Must run in a tokio runtime with I/O.
///
/// # Errors
/// The listener cannot be used.
pub async fn serve_socket(listener: StdUnixListener, control: Arc<dyn Control>) -> io::Result<()> {
    let listener = UnixListener::from_std(listener)?;
    axum::serve(listener, routes::socket(control)).await
}

/// Serves metrics, health, status and, if asked for, RPC until the future is dropped.
///
/// # Errors
/// The listener cannot be used.
pub async fn serve_http(
    listener: StdTcpListener,
    control: Arc<dyn Control>,
    hosts: AllowedHosts,
    with_rpc: bool,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let idle = Duration::from_secs(HTTP_IDLE_SECONDS_MAX);
    let listener = Bounded::new(listener, HTTP_CONNECTIONS_MAX, idle);
    axum::serve(listener, routes::http(control, hosts, with_rpc)).await
}
