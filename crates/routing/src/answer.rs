//! Answers of our own as a program asks for them.

use strowger_sip::StatusCode;

/// How an answer leaves.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// Without a transaction, even if there is one.
    Stateless,
    /// Through the transaction if there is one, else without.
    Either,
    /// Through the transaction, which is made if there is none.
    Stateful,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// Its status.
    pub status: StatusCode,
    /// Its reason phrase; that of the RFC if there is none. Without line ends.
    pub reason: Option<&'a [u8]>,
    /// Complete header lines.
    pub headers: &'a [u8],
    /// Content-Type and body.
    pub body: Option<(&'a [u8], &'a [u8])>,
    /// How it leaves.
    pub how: How,
    /// It answers an internal error (the statistic `sent_err_replies`).
    pub is_error_reply: bool,
}

impl<'a> Answer<'a> {
    /// Status and reason, nothing else.
    pub fn new(how: How, status: StatusCode, reason: Option<&'a [u8]>) -> Answer<'a> {
        Answer {
            status,
            reason,
            headers: b"",
            body: None,
            how,
            is_error_reply: false,
        }
    }
}

/// How an answer ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ReplyOutcome {
    /// It left.
    Sent,
    /// The request is an ACK, or building or sending failed.
    Failed,
    /// The request was finally answered before, or must not be answered.
    Refused,
}

/// Why a request was not forwarded.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ForwardError {
    /// It was answered, cancelled or forwarded before.
    Refused,
    /// A URI cannot be read.
    BadUri,
    /// There is no next hop of a kind that we can reach.
    NoRoute,
    /// A table is full.
    Full,
}

/// What of our transactions a message belongs to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum TransactionMatch {
    /// None.
    None,
    /// It is the request of this run's own transaction.
    Own,
    /// It is a CANCEL, and its INVITE is here.
    Cancel,
    /// It is an ACK to a 2xx that passed here, and its transaction still lives.
    Ack,
}

/// What the transaction of the message knows.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct TransactionView {
    /// There is one.
    pub exists: bool,
    /// Its request was cancelled.
    pub cancelled: bool,
    /// Status of the response chosen or received last; 0 for none.
    pub reply_code: u16,
    /// The branch being processed.
    pub branch_index: u16,
    /// Branches made so far.
    pub branch_count: u16,
    /// First half of its name.
    pub id_index: u32,
    /// Second half.
    pub id_label: u32,
}

/// What to do with the bindings of a REGISTER.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct SaveOptions {
    /// Do not answer.
    pub no_reply: bool,
    /// The new binding takes the place of all others.
    pub one_binding: bool,
    /// Not made durable.
    pub memory_only: bool,
}

/// What became of a REGISTER.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum SaveOutcome {
    /// A binding was added.
    Inserted,
    /// Bindings were refreshed.
    Updated,
    /// Bindings were removed.
    Deleted,
    /// Nothing changed; they were listed.
    Listed,
    /// The change waits for its turn; the answer follows.
    Pending,
    /// It was refused; the refusal was sent.
    Refused,
    /// It was refused for too many bindings; the refusal was sent.
    TooMany,
    /// Not a REGISTER, or answered before.
    Failed,
}

/// What a look-up of a user's bindings found.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum LookupOutcome {
    /// The targets of the draft are the contacts now.
    Found(usize),
    /// Nobody is registered there.
    None,
    /// Bindings exist, but none allows the method.
    MethodNotAllowed,
    /// The URI names no user.
    Failed,
}

/// Whose password credentials are checked with.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Password<'a> {
    /// The account's.
    OfAccount,
    /// This.
    Plain(&'a [u8]),
    /// This digest of user, realm and password (HA1, hexadecimal).
    Ha1(&'a [u8]),
}

/// What was found of credentials.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum DigestOutcome {
    /// They are good.
    Passed,
    /// An error.
    Failed,
    /// The password is wrong.
    WrongPassword,
    /// There is no such user.
    UnknownUser,
    /// The nonce is too old.
    StaleNonce,
    /// There are none for this realm.
    NoCredentials,
    /// The nonce was used before.
    NonceReused,
    /// Their user is not the one that the request claims to be.
    NotTheClaimed,
}

/// How to challenge.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct ChallengeOptions {
    /// Offer `qop=auth`.
    pub qop: bool,
    /// The nonce alone was bad.
    pub stale: bool,
    /// 401 or 407; by the method if none.
    pub status: Option<StatusCode>,
}
