//! Server transactions of a simulated agent (RFC 3261 §17.2, RFC 6026): what was answered is answered again.

use core::time::Duration;
use std::net::SocketAddr;
use std::rc::Rc;

use strowger_sip::{Message, Method, Time};

use super::client::{LONG, T1, T2};

/// A server transaction.
#[derive(Clone, Debug)]
pub struct Server {
    /// The branch of the request's topmost Via.
    pub branch: Vec<u8>,
    /// The request.
    pub request: Rc<Message>,
    /// Whom to answer.
    pub peer: SocketAddr,
    /// The last response.
    pub last: Vec<u8>,
    /// Its status.
    pub status: u16,
    /// A failure to INVITE was acknowledged.
    pub acknowledged: bool,
    is_reliable: bool,
    interval: Duration,
    resend_at: Option<Time>,
    ends_at: Option<Time>,
}

impl Server {
    /// A transaction without a response.
    pub fn new(request: Rc<Message>, peer: SocketAddr, is_reliable: bool) -> Server {
        Server {
            branch: request.via().branch().unwrap_or_default().to_vec(),
            request,
            peer,
            last: Vec::new(),
            status: 0,
            acknowledged: false,
            is_reliable,
            interval: T1,
            resend_at: None,
            ends_at: None,
        }
    }

    /// True for an INVITE.
    pub fn is_invite(&self) -> bool {
        self.request.method() == Method::Invite
    }

    /// True if a retransmission of the same request.
    pub fn repeats(&self, request: &Message) -> bool {
        self.branch == request.via().branch().unwrap_or_default()
            && self.request.method() == request.method()
            && self.request.via().host() == request.via().host()
    }

    /// Keeps the response that was sent.
    pub fn responded(&mut self, now: Time, status: u16, octets: Vec<u8>) {
        self.last = octets;
        self.status = status;
        if status < 200 {
            return;
        }
        self.ends_at = Some(now + LONG);
        // A 2xx is repeated by the dialog, end to end.
        let repeats = self.is_invite() && status >= 300 && !self.is_reliable;
        self.resend_at = repeats.then(|| now + T1);
    }

    /// An ACK came.
    pub fn acknowledge(&mut self) {
        self.acknowledged = true;
        self.resend_at = None;
    }

    /// When [`Server::is_due`] is to be asked next.
    pub fn next_at(&self) -> Option<Time> {
        match (self.resend_at, self.ends_at) {
            (Some(resend), Some(end)) => Some(resend.min(end)),
            (resend, end) => resend.or(end),
        }
    }

    /// True if the transaction is over.
    pub fn is_over(&self, now: Time) -> bool {
        self.ends_at.is_some_and(|end| now >= end)
    }

    /// True if the failure is to be sent again now (timer G).
    pub fn is_due(&mut self, now: Time) -> bool {
        let due = self.resend_at.is_some_and(|at| now >= at);
        if due {
            self.interval = (self.interval * 2).min(T2);
            self.resend_at = Some(now + self.interval);
        }
        due
    }
}
