//! Accepts connections: limits, their share among workers, and waiting out a shortage of descriptors.

use core::time::Duration;
use std::io;
use std::net::{SocketAddr, TcpListener};

use nix::errno::Errno;
use socket2::Socket;
use strowger_sip::{Time, Transport};
use strowger_transaction::ListenerId;

use crate::connect::set_options;
use crate::directory::Refused;
use crate::driver::Driver;
use crate::worker_handle::Task;

/// Connections accepted by one listener before other work has its turn.
const ACCEPTS_PER_TURN: usize = 64;

/// How long accepting pauses when the process has no free descriptor.
const PAUSE: Duration = Duration::from_millis(100);

/// A listening socket and the state of its readiness.
pub(crate) struct Acceptor {
    pub(crate) socket: TcpListener,
    pub(crate) listener: ListenerId,
    pub(crate) transport: Transport,
    /// True while connections may wait to be accepted.
    pub(crate) ready: bool,
    /// Set after a shortage: accept again then.
    pub(crate) paused_until: Option<Time>,
}

impl Acceptor {
    pub(crate) fn new(socket: TcpListener, listener: ListenerId, transport: Transport) -> Acceptor {
        Acceptor {
            socket,
            listener,
            transport,
            ready: true,
            paused_until: None,
        }
    }

    /// True if there is something to do now.
    pub(crate) fn is_due(&self, now: Time) -> bool {
        self.ready && self.paused_until.is_none_or(|until| until <= now)
    }

    /// Accepts what waits; the connections go to the workers in turn.
    pub(crate) fn accept(
        &mut self,
        driver: &Driver,
        worker: u16,
        next_worker: &mut u16,
        now: Time,
    ) {
        self.paused_until = None;
        for _ in 0..ACCEPTS_PER_TURN {
            match self.socket.accept() {
                Ok((socket, remote)) => {
                    let to = *next_worker % driver.settings.workers.max(1);
                    *next_worker = next_worker.wrapping_add(1);
                    self.take(driver, worker, to, socket.into(), remote);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ready = false;
                    return;
                }
                Err(error) if is_shortage(&error) => {
                    driver.meter(Some(worker)).streams_accept_paused.one();
                    self.paused_until = Some(now + PAUSE);
                    return;
                }
                // The connection was gone before it could be accepted.
                Err(_) => {}
            }
        }
    }

    fn take(&self, driver: &Driver, worker: u16, to: u16, socket: Socket, remote: SocketAddr) {
        let meter = driver.meter(Some(worker));
        match driver
            .directory
            .admit(remote, driver.ingress.trusts(&remote))
        {
            Ok(()) => {}
            Err(Refused::Total) => return meter.streams_refused_total.one(),
            Err(Refused::Source) => return meter.streams_refused_source.one(),
        }
        let prepared = socket
            .set_nonblocking(true)
            .and_then(|()| set_options(&socket, &driver.settings.streams));
        let stream = prepared.ok().and_then(|()| {
            driver
                .directory
                .insert(to, socket.into(), self.transport, self.listener, remote)
        });
        match (stream, driver.workers.get(usize::from(to))) {
            (Some(stream), Some(handle)) => {
                meter.streams_accepted.one();
                handle.post(Task::Adopt {
                    stream,
                    accepted: true,
                });
            }
            _ => driver.directory.release(remote, true),
        }
    }
}

fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM];
    error
        .raw_os_error()
        .is_some_and(|code| shortages.iter().any(|shortage| *shortage as i32 == code))
}
