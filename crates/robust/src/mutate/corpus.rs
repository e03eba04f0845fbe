//! The valid messages that mutations start from: requests of phones with credentials, dialogs as the server made them, and
//! the fixtures.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use strowger_sip::{AnswerInput, Challenge, HeaderName, Message, Secret};

use crate::random::Random;

/// Dialogs and INVITEs that are remembered.
const KEPT_MAX: usize = 256;
/// Nonces in use at a time: the server tells counts apart only within a window.
pub const NONCES: usize = 16;

/// A dialog as the caller knows it (RFC 3261 §12.1.2).
#[derive(Debug)]
struct Dialog {
    user: usize,
    from: Vec<u8>,
    to: Vec<u8>,
    call_id: Vec<u8>,
    target: Vec<u8>,
    routes: Vec<Vec<u8>>,
    cseq: u32,
}

/// An INVITE that was sent, before its mutation.
#[derive(Debug)]
struct Sent {
    call: u64,
    user: usize,
    called: usize,
}

/// A nonce of the server's, with its count.
#[derive(Debug)]
struct Nonce {
    /// The value of WWW-Authenticate.
    challenge: Vec<u8>,
    used: u32,
}

/// Everything that messages are made of.
pub struct Corpus {
    domain: String,
    users: usize,
    caller: SocketAddr,
    called: SocketAddr,
    fixtures: Vec<Vec<u8>>,
    nonces: Vec<Nonce>,
    dialogs: Vec<Dialog>,
    invites: Vec<Sent>,
    next: u64,
}

const SESSION: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                       m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

impl Corpus {
    /// Reads the fixtures.
    pub fn new(
        domain: String,
        users: usize,
        caller: SocketAddr,
        called: SocketAddr,
        folder: &Path,
    ) -> Result<Corpus, String> {
        let mut paths = Vec::new();
        for name in ["rfc4475", "rfc5118"] {
            let folder = folder.join(name);
            let entries =
                std::fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            paths.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        }
        // What a seed means must not depend on the file system.
        paths.sort();
        let fixtures: Vec<Vec<u8>> = paths
            .iter()
            .filter_map(|path| std::fs::read(path).ok())
            .collect();
        if fixtures.len() < 60 {
            return Err(format!(
                "{} has only {} fixtures",
                folder.display(),
                fixtures.len()
            ));
        }
        Ok(Corpus {
            domain,
            users: users.max(2),
            caller,
            called,
            fixtures,
            nonces: Vec::new(),
            dialogs: Vec::new(),
            invites: Vec::new(),
            next: 0,
        })
    }

    /// How many fixtures there are.
    pub fn fixtures(&self) -> usize {
        self.fixtures.len()
    }

    /// Any fixture.
    pub fn fixture(&self, random: &mut Random) -> &[u8] {
        random.pick(&self.fixtures).map_or(b"", Vec::as_slice)
    }

    /// Writes the next valid message. `transport` is that of the Via.
    pub fn write(&mut self, random: &mut Random, transport: &str, out: &mut Vec<u8>) {
        out.clear();
        self.next += 1;
        let user = random.below(self.users);
        let called = random.below(self.users);
        let alone = format!("sip:{}", self.domain);
        let to = format!("sip:m{called}@{}", self.domain);
        match random.below(100) {
            0..20 => out.extend_from_slice(self.fixture(random)),
            20..34 => self.register(user, transport, random.chance(90), out),
            34..54 => {
                self.request("INVITE", &to, &to, user, transport, Some(SESSION), out);
                let sent = Sent {
                    call: self.next,
                    user,
                    called,
                };
                keep(&mut self.invites, sent, random);
            }
            54..60 => self.request("OPTIONS", &alone, &alone, user, transport, None, out),
            60..66 => self.request("MESSAGE", &to, &to, user, transport, Some("hello"), out),
            66..70 => self.request("SUBSCRIBE", &to, &to, user, transport, None, out),
            70..74 => self.request("OPTIONS", &to, &to, user, transport, None, out),
            74..76 => self.request("PUBLISH", &to, &to, user, transport, Some("x"), out),
            76..84 => self.about_invite(random, transport, out),
            _ => self.in_dialog(random, transport, out),
        }
    }

    /// A valid REGISTER with credentials, or without to get a challenge.
    pub fn register(&mut self, user: usize, transport: &str, with: bool, out: &mut Vec<u8>) {
        let uri = format!("sip:{}", self.domain);
        let own = format!("sip:m{user}@{}", self.domain);
        self.next += u64::from(!with);
        let nonces = match with {
            true => Vec::new(),
            false => std::mem::take(&mut self.nonces),
        };
        self.request("REGISTER", &uri, &own, user, transport, None, out);
        if !with {
            self.nonces = nonces;
        }
    }

    #[allow(clippy::too_many_arguments, reason = "all that a request is made of")]
    fn request(
        &mut self,
        method: &str,
        uri: &str,
        to: &str,
        user: usize,
        transport: &str,
        body: Option<&str>,
        out: &mut Vec<u8>,
    ) {
        let (call, domain, caller) = (self.next, &self.domain, self.caller);
        let contact = match method {
            "REGISTER" => self.called,
            _ => caller,
        };
        let more = match method {
            "SUBSCRIBE" => "Event: presence\r\nExpires: 60\r\n",
            "REGISTER" => "Expires: 600\r\n",
            "PUBLISH" => "Event: presence\r\n",
            _ => "",
        };
        _ = write!(
            out,
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {caller};branch=z9hG4bKm{call};rport\r\n\
             Max-Forwards: 70\r\nFrom: \"M {user}\" <sip:m{user}@{domain}>;tag=f{call}\r\nTo: <{to}>\r\n\
             Call-ID: mutated-{call}\r\nCSeq: 1 {method}\r\nContact: <sip:m{user}@{contact}>\r\n{more}\
             Supported: 100rel, timer, path\r\nUser-Agent: mutator\r\n"
        );
        self.write_credentials(method, uri, user, out);
        let body = body.unwrap_or_default();
        let kind = match body {
            "" => "",
            SESSION => "Content-Type: application/sdp\r\n",
            _ => "Content-Type: text/plain\r\n",
        };
        _ = write!(out, "{kind}Content-Length: {}\r\n\r\n{body}", body.len());
    }

    /// CANCEL, ACK or the same again for an INVITE that was sent.
    fn about_invite(&mut self, random: &mut Random, transport: &str, out: &mut Vec<u8>) {
        let Some(sent) = random.pick(&self.invites) else {
            return self.register(0, transport, true, out);
        };
        let (call, user, called) = (sent.call, sent.user, sent.called);
        let (domain, caller) = (&self.domain, self.caller);
        let method = match random.below(3) {
            0 => "ACK",
            1 => "CANCEL",
            _ => "INVITE",
        };
        _ = write!(
            out,
            "{method} sip:m{called}@{domain} SIP/2.0\r\nVia: SIP/2.0/{transport} {caller};branch=z9hG4bKm{call};rport\r\n\
             Max-Forwards: 70\r\nFrom: \"M {user}\" <sip:m{user}@{domain}>;tag=f{call}\r\nTo: <sip:m{called}@{domain}>\r\n\
             Call-ID: mutated-{call}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
        );
    }

    fn in_dialog(&mut self, random: &mut Random, transport: &str, out: &mut Vec<u8>) {
        let at = random.below(self.dialogs.len());
        let caller = self.caller;
        let call = self.next;
        let Some(dialog) = self.dialogs.get_mut(at) else {
            return self.register(0, transport, true, out);
        };
        let method = ["ACK", "BYE", "INVITE", "INFO", "UPDATE", "NOTIFY", "PRACK"]
            .get(random.below(7))
            .copied()
            .unwrap_or("BYE");
        if method != "ACK" {
            dialog.cseq += 1;
        }
        let line = |out: &mut Vec<u8>, name: &str, value: &[u8]| {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        };
        line(
            out,
            &format!("{method} "),
            &[&dialog.target, &b" SIP/2.0"[..]].concat(),
        );
        _ = write!(
            out,
            "Via: SIP/2.0/{transport} {caller};branch=z9hG4bKm{call};rport\r\nMax-Forwards: 70\r\n"
        );
        for route in &dialog.routes {
            line(out, "Route: ", route);
        }
        line(out, "From: ", &dialog.from);
        line(out, "To: ", &dialog.to);
        line(out, "Call-ID: ", &dialog.call_id);
        let (cseq, user) = (dialog.cseq, dialog.user);
        let body = match method {
            "INVITE" | "UPDATE" => SESSION,
            _ => "",
        };
        _ = write!(
            out,
            "CSeq: {cseq} {method}\r\nContact: <sip:m{user}@{caller}>\r\n"
        );
        if !body.is_empty() {
            _ = write!(out, "Content-Type: application/sdp\r\n");
        }
        _ = write!(out, "Content-Length: {}\r\n\r\n{body}", body.len());
    }

    fn write_credentials(&mut self, method: &str, uri: &str, user: usize, out: &mut Vec<u8>) {
        let count = self.nonces.len().max(1) as u64;
        let Some(nonce) = self.nonces.get_mut((self.next % count) as usize) else {
            return;
        };
        let Ok(challenge) = Challenge::parse(&nonce.challenge) else {
            return;
        };
        nonce.used += 1;
        let name = match method {
            "REGISTER" => "Authorization: ",
            _ => "Proxy-Authorization: ",
        };
        out.extend_from_slice(name.as_bytes());
        let user = format!("m{user}");
        let input = AnswerInput {
            user: user.as_bytes(),
            method: method.as_bytes(),
            uri: uri.as_bytes(),
            body: b"",
            cnonce: b"c",
            nonce_count: nonce.used,
        };
        challenge.write_answer(
            out,
            Secret::Password(format!("pw-{user}").as_bytes()),
            &input,
        );
        out.extend_from_slice(b"\r\n");
    }

    /// Learns nonces from challenges and dialogs from answers.
    pub fn learn(&mut self, response: &Message, random: &mut Random) {
        match response.status().map(|status| status.get()) {
            Some(401) => {
                let Some(header) = response.header(HeaderName::WwwAuthenticate) else {
                    return;
                };
                let nonce = Nonce {
                    challenge: header.value.to_vec(),
                    used: 0,
                };
                // Fresh ones come from those REGISTERs that have no credentials.
                match self.nonces.len() < NONCES {
                    true => self.nonces.push(nonce),
                    false => {
                        let at = random.below(NONCES);
                        if let Some(old) = self.nonces.get_mut(at).filter(|old| old.used > 2_000) {
                            *old = nonce;
                        }
                    }
                }
            }
            Some(200..300) if response.cseq().method == strowger_sip::Method::Invite => {
                let value = |name| response.header(name).map(|header| header.value.to_vec());
                let (Some(from), Some(to)) = (value(HeaderName::From), value(HeaderName::To))
                else {
                    return;
                };
                let target = response
                    .contacts()
                    .find_map(Result::ok)
                    .and_then(|contact| Some(contact.address()?.uri.to_vec()))
                    .unwrap_or_default();
                let mut routes: Vec<Vec<u8>> = response
                    .headers_named(HeaderName::RecordRoute)
                    .map(|header| header.value.to_vec())
                    .collect();
                routes.reverse();
                let dialog = Dialog {
                    user: 0,
                    from,
                    to,
                    call_id: response.call_id().to_vec(),
                    target,
                    routes,
                    cseq: 1,
                };
                keep(&mut self.dialogs, dialog, random);
            }
            _ => {}
        }
    }

    /// Dialogs known.
    pub fn dialogs(&self) -> usize {
        self.dialogs.len()
    }

    /// Nonces known.
    pub fn nonces(&self) -> usize {
        self.nonces.len()
    }
}

/// Adds to a list; when it is full, in the place of any.
fn keep<T>(list: &mut Vec<T>, new: T, random: &mut Random) {
    if list.len() < KEPT_MAX {
        list.push(new);
    } else if let Some(old) = list.get_mut(random.below(KEPT_MAX)) {
        *old = new;
    }
}
