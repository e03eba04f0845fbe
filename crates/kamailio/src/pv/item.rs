//! What a pseudo-variable is, once its name is read.

use strowger_sip::HeaderName;

use super::format::PvFormat;
use super::source::{Family, Flags, LocalTag, Named, Stored, TableItem};
use super::spec::PvSpec;

/// Whose URI.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum UriOf {
    Request,
    Original,
    Destination,
    NextHop,
    From,
    To,
    /// The URI in a header field.
    Header(HeaderName),
}

/// Which part of it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum UriPart {
    Whole,
    User,
    Host,
    Port,
    Transport,
    Scheme,
}

/// What of an address beside its URI.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum FieldPart {
    DisplayName,
    Param(&'static str),
}

/// What of the header fields of a name.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeaderPart {
    Body,
    Count,
    Item,
    ItemCount,
}

/// What of the digest credentials.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    User,
    Domain,
    Whole,
    Field(&'static str),
}

/// What of a socket.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum SocketPart {
    Ip,
    Port,
    Uri,
    UriTransport,
    Socket,
    Name,
}

/// Which socket.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum SocketOf {
    Source,
    Received,
    Advertised,
}

/// What of the transaction.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum TransactionPart {
    ReplyCode,
    ReplyReason,
    ReplyRuid,
    BranchIndex,
    IdIndex,
    IdLabel,
}

/// What of a further branch.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum BranchPart {
    Uri,
    Destination,
    Path,
    Q,
    Flags,
    Socket,
    Count,
}

/// What of the clock.
#[derive(Clone, Debug)]
pub(crate) enum ClockPart {
    Seconds,
    Microseconds,
    Both,
    Text,
    Format(PvFormat),
    Field(&'static str),
}

/// What a variable that nobody set is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unset {
    Null,
    Zero,
}

/// What of the message as a whole.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum MessagePart {
    CallId,
    CSeqNumber,
    CSeqBody,
    Method,
    MethodId,
    Status,
    Reason,
    Body,
    BodySize,
    ContentLength,
    Length,
    Buffer,
    HeaderSection,
    AfterFirstLine,
    Kind,
    Id,
    Version,
}

/// A pseudo-variable.
#[derive(Clone, Debug)]
pub(crate) enum Pv {
    Dollar,
    Null,
    Message(MessagePart),
    Uri(UriOf, UriPart),
    Field(UriOf, FieldPart),
    FromAddressOfRecord,
    Header(PvFormat, HeaderPart),
    NamedHeader(HeaderName),
    ContactUri,
    ContactIsStar,
    Credential(Credential),
    Socket(SocketOf, SocketPart),
    Transport,
    TransportId,
    Connection,
    SendSocket,
    SendSocketName,
    Via(usize, &'static str),
    /// What `$sel` says by another pseudo-variable: a text, null where that is empty, or 0 if so said.
    Selected(Box<PvSpec>, bool),
    /// Its part of a Via.
    SelectedVia(i64, &'static str),
    /// Its parameter of a Via.
    SelectedViaParam(i64, String),
    Random,
    DestinationSet,
    Branch(BranchPart),
    Flags(Flags, bool),
    Transaction(TransactionPart),
    Through(Stored, Box<PvSpec>),
    Variable(PvFormat, Unset),
    Avp(PvFormat),
    Xavp(Family, PvFormat, PvIndex),
    XavpField(Family, PvFormat, PvIndex, PvFormat, PvIndex),
    Shared(PvFormat),
    DialogVariable(PvFormat),
    Table(TableItem, PvFormat, PvFormat),
    Named(Named, PvFormat),
    ReturnCode,
    Clock(ClockPart),
    LocalTag(LocalTag),
    Server(bool),
    ProcessId,
    ServerId,
    Format(PvFormat),
    Count(Box<PvSpec>),
    /// One whose module is not there: always null.
    Absent,
}

/// Which of several.
#[derive(Clone, Debug, Default)]
pub(crate) enum PvIndex {
    #[default]
    None,
    All,
    At(i64),
    From(Box<PvSpec>),
}
