//! A whole shard in this process: requests through the native policy, and through the script of `bench/scripts/bench.lua`.
//! Time is virtual, so that transactions end as they do in a running server.

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::measured::measured;

use strowger_element::{Element, Input, Listener, Output, Settings, Shared, SourceTable};
use strowger_kamailio::kemi::{
    KemiDoor, KemiFactory, KemiLog, KemiSurroundings, LogLevel, ScriptSource,
};
use strowger_lua::{BudgetClock, DiskFolder, HostSettings, ScriptFolder};
use strowger_registrar::{LocationLimits, LocationTable, NonceTable, Subscriber, SubscriberTable};
use strowger_resolve::DnsCache;
use strowger_routing::tables::ScriptTables;
use strowger_routing::{PolicyChoice, SharedSlStatistics};
use strowger_sip::{
    Algorithm, DigestInput, HeaderName, Limits, Message, Now, Qop, SpareMessages, StatusCode, Time,
    Transport, digest_response, ha1, write_response,
};
use strowger_transaction::token::{SecretKey, Secrets};
use strowger_transaction::{Flow, ListenerId, TransmitBatch};

const HERE: &str = "127.0.0.1:5060";
const CALLER: &str = "127.0.0.1:7001";
const CALLEE: &str = "127.0.0.1:7002";

/// No line is kept, as in a server whose log is quiet.
#[derive(Debug)]
struct Silent;

impl KemiLog for Silent {
    fn wants(&self, _level: LogLevel) -> bool {
        false
    }
    fn line(&self, _level: LogLevel, _text: &[u8]) {}
}

/// The clock that budgets are measured with in the running server, too.
struct Elapsed(std::time::Instant);

impl BudgetClock for Elapsed {
    fn read(&mut self, _instructions: u64) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[derive(Debug)]
struct Scripts;

impl KemiSurroundings for Scripts {
    fn clock(&self) -> Box<dyn BudgetClock> {
        Box::new(Elapsed(std::time::Instant::now()))
    }
    fn folder(&self, path: &str) -> Box<dyn ScriptFolder> {
        Box::new(DiskFolder::new(path))
    }
    fn settings(&self) -> HostSettings {
        HostSettings::default()
    }
}

/// Who decides.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Decides {
    /// The native policy.
    Native,
    /// The native policy, which challenges everybody.
    NativeWithDigest,
    /// The script.
    Script,
}

/// A shard with its driver.
pub struct Shard {
    element: Element,
    now: Now,
    batch: TransmitBatch,
    /// What was sent last: destination and octets.
    sent: Vec<(SocketAddr, Vec<u8>)>,
    limits: Limits,
    /// Messages that nobody holds any more, for their memory.
    spare: SpareMessages,
    number: u64,
    /// Between two rounds. Transactions live for 32 s: what makes some must go on until they end.
    step: Duration,
    /// Strangers are challenged: nobody registers by the way.
    closed: bool,
}

impl Shard {
    /// A registration lasts an hour, and a round 40 ms.
    const ROUNDS_PER_REGISTRATION: u64 = 20_000;

    /// A shard in which the callee is registered.
    pub fn new(decides: Decides) -> Shard {
        let mut settings = Settings {
            shards: 1,
            listeners: vec![Listener {
                transport: Transport::Udp,
                address: HERE.parse().expect("address"),
                advertised: None,
            }],
            domains: vec!["bench.test".into()],
            ..Settings::default()
        };
        match decides {
            Decides::NativeWithDigest => {}
            Decides::Native => {
                let native = settings.policy.native();
                native.auth_required = false;
                native.accept_foreign = true;
            }
            Decides::Script => settings.policy = PolicyChoice::Program(Arc::new(factory())),
        }
        let shared = Arc::new(Shared {
            location: LocationTable::new(LocationLimits::default(), 1),
            subscribers: SubscriberTable::new(2),
            nonces: NonceTable::new(1 << 10, 1),
            sources: SourceTable::new([3; 16]),
            dns: DnsCache::new(&settings.resolve, 4),
            scripts: ScriptTables::new(5),
            sl: SharedSlStatistics::new(1),
            shard_seed: 6,
        });
        let secrets = Secrets {
            current: SecretKey {
                id: 1,
                key: [7; 16],
            },
            previous: None,
        };
        let now = Now {
            monotonic: Time::from_secs(1),
            wall: Time::from_secs(1_800_000_000),
        };
        let mut shard = Shard {
            element: Element::new(Arc::new(settings), Arc::clone(&shared), secrets, 0, 8),
            now,
            batch: TransmitBatch::new(),
            sent: Vec::new(),
            limits: Limits::default(),
            spare: SpareMessages::new(),
            number: 0,
            step: Duration::from_millis(40),
            closed: decides == Decides::NativeWithDigest,
        };
        if decides == Decides::NativeWithDigest {
            for number in 0..64 {
                let phone = format!("phone{number}");
                let account = Subscriber::from_password(&phone, "bench.test", b"secret");
                shared.subscribers.add(account).expect("room");
            }
        } else {
            shard.register();
        }
        shard
    }

    fn register(&mut self) {
        let register = self.text("REGISTER", "sip:bench.test", "callee", CALLEE, "", "");
        self.receive(CALLEE, register);
        let registered = |(_, octets): &(SocketAddr, Vec<u8>)| octets.starts_with(b"SIP/2.0 200 ");
        assert!(self.sent.iter().any(registered), "the callee is registered");
    }

    /// A ping of the server: answered statelessly.
    pub fn options(&mut self) {
        self.next();
        let text = self.text("OPTIONS", "sip:bench.test", "", CALLER, "", "");
        self.receive(CALLER, text);
        assert!(
            self.sent
                .first()
                .is_some_and(|(_, octets)| octets.starts_with(b"SIP/2.0 200 "))
        );
    }

    /// A call: INVITE, 180, 200, ACK, BYE, 200, through the record-routed path.
    pub fn call(&mut self) {
        self.next();
        let uri = "sip:callee@bench.test";
        let invite = self.text("INVITE", uri, "callee", CALLER, "", "");
        self.receive(CALLER, invite);
        let at_callee = self.sent_to(CALLEE);
        let ringing = self.answer(&at_callee, StatusCode::RINGING);
        self.receive(CALLEE, ringing);
        let ok = self.answer(&at_callee, StatusCode::OK);
        self.receive(CALLEE, ok);
        let ok = self.sent_to(CALLER);
        let routes: String = ok
            .record_routes()
            .filter_map(Result::ok)
            .map(|route| format!("Route: <{}>\r\n", String::from_utf8_lossy(route.uri)))
            .collect();
        let contact = format!("sip:callee@{CALLEE}");
        let ack = self.text("ACK", &contact, "callee", CALLER, &routes, ";tag=callee");
        self.receive(CALLER, ack);
        self.sent_to(CALLEE);
        let bye = self.text("BYE", &contact, "callee", CALLER, &routes, ";tag=callee");
        self.receive(CALLER, bye);
        let bye = self.sent_to(CALLEE);
        let ok = self.answer(&bye, StatusCode::OK);
        self.receive(CALLEE, ok);
        self.sent_to(CALLER);
    }

    /// An INVITE for nobody, its 404 and the ACK to that.
    pub fn invite_404(&mut self) {
        self.next();
        let uri = "sip:nobody@bench.test";
        let invite = self.text("INVITE", uri, "nobody", CALLER, "", "");
        self.receive(CALLER, invite);
        let refused = self.sent_to(CALLER);
        assert_eq!(refused.status().map(StatusCode::get), Some(404));
        let tag = String::from_utf8_lossy(refused.to_tag().expect("tag")).into_owned();
        let ack = self.text("ACK", uri, "nobody", CALLER, "", &format!(";tag={tag}"));
        let branch = format!("z9hG4bKACK{}", self.number);
        let ack = ack.replace(&branch, &format!("z9hG4bKi{}", self.number));
        self.receive(CALLER, ack);
        assert!(self.sent.is_empty(), "the ACK is absorbed");
    }

    /// A MESSAGE to the callee's phone, and its 200 on the way back.
    pub fn message(&mut self) {
        self.next();
        let message = self.text("MESSAGE", "sip:callee@bench.test", "callee", CALLER, "", "");
        self.receive(CALLER, message);
        let at_callee = self.sent_to(CALLEE);
        let ok = self.answer(&at_callee, StatusCode::OK);
        self.receive(CALLEE, ok);
        self.sent_to(CALLER);
    }

    /// One of 64 phones refreshes its binding.
    pub fn refresh(&mut self) {
        self.next();
        let (user, text) = self.refreshing();
        self.receive(CALLEE, text);
        let ok = self.sent_to(CALLEE);
        assert_eq!(ok.status(), Some(StatusCode::OK), "{user}");
    }

    /// The same with a challenge before it.
    pub fn refresh_with_digest(&mut self) {
        self.next();
        let (user, text) = self.refreshing();
        self.receive(CALLEE, text.clone());
        let challenge = self.sent_to(CALLEE);
        assert_eq!(challenge.status(), Some(StatusCode::UNAUTHORIZED));
        let line = challenge
            .header(HeaderName::WwwAuthenticate)
            .expect("challenge");
        let line = String::from_utf8_lossy(line.value).into_owned();
        let nonce = line
            .split("nonce=\"")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        let nonce = nonce.expect("nonce");
        let input = DigestInput {
            method: b"REGISTER",
            uri: b"sip:bench.test",
            nonce: nonce.as_bytes(),
            qop: Qop::Auth,
            nc: b"00000001",
            cnonce: b"0a4f113b",
            body: b"",
        };
        let ha1 = ha1(Algorithm::Md5, user.as_bytes(), b"bench.test", b"secret");
        let response = digest_response(Algorithm::Md5, ha1.as_bytes(), &input);
        let credentials = format!(
            "Authorization: Digest username=\"{user}\", realm=\"bench.test\", nonce=\"{nonce}\", uri=\"sip:bench.test\", \
             response=\"{}\", cnonce=\"0a4f113b\", nc=00000001, qop=auth, algorithm=MD5\r\n",
            response.as_str()
        );
        let text = text
            .replace("z9hG4bKREGISTER", "z9hG4bKauthorised")
            .replace("Content-Length", &format!("{credentials}Content-Length"));
        self.receive(CALLEE, text);
        let ok = self.sent_to(CALLEE);
        assert_eq!(ok.status(), Some(StatusCode::OK), "{user}");
    }

    /// The next REGISTER of one of 64 phones.
    fn refreshing(&self) -> (String, String) {
        let user = format!("phone{}", self.number % 64);
        let text = self.text("REGISTER", "sip:bench.test", &user, CALLEE, "", "");
        let text = text
            .replace("<sip:bench@", &format!("<sip:{user}@"))
            .replace(
                &format!("Call-ID: {}@bench", self.number),
                &format!("Call-ID: {user}@bench"),
            )
            .replace("CSeq: 1 ", &format!("CSeq: {} ", self.number));
        (user, text)
    }

    /// The same shard, with less time between two rounds.
    pub fn fast(mut self) -> Shard {
        self.step = Duration::from_millis(1);
        self
    }

    /// Another round, some time later.
    fn next(&mut self) {
        self.number += 1;
        let step = self.step;
        self.now = Now {
            monotonic: self.now.monotonic + step,
            wall: self.now.wall + step,
        };
        while self
            .element
            .poll_timeout()
            .is_some_and(|due| due <= self.now.monotonic)
        {
            measured(|| self.element.handle_timeout(self.now));
            self.drain();
        }
        if self.number.is_multiple_of(Self::ROUNDS_PER_REGISTRATION) && !self.closed {
            self.register();
        }
    }

    fn text(
        &self,
        method: &str,
        uri: &str,
        user: &str,
        from: &str,
        lines: &str,
        to_tag: &str,
    ) -> String {
        let number = self.number;
        let cseq = if method == "BYE" { 2 } else { 1 };
        let transaction = if method == "INVITE" { "i" } else { method };
        let at = if user.is_empty() { "" } else { "@" };
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{transaction}{number};rport\r\nMax-Forwards: 70\r\n{lines}\
             From: <sip:bench@bench.test>;tag=f{number}\r\nTo: <sip:{user}{at}bench.test>{to_tag}\r\nCall-ID: {number}@bench\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:{user}{at}{from}>\r\nContent-Length: 0\r\n\r\n"
        )
    }

    fn answer(&self, request: &Message, status: StatusCode) -> String {
        let mut out = Vec::with_capacity(1024);
        let source = HERE.parse().expect("address");
        let contact = format!("Contact: <sip:callee@{CALLEE}>\r\n");
        write_response(
            &mut out,
            request,
            source,
            status,
            None,
            Some(b"callee"),
            contact.as_bytes(),
            None,
        );
        String::from_utf8(out).expect("text")
    }

    fn receive(&mut self, from: &str, text: String) {
        let flow = Flow::udp(ListenerId(0), from.parse().expect("address"));
        let octets = text.into_bytes();
        self.sent.clear();
        measured(|| {
            self.element.take_spare_messages(&mut self.spare);
            let message = match self.spare.take(octets.len()) {
                Some(spare) => Message::parse_into(spare, &octets, &self.limits),
                None => Message::parse_shared(octets, &self.limits),
            };
            let message = message.expect("valid");
            self.element
                .handle_input(self.now, Input::Received { flow, message });
        });
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = measured(|| self.element.poll_output(&mut self.batch)) {
            if matches!(output, Output::Transmit) {
                for send in &self.batch.sends {
                    let octets = self.batch.message(send).to_vec();
                    self.sent.push((send.flow.remote, octets));
                }
                self.batch.clear();
            }
        }
    }

    fn sent_to(&self, remote: &str) -> Message {
        let remote: SocketAddr = remote.parse().expect("address");
        let (_, octets) = self
            .sent
            .iter()
            .rfind(|(to, _)| *to == remote)
            .unwrap_or_else(|| panic!("nothing was sent to {remote}"));
        Message::parse(octets.clone(), &self.limits).expect("valid")
    }
}

fn factory() -> KemiFactory {
    let source = ScriptSource {
        folder: concat!(env!("CARGO_MANIFEST_DIR"), "/scripts").into(),
        file: "bench.lua".into(),
    };
    let door = KemiDoor::of_script(source, Arc::new(Silent));
    let factory = KemiFactory::new(Arc::new(door), Arc::new(Scripts));
    factory.try_load().expect("bench.lua loads");
    factory
}
