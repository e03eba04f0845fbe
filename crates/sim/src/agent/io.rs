//! What a simulated user agent may do to its world.

use std::net::SocketAddr;

use strowger_sip::Time;

use crate::plan::Errand;
use crate::random::Random;

/// What a timer of an agent is for. Whoever it wakes looks at the time, so a timer that came too early does no harm.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum AgentTimer {
    /// A client transaction.
    Client(u64),
    /// A server transaction.
    Server(u64),
    /// A call that was started here.
    Outgoing(u32),
    /// A call that arrived here.
    Incoming(u64),
    /// A dialog.
    Dialog(u64),
    /// The registration.
    Registration,
}

/// What an agent tells of itself. What came over the wire the checkers see for themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The first request of an errand has ended: with a final response, or with none in time.
    Ended {
        /// The errand.
        number: u32,
        /// The final status.
        status: Option<u16>,
    },
    /// A request within a dialog has ended.
    InDialog {
        /// The errand.
        number: u32,
        /// Its method.
        method: String,
        /// The final status.
        status: Option<u16>,
        /// The other side had ended the dialog by then.
        crossed: bool,
    },
    /// A dialog began.
    DialogBegan {
        /// The errand.
        number: u32,
    },
    /// A dialog ended, by BYE from either side.
    DialogEnded {
        /// The errand.
        number: u32,
    },
    /// A request came under two branches, as after a restart of whoever forwarded it.
    Merged {
        /// The errand.
        number: u32,
    },
    /// It registered.
    Registered,
    /// A CANCEL found no transaction, though the INVITE had had a response.
    CancelUnmatched {
        /// The errand.
        number: u32,
    },
    /// Nobody ended a dialog.
    Orphaned {
        /// The errand.
        number: u32,
    },
    /// An answer was never acknowledged.
    Unacknowledged {
        /// The errand.
        number: u32,
    },
    /// A query found, or did not find, a binding that must be there.
    Queried {
        /// It was there.
        found: bool,
    },
    /// Something that must never happen.
    Wrong(String),
}

/// The world as an agent sees it while it acts.
#[derive(Debug)]
pub struct Io<'a> {
    /// The time.
    pub now: Time,
    /// Datagrams to send.
    pub sends: &'a mut Vec<(SocketAddr, Vec<u8>)>,
    /// Timers to set.
    pub timers: &'a mut Vec<(Time, AgentTimer)>,
    /// What it sends that is no message, or none that it may send.
    pub garbage: &'a mut Vec<(SocketAddr, Vec<u8>)>,
    /// It gives its connections up.
    pub hangs_up: &'a mut bool,
    /// What it tells.
    pub reports: &'a mut Vec<Report>,
    /// The errands of this world, by number.
    pub errands: &'a [Errand],
    /// Its chance.
    pub random: &'a mut Random,
}

impl Io<'_> {
    /// Sends a datagram.
    pub fn send(&mut self, to: SocketAddr, octets: &[u8]) {
        self.sends.push((to, octets.to_vec()));
    }

    /// Sets a timer.
    pub fn wake(&mut self, at: Time, timer: AgentTimer) {
        self.timers.push((at, timer));
    }

    /// Tells something.
    pub fn report(&mut self, report: Report) {
        self.reports.push(report);
    }

    /// A word that no one else has.
    pub fn word(&mut self) -> String {
        format!("{:016x}", self.random.next())
    }

    /// The errand that a Call-ID names.
    pub fn errand(&self, call_id: &[u8]) -> Option<&Errand> {
        let number = Errand::number_in(call_id)?;
        self.errands.get(usize::try_from(number).ok()?)
    }
}
