//! Events in plain words, and as JSON.

use std::fmt::Write;
use std::time::Duration;

use serde_json::json;
use strowger_element::{Event, EventKind};
use strowger_sip::Time;

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
}

/// The event in plain words, without its time.
pub fn words(event: &Event, names: &Names) -> String {
    let who = |text: &strowger_element::Text| short(&text.to_string(), names);
    let (from, to) = (who(&event.from), who(&event.to));
    let parties = if from == to || to.is_empty() {
        from.clone()
    } else {
        format!("{from} -> {to}")
    };
    let peer = format!("{} {}", event.transport.as_param(), event.source);
    let detail = event.detail.to_string();
    match event.kind {
        EventKind::Answered => {
            let mut line = format!(
                "{} {parties} {peer} {} {}",
                event.method,
                event.status,
                elapsed(event.elapsed)
            );
            if !detail.is_empty() {
                let _ = write!(line, " ({detail})");
            }
            line
        }
        EventKind::Dropped => format!("{} {parties} {peer} dropped: {detail}", event.method),
        EventKind::Registered => format!("{to} registered at {detail} from {peer}"),
        EventKind::Refreshed => format!("{to} refreshed {detail} from {peer}"),
        EventKind::Unregistered => format!("{to} unregistered {detail}"),
        EventKind::CallAnswered => {
            format!("call {parties} answered after {}", elapsed(event.elapsed))
        }
        EventKind::CallEnded => format!("call {parties} ended"),
        EventKind::CallFailed => {
            let note = if detail.is_empty() {
                String::new()
            } else {
                format!(" ({detail})")
            };
            format!("call {parties} failed with {}{note}", event.status)
        }
        EventKind::Malformed => format!("malformed message from {peer}: {detail}"),
        EventKind::CredentialsRefused => {
            let user = if detail.is_empty() { from } else { detail };
            format!("wrong password or unknown user `{user}` from {peer}")
        }
    }
}

/// The user alone where the host is the default one.
fn short(party: &str, names: &Names) -> String {
    match party.rsplit_once('@') {
        Some((user, host)) if names.hosts.iter().any(|one| one.eq_ignore_ascii_case(host)) => {
            user.to_owned()
        }
        _ => party.to_owned(),
    }
}

fn elapsed(duration: Duration) -> String {
    let micros = duration.as_micros();
    match micros {
        0..10_000 => format!("{}.{} ms", micros / 1_000, micros / 100 % 10),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{}.{} s", micros / 1_000_000, micros / 100_000 % 10),
    }
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
mod tests {
    use super::*;
    use strowger_element::Text;
    use strowger_sip::Transport;

    fn event(kind: EventKind) -> Event {
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
        use EventKind::*;
        let kinds = [
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
        let lines = kinds.map(|kind| {
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
}
