//! A server of text replacements, on virtual time: enough of registrar and proxy for every scenario.

use std::net::SocketAddr;

use strowger_sip::{Limits, Message, Time};
use strowger_transaction::TransmitBatch;

use crate::{Amount, Generator, Pace, Phase, Scenario, Settings, Statistics, Task, Users};

const CALLED: &str = "127.0.0.1:7000";
const DOMAIN: &str = "example.test";

/// Generator, server and the network between them.
pub struct World {
    pub generator: Generator,
    pub now: Time,
    batch: TransmitBatch,
    /// Whether REGISTER is challenged.
    pub challenges: bool,
    /// What the server does to every datagram it sends, apart from its work.
    pub bend: fn(String) -> String,
    /// Numbers of datagrams to the server that are lost, from 0.
    pub lost: Vec<usize>,
    seen: usize,
    pub sent: Vec<String>,
}

impl World {
    pub fn new(scenario: Scenario, change: impl FnOnce(&mut Settings)) -> World {
        let users = Users::Numbered {
            prefix: String::new(),
            first: 1,
            digits: 2,
            count: 3,
        };
        let target = "127.0.0.1:5060".parse().expect("an address");
        let mut settings = Settings::new(scenario, target, users);
        settings.domain = DOMAIN.to_owned();
        change(&mut settings);
        let callers =
            ["127.0.0.1:6000", "127.0.0.1:6001"].map(|text| text.parse().expect("an address"));
        let called = scenario
            .has_called_side()
            .then(|| CALLED.parse().expect("an address"));
        World {
            generator: Generator::new(settings, &callers, called, 0xabc),
            now: Time::from_secs(100),
            batch: TransmitBatch::new(),
            challenges: false,
            bend: |text| text,
            lost: Vec::new(),
            seen: 0,
            sent: Vec::new(),
        }
    }

    /// Runs one phase of the scenario to its end.
    pub fn run(&mut self, amount: Amount, pace: Pace) -> Statistics {
        self.run_task(Task::Scenario, amount, pace)
    }

    pub fn run_task(&mut self, task: Task, amount: Amount, pace: Pace) -> Statistics {
        let phase = Phase {
            name: "",
            task,
            amount,
            pace,
            measured: true,
        };
        self.generator.begin(self.now, phase);
        self.run_until(Time::MAX);
        self.generator.statistics().clone()
    }

    /// Goes on until the phase has finished, or `end` has come.
    pub fn run_until(&mut self, end: Time) {
        for _ in 0..1_000_000 {
            self.generator.handle_timeout(self.now, &mut self.batch);
            self.deliver();
            if self.generator.is_finished(self.now) || self.now >= end {
                return;
            }
            let next = self
                .generator
                .poll_timeout(self.now)
                .expect("something is waited for");
            self.now = next.max(self.now).min(end);
        }
        panic!("never finished");
    }

    pub fn stop(&mut self) {
        self.generator.stop(self.now, &mut self.batch);
    }

    fn deliver(&mut self) {
        while !self.batch.is_empty() {
            let batch = core::mem::take(&mut self.batch);
            for send in &batch.sends {
                let text = String::from_utf8(batch.message(send).to_vec()).expect("text");
                self.sent.push(text.clone());
                let number = self.seen;
                self.seen += 1;
                if self.lost.contains(&number) {
                    continue;
                }
                let caller = format!("127.0.0.1:{}", 6000 + send.flow.listener.0);
                for (to, text) in self.serve(&text, &caller) {
                    let octets = (self.bend)(text).into_bytes();
                    let port = match to.as_str() {
                        "127.0.0.1:6000" => 0,
                        "127.0.0.1:6001" => 1,
                        CALLED => 2,
                        other => panic!("nobody at {other}"),
                    };
                    let remote: SocketAddr = "127.0.0.1:5060".parse().expect("an address");
                    let port = strowger_transaction::ListenerId(port);
                    self.generator.handle_datagram(
                        self.now,
                        port,
                        remote,
                        &octets,
                        &mut self.batch,
                    );
                }
            }
        }
    }

    /// What the server sends for one datagram.
    fn serve(&self, text: &str, caller: &str) -> Vec<(String, String)> {
        let message =
            Message::parse(text.as_bytes().to_vec(), &Limits::default()).expect("well-formed");
        if text.starts_with("SIP/2.0 ") {
            return back(text).into_iter().collect();
        }
        let answer = |status: &str, lines: &str| {
            let head: String = text
                .lines()
                .filter(|line| {
                    ["Via:", "From:", "Call-ID:", "CSeq:"]
                        .iter()
                        .any(|name| line.starts_with(name))
                })
                .map(|line| format!("{line}\r\n"))
                .collect();
            let to = text
                .lines()
                .find(|line| line.starts_with("To:"))
                .expect("To");
            let text =
                format!("SIP/2.0 {status}\r\n{head}{to};tag=s\r\n{lines}Content-Length: 0\r\n\r\n");
            vec![(caller.to_owned(), text)]
        };
        let uri = String::from_utf8_lossy(message.request_uri()).into_owned();
        match text.split(' ').next().expect("a method") {
            "OPTIONS" => answer("200 OK", ""),
            "INVITE" | "MESSAGE"
                if self.challenges
                    && !text.contains("\r\nProxy-Authorization: Digest username=\"boss\"") =>
            {
                let line = "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n";
                answer("407 Proxy Authentication Required", line)
            }
            "ACK" if uri.ends_with(DOMAIN) => Vec::new(),
            "INVITE" if uri.starts_with("sip:nobody") => answer("404 Not Found", ""),
            "REGISTER" if self.challenges && !text.contains("\r\nAuthorization: Digest ") => {
                answer(
                    "401 Unauthorized",
                    "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n",
                )
            }
            "REGISTER" if text.contains("\r\nExpires: 0\r\n") => answer("200 OK", ""),
            "REGISTER" => {
                let contact = text
                    .lines()
                    .find(|line| line.starts_with("Contact:"))
                    .expect("Contact");
                answer("200 OK", &format!("{contact};expires=3600\r\n"))
            }
            _ => vec![(CALLED.to_owned(), forward(text, &uri))],
        }
    }
}

/// The request as the proxy forwards it to the contact.
fn forward(text: &str, uri: &str) -> String {
    let contact = uri.replace(&format!("@{DOMAIN}"), &format!("@{CALLED}"));
    let record = match text.starts_with("INVITE") {
        true => "Record-Route: <sip:inner;lr>\r\nRecord-Route: <sip:outer;lr>\r\n",
        false => "",
    };
    let mut out = String::new();
    let (head, body) = text.split_once("\r\n\r\n").expect("an end");
    for (number, line) in head.split("\r\n").enumerate() {
        match line {
            _ if number == 0 => {
                out += &line.replacen(uri, &contact, 1);
                out += &format!(
                    "\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKp{}\r\n{record}",
                    text.len()
                );
            }
            _ if line.starts_with("Route:") => {}
            "Max-Forwards: 70" => out += "Max-Forwards: 69\r\n",
            _ => out += &format!("{line}\r\n"),
        }
    }
    format!("{out}\r\n{body}")
}

/// The response as the proxy passes it back; `None` if its own Via is missing.
fn back(text: &str) -> Option<(String, String)> {
    let own = text.lines().find(|line| line.starts_with("Via:"))?;
    let rest = text.replacen(&format!("{own}\r\n"), "", 1);
    let via = rest.lines().find(|line| line.starts_with("Via:"))?;
    let sent_by = via.split([' ', ';']).nth(2)?.to_owned();
    Some((sent_by, rest))
}
