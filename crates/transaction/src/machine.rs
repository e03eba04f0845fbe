//! What the four transaction machines have in common: what they know in a transition, and what they ask for.
//!
//! A machine is a value without octets, flow or user: a transition consumes it and gives the next state with a
//! [`Step`], which the table that holds the transaction carries out.

use core::fmt;
use core::time::Duration;
use strowger_sip::Time;

use crate::settings::TimerSettings;

/// What every transition may look at.
#[derive(Copy, Clone, Debug)]
pub struct Context<'a> {
    /// Monotonic time.
    pub now: Time,
    /// True on transports that lose nothing: no retransmissions, and timers D, I, J and K are zero.
    pub reliable: bool,
    /// The timers.
    pub timers: &'a TimerSettings,
}

/// What the table is to do.
#[derive(Copy, Clone, PartialEq, Eq, Default)]
pub struct Actions(u16);

impl Actions {
    /// Nothing.
    pub const NONE: Actions = Actions(0);
    /// Send the stored request.
    pub const SEND_REQUEST: Actions = Actions(1);
    /// Build the ACK to this response, send it, and keep it if the machine goes on.
    pub const SEND_ACK: Actions = Actions(1 << 1);
    /// Send the kept ACK again.
    pub const RESEND_ACK: Actions = Actions(1 << 2);
    /// Start a CANCEL transaction for this INVITE.
    pub const SEND_CANCEL: Actions = Actions(1 << 3);
    /// Free the stored request.
    pub const FREE_REQUEST: Actions = Actions(1 << 4);
    /// Send the response that the user hands in.
    pub const SEND_RESPONSE: Actions = Actions(1 << 5);
    /// Keep that response for retransmission.
    pub const KEEP_RESPONSE: Actions = Actions(1 << 6);
    /// Send the kept response again.
    pub const RESEND_RESPONSE: Actions = Actions(1 << 7);
    /// Send the 100 that was prepared.
    pub const SEND_TRYING: Actions = Actions(1 << 8);
    /// Free the kept response.
    pub const FREE_RESPONSE: Actions = Actions(1 << 9);
    /// Pass the message to the user.
    pub const DELIVER: Actions = Actions(1 << 10);
    /// Pass a further 2xx to the user.
    pub const DELIVER_REPEATED: Actions = Actions(1 << 11);
    /// Tell the user that nobody answered.
    pub const TIMEOUT: Actions = Actions(1 << 12);
    /// Tell the user that the transport failed.
    pub const TRANSPORT_ERROR: Actions = Actions(1 << 13);
    /// The user may not send this response now.
    pub const REFUSE: Actions = Actions(1 << 14);
    /// Keep the header lines of the CANCEL until it may be sent.
    pub const HOLD_CANCEL: Actions = Actions(1 << 15);

    const NAMES: [(Actions, &'static str); 16] = [
        (Actions::SEND_REQUEST, "send request"),
        (Actions::SEND_ACK, "send ACK"),
        (Actions::RESEND_ACK, "resend ACK"),
        (Actions::SEND_CANCEL, "send CANCEL"),
        (Actions::FREE_REQUEST, "free request"),
        (Actions::SEND_RESPONSE, "send response"),
        (Actions::KEEP_RESPONSE, "keep response"),
        (Actions::RESEND_RESPONSE, "resend response"),
        (Actions::SEND_TRYING, "send 100"),
        (Actions::FREE_RESPONSE, "free response"),
        (Actions::DELIVER, "to user"),
        (Actions::DELIVER_REPEATED, "to user as repeated 2xx"),
        (Actions::TIMEOUT, "tell user: timeout"),
        (Actions::TRANSPORT_ERROR, "tell user: transport error"),
        (Actions::REFUSE, "refuse"),
        (Actions::HOLD_CANCEL, "hold CANCEL"),
    ];

    /// True if all of `other` are asked for.
    pub const fn has(self, other: Actions) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    pub const fn and(self, other: Actions) -> Actions {
        Actions(self.0 | other.0)
    }
}

impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Actions::NONE {
            return f.write_str("-");
        }
        let named = Actions::NAMES
            .iter()
            .filter(|(action, _)| self.has(*action));
        for (position, (_, name)) in named.enumerate() {
            if position > 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What becomes of the transaction's one timer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub enum Alarm {
    /// As it was.
    #[default]
    Keep,
    /// Fire then.
    At(Time),
    /// Do not fire.
    Stop,
}

/// The output of a transition.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub struct Step {
    /// What to do.
    pub actions: Actions,
    /// The timer.
    pub alarm: Alarm,
}

impl Step {
    /// Nothing happens.
    pub const NOTHING: Step = Step {
        actions: Actions::NONE,
        alarm: Alarm::Keep,
    };

    pub(crate) const fn of(actions: Actions) -> Step {
        Step {
            actions,
            alarm: Alarm::Keep,
        }
    }

    pub(crate) const fn at(actions: Actions, deadline: Time) -> Step {
        Step {
            actions,
            alarm: Alarm::At(deadline),
        }
    }

    pub(crate) const fn stop(actions: Actions) -> Step {
        Step {
            actions,
            alarm: Alarm::Stop,
        }
    }
}

/// The classes of responses that the machines tell apart.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ResponseClass {
    /// 100 to 199.
    Provisional,
    /// 200 to 299.
    Success,
    /// 300 to 699.
    Failure,
}

impl ResponseClass {
    /// The class of a response code.
    pub const fn of(status: u16) -> ResponseClass {
        match status {
            0..=199 => ResponseClass::Provisional,
            200..=299 => ResponseClass::Success,
            _ => ResponseClass::Failure,
        }
    }
}

/// The deadline of timer B, F or H, in halves so that a machine needs no more than the alignment of `u32`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deadline([u32; 2]);

impl Deadline {
    pub(crate) const fn of(time: Time) -> Deadline {
        let nanos = time.as_nanos();
        Deadline([(nanos >> 32) as u32, nanos as u32])
    }

    pub(crate) const fn time(self) -> Time {
        Time::from_nanos((self.0[0] as u64) << 32 | self.0[1] as u64)
    }
}

/// An interval between retransmissions, in whole milliseconds so that a machine stays small.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interval(u32);

impl Interval {
    pub(crate) fn of(duration: Duration) -> Interval {
        Interval(
            u32::try_from(duration.as_millis())
                .unwrap_or(u32::MAX)
                .max(1),
        )
    }

    pub(crate) const fn doubled(self) -> Interval {
        Interval(self.0.saturating_mul(2))
    }

    pub(crate) fn capped(self, cap: Duration) -> Interval {
        Interval(self.0.min(Interval::of(cap).0))
    }

    /// That much after `now`, or `limit` if it comes first.
    pub(crate) fn after(self, now: Time, limit: Time) -> Time {
        (now + Duration::from_millis(u64::from(self.0))).min(limit)
    }
}
