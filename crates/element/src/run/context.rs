//! The run as the context that a policy acts on.

use core::any::Any;
use core::net::{IpAddr, SocketAddr};

use strowger_routing::tables::ScriptTables;
use strowger_routing::{
    Answer, Authentication, ChallengeKind, ChallengeOptions, DigestOutcome, Draft, Errand,
    ForwardError, HookName, Hooks, Lookup, LookupOutcome, LooseRoute, NativeContext, Password,
    ReplyOutcome, RoutingContext, SaveOptions, SaveOutcome, SlStatistics, SourceView,
    StoredMessage, TransactionMatch, TransactionView,
};
use strowger_sip::{Host, Message, Now, StatusCode, Transport, Uri, UriError};
use strowger_transaction::TagSource;

use super::{Run, Subject};

impl NativeContext for Run {
    fn request(&self) -> &Message {
        self.message_of_request()
    }

    fn request_uri(&self) -> &[u8] {
        self.program_request_uri()
    }

    fn request_uri_parsed(&self) -> Result<Uri<'_>, UriError> {
        let draft = self.draft_now();
        if draft.target.uri.is_empty() {
            self.route.request_uri_parsed(self.message_of_request())
        } else {
            Uri::parse(&draft.target.uri)
        }
    }

    fn is_ours(&self, uri: &Uri<'_>) -> bool {
        self.core().settings.is_own_target(&uri.host, uri.port)
    }

    fn request_is_for_us(&self) -> Option<bool> {
        self.names_us()
    }

    fn is_local_host(&self, host: &Host<'_>) -> bool {
        self.core().settings.domain_of(host).is_some()
    }

    fn check(&mut self) -> bool {
        self.native_check()
    }

    fn loose_route(&mut self) -> LooseRoute {
        self.native_loose_route()
    }

    fn has_route(&self) -> bool {
        self.native_has_route()
    }

    fn authenticate(&mut self, kind: ChallengeKind) -> Authentication {
        self.native_authenticate(kind)
    }

    fn save(&mut self) {
        self.native_save();
    }

    fn lookup(&mut self) -> Lookup {
        self.native_lookup()
    }

    fn redirect(&mut self) {
        self.native_redirect();
    }

    fn reply(&mut self, status: StatusCode, headers: &[u8]) {
        self.reply_with(status, None, headers);
    }

    fn reply_options(&mut self) {
        self.native_reply_options();
    }

    fn relay(&mut self) {
        self.native_relay();
    }

    fn discard(&mut self, why: &'static str) {
        self.native_discard(why);
    }
}

impl RoutingContext for Run {
    fn message(&self) -> &Message {
        match (&self.response, self.subject) {
            (Some(response), Subject::Reply | Subject::TransactionReply(_)) => response,
            _ => self.message_of_request(),
        }
    }

    fn stored(&self, which: StoredMessage) -> Option<&Message> {
        let relay = self.relay.and_then(|key| self.core().relays.get(key));
        match which {
            StoredMessage::Request => relay
                .map(|relay| &*relay.request)
                .or(self.request.as_deref()),
            StoredMessage::Reply => match self.subject {
                Subject::Failure(_) => relay?.context.best()?.1,
                _ => self.response.as_deref(),
            },
            StoredMessage::Invite => {
                let core = self.core();
                let server = core
                    .transactions
                    .find_invite_for_cancel(self.request.as_deref()?)?;
                let key = core.transactions.server_user(server)?;
                let relay = core.relays.get(crate::relay_table::RelayKey::unpack(key))?;
                Some(&relay.request)
            }
        }
    }

    fn source(&self) -> SourceView<'_> {
        let listener = self.core().settings.listener(self.flow.listener);
        SourceView {
            remote: self.flow.remote,
            transport: self.flow.transport,
            received_on: listener.map_or(self.flow.remote, |listener| listener.address),
            listener: self.flow.listener.0,
            advertised: listener
                .and_then(|listener| listener.advertised.as_ref())
                .map(|(host, port)| (&**host, *port)),
            connection: self
                .flow
                .stream
                .map(|stream| u64::from(stream.worker) << 32 | u64::from(stream.slot)),
        }
    }

    fn message_id(&self) -> u64 {
        self.number
    }

    fn now(&self) -> Now {
        self.now
    }

    fn random(&mut self) -> u64 {
        self.core_mut().random()
    }

    fn draft(&self) -> &Draft {
        self.draft_now()
    }

    fn draft_mut(&mut self) -> &mut Draft {
        self.drafting()
    }

    fn edit(&mut self, f: &mut dyn FnMut(&Message, &mut Draft)) {
        self.drafted = true;
        let message = match (&self.response, self.subject) {
            (Some(response), Subject::Reply | Subject::TransactionReply(_)) => response,
            _ => match &self.request {
                Some(request) => request,
                None => return,
            },
        };
        f(message, &mut self.draft);
    }

    fn attachment(&mut self) -> &mut Option<Box<dyn Any + Send>> {
        match (self.relay, &mut self.core) {
            (Some(key), Some(core)) => match core.program_mut(key) {
                Some(program) => &mut program.attachment,
                None => &mut self.attachment,
            },
            _ => &mut self.attachment,
        }
    }

    fn attachment_ref(&self) -> Option<&(dyn Any + Send)> {
        match self.relay.and_then(|key| self.core().program(key)) {
            Some(program) => program.attachment.as_deref(),
            None => self.attachment.as_deref(),
        }
    }

    fn apply_changes(&mut self) -> bool {
        self.program_apply_changes()
    }

    fn is_own_address(&self, ip: IpAddr, port: Option<u16>) -> bool {
        self.core().settings.listeners.iter().any(|listener| {
            listener.address.ip().to_canonical() == ip.to_canonical()
                && port.is_none_or(|port| listener.address.port() == port)
        })
    }

    fn find_listener(&self, transport: Option<Transport>, ip: IpAddr, port: u16) -> Option<u16> {
        let fits = |listener: &crate::settings::Listener| {
            transport.is_none_or(|transport| listener.transport == transport)
                && listener.address.ip().to_canonical() == ip.to_canonical()
                && (port == 0 || listener.address.port() == port)
        };
        let position = self.core().settings.listeners.iter().position(fits)?;
        u16::try_from(position).ok()
    }

    fn listener(&self, number: u16) -> Option<(Transport, SocketAddr)> {
        let listener = self.core().settings.listeners.get(usize::from(number))?;
        Some((listener.transport, listener.address))
    }

    fn tables(&self) -> &ScriptTables {
        &self.core().shared.scripts
    }

    fn sl_statistics(&self) -> SlStatistics {
        self.core().shared.sl.total()
    }

    fn statistic(&self, name: &str) -> Option<u64> {
        let mut found = None;
        self.core().visit_counters(&mut |other, _, value| {
            if other == name {
                found = Some(value);
            }
        });
        found
    }

    fn answer(&mut self, answer: &Answer<'_>) -> ReplyOutcome {
        self.program_answer(answer)
    }

    fn forward_response(&mut self, status: Option<StatusCode>, reason: Option<&[u8]>) -> bool {
        self.program_forward_response(status, reason)
    }

    fn forward(&mut self) -> Result<(), ForwardError> {
        self.program_forward()
    }

    fn forward_stateless(&mut self) -> Result<(), ForwardError> {
        self.program_forward_stateless()
    }

    fn new_transaction(&mut self) -> bool {
        self.program_new_transaction()
    }

    fn match_transaction(&mut self) -> TransactionMatch {
        self.program_match_transaction()
    }

    fn transaction(&self) -> TransactionView {
        self.program_transaction()
    }

    fn cancel_branches(&mut self, _others: bool) -> bool {
        self.program_cancel_branches()
    }

    fn suspend(&mut self) -> Option<(u32, u32)> {
        self.program_suspend()
    }

    fn continue_suspended(&mut self, index: u32, label: u32, hook: HookName) -> bool {
        self.program_continue(index, label, hook)
    }

    fn armed(&self) -> Hooks {
        self.program_armed()
    }

    fn obey_route(&mut self) -> Option<bool> {
        self.program_obey_route()
    }

    fn own_route(&self) -> Option<&[u8]> {
        self.program_own_route()
    }

    fn save_bindings(&mut self, options: SaveOptions) -> SaveOutcome {
        self.program_save(options)
    }

    fn lookup_bindings(&mut self, uri: Option<&[u8]>) -> LookupOutcome {
        self.program_lookup(uri)
    }

    fn is_registered(&self, uri: &[u8]) -> bool {
        self.program_is_registered(uri)
    }

    fn remove_bindings(&mut self, uri: &[u8]) -> bool {
        self.program_remove_bindings(uri)
    }

    fn has_account(&self, uri: &[u8]) -> bool {
        self.program_has_account(uri)
    }

    fn verify_digest(
        &mut self,
        realm: &[u8],
        password: Password<'_>,
        check_identity: bool,
    ) -> DigestOutcome {
        self.program_verify(realm, password, check_identity)
    }

    fn challenge(&mut self, realm: &[u8], options: ChallengeOptions) -> ReplyOutcome {
        self.program_challenge(realm, options)
    }

    fn verified_credentials(&self) -> Option<usize> {
        self.credentials
    }

    fn begin_errand(&mut self, errand: Errand) {
        self.errand = Some(errand);
    }

    fn local_tag(&self, _stateless: bool) -> Option<Box<[u8]>> {
        // Our replies carry the same tag with and without a transaction.
        let request = self.request.as_deref()?;
        let tag = TagSource::new(&self.core().secrets, self.key).to_tag(request);
        Some(tag.as_bytes().into())
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
