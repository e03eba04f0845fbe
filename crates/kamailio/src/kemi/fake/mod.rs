//! A context without an element, for tests of rows: it notes what is asked of it, and answers what the test says.
#![allow(dead_code, unused_imports, reason = "each test uses some of it")]

use core::any::Any;
use core::fmt::Write as _;
use core::net::{IpAddr, SocketAddr};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use strowger_routing::tables::ScriptTables;
use strowger_routing::{
    Answer, Authentication, ChallengeKind, ChallengeOptions, DigestOutcome, Draft, Errand,
    ForwardError, HookName, Hooks, Lookup, LookupOutcome, LooseRoute, NativeContext, Password,
    ReplyOutcome, RoutingContext, SaveOptions, SaveOutcome, SlStatistics, SourceView,
    StoredMessage, TransactionMatch, TransactionView,
};
use strowger_sip::{Host, Limits, Message, Now, StatusCode, Time, Transport, Uri};

mod host;
mod outcomes;

pub(crate) use host::{FakeHost, FakeRun, run_lua, shown};
pub(crate) use outcomes::Outcomes;

/// Lines in order, shared by who writes and who reads.
pub(crate) type Lines = Arc<Mutex<Vec<String>>>;

fn note(lines: &Lines, line: String) {
    lines
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(line);
}

fn taken(lines: &Lines) -> Vec<String> {
    core::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A context for one message.
pub(crate) struct FakeContext {
    message: Message,
    /// The request, where the message is a response.
    pub(crate) request: Option<Message>,
    /// Messages of the transaction.
    pub(crate) stored: Vec<(StoredMessage, Message)>,
    pub(crate) remote: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) advertised: Option<(String, u16)>,
    pub(crate) connection: Option<u64>,
    /// The listeners; the first received the message.
    pub(crate) listeners: Vec<(Transport, SocketAddr)>,
    pub(crate) domains: Vec<String>,
    pub(crate) tables: Arc<ScriptTables>,
    pub(crate) now: Now,
    pub(crate) randoms: VecDeque<u64>,
    pub(crate) draft: Draft,
    attachment: Option<Box<dyn Any + Send>>,
    pub(crate) outcomes: Outcomes,
    /// What was asked of it.
    pub(crate) acts: Lines,
}

/// The message that a text stands for: lines end with LF in tests.
pub(crate) fn parsed(text: &str) -> Message {
    let octets = text
        .replace("\r\n", "\n")
        .replace('\n', "\r\n")
        .into_bytes();
    match Message::parse(octets, &Limits::default()) {
        Ok(message) => message,
        Err(failure) => panic!("{}", failure.error),
    }
}

impl FakeContext {
    /// A message from 127.0.0.2:5070 over UDP, received on 127.0.0.1:5060 by the server of `kam.test`.
    pub(crate) fn of(text: &str) -> FakeContext {
        FakeContext {
            message: parsed(text),
            request: None,
            stored: Vec::new(),
            remote: SocketAddr::from(([127, 0, 0, 2], 5070)),
            transport: Transport::Udp,
            advertised: None,
            connection: None,
            listeners: vec![
                (Transport::Udp, SocketAddr::from(([127, 0, 0, 1], 5060))),
                (Transport::Tcp, SocketAddr::from(([127, 0, 0, 1], 5060))),
            ],
            domains: vec!["kam.test".to_owned()],
            tables: Arc::default(),
            now: Now {
                monotonic: Time::from_secs(100),
                wall: Time::from_secs(1_700_000_000),
            },
            randoms: VecDeque::new(),
            draft: Draft::default(),
            attachment: None,
            outcomes: Outcomes::default(),
            acts: Lines::default(),
        }
    }

    /// The same from another place.
    pub(crate) fn from(mut self, remote: &str, transport: Transport) -> FakeContext {
        self.remote = remote.parse().expect("an address");
        self.transport = transport;
        self
    }

    /// The same with other answers.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut FakeContext)) -> FakeContext {
        change(&mut self);
        self
    }

    fn act(&self, line: impl Into<String>) {
        note(&self.acts, line.into());
    }

    /// The message with the changes of the draft.
    pub(crate) fn leaving(&self) -> String {
        let mut out = Vec::new();
        self.draft.edits.write(&self.message, &mut out);
        String::from_utf8_lossy(&out).replace("\r\n", "\n")
    }
}

fn show(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).escape_debug().to_string()
}

impl NativeContext for FakeContext {
    fn request(&self) -> &Message {
        self.request.as_ref().unwrap_or(&self.message)
    }
    fn request_uri(&self) -> &[u8] {
        match &*self.draft.target.uri {
            b"" => self.message.request_uri(),
            uri => uri,
        }
    }
    fn is_ours(&self, uri: &Uri<'_>) -> bool {
        match uri.host.ip() {
            Some(ip) => self.is_own_address(ip, Some(uri.port_or_default())),
            None => self.is_local_host(&uri.host),
        }
    }
    fn is_local_host(&self, host: &Host<'_>) -> bool {
        let named = |name: &String| {
            Host::parse(name.as_bytes()).is_some_and(|name| name.eq_ignore_case(host))
        };
        self.domains.iter().any(named) || host.ip().is_some_and(|ip| self.is_own_address(ip, None))
    }
    fn check(&mut self) -> bool {
        self.act("check");
        self.outcomes.check
    }
    fn loose_route(&mut self) -> LooseRoute {
        self.act("loose_route");
        self.outcomes.loose_route
    }
    fn has_route(&self) -> bool {
        self.outcomes.has_route
    }
    fn authenticate(&mut self, kind: ChallengeKind) -> Authentication {
        self.act(format!("authenticate {kind:?}"));
        self.outcomes.authenticate
    }
    fn save(&mut self) {
        self.act("save");
    }
    fn lookup(&mut self) -> Lookup {
        self.act("lookup");
        self.outcomes.lookup
    }
    fn redirect(&mut self) {
        self.act("redirect");
    }
    fn reply(&mut self, status: StatusCode, headers: &[u8]) {
        self.act(format!("reply {} {}", status.get(), show(headers)));
    }
    fn reply_options(&mut self) {
        self.act("reply_options");
    }
    fn relay(&mut self) {
        self.act("relay");
    }
    fn discard(&mut self, why: &'static str) {
        self.act(format!("discard {why}"));
    }
}

impl RoutingContext for FakeContext {
    fn message(&self) -> &Message {
        &self.message
    }
    fn stored(&self, which: StoredMessage) -> Option<&Message> {
        let found = self.stored.iter().find(|(one, _)| *one == which);
        found.map(|(_, message)| message)
    }
    fn source(&self) -> SourceView<'_> {
        SourceView {
            remote: self.remote,
            transport: self.transport,
            received_on: self.listeners[0].1,
            listener: 0,
            advertised: self
                .advertised
                .as_ref()
                .map(|(host, port)| (host.as_str(), *port)),
            connection: self.connection,
        }
    }
    fn message_id(&self) -> u64 {
        7
    }
    fn now(&self) -> Now {
        self.now
    }
    fn random(&mut self) -> u64 {
        self.randoms.pop_front().unwrap_or(0)
    }
    fn draft(&self) -> &Draft {
        &self.draft
    }
    fn draft_mut(&mut self) -> &mut Draft {
        &mut self.draft
    }
    fn edit(&mut self, f: &mut dyn FnMut(&Message, &mut Draft)) {
        f(&self.message, &mut self.draft);
    }
    fn attachment(&mut self) -> &mut Option<Box<dyn Any + Send>> {
        &mut self.attachment
    }
    fn attachment_ref(&self) -> Option<&(dyn Any + Send)> {
        self.attachment.as_deref()
    }
    fn apply_changes(&mut self) -> bool {
        self.act("apply_changes");
        let mut out = Vec::new();
        self.draft.edits.write(&self.message, &mut out);
        let Ok(message) = Message::parse(out, &Limits::default()) else {
            return false;
        };
        self.message = message;
        self.draft.edits.clear();
        self.draft.body_replaced = false;
        true
    }
    fn is_own_address(&self, ip: IpAddr, port: Option<u16>) -> bool {
        self.listeners.iter().any(|(_, address)| {
            address.ip() == ip && port.is_none_or(|port| port == address.port())
        })
    }
    fn find_listener(&self, transport: Option<Transport>, ip: IpAddr, port: u16) -> Option<u16> {
        let found = self.listeners.iter().position(|(of, address)| {
            transport.is_none_or(|wanted| wanted == *of)
                && address.ip() == ip
                && (port == 0 || port == address.port())
        });
        found.and_then(|at| u16::try_from(at).ok())
    }
    fn listener(&self, number: u16) -> Option<(Transport, SocketAddr)> {
        self.listeners.get(usize::from(number)).copied()
    }
    fn tables(&self) -> &ScriptTables {
        &self.tables
    }
    fn sl_statistics(&self) -> SlStatistics {
        self.outcomes.statistics
    }
    fn statistic(&self, name: &str) -> Option<u64> {
        (name == "a_counter").then_some(42)
    }
    fn answer(&mut self, answer: &Answer<'_>) -> ReplyOutcome {
        let mut line = format!("answer {:?} {}", answer.how, answer.status.get());
        if let Some(reason) = answer.reason {
            let _ = write!(line, " {}", show(reason));
        }
        if !answer.headers.is_empty() {
            let _ = write!(line, " headers={}", show(answer.headers));
        }
        if let Some((kind, body)) = answer.body {
            let _ = write!(line, " body={}:{}", show(kind), show(body));
        }
        if answer.is_error_reply {
            line.push_str(" error");
        }
        self.act(line);
        let next = self.outcomes.answers.pop_front();
        next.unwrap_or(ReplyOutcome::Sent)
    }
    fn forward_response(&mut self, status: Option<StatusCode>, reason: Option<&[u8]>) -> bool {
        let status = status.map(StatusCode::get);
        self.act(format!(
            "forward_response {status:?} {:?}",
            reason.map(show)
        ));
        self.outcomes.forward_response
    }
    fn forward(&mut self) -> Result<(), ForwardError> {
        self.act("forward");
        self.outcomes.forward
    }
    fn forward_stateless(&mut self) -> Result<(), ForwardError> {
        self.act("forward_stateless");
        self.outcomes.forward_stateless
    }
    fn new_transaction(&mut self) -> bool {
        self.act("new_transaction");
        self.outcomes.new_transaction
    }
    fn match_transaction(&mut self) -> TransactionMatch {
        self.act("match_transaction");
        self.outcomes.match_transaction
    }
    fn transaction(&self) -> TransactionView {
        self.outcomes.transaction
    }
    fn cancel_branches(&mut self, others: bool) -> bool {
        self.act(format!("cancel_branches others={others}"));
        self.outcomes.cancel_branches
    }
    fn suspend(&mut self) -> Option<(u32, u32)> {
        self.act("suspend");
        self.outcomes.suspend
    }
    fn continue_suspended(&mut self, index: u32, label: u32, hook: HookName) -> bool {
        self.act(format!(
            "continue_suspended {index} {label} {}",
            show(&hook)
        ));
        self.outcomes.continue_suspended
    }
    fn armed(&self) -> Hooks {
        self.outcomes.armed.clone()
    }
    fn obey_route(&mut self) -> Option<bool> {
        self.act("obey_route");
        if !self.outcomes.next_route.is_empty() {
            let next = self.outcomes.next_route.clone();
            self.draft.set_destination(Some(next.as_bytes()));
        }
        self.outcomes.obey_route
    }
    fn own_route(&self) -> Option<&[u8]> {
        self.outcomes.own_route.as_deref()
    }
    fn save_bindings(&mut self, options: SaveOptions) -> SaveOutcome {
        self.act(format!(
            "save_bindings no_reply={} one_binding={} memory_only={}",
            options.no_reply, options.one_binding, options.memory_only
        ));
        self.outcomes.save
    }
    fn lookup_bindings(&mut self, uri: Option<&[u8]>) -> LookupOutcome {
        self.act(format!("lookup_bindings {:?}", uri.map(show)));
        self.outcomes.lookup_bindings
    }
    fn is_registered(&self, _uri: &[u8]) -> bool {
        self.outcomes.is_registered
    }
    fn verify_digest(
        &mut self,
        realm: &[u8],
        password: Password<'_>,
        check_identity: bool,
    ) -> DigestOutcome {
        let password = match password {
            Password::OfAccount => "account".to_owned(),
            Password::Plain(text) => format!("plain:{}", show(text)),
            Password::Ha1(text) => format!("ha1:{}", show(text)),
        };
        self.act(format!(
            "verify_digest {} {password} identity={check_identity}",
            show(realm)
        ));
        self.outcomes.digest
    }
    fn challenge(&mut self, realm: &[u8], options: ChallengeOptions) -> ReplyOutcome {
        self.act(format!(
            "challenge {} qop={} stale={} status={:?}",
            show(realm),
            options.qop,
            options.stale,
            options.status.map(StatusCode::get)
        ));
        self.outcomes.challenge
    }
    fn verified_credentials(&self) -> Option<usize> {
        self.outcomes.verified_credentials
    }
    fn begin_errand(&mut self, errand: Errand) {
        self.act(format!("begin_errand {errand:?}"));
    }
    fn local_tag(&self, stateless: bool) -> Option<Box<[u8]>> {
        Some(if stateless {
            b"sl-tag"[..].into()
        } else {
            b"tm-tag"[..].into()
        })
    }
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
