//! What pseudo-variables read from and write to. The evaluator knows nothing of transactions, stores or clocks.

use core::net::SocketAddr;

use strowger_sip::{Message, Time, Transport};

use super::value::PvValue;

/// Where a message came from and on which socket.
#[derive(Copy, Clone, Debug)]
pub struct PvFlow<'a> {
    /// Who sent it.
    pub source: SocketAddr,
    /// The transport it came over.
    pub transport: Transport,
    /// The address and port of the socket that received it.
    pub received_on: SocketAddr,
    /// The name given to that socket.
    pub socket_name: Option<&'a [u8]>,
    /// What that socket advertises.
    pub advertised: Option<(&'a [u8], u16)>,
    /// The number of the stream.
    pub connection: Option<u64>,
}

/// Another target of the request than the Request-URI.
#[derive(Copy, Clone, Debug, Default)]
pub struct PvBranch<'a> {
    /// Its Request-URI.
    pub uri: &'a [u8],
    /// Its next hop.
    pub destination_uri: Option<&'a [u8]>,
    /// Its Path, as Route header field value.
    pub path: Option<&'a [u8]>,
    /// Its preference in thousandths.
    pub q: Option<u16>,
    /// Its flags.
    pub flags: u32,
    /// The socket it leaves by.
    pub socket: Option<&'a [u8]>,
}

/// What the transaction of the message knows.
#[derive(Copy, Clone, Debug)]
pub struct PvTransaction<'a> {
    /// Status of the reply chosen or received last; 0 if there is none.
    pub reply_code: u16,
    /// Its reason.
    pub reply_reason: Option<&'a [u8]>,
    /// The contact that it came from.
    pub reply_ruid: Option<&'a [u8]>,
    /// The branch being processed; -1 for a reply outside a transaction.
    pub branch_index: i64,
    /// The first half of the identity of a transaction.
    pub id_index: Option<i64>,
    /// The second half.
    pub id_label: Option<i64>,
}

impl PvTransaction<'_> {
    /// No transaction.
    pub const NONE: PvTransaction<'static> = PvTransaction {
        reply_code: 0,
        reply_reason: None,
        reply_ruid: None,
        branch_index: 0,
        id_index: None,
        id_label: None,
    };
}

/// A message that the transaction keeps.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The request that began it.
    Request,
    /// The reply chosen so far.
    Reply,
    /// The INVITE that a CANCEL is for.
    Invite,
}

/// Which flags.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Flags {
    /// Of the message and its transaction.
    Message,
    /// Of the branch.
    Branch,
    /// Of the script run.
    Script,
}

/// Which local To tag `$ltt` asks for.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum LocalTag {
    /// That of stateless replies.
    Stateless,
    /// That of the transaction.
    Transaction,
    /// Whichever a reply would carry.
    Either,
}

/// A text that comes from elsewhere, by name.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// `$def`: what the preprocessor defined.
    Definition,
    /// `$env`: the environment of the process.
    Environment,
    /// `$ccp` and `$sel(cfg_get…)`: a custom variable, `group.name`.
    CustomVariable,
    /// `$stat`: a statistic.
    Statistic,
    /// `$shtitkey`: the name of the cell at which an iterator of a hash table stands.
    IteratorKey,
    /// `$shtitval`: its value.
    IteratorValue,
}

/// A place where scripts keep values.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum StoreKey<'k> {
    /// `$var`, `$vn`, `$vz`: of the worker; the default is the reader's matter.
    Variable(&'k [u8]),
    /// `$avp`: of the transaction, a stack.
    Avp(&'k [u8], Place),
    /// `$xavp`, `$xavu`, `$xavi`: of the transaction, in two levels.
    Xavp {
        /// Which family.
        family: Family,
        /// The first level.
        root: &'k [u8],
        /// Which of that name.
        place: Place,
        /// The second level.
        field: Option<(&'k [u8], Place)>,
    },
    /// `$shv`: of the process.
    Shared(&'k [u8]),
    /// `$dlg_var`: of the dialog.
    Dialog(&'k [u8]),
    /// `$sht` and its kin: a cell of a hash table.
    Table {
        /// What of the cell.
        item: TableItem,
        /// The table.
        table: &'k [u8],
        /// The key.
        key: &'k [u8],
    },
}

/// A family of structured values.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Family {
    /// `$xavp`: many of a name.
    Many,
    /// `$xavu`: one of a name.
    Single,
    /// `$xavi`: many of a name, whose case does not count.
    AnyCase,
}

/// Which of several values.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// No index: the newest when read, a new one when written.
    #[default]
    Newest,
    /// `[n]`; negative counts from the oldest.
    At(i64),
    /// `[*]`.
    All,
}

/// What of a hash-table cell.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum TableItem {
    /// The value.
    Value,
    /// The seconds until it expires; 0 if never or absent.
    Expires,
    /// The value after adding one; null if absent.
    Increment,
    /// The value after taking one; null if absent.
    Decrement,
    /// How many keys match the expression.
    Count,
    /// How many values match the expression.
    CountValues,
}

/// What a message, its flow and its transaction say. Every method but the first two has a default that knows nothing.
pub trait PvSource {
    /// The message.
    fn message(&self) -> &Message;
    /// Its flow; `None` for a message made here.
    fn flow(&self) -> Option<PvFlow<'_>>;

    /// The Request-URI as routing has it now; `None` in a reply.
    fn request_uri(&self) -> Option<&[u8]> {
        let message = self.message();
        message.is_request().then(|| message.request_uri())
    }
    /// The URI to which the request goes whatever its Request-URI says.
    fn destination_uri(&self) -> Option<&[u8]> {
        None
    }
    /// The socket chosen for sending, `udp:127.0.0.1:5060`.
    fn send_socket(&self) -> Option<&[u8]> {
        None
    }
    /// Its name.
    fn send_socket_name(&self) -> Option<&[u8]> {
        None
    }
    /// A further branch, from 0.
    fn branch(&self, _index: usize) -> Option<PvBranch<'_>> {
        None
    }
    /// Flags as bits.
    fn flags(&self, _which: Flags) -> u32 {
        0
    }
    /// The transaction, as far as there is one.
    fn transaction(&self) -> PvTransaction<'_> {
        PvTransaction::NONE
    }
    /// A message that the transaction keeps.
    fn stored(&self, _which: Stored) -> Option<&Message> {
        None
    }
    /// A value that a script keeps. Incrementing a cell happens behind a lock, so this takes no `mut`.
    fn stored_value(&self, _key: &StoreKey<'_>) -> PvValue<'_> {
        PvValue::Null
    }
    /// A text from elsewhere.
    fn named(&self, _what: Named, _name: &[u8]) -> PvValue<'_> {
        PvValue::Null
    }
    /// What the last function returned.
    fn return_code(&self) -> i64 {
        0
    }
    /// The position of the header field whose credentials were found to be good.
    fn verified_credentials(&self) -> Option<usize> {
        None
    }
    /// The running number of the message.
    fn message_id(&self) -> i64 {
        0
    }
    /// A number from 0 to 2,147,483,647, another one each time.
    fn random(&self) -> i64 {
        0
    }
    /// The wall clock.
    fn wall(&self) -> Time {
        Time::ZERO
    }
    /// The To tag that a reply made here would carry.
    fn local_tag(&self, _which: LocalTag) -> Option<std::borrow::Cow<'_, [u8]>> {
        None
    }
    /// The version of Kamailio that is claimed: number alone, or the full name.
    fn version(&self, full: bool) -> &str {
        if full {
            "kamailio 5.6.3 (strowger)"
        } else {
            "5.6.3"
        }
    }
    /// The process.
    fn process_id(&self) -> i64 {
        0
    }
    /// `server_id` of the configuration.
    fn server_id(&self) -> i64 {
        0
    }
}

/// A part of From or To that a script may change in the forwarded message.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum AddressPart {
    /// The URI.
    Uri,
    /// The user of the URI.
    User,
    /// The host of the URI.
    Host,
    /// The display name.
    DisplayName,
}

/// What a script may change. Every method says whether it did.
pub trait PvSink: PvSource {
    /// A new Request-URI, as the script wrote it; it may be no URI at all.
    fn set_request_uri(&mut self, uri: &[u8]) -> bool;
    /// A new destination URI; `None` takes it away.
    fn set_destination_uri(&mut self, uri: Option<&[u8]>) -> bool;
    /// Keeps a value; null takes it away.
    fn set_stored_value(&mut self, key: &StoreKey<'_>, value: PvValue<'_>) -> bool;
    /// Chooses the socket, by address or by name.
    fn set_send_socket(&mut self, _socket: &[u8], _is_name: bool) -> bool {
        false
    }
    /// Changes From (`true`) or To.
    fn set_address(&mut self, _is_from: bool, _part: AddressPart, _value: &[u8]) -> bool {
        false
    }
    /// Puts a further branch in front; `None` takes all away.
    fn set_branch(&mut self, _uri: Option<&[u8]>) -> bool {
        false
    }
    /// A new body.
    fn set_body(&mut self, _body: &[u8]) -> bool {
        false
    }
    /// New flags.
    fn set_flags(&mut self, _which: Flags, _flags: u32) -> bool {
        false
    }
}

/// A message without a context: what [`Stored`] messages are read through.
pub(crate) struct Alone<'m>(pub(crate) &'m Message);

impl PvSource for Alone<'_> {
    fn message(&self) -> &Message {
        self.0
    }
    fn flow(&self) -> Option<PvFlow<'_>> {
        None
    }
}
