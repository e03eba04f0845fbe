//! Pseudo-variables over messages. Tables marked "observed on 5.6.3" were compared with a running Kamailio, value and
//! kind; where we differ on purpose, the row says so.

mod reading;
mod transforms;
mod writing;

use std::collections::BTreeMap;

use strowger_sip::{Limits, Message, Time, Transport};

use super::*;

/// The request of the tables.
pub(crate) const INVITE: &str = "INVITE sip:bob%20x:pw@h.test:5070;transport=tcp;x=y SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5888;branch=z9hG4bKabc;rport
Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKdef
From: \"Alice \\\"A\\\" X\" <sip:alice@a.test:5071;p=1>;tag=ft1
To: Bob <sip:bob@h.test>
Call-ID: call-1@x
CSeq: 0017 INVITE
Max-Forwards: 70
Contact: <sip:alice@127.0.0.1:5888;transport=udp>;q=0.5, <sip:b@c.test>
User-Agent: UA/1
X-A: one
X-A: two
X-A:  three, four
X-Num: 404
P-Asserted-Identity: \"P\" <sip:pai@x.test>
P-Preferred-Identity: <sip:ppi@x.test>
Diversion: <sip:div@x.test>;reason=unconditional;privacy=off
Remote-Party-ID: <sip:rpid@x.test>;party=calling
Refer-To: <sip:rt@x.test>
Proxy-Authorization: Digest username=\"u1@dom.test\", realm=\"r.test\", nonce=\"n1\", uri=\"sip:h.test\", response=\"abcd\", algorithm=MD5
Content-Type: application/sdp
Content-Length: 5

hello";

/// A request with compact names and little else.
pub(crate) const MESSAGE: &str = "MESSAGE sip:h.test SIP/2.0
v: SIP/2.0/UDP 127.0.0.1:5888;branch=z9hG4bKabc2
f: sip:alice@a.test;tag=ft1
t: <sips:h.test:5061>;tag=tt
i: call-2@x
CSeq: 17   MESSAGE
m: *
l: 0

";

/// A reply.
pub(crate) const REPLY: &str = "SIP/2.0 486 Busy Here
Via: SIP/2.0/UDP 127.0.0.1:5999;branch=z9hG4bKabc2
Via: SIP/2.0/UDP 127.0.0.1:5888;branch=z9hG4bKabc
From: <sip:alice@a.test>;tag=ft1
To: <tel:+1234;phone-context=x>;tag=tt
Call-ID: call-2@x
CSeq: 17 INVITE
Contact: sip:x@y.test
Content-Length: 0

";

/// A world for one message.
pub(crate) struct World {
    pub(crate) message: Message,
    pub(crate) request_uri: Option<Vec<u8>>,
    pub(crate) destination_uri: Option<Vec<u8>>,
    pub(crate) variables: Variables,
    pub(crate) avps: Avps,
    pub(crate) xavps: Xavps,
    pub(crate) shared: BTreeMap<Vec<u8>, PvValue<'static>>,
    pub(crate) branches: Vec<Vec<u8>>,
    pub(crate) flags: u32,
    pub(crate) request: Option<Message>,
}

pub(crate) fn parsed(text: &str) -> Message {
    let octets = text.replace('\n', "\r\n").into_bytes();
    match Message::parse(octets, &Limits::default()) {
        Ok(message) => message,
        Err(failure) => panic!("{}", failure.error),
    }
}

impl World {
    pub(crate) fn new(text: &str) -> World {
        World {
            message: parsed(text),
            request_uri: None,
            destination_uri: None,
            variables: Variables::default(),
            avps: Avps::default(),
            xavps: Xavps::default(),
            shared: BTreeMap::new(),
            branches: Vec::new(),
            flags: 0,
            request: None,
        }
    }

    /// Value and kind: `[text]`, a bare number, `nil`, or `error: …`.
    pub(crate) fn show(&self, spec: &str) -> String {
        match PvSpec::parse(spec.as_bytes()) {
            Err(error) => format!("error: {error}"),
            Ok(spec) => match spec.read(self) {
                PvValue::Null => "nil".into(),
                PvValue::Int(number) => number.to_string(),
                value => format!("[{}]", value.to_string().escape_debug()),
            },
        }
    }

    pub(crate) fn set<'v>(&mut self, spec: &str, value: impl Into<PvValue<'v>>) -> WriteOutcome {
        let spec = PvSpec::parse(spec.as_bytes()).expect("a pseudo-variable");
        spec.write(self, value.into())
    }

    /// One line for each.
    pub(crate) fn table(&self, specs: &str) -> String {
        let lines = specs.lines().map(str::trim).filter(|spec| !spec.is_empty());
        lines
            .map(|spec| format!("{spec}  {}", self.show(spec)))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl PvSource for World {
    fn message(&self) -> &Message {
        &self.message
    }
    fn flow(&self) -> Option<PvFlow<'_>> {
        Some(PvFlow {
            source: ([127, 0, 0, 1], 5888).into(),
            transport: Transport::Udp,
            received_on: ([127, 0, 0, 1], 5999).into(),
            socket_name: Some(b"sock1"),
            advertised: Some((b"9.9.9.9", 5070)),
            connection: None,
        })
    }
    fn request_uri(&self) -> Option<&[u8]> {
        match &self.request_uri {
            Some(uri) => Some(uri),
            None => self
                .message
                .is_request()
                .then(|| self.message.request_uri()),
        }
    }
    fn destination_uri(&self) -> Option<&[u8]> {
        self.destination_uri.as_deref()
    }
    fn branch(&self, index: usize) -> Option<PvBranch<'_>> {
        let uri = self.branches.get(index)?;
        Some(PvBranch {
            uri,
            q: (index == 1).then_some(500),
            ..PvBranch::default()
        })
    }
    fn flags(&self, which: Flags) -> u32 {
        if which == Flags::Message {
            self.flags
        } else {
            0
        }
    }
    fn stored(&self, which: Stored) -> Option<&Message> {
        self.request.as_ref().filter(|_| which == Stored::Request)
    }
    fn stored_value(&self, key: &StoreKey<'_>) -> PvValue<'_> {
        match *key {
            StoreKey::Variable(name) => self.variables.get(name),
            StoreKey::Avp(name, place) => self.avps.get(name, place),
            StoreKey::Xavp {
                family,
                root,
                place,
                field,
            } => self.xavps.get(family, root, place, field),
            StoreKey::Shared(name) | StoreKey::Dialog(name) => {
                self.shared.get(name).cloned().unwrap_or_default()
            }
            StoreKey::Table { table, key, .. } => self
                .shared
                .get(&[table, b"=>", key].concat())
                .cloned()
                .unwrap_or_default(),
        }
    }
    fn wall(&self) -> Time {
        Time::from_nanos(1_795_188_726_216_878_000)
    }
    fn named(&self, what: Named, name: &[u8]) -> PvValue<'_> {
        match (what, name) {
            (Named::Definition, b"X") => PvValue::from("defined"),
            (Named::Statistic, b"sl:200_replies") => PvValue::Int(3),
            _ => PvValue::Null,
        }
    }
}

impl PvSink for World {
    fn set_request_uri(&mut self, uri: &[u8]) -> bool {
        self.request_uri = Some(uri.to_vec());
        true
    }
    fn set_destination_uri(&mut self, uri: Option<&[u8]>) -> bool {
        self.destination_uri = uri.map(<[u8]>::to_vec);
        true
    }
    fn set_stored_value(&mut self, key: &StoreKey<'_>, value: PvValue<'_>) -> bool {
        match *key {
            StoreKey::Variable(name) => self.variables.set(name, value),
            StoreKey::Avp(name, place) => self.avps.set(name, place, value),
            StoreKey::Xavp {
                family,
                root,
                place,
                field,
            } => self.xavps.set(family, root, place, field, value),
            StoreKey::Shared(name) | StoreKey::Dialog(name) => {
                self.shared.insert(name.to_vec(), value.into_owned());
                true
            }
            StoreKey::Table { table, key, .. } => {
                self.shared
                    .insert([table, b"=>", key].concat(), value.into_owned());
                true
            }
        }
    }
    fn set_branch(&mut self, uri: Option<&[u8]>) -> bool {
        match uri {
            Some(uri) => self.branches.insert(0, uri.to_vec()),
            None => self.branches.clear(),
        }
        true
    }
    fn set_flags(&mut self, _which: Flags, flags: u32) -> bool {
        self.flags = flags;
        true
    }
}
