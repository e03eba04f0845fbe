//! The streaming body of `watch`: JSON lines from a bounded channel. A slow watcher loses lines, and is told how many.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::Bytes;
use http_body::Frame;
use tokio::sync::mpsc;

/// Lines that wait for one watcher.
pub const WATCH_LINES_MAX: usize = 1_024;

/// Where lines for one watcher go.
#[derive(Clone, Debug)]
pub struct WatchSender {
    lines: mpsc::Sender<Bytes>,
    lost: Arc<AtomicU64>,
}

impl WatchSender {
    /// Sends one line (without its end); never waits. False if the watcher is gone.
    pub fn send(&self, line: &str) -> bool {
        let mut octets = Vec::with_capacity(line.len() + 1);
        octets.extend_from_slice(line.as_bytes());
        octets.push(b'\n');
        match self.lines.try_send(Bytes::from(octets)) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(mpsc::error::TrySendError::Closed(_)) => false,
        }
    }

    /// True if the watcher is gone.
    pub fn is_closed(&self) -> bool {
        self.lines.is_closed()
    }
}

/// A watcher's two ends.
pub fn watch_channel() -> (WatchSender, WatchBody) {
    let (sender, receiver) = mpsc::channel(WATCH_LINES_MAX);
    let lost = Arc::new(AtomicU64::new(0));
    (
        WatchSender {
            lines: sender,
            lost: lost.clone(),
        },
        WatchBody {
            lines: receiver,
            lost,
        },
    )
}

/// The lines as the body of a response that ends with the server.
#[derive(Debug)]
pub struct WatchBody {
    lines: mpsc::Receiver<Bytes>,
    lost: Arc<AtomicU64>,
}

impl http_body::Body for WatchBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let body = self.get_mut();
        match body.lines.poll_recv(context) {
            Poll::Pending => {
                // All that was kept has been read: say what was not.
                match body.lost.swap(0, Ordering::Relaxed) {
                    0 => Poll::Pending,
                    lost => Poll::Ready(Some(Ok(Frame::data(Bytes::from(format!(
                        "{{\"lost\":{lost}}}\n"
                    )))))),
                }
            }
            Poll::Ready(line) => Poll::Ready(line.map(|line| Ok(Frame::data(line)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Body;

    #[test]
    fn a_slow_watcher_loses_lines_and_is_told() {
        let (sender, mut body) = watch_channel();
        for _ in 0..WATCH_LINES_MAX + 3 {
            assert!(sender.send("{}"));
        }
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut last = Bytes::new();
        while let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) {
            last = frame.into_data().unwrap_or_default();
        }
        assert_eq!(&last[..], b"{\"lost\":3}\n");
        drop(body);
        assert!(!sender.send("{}"));
    }
}
