//! The requests of a run as templates, one set per port, since Via names the port (RFC 3261 §8.1.1).

use std::net::SocketAddr;

use strowger_sip::BRANCH_COOKIE;

use crate::identifier::{Identifier, digits};
use crate::phase::Task;
use crate::scenario::Scenario;
use crate::settings::Settings;
use crate::template::Template;

/// The session that both sides offer: audio, as a phone has it. No media is sent.
pub(crate) const SESSION: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 9 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15\r\na=sendrecv\r\n";

/// Max-Forwards of what we send (RFC 3261 §8.1.1.6).
pub(crate) const MAX_FORWARDS: u32 = 70;

/// Who asks for OPTIONS: the user of a domain that does not exist (RFC 2606 §2) is challenged by nobody.
const STRANGER: &str = "sip:load@load.invalid";

const TEXT: &str = "a short message of ordinary length, sent through the server";

/// Templates and prefixes.
#[derive(Debug)]
pub(crate) struct Requests {
    /// What our branches begin with.
    pub(crate) branch_prefix: Vec<u8>,
    /// What our Call-IDs begin with.
    pub(crate) call_id_prefix: Vec<u8>,
    ports: Vec<Port>,
    /// Where users are reached.
    pub(crate) contact: SocketAddr,
}

#[derive(Debug)]
struct Port {
    /// `Via: … ;branch=` and the prefix.
    via: Vec<u8>,
    scenario: Template,
    enter: Template,
    leave: Template,
}

impl Requests {
    /// `run` tells this run from others at the same ports.
    pub(crate) fn new(
        settings: &Settings,
        callers: &[SocketAddr],
        called: Option<SocketAddr>,
        run: u32,
    ) -> Requests {
        let branch = format!("{}{run:08x}", String::from_utf8_lossy(BRANCH_COOKIE));
        let contact = called
            .or(callers.first().copied())
            .unwrap_or(settings.target);
        let ports = callers.iter().map(|own| {
            let via = format!("Via: SIP/2.0/UDP {own};branch={branch}");
            let head = Head {
                settings,
                own: *own,
                contact,
                via: &via,
                run,
            };
            Port {
                scenario: Template::new(&head.scenario()),
                enter: Template::new(&head.register(settings.expires_seconds)),
                leave: Template::new(&head.register(0)),
                via: via.into_bytes(),
            }
        });
        Requests {
            ports: ports.collect(),
            branch_prefix: branch.into_bytes(),
            call_id_prefix: format!("{run:08x}-").into_bytes(),
            contact,
        }
    }

    /// How many ports there are.
    pub(crate) fn ports(&self) -> u32 {
        u32::try_from(self.ports.len()).unwrap_or(u32::MAX)
    }

    /// The request that begins an operation.
    pub(crate) fn template(&self, port: u16, task: Task) -> Option<&Template> {
        let port = self.ports.get(usize::from(port))?;
        Some(match task {
            Task::Scenario => &port.scenario,
            Task::Enter => &port.enter,
            Task::Leave => &port.leave,
        })
    }

    /// Appends the Via line for one of our exchanges.
    pub(crate) fn write_via(&self, port: u16, identifier: Identifier, out: &mut Vec<u8>) {
        if let Some(port) = self.ports.get(usize::from(port)) {
            out.extend_from_slice(&port.via);
            out.extend_from_slice(&digits(identifier.to_number()));
            out.extend_from_slice(b";rport\r\n");
        }
    }

    /// Appends the contact URI of a user, whose name is escaped.
    pub(crate) fn write_contact(&self, user: &[u8], out: &mut Vec<u8>) {
        use std::io::Write;
        out.extend_from_slice(b"sip:");
        out.extend_from_slice(user);
        // Writing to memory cannot fail.
        let _ = write!(out, "@{}", self.contact);
    }
}

/// What the templates of one port have in common.
struct Head<'a> {
    settings: &'a Settings,
    own: SocketAddr,
    contact: SocketAddr,
    via: &'a str,
    run: u32,
}

impl Head<'_> {
    fn register(&self, expires_seconds: u32) -> String {
        let domain = &self.settings.domain;
        self.request(
            "REGISTER",
            &format!("sip:{domain}"),
            &format!("sip:{{user}}@{domain}"),
            &format!("sip:{{user}}@{domain}"),
            &format!(
                "Contact: <sip:{{user}}@{}>\r\nExpires: {expires_seconds}\r\n",
                self.contact
            ),
            "",
        )
    }

    fn scenario(&self) -> String {
        let Head { settings, own, .. } = self;
        let domain = &settings.domain;
        let from = match (&settings.from, settings.scenario) {
            (Some(from), _) => from.clone(),
            (None, Scenario::Message | Scenario::Call) => format!("sip:{{caller}}@{domain}"),
            (None, Scenario::Invite404) => format!("sip:load@{domain}"),
            (None, _) => STRANGER.to_owned(),
        };
        let contact = format!("Contact: <sip:load@{own}>\r\n");
        let user = format!("sip:{{user}}@{domain}");
        match settings.scenario {
            Scenario::Options => {
                let uri = format!("sip:{domain}");
                let lines = format!("{contact}Accept: application/sdp\r\n");
                self.request("OPTIONS", &uri, &from, &uri, &lines, "")
            }
            Scenario::Register | Scenario::RegisterAuth => self.register(settings.expires_seconds),
            Scenario::Message => {
                let lines = "Content-Type: text/plain\r\n";
                self.request("MESSAGE", &user, &from, &user, lines, TEXT)
            }
            Scenario::Invite404 | Scenario::Call => {
                let lines = format!(
                    "{contact}Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\nContent-Type: application/sdp\r\n"
                );
                self.request("INVITE", &user, &from, &user, &lines, SESSION)
            }
        }
    }

    fn request(
        &self,
        method: &str,
        uri: &str,
        from: &str,
        to: &str,
        lines: &str,
        body: &str,
    ) -> String {
        let Head { via, run, .. } = self;
        format!(
            "{method} {uri} SIP/2.0\r\n{via}{{branch}};rport\r\nMax-Forwards: {MAX_FORWARDS}\r\n\
             From: <{from}>;tag={{call}}\r\nTo: <{to}>\r\nCall-ID: {run:08x}-{{call}}\r\nCSeq: {{cseq}} {method}\r\n\
             {lines}User-Agent: {}\r\n{{lines}}Content-Length: {}\r\n\r\n{body}",
            self.settings.user_agent,
            body.len()
        )
    }
}
