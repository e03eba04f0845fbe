//! What is to happen in a world: errands of its users, and what each may come to.

use core::time::Duration;

use strowger_sip::{Method, Time};

/// Place of a user agent in its world.
pub type AgentId = usize;
/// Place of an element in its world.
pub type NodeId = usize;

/// One side of a call.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Party {
    /// Whoever sent the INVITE.
    Caller,
    /// Whoever answered it.
    Callee,
}

/// What a device does with an INVITE.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Rings, then answers.
    Answer {
        /// When it rings; none: it answers without.
        ring: Option<Duration>,
        /// When it answers.
        answer: Duration,
    },
    /// Answers, and shortly after answers again with another To tag, as two phones behind one contact would.
    AnswerTwice {
        /// When it answers first.
        answer: Duration,
    },
    /// Rings, then refuses.
    Refuse {
        /// With this status.
        status: u16,
        /// When.
        after: Duration,
    },
    /// Answers, then sends two failures, one of them with another To tag.
    AnswerThenRefuse {
        /// When it answers.
        answer: Duration,
    },
    /// Refuses with 486, then sends a 200 and another failure.
    RefuseThenAnswer {
        /// When it refuses.
        after: Duration,
    },
    /// Sends provisional responses without end and messages that are none, then refuses with 480.
    Babble {
        /// When it refuses.
        after: Duration,
    },
    /// Is no device: the user's contact leads to another user, and that one's back.
    Circle,
    /// Answers 302.
    Redirect,
    /// Rings and waits for the CANCEL.
    RingForever,
    /// Rings, and answers the CANCEL but never the INVITE.
    IgnoreCancel,
    /// Sends nothing at all.
    Silent,
}

/// A request within the dialog, before it ends.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Middle {
    /// Who sends it.
    pub by: Party,
    /// How long after the call was answered.
    pub after: Duration,
    /// Which.
    pub method: Method<'static>,
}

/// What an errand is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrandKind {
    /// A call.
    Call {
        /// What the called devices do; a device takes the entry of its own number.
        reactions: Vec<Reaction>,
        /// The caller gives up so long after the first provisional response.
        cancel_after: Option<Duration>,
        /// Who hangs up.
        hang_up_by: Party,
        /// How long after the call was answered.
        hang_up_after: Duration,
        /// Something in between.
        middle: Option<Middle>,
    },
    /// A request of its own: MESSAGE, OPTIONS.
    Single {
        /// Which.
        method: Method<'static>,
        /// The called device answers.
        answered: bool,
        /// It is too long for a datagram.
        big: bool,
    },
}

/// One errand: who does what to whom, when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// Its number, also in its Call-ID.
    pub number: u32,
    /// When it begins.
    pub start: Time,
    /// Who begins it.
    pub from: AgentId,
    /// The devices of the called user.
    pub to: Vec<AgentId>,
    /// What it is.
    pub kind: ErrandKind,
    /// The called devices are gone by then.
    pub callee_is_gone: bool,
    /// The way leads through the DNS, which does not always answer, or to a server that is not there.
    pub dns_may_fail: bool,
    /// The called devices are tried one after another.
    pub serial: bool,
    /// It is left out, to find out whether a failure needs it.
    pub skipped: bool,
}

/// How an errand's first request may end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// With 2xx.
    pub success: bool,
    /// With one of these.
    pub failures: Vec<u16>,
    /// With nothing (not for INVITE).
    pub silence: bool,
}

impl Allowed {
    /// True if this final status (none: no final response) is allowed.
    pub fn allows(&self, status: Option<u16>) -> bool {
        match status {
            None => self.silence,
            Some(200..=299) => self.success,
            Some(status) => self.failures.contains(&status),
        }
    }
}

impl Errand {
    /// The part of a Call-ID that names an errand.
    pub fn number_in(call_id: &[u8]) -> Option<u32> {
        let text = core::str::from_utf8(call_id).ok()?;
        text.strip_prefix('e')?.split_once('.')?.0.parse().ok()
    }

    /// A called device says one thing and then another: which of them reaches the caller is chance.
    pub fn contradicts(&self) -> bool {
        let ErrandKind::Call { reactions, .. } = &self.kind else {
            return false;
        };
        reactions.iter().any(|reaction| {
            matches!(
                reaction,
                Reaction::AnswerThenRefuse { .. } | Reaction::RefuseThenAnswer { .. }
            )
        })
    }

    /// How the errand may end.
    pub fn allowed(&self) -> Allowed {
        let mut allowed = match &self.kind {
            ErrandKind::Single { answered, .. } => Allowed {
                success: *answered && !self.callee_is_gone,
                failures: Vec::new(),
                silence: !*answered || self.callee_is_gone,
            },
            ErrandKind::Call {
                reactions,
                cancel_after,
                ..
            } => self.call_allowed(reactions, cancel_after.is_some()),
        };
        if self.contradicts() {
            allowed.success = true;
            // A 200 that nobody stands by is sent once, and may be lost.
            allowed.silence = true;
            allowed.failures.extend([302, 404, 408, 480, 486, 500, 603]);
        }
        if self.callee_is_gone {
            allowed.failures.extend([408, 480, 500, 503]);
        }
        if self.dns_may_fail {
            allowed.failures.extend([408, 480, 500, 503]);
            allowed.silence |= matches!(self.kind, ErrandKind::Single { .. });
        }
        allowed
    }

    fn call_allowed(&self, reactions: &[Reaction], cancelled: bool) -> Allowed {
        let mut allowed = Allowed {
            success: false,
            failures: Vec::new(),
            silence: false,
        };
        let answers = |reaction: &Reaction| {
            matches!(
                reaction,
                Reaction::Answer { .. }
                    | Reaction::AnswerTwice { .. }
                    | Reaction::AnswerThenRefuse { .. }
            )
        };
        let silent = |reaction: &Reaction| {
            matches!(
                reaction,
                Reaction::RingForever | Reaction::IgnoreCancel | Reaction::Silent
            )
        };
        // By the time the next one's turn comes its binding may be no good any more.
        if self.serial && reactions.iter().any(silent) {
            allowed.failures.extend([408, 480, 487]);
            // Timer C twice is longer than a caller waits.
            allowed.silence = reactions.iter().filter(|reaction| silent(reaction)).count() > 1;
        }
        if !self.callee_is_gone {
            allowed.success = reactions.iter().any(answers);
        }
        if cancelled {
            allowed.failures.push(487);
        }
        for reaction in reactions {
            match reaction {
                reaction if answers(reaction) => {}
                // A 6xx ends a forked call at once (RFC 3261 §16.7 step 5).
                Reaction::Refuse { status, .. } if !allowed.success || *status >= 600 => {
                    allowed.failures.push(*status);
                }
                // The second time round the element of the caller may ask for credentials that it took out the first time.
                Reaction::Circle => allowed.failures.extend([407, 482]),
                Reaction::Babble { .. } if !allowed.success => allowed.failures.push(480),
                Reaction::Redirect if !allowed.success => allowed.failures.push(302),
                // Timer C ends it with 408; a caller that gave up hears 487.
                Reaction::RingForever | Reaction::IgnoreCancel if !allowed.success => {
                    allowed.failures.extend([408, 487]);
                }
                Reaction::Silent if !allowed.success || cancelled => allowed.failures.push(408),
                _ if cancelled => allowed.failures.extend([302, 404, 408, 480, 486, 500, 603]),
                _ => {}
            }
        }
        allowed
    }
}
