//! The verbs (`RoutingContext`) and who calls them (`RoutingPolicy`). Verbs act at once; those that wait (a journal, the
//! DNS, a connection) go on by themselves after the policy has returned.

use core::any::Any;
use core::net::{IpAddr, SocketAddr};

use strowger_sip::{Host, Message, Now, StatusCode, Transport, Uri, UriError};

use crate::answer::{
    Answer, ChallengeOptions, DigestOutcome, ForwardError, LookupOutcome, Password, ReplyOutcome,
    SaveOptions, SaveOutcome, TransactionMatch, TransactionView,
};
use crate::draft::{Draft, Hooks};
use crate::errand::Errand;
use crate::policy::HookName;
use crate::stateless::SlStatistics;
use crate::tables::ScriptTables;

/// What became of the Route header fields (RFC 3261 §16.4).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum LooseRoute {
    /// There was no Route of ours; the request is routed by its Request-URI, or by a Route that names another.
    None,
    /// Our Route was removed, but carried no valid token: treat the request as out of dialog.
    Unverified,
    /// Our Route was removed and its token is valid for this dialog.
    Verified,
}

/// Which challenge a request without good credentials gets.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ChallengeKind {
    /// 401 with WWW-Authenticate, where we are the user agent server (REGISTER).
    Www,
    /// 407 with Proxy-Authenticate.
    Proxy,
}

/// The outcome of [`RoutingContext::authenticate`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// The credentials are good and their user owns the identity that the request claims.
    Passed,
    /// A challenge or a refusal was sent; nothing is left to do.
    Answered,
}

/// The outcome of [`RoutingContext::lookup`].
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The target set holds this many contacts.
    Found(usize),
    /// The user exists but is nowhere registered (480).
    Unregistered,
    /// No such user (404).
    UnknownUser,
}

/// Where a message came from and on which socket.
#[derive(Copy, Clone, Debug)]
pub struct SourceView<'a> {
    /// Who sent it.
    pub remote: SocketAddr,
    /// The transport it came over.
    pub transport: Transport,
    /// Address and port of the listener that received it.
    pub received_on: SocketAddr,
    /// Number of that listener.
    pub listener: u16,
    /// What it advertises.
    pub advertised: Option<(&'a str, u16)>,
    /// The number of the connection.
    pub connection: Option<u64>,
}

/// A message that the transaction keeps.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum StoredMessage {
    /// The request that began it.
    Request,
    /// The response chosen so far, or being processed.
    Reply,
    /// The INVITE that a CANCEL is for.
    Invite,
}

/// The verbs of the native policy for one request, which is answered or forwarded at most once; a second final answer is
/// refused and counted.
pub trait NativeContext {
    /// The request as received; for a response without a transaction the response itself.
    fn request(&self) -> &Message;
    /// The Request-URI as routing has it now (after strict-router recovery, or as the draft has it).
    fn request_uri(&self) -> &[u8];

    /// The same by its parts.
    fn request_uri_parsed(&self) -> Result<Uri<'_>, UriError> {
        Uri::parse(self.request_uri())
    }
    /// True if the URI names this element: a listening address, or a local domain.
    fn is_ours(&self, uri: &Uri<'_>) -> bool;
    /// Whether the Request-URI is a sip or sips URI that names this element; `Some(true)` if it names a user, too.
    fn request_is_for_us(&self) -> Option<bool> {
        match &self.request_uri_parsed() {
            Ok(uri) if uri.is_sip() && self.is_ours(uri) => {
                Some(uri.user.is_some_and(|user| !user.is_empty()))
            }
            _ => None,
        }
    }
    /// True if the host is one of the local domains or a listening address.
    fn is_local_host(&self, host: &Host<'_>) -> bool;
    /// The checks of RFC 3261 §8.2 and §16.3: scheme, Max-Forwards, loops, Proxy-Require. True if the request may go on; else it was answered.
    fn check(&mut self) -> bool;
    /// Removes our Route header fields (RFC 3261 §16.4).
    fn loose_route(&mut self) -> LooseRoute;
    /// True if a Route is left that names another element: the request goes there, whatever its Request-URI.
    fn has_route(&self) -> bool;
    /// Verifies digest credentials and that their user owns From (and To of REGISTER).
    fn authenticate(&mut self, kind: ChallengeKind) -> Authentication;
    /// Registrar (RFC 3261 §10.3): changes the bindings and answers.
    fn save(&mut self);
    /// Fills the target set with the contacts of the address of record in the Request-URI.
    fn lookup(&mut self) -> Lookup;
    /// Redirect server (RFC 3261 §8.3): answers 302 with the target set.
    fn redirect(&mut self);
    /// Answers statelessly, or through the transaction if there is one. `headers` are complete lines.
    fn reply(&mut self, status: StatusCode, headers: &[u8]);
    /// The answer of a user agent server to OPTIONS (RFC 3261 §11.2).
    fn reply_options(&mut self);
    /// Forwards to the target set, or to the Request-URI and Route where it is empty (RFC 3261 §16.5, §16.6). An ACK is forwarded statelessly.
    fn relay(&mut self);
    /// Ends without an answer.
    fn discard(&mut self, why: &'static str);
}

/// The verbs of programs for one message, and what they may know of it. A request is answered or forwarded at most once;
/// a second final answer is refused and counted.
pub trait RoutingContext: NativeContext + Send + 'static {
    // -- the message ------------------------------------------------------------------------------------------------

    /// The message of this stage: the response at the stages of responses, else the request.
    fn message(&self) -> &Message;
    /// A message that the transaction keeps.
    fn stored(&self, which: StoredMessage) -> Option<&Message>;
    /// Where the message came from.
    fn source(&self) -> SourceView<'_>;
    /// The running number of the message.
    fn message_id(&self) -> u64;
    /// Both clocks.
    fn now(&self) -> Now;
    /// A number for choices of equal weight, never for secrets.
    fn random(&mut self) -> u64;
    /// What the program changed.
    fn draft(&self) -> &Draft;
    /// The same, to change.
    fn draft_mut(&mut self) -> &mut Draft;
    /// Changes the draft with a look at the message.
    fn edit(&mut self, f: &mut dyn FnMut(&Message, &mut Draft));
    /// What the policy keeps with the request as long as its transaction lives.
    fn attachment(&mut self) -> &mut Option<Box<dyn Any + Send>>;
    /// The same, to read.
    fn attachment_ref(&self) -> Option<&(dyn Any + Send)>;
    /// The changes so far become the message: what is read after this sees them. False if that gives no message.
    fn apply_changes(&mut self) -> bool;

    // -- who we are -------------------------------------------------------------------------------------------------

    /// True if one of the listeners has this address, and this port if one is given.
    fn is_own_address(&self, ip: IpAddr, port: Option<u16>) -> bool;
    /// Number of the listener with this address (`127.0.0.1`, any port if 0) and transport.
    fn find_listener(&self, transport: Option<Transport>, ip: IpAddr, port: u16) -> Option<u16>;
    /// Transport and address of a listener by its number.
    fn listener(&self, number: u16) -> Option<(Transport, SocketAddr)>;
    /// The tables that the shards share.
    fn tables(&self) -> &ScriptTables;
    /// The statistics of stateless replies, all shards together.
    fn sl_statistics(&self) -> SlStatistics;
    /// A statistic of the process by the name that the counters have.
    fn statistic(&self, name: &str) -> Option<u64>;

    // -- verbs of programs --------------------------------------------------------------------------------------------

    /// Answers the request.
    fn answer(&mut self, answer: &Answer<'_>) -> ReplyOutcome;
    /// Forwards a response now, without its transaction, with another status of its class or another reason.
    fn forward_response(&mut self, status: Option<StatusCode>, reason: Option<&[u8]>) -> bool;
    /// Forwards the request to the targets of the draft: through a transaction, an ACK without. A CANCEL is carried out.
    fn forward(&mut self) -> Result<(), ForwardError>;
    /// Forwards the request without a transaction.
    fn forward_stateless(&mut self) -> Result<(), ForwardError>;
    /// Begins the transaction of the request. False if there is one, or none can be made.
    fn new_transaction(&mut self) -> bool;
    /// What of our transactions the message belongs to.
    fn match_transaction(&mut self) -> TransactionMatch;
    /// The transaction of the message.
    fn transaction(&self) -> TransactionView;
    /// Cancels the branches that have no final response (all but the one of this run, if `others`).
    fn cancel_branches(&mut self, others: bool) -> bool;
    /// Keeps the request, with its transaction, until it is continued: its name.
    fn suspend(&mut self) -> Option<(u32, u32)>;
    /// Lets a suspended request go on in a function of the program. False if there is none of that name.
    fn continue_suspended(&mut self, index: u32, label: u32, hook: HookName) -> bool;
    /// Functions that the transaction of this message has armed.
    fn armed(&self) -> Hooks;
    /// Obeys the Route values (RFC 3261 §16.4, §16.12): ours go, the next one becomes the destination. `None` if there is
    /// no Route; false if the topmost is not ours.
    fn obey_route(&mut self) -> Option<bool>;
    /// The URI of the topmost Route value of ours that was obeyed.
    fn own_route(&self) -> Option<&[u8]>;
    /// Changes bindings as the REGISTER asks.
    fn save_bindings(&mut self, options: SaveOptions) -> SaveOutcome;
    /// Takes the contacts of the user in `uri` (the Request-URI if none) as targets.
    fn lookup_bindings(&mut self, uri: Option<&[u8]>) -> LookupOutcome;
    /// True if the user in the URI has a live binding.
    fn is_registered(&self, uri: &[u8]) -> bool;
    /// Removes all bindings of the user in the URI, at once or when the change is durable; true too if there are none.
    /// False if the URI names no user of ours, or if another shard writes the bindings of this user.
    fn remove_bindings(&mut self, _uri: &[u8]) -> bool {
        false
    }
    /// True if the user in the URI has an account.
    fn has_account(&self, _uri: &[u8]) -> bool {
        false
    }
    /// Checks digest credentials. `check_identity`: their user must be that of From, and of To for a REGISTER.
    fn verify_digest(
        &mut self,
        realm: &[u8],
        password: Password<'_>,
        check_identity: bool,
    ) -> DigestOutcome;
    /// Answers with a challenge.
    fn challenge(&mut self, realm: &[u8], options: ChallengeOptions) -> ReplyOutcome;
    /// Position of the header field with the credentials that were verified.
    fn verified_credentials(&self) -> Option<usize>;
    /// The errand that the program is about to wait for; begun when it is parked.
    fn begin_errand(&mut self, errand: Errand);
    /// The To tag that a reply made here would carry: that of a stateless one, or of the transaction.
    fn local_tag(&self, stateless: bool) -> Option<Box<[u8]>>;

    /// For the element, which gets its own back.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}
