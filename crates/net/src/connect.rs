//! Opens connections without waiting for them (RFC 3261 §18.1.1).

use std::io;
use std::net::{SocketAddr, TcpStream};

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};
use strowger_sip::Transport;
use strowger_transaction::ListenerId;

use crate::driver::Driver;
use crate::settings::StreamSettings;
use crate::worker_handle::Task;

/// How long a connection may be silent before the kernel asks whether the peer is there.
const KEEP_ALIVE_AFTER: core::time::Duration = core::time::Duration::from_secs(120);

/// Starts to open a connection and leaves it to `worker`. An error means that it failed at once.
pub(crate) fn begin_connect(
    driver: &Driver,
    worker: u16,
    remote: SocketAddr,
    transport: Transport,
    listener: ListenerId,
) -> io::Result<()> {
    driver
        .directory
        .admit_outgoing()
        .map_err(|_| io::Error::from(Errno::EMFILE))?;
    let local = driver
        .listeners
        .get(usize::from(listener.0))
        .map(|listener| listener.address);
    let stream = start(remote, local, &driver.settings.streams)
        .and_then(|socket| {
            driver
                .directory
                .insert(worker, socket, transport, listener, remote)
                .ok_or_else(|| io::Error::from(Errno::EMFILE))
        })
        .inspect_err(|_| driver.directory.release(remote, false))?;
    if let Some(handle) = driver.workers.get(usize::from(worker)) {
        handle.post(Task::Adopt {
            stream,
            accepted: false,
        });
    }
    Ok(())
}

/// A socket on its way to `remote`, from the address of `local` if that can reach it.
fn start(
    remote: SocketAddr,
    local: Option<SocketAddr>,
    settings: &StreamSettings,
) -> io::Result<TcpStream> {
    let socket = Socket::new(
        Domain::for_address(remote),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    set_options(&socket, settings)?;
    // Leaving from the listener's address lets the peer recognise us; any port will do.
    if let Some(mut address) = local.filter(|local| local.is_ipv4() == remote.is_ipv4()) {
        address.set_port(0);
        socket.bind(&SockAddr::from(address))?;
    }
    match socket.connect(&SockAddr::from(remote)) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
        Err(error) => return Err(error),
    }
    Ok(socket.into())
}

/// The options of every connection, accepted or opened.
pub(crate) fn set_options(socket: &Socket, settings: &StreamSettings) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEP_ALIVE_AFTER))?;
    let unacknowledged_ms =
        u32::try_from(settings.unacknowledged_timeout.as_millis()).unwrap_or(u32::MAX);
    setsockopt(socket, sockopt::TcpUserTimeout, &unacknowledged_ms)?;
    Ok(())
}
