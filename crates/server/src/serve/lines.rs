//! Events in plain words, and as JSON.

use std::io::Write;
use std::net::SocketAddr;

use serde_json::json;
use strowger_element::{Event, EventKind, Text, write_displayed};
use strowger_sip::{Time, write_ip};

use super::settings::PlacedListener;
use crate::config::{Config, host_text};

/// How important an event is to a log.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Somebody should look.
    Failure,
    /// State changed, a call ended.
    Change,
    /// Everything else.
    Detail,
}

/// The weight of an event.
pub fn weight(event: &Event) -> Weight {
    let server_failed = (500..600).contains(&event.status);
    match event.kind {
        EventKind::Malformed | EventKind::CredentialsRefused => Weight::Failure,
        EventKind::CallFailed if server_failed => Weight::Failure,
        EventKind::CallFailed
        | EventKind::CallAnswered
        | EventKind::CallEnded
        | EventKind::Registered
        | EventKind::Unregistered
        | EventKind::Dropped => Weight::Change,
        // A call that fails has an event of its own.
        EventKind::Answered if event.method.as_bytes() == b"INVITE" => Weight::Detail,
        EventKind::Answered if server_failed => Weight::Failure,
        EventKind::Answered if event.status >= 300 && !is_challenge(event.status) => Weight::Change,
        EventKind::Answered | EventKind::Refreshed => Weight::Detail,
    }
}

/// 401 and 407 belong to every good registration.
fn is_challenge(status: u16) -> bool {
    matches!(status, 401 | 407)
}

/// Hosts that need not be shown behind a user: the default domain and what stands for it.
#[derive(Clone, Debug, Default)]
pub struct Names {
    hosts: Vec<String>,
}

impl Names {
    /// The default domain and the listening addresses, which belong to it.
    pub fn of(config: &Config, listeners: &[PlacedListener]) -> Names {
        let own = listeners
            .iter()
            .map(|one| host_text(one.address.ip()).into_string());
        let domain = config.domains.first().map(|domain| domain.to_string());
        Names {
            hosts: domain.into_iter().chain(own).collect(),
        }
    }

    /// What is shown of a party: the user alone where the host is the default one.
    fn short<'a>(&self, party: &'a Text) -> Shown<'a> {
        let octets = party.as_bytes();
        let user = |host: &String| {
            let at = octets.len().checked_sub(host.len() + 1)?;
            let (user, rest) = octets.split_at(at);
            let (at, rest) = rest.split_first()?;
            let host = host.as_bytes();
            let is_own = *at == b'@' && (rest == host || rest.eq_ignore_ascii_case(host));
            is_own.then_some(user)
        };
        match self.hosts.iter().find_map(user) {
            Some(user) if !party.is_cut() => Shown::User(user),
            _ => Shown::All(party),
        }
    }
}

/// What is shown of a party.
#[derive(Copy, Clone, Debug)]
enum Shown<'a> {
    All(&'a Text),
    User(&'a [u8]),
}

impl Shown<'_> {
    fn octets(&self) -> &[u8] {
        match self {
            Shown::All(text) => text.as_bytes(),
            Shown::User(user) => user,
        }
    }

    fn is_same(&self, other: &Shown<'_>) -> bool {
        let is_cut = |one: &Shown<'_>| matches!(one, Shown::All(text) if text.is_cut());
        self.octets() == other.octets() && is_cut(self) == is_cut(other)
    }
}

/// The event in plain words, without its time.
pub fn words(event: &Event, names: &Names) -> String {
    let mut words = Vec::with_capacity(256);
    write_words(event, names, &mut words);
    String::from_utf8_lossy(&words).into_owned()
}

/// Appends the event in plain words.
pub fn write_words(event: &Event, names: &Names, out: &mut Vec<u8>) {
    let mut line = Line { event, names, out };
    match event.kind {
        EventKind::Answered => {
            line.text(&event.method).parties().peer().status().elapsed();
            line.note();
        }
        EventKind::Dropped => {
            line.text(&event.method).parties().peer();
            line.say(" dropped: ").text(&event.detail);
        }
        EventKind::Registered => {
            line.party(&event.to).say(" registered at ");
            line.text(&event.detail).say(" from").peer();
        }
        EventKind::Refreshed => {
            line.party(&event.to).say(" refreshed ");
            line.text(&event.detail).say(" from").peer();
        }
        EventKind::Unregistered => {
            line.party(&event.to).say(" unregistered ");
            line.text(&event.detail);
        }
        EventKind::CallAnswered => {
            line.say("call").parties().say(" answered after").elapsed();
        }
        EventKind::CallEnded => {
            line.say("call").parties().say(" ended");
        }
        EventKind::CallFailed => {
            line.say("call").parties().say(" failed with").status();
            line.note();
        }
        EventKind::Malformed => {
            line.say("malformed message from").peer();
            line.say(": ").text(&event.detail);
        }
        EventKind::CredentialsRefused => {
            line.say("wrong password or unknown user `");
            match event.detail.is_empty() {
                true => line.party(&event.from),
                false => line.text(&event.detail),
            };
            line.say("` from").peer();
        }
    }
}

/// A line that is being written. What can stand in its middle begins with a space.
struct Line<'a> {
    event: &'a Event,
    names: &'a Names,
    out: &'a mut Vec<u8>,
}

impl Line<'_> {
    fn say(&mut self, words: &str) -> &mut Self {
        self.out.extend_from_slice(words.as_bytes());
        self
    }

    fn text(&mut self, text: &Text) -> &mut Self {
        text.write(self.out);
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        write_decimal(number, self.out);
        self
    }

    /// A party; the user alone where the host is the default one.
    fn party(&mut self, party: &Text) -> &mut Self {
        let names = self.names;
        self.shown(names.short(party))
    }

    fn shown(&mut self, party: Shown<'_>) -> &mut Self {
        match party {
            Shown::All(text) => self.text(text),
            Shown::User(user) => {
                write_displayed(user, self.out);
                self
            }
        }
    }

    /// ` alice -> bob`, or the one that both are.
    fn parties(&mut self) -> &mut Self {
        let (event, names) = (self.event, self.names);
        let (from, to) = (names.short(&event.from), names.short(&event.to));
        self.say(" ").shown(from);
        match from.is_same(&to) || to.octets().is_empty() {
            true => self,
            false => self.say(" -> ").shown(to),
        }
    }

    /// ` udp 192.0.2.1:5060`.
    fn peer(&mut self) -> &mut Self {
        let event = self.event;
        self.say(" ").say(event.transport.as_param()).say(" ");
        match event.source {
            SocketAddr::V4(source) => {
                write_ip(self.out, (*source.ip()).into());
                self.say(":").number(source.port().into())
            }
            // With its scope, which a host in SIP has not.
            SocketAddr::V6(source) => {
                // Writing to a Vec cannot fail.
                let _ = write!(self.out, "{source}");
                self
            }
        }
    }

    /// ` 200`.
    fn status(&mut self) -> &mut Self {
        let status = self.event.status;
        self.say(" ").number(status.into())
    }

    /// ` 1.1 ms`.
    fn elapsed(&mut self) -> &mut Self {
        let micros = u64::try_from(self.event.elapsed.as_micros()).unwrap_or(u64::MAX);
        self.say(" ");
        match micros {
            0..10_000 => {
                self.number(micros / 1_000).say(".");
                self.number(micros / 100 % 10).say(" ms")
            }
            10_000..1_000_000 => self.number(micros / 1_000).say(" ms"),
            _ => {
                self.number(micros / 1_000_000).say(".");
                self.number(micros / 100_000 % 10).say(" s")
            }
        }
    }

    /// ` (…)` if there is more to say.
    fn note(&mut self) {
        let detail = &self.event.detail;
        if !detail.is_empty() {
            self.say(" (").text(detail).say(")");
        }
    }
}

fn write_decimal(number: u64, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut rest = number;
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(20 - count..).unwrap_or_default());
}

/// `09:14:02.118`, UTC.
pub fn clock(wall: Time) -> String {
    let (seconds, millis) = (wall.as_secs() % 86_400, wall.as_millis() % 1_000);
    format!(
        "{:02}:{:02}:{:02}.{millis:03}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// The event as one line of JSON, with the words in `text`.
pub fn json_line(event: &Event, words: &str) -> String {
    let kind = match event.kind {
        EventKind::Answered => "answered",
        EventKind::Dropped => "dropped",
        EventKind::Registered => "registered",
        EventKind::Refreshed => "refreshed",
        EventKind::Unregistered => "unregistered",
        EventKind::CallAnswered => "call-answered",
        EventKind::CallEnded => "call-ended",
        EventKind::CallFailed => "call-failed",
        EventKind::Malformed => "malformed",
        EventKind::CredentialsRefused => "credentials-refused",
    };
    json!({
        "time_ms": event.wall.as_millis(),
        "kind": kind,
        "method": event.method.to_string(),
        "status": event.status,
        "from": event.from.to_string(),
        "to": event.to.to_string(),
        "transport": event.transport.as_param(),
        "source": event.source.to_string(),
        "call_id": event.call_id.to_string(),
        "elapsed_us": u64::try_from(event.elapsed.as_micros()).unwrap_or(u64::MAX),
        "detail": event.detail.to_string(),
        "text": format!("{} {words}", clock(event.wall)),
    })
    .to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use core::time::Duration;

    use strowger_sip::Transport;

    use super::*;
    use EventKind::*;

    pub const KINDS: [EventKind; 10] = [
        Answered,
        Dropped,
        Registered,
        Refreshed,
        Unregistered,
        CallAnswered,
        CallEnded,
        CallFailed,
        Malformed,
        CredentialsRefused,
    ];

    pub fn event(kind: EventKind) -> Event {
        Event {
            kind,
            wall: Time::from_millis(((9 * 60 + 14) * 60 + 2) * 1_000 + 118),
            elapsed: Duration::from_micros(1_140),
            status: if kind == EventKind::CallFailed {
                486
            } else {
                200
            },
            transport: Transport::Udp,
            source: ([127, 0, 0, 1], 49_211).into(),
            method: Text::new(b"INVITE"),
            from: Text::new(b"alice@example.test"),
            to: Text::new(b"bob@example.org"),
            call_id: Text::new(b"abc"),
            detail: Text::new(b"sip:b\r\nob@192.0.2.1"),
        }
    }

    fn names() -> Names {
        Names {
            hosts: vec!["example.test".to_owned(), "127.0.0.1".to_owned()],
        }
    }

    #[test]
    fn every_kind_has_its_words() {
        let lines = KINDS.map(|kind| {
            let event = event(kind);
            format!(
                "{} {} [{:?}]",
                clock(event.wall),
                words(&event, &names()),
                weight(&event)
            )
        });
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_registration_names_its_user_once() {
        let mut event = event(EventKind::Answered);
        event.method = Text::new(b"REGISTER");
        event.to = event.from;
        event.detail = Text::EMPTY;
        assert_eq!(
            words(&event, &names()),
            "REGISTER alice udp 127.0.0.1:49211 200 1.1 ms"
        );
    }

    #[test]
    fn a_cut_party_is_shown_as_it_is() {
        let mut event = event(EventKind::CallEnded);
        event.from = Text::new(&[&[b'x'; 50], b"@example.test".as_slice()].concat());
        event.to = Text::new(&[&[b'x'; 50], b"@example.test.".as_slice()].concat());
        let user = "x".repeat(50);
        assert_eq!(
            words(&event, &names()),
            format!("call {user} -> {user}@example.test… ended")
        );
    }

    #[test]
    fn times_are_told_in_two_digits_or_more() {
        let told = |micros| {
            let mut event = event(EventKind::CallAnswered);
            event.elapsed = Duration::from_micros(micros);
            words(&event, &names()).split_off("call alice -> bob@example.org answered after ".len())
        };
        assert_eq!(told(0), "0.0 ms");
        assert_eq!(told(9_999), "9.9 ms");
        assert_eq!(told(10_000), "10 ms");
        assert_eq!(told(999_999), "999 ms");
        assert_eq!(told(61_250_000), "61.2 s");
    }
}
