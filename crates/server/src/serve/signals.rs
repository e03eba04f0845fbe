//! Signals: SIGTERM and SIGINT end the server, SIGHUP reloads its configuration.

use std::sync::mpsc::{Receiver, channel};

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};

/// What a signal asks for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// End.
    End,
    /// Reload.
    Reload,
}

/// The signals that this process takes by waiting for them.
#[derive(Debug)]
pub struct Signals {
    set: SigSet,
}

impl Signals {
    /// Keeps the signals from ending the process. Must be called before any thread is started.
    ///
    /// # Errors
    /// The system refuses.
    pub fn block() -> Result<Signals, Errno> {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            set.add(signal);
        }
        set.thread_block()?;
        Ok(Signals { set })
    }

    /// Waits for the next.
    pub fn wait(&self) -> Request {
        loop {
            match self.set.wait() {
                Ok(Signal::SIGHUP) => return Request::Reload,
                Ok(_) => return Request::End,
                Err(Errno::EINTR) => {}
                Err(_) => return Request::End,
            }
        }
    }

    /// Hears of the next signal that asks for the end; the one after it ends the process at once.
    ///
    /// # Errors
    /// There can be no thread for it.
    pub fn next(&self) -> std::io::Result<Receiver<()>> {
        let (told, next) = channel();
        let set = self.set;
        std::thread::Builder::new()
            .name("strowger-signals".to_owned())
            .spawn(move || {
                let signals = Signals { set };
                while signals.wait() == Request::Reload {}
                let _ = told.send(());
                signals.unblock();
                loop {
                    std::thread::park();
                }
            })?;
        Ok(next)
    }

    /// Lets the next signal end the process at once.
    pub fn unblock(&self) {
        let _ = self.set.thread_unblock();
    }
}
