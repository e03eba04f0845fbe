//! A listener with few connections at a time, none of them silent for long: the descriptors that are kept for the
//! administration must suffice for it.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;
use std::sync::Arc;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// Connections that the HTTP listener serves at a time (16); more wait to be accepted.
pub const HTTP_CONNECTIONS_MAX: usize = 16;

/// Seconds that such a connection may be silent (60).
pub const HTTP_IDLE_SECONDS_MAX: u64 = 60;

/// A listener that accepts while it has places.
pub struct Bounded<L> {
    listener: L,
    places: Arc<Semaphore>,
    idle: Duration,
}

impl<L> Bounded<L> {
    /// So many places, each silent for so long at most.
    pub fn new(listener: L, connections_max: usize, idle: Duration) -> Bounded<L> {
        Bounded {
            listener,
            places: Arc::new(Semaphore::new(connections_max)),
            idle,
        }
    }
}

impl<L: Listener> Listener for Bounded<L> {
    type Io = Place<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // The semaphore is never closed.
        let place = self.places.clone().acquire_owned().await.ok();
        let (io, address) = self.listener.accept().await;
        let place = Place {
            io,
            idle: self.idle,
            silent: Box::pin(tokio::time::sleep(self.idle)),
            _place: place,
        };
        (place, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection in its place.
pub struct Place<T> {
    io: T,
    idle: Duration,
    silent: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Place<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(context, buffer);
        if read.is_ready() {
            let until = Instant::now() + self.idle;
            self.silent.as_mut().reset(until);
            return read;
        }
        match self.silent.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Place<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(test);
    }

    async fn bounded(
        connections_max: usize,
        idle: Duration,
    ) -> (Bounded<TcpListener>, std::net::SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        (Bounded::new(listener, connections_max, idle), address)
    }

    #[test]
    fn a_connection_more_waits_until_one_has_ended() {
        run(async {
            let (mut listener, address) = bounded(1, Duration::from_secs(60)).await;
            let _one = TcpStream::connect(address).await.expect("connected");
            let _two = TcpStream::connect(address).await.expect("in the backlog");
            let (first, _) = listener.accept().await;
            {
                let next = core::pin::pin!(listener.accept());
                let now = core::future::ready(());
                tokio::select! {
                    biased;
                    _ = next => panic!("there is one place"),
                    () = now => {}
                }
            }
            drop(first);
            listener.accept().await;
        });
    }

    #[test]
    fn a_silent_connection_ends_and_one_that_speaks_does_not() {
        run(async {
            let (mut listener, address) = bounded(2, Duration::ZERO).await;
            let mut peer = TcpStream::connect(address).await.expect("connected");
            peer.write_all(b"x").await.expect("sent");
            let (mut place, _) = listener.accept().await;
            let _ = place.io.readable().await;
            let mut octet = [0];
            place
                .read_exact(&mut octet)
                .await
                .expect("read before time is looked at");
            let error = place.read_exact(&mut octet).await.expect_err("silent");
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }
}
