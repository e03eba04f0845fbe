//! What a client tells: the status in words, the time it took, what is worth knowing.

use std::time::Duration;

use serde_json::{Map, Value};
use strowger_sip::{HeaderName, Message, StatusCode};

use super::connection::place;
use super::exchange::{Answer, Peer};
use crate::commands::{printable, say, say_json};
use crate::exit::Failure;

/// The result of one request.
#[derive(Clone, Debug)]
pub struct Report {
    /// Status code of the final response.
    pub status: u16,
    /// Its reason phrase.
    pub reason: String,
    /// From the request to this response.
    pub rtt: Duration,
    /// Who answered, `udp:127.0.0.1:5060`.
    pub peer: String,
    /// Further lines for people.
    pub lines: Vec<String>,
    /// Further values for programs.
    pub fields: Map<String, Value>,
}

impl Report {
    /// The report of an answer.
    pub fn of(answer: &Answer, peer: &Peer) -> Report {
        let status = answer.message.status();
        let mut report = Report {
            status: status.map_or(0, |status| status.get()),
            reason: text(answer.message.reason()),
            rtt: answer.rtt,
            peer: place(peer.connection().transport(), peer.connection().remote()),
            lines: Vec::new(),
            fields: Map::new(),
        };
        if let Some(hint) = status.and_then(hint) {
            report.line(hint.to_owned());
        }
        report.line_of_header(&answer.message, HeaderName::Warning);
        report
    }

    /// Adds a line for people.
    pub fn line(&mut self, line: String) {
        self.lines.push(line);
    }

    /// Adds a value for programs.
    pub fn field(&mut self, name: &str, value: Value) {
        self.fields.insert(name.to_owned(), value);
    }

    /// Adds a header field of the response for both, if it is there.
    pub fn line_of_header(&mut self, message: &Message, name: HeaderName) {
        let values: Vec<_> = message
            .headers_named(name)
            .map(|header| text(header.value))
            .collect();
        if !values.is_empty() {
            let value = values.join(", ");
            self.line(format!("{}: {value}", name.as_str()));
            self.field(
                &name.as_str().to_ascii_lowercase().replace('-', "_"),
                value.into(),
            );
        }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        u8::from(!(200..300).contains(&self.status))
    }

    /// For people.
    pub fn to_text(&self) -> String {
        let millis = self.rtt.as_secs_f64() * 1e3;
        let mut out = format!(
            "{} {} from {} in {millis:.1} ms\n",
            self.status, self.reason, self.peer
        );
        for line in &self.lines {
            out.push_str("  ");
            out.push_str(line);
            out.push('\n');
        }
        out
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let mut object = self.fields.clone();
        object.insert("status".to_owned(), self.status.into());
        object.insert("reason".to_owned(), self.reason.as_str().into());
        let millis = (self.rtt.as_secs_f64() * 1e6).round() / 1e3;
        object.insert("rtt_ms".to_owned(), millis.into());
        object.insert("peer".to_owned(), self.peer.as_str().into());
        Value::Object(object)
    }
}

/// Prints a result or a failure; returns the exit code.
pub fn finish(result: Result<Report, Failure>, json: bool) -> u8 {
    match result {
        Ok(report) => {
            match json {
                true => say_json(&report.to_json()),
                false => say(&report.to_text()),
            }
            report.code()
        }
        Err(failure) => {
            match json {
                true => say_json(&failure.to_json()),
                false => eprintln!("{failure}"),
            }
            failure.exit as u8
        }
    }
}

/// Octets of the wire as text without anything that a terminal would obey.
pub fn text(octets: &[u8]) -> String {
    printable(&String::from_utf8_lossy(octets))
}

/// What the usual refusals mean to somebody who tries a server out.
fn hint(status: StatusCode) -> Option<&'static str> {
    Some(match status {
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            "the user is not known, or the password is wrong"
        }
        StatusCode::FORBIDDEN => "this user may not do that; `--from` and `--user` say who asks",
        StatusCode::NOT_FOUND => "there is no such user or domain",
        StatusCode::TEMPORARILY_UNAVAILABLE => "the user is known and not registered",
        StatusCode::SERVER_INTERNAL_ERROR => {
            "the server could not find or reach the next hop, or keep its data; see its log"
        }
        _ => return None,
    })
}
