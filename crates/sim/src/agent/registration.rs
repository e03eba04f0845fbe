//! The registration of a simulated agent (RFC 3261 §10.2): kept fresh, queried now and then, taken back at the end.

use core::time::Duration;
use std::rc::Rc;

use strowger_sip::{Message, Method, Time};

use super::client::Purpose;
use super::text::Draft;
use super::{Agent, AgentTimer, Io, Report};

/// What the next REGISTER is for.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
enum Task {
    /// Bind the contact.
    #[default]
    Bind,
    /// Ask what is bound.
    Query,
    /// Remove the contact.
    Remove,
}

/// A registration.
#[derive(Debug, Default)]
pub(super) struct Registration {
    active: bool,
    task: Task,
    call_id: String,
    from_tag: String,
    cseq: u32,
    tries: u32,
    in_flight: bool,
    next_at: Option<Time>,
    expires_at: Option<Time>,
    leaving: bool,
    /// The last one failed and is to be tried again.
    again: bool,
}

impl Agent {
    /// Wrong credentials are answered by the same challenge again and again; an agent tries so often.
    const CHALLENGES: u32 = 3;
    /// Registrations that are refreshed at once.
    const HASTY_PER_MILLE: u32 = 60;

    /// Begins to register.
    pub fn join(&mut self, io: &mut Io<'_>) {
        self.registration = Registration {
            active: true,
            call_id: format!("r.{}@{}", io.word(), self.settings.address.ip()),
            from_tag: io.word(),
            ..Registration::default()
        };
        self.register(io, Task::Bind);
    }

    /// Ends the registration: by taking it back, or by letting it run out.
    pub fn leave(&mut self, io: &mut Io<'_>, politely: bool) {
        self.registration.leaving = true;
        self.registration.next_at = None;
        if politely && self.registration.active && !self.registration.in_flight {
            self.register(io, Task::Remove);
        }
    }

    /// The connection is gone, and with it the way back to us: registers anew, and asks again what is not answered.
    pub fn disconnected(&mut self, io: &mut Io<'_>) {
        self.registration.expires_at = None;
        // A REGISTER names the connection it came over: the old one says nothing about the new one.
        self.clients
            .retain(|_, client| client.has_final || client.purpose != Purpose::Register);
        self.registration.in_flight = false;
        let waiting: Vec<_> = self
            .clients
            .values()
            .filter(|client| client.waits())
            .map(|client| (client.to, client.octets.clone()))
            .collect();
        for (to, octets) in waiting {
            io.send(to, &octets);
        }
        if self.registration.active && !self.registration.leaving {
            self.registration.task = Task::Bind;
            self.registration.again = true;
            self.later(io, 50, 1_000);
        }
    }

    /// True while the agent knows itself registered.
    pub fn is_registered(&self, now: Time) -> bool {
        self.registration.expires_at.is_some_and(|at| at > now)
    }

    fn register(&mut self, io: &mut Io<'_>, task: Task) {
        self.registration.task = task;
        self.registration.tries = 0;
        self.registration.next_at = None;
        self.send_register(io);
    }

    fn send_register(&mut self, io: &mut Io<'_>) {
        self.registration.in_flight = true;
        self.registration.cseq += 1;
        let uri = format!("sip:{}", self.settings.domain);
        let mut lines = self.credentials(io, 0, "REGISTER", &uri);
        let contact = self.contact();
        match self.registration.task {
            Task::Bind => {
                let expires = self.settings.expires_seconds;
                let q = self
                    .settings
                    .q
                    .map_or_else(String::new, |q| format!(";q={q}"));
                lines += &format!("Contact: <{contact}>{q};expires={expires}\r\n");
            }
            Task::Query => {}
            Task::Remove => lines += &format!("Contact: <{contact}>\r\nExpires: 0\r\n"),
        }
        let record = self.address_of_record();
        let draft = Draft {
            method: "",
            uri: &uri,
            sent_by: self.settings.address,
            transport: "",
            branch: "",
            from: &format!("<{record}>;tag={}", self.registration.from_tag),
            to: &format!("<{record}>"),
            call_id: &self.registration.call_id.clone(),
            cseq: self.registration.cseq,
            lines: &lines,
            body: "",
        };
        let proxy = self.settings.proxy;
        self.request(io, Method::Register, Purpose::Register, proxy, draft);
    }

    pub(super) fn register_ended(&mut self, io: &mut Io<'_>, response: Option<&Rc<Message>>) {
        self.registration.in_flight = false;
        let status = response
            .and_then(|response| response.status())
            .map_or(0, |status| status.get());
        match (status, response) {
            (401, Some(response)) if self.registration.tries < Self::CHALLENGES => {
                self.registration.tries += 1;
                if self.take_challenge(response) {
                    return self.send_register(io);
                }
                io.report(Report::Wrong("a 401 without a usable challenge".into()));
            }
            (200, Some(response)) => return self.registered(io, response),
            (401 | 403 | 404, Some(_)) => {
                io.report(Report::Wrong(format!(
                    "REGISTER of {} was refused with {status}",
                    self.settings.user
                )));
            }
            _ => {}
        }
        let task = self.registration.task;
        if !self.registration.leaving || task == Task::Remove {
            self.registration.again = true;
            self.later(io, 1_500, 4_000);
        }
    }

    fn registered(&mut self, io: &mut Io<'_>, response: &Message) {
        let contact = self.contact();
        let granted = response
            .contacts()
            .filter_map(Result::ok)
            .find(|binding| {
                binding
                    .address()
                    .is_some_and(|address| address.uri == contact.as_bytes())
            })
            .map(|binding| u64::from(binding.expires().unwrap_or(0)));
        let until = self.registration.expires_at;
        match (self.registration.task, granted) {
            (Task::Bind, Some(seconds)) => {
                if seconds > u64::from(self.settings.expires_seconds) {
                    io.report(Report::Wrong(format!(
                        "asked for {} s and was granted {seconds}",
                        self.settings.expires_seconds
                    )));
                }
                self.registration.expires_at = Some(io.now + Duration::from_secs(seconds));
                io.report(Report::Registered);
            }
            (Task::Bind, None) => io.report(Report::Wrong(
                "a 200 to REGISTER without the contact that was bound".into(),
            )),
            (Task::Query, granted) => {
                let must = until.is_some_and(|until| io.now + Duration::from_secs(2) < until);
                if must {
                    io.report(Report::Queried {
                        found: granted.is_some(),
                    });
                }
            }
            (Task::Remove, None) => {
                self.registration.expires_at = None;
                self.registration.active = false;
                return;
            }
            (Task::Remove, Some(_)) => io.report(Report::Wrong(
                "a 200 to REGISTER with the contact that was removed".into(),
            )),
        }
        if self.registration.leaving {
            return;
        }
        // Some cannot wait, and some of their messages overtake each other.
        if io.random.chance(Self::HASTY_PER_MILLE) {
            self.registration.again = true;
            return self.later(io, 0, 60);
        }
        let third = u64::from(self.settings.expires_seconds) * 1_000 / 3;
        self.later(io, third / 2, third);
    }

    fn later(&mut self, io: &mut Io<'_>, low_millis: u64, high_millis: u64) {
        let at = io.now + io.random.millis(low_millis, high_millis);
        self.registration.next_at = Some(at);
        io.wake(at, AgentTimer::Registration);
    }

    pub(super) fn wake_registration(&mut self, io: &mut Io<'_>) {
        let due = self.registration.next_at.is_some_and(|at| at <= io.now);
        if !due || self.registration.in_flight || !self.registration.active {
            return;
        }
        let again = core::mem::take(&mut self.registration.again);
        let task = if self.registration.leaving {
            Task::Remove
        } else if !again
            && self.registration.task == Task::Bind
            && self.is_registered(io.now)
            && io.random.chance(400)
        {
            Task::Query
        } else {
            Task::Bind
        };
        self.register(io, task);
    }
}
