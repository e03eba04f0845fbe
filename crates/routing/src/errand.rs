//! What a program may have to wait for, as it is asked of the driver.

use core::time::Duration;

/// Octets of one HTTP answer that are kept.
pub const HTTP_ANSWER_OCTETS_MAX: usize = 64 * 1_024;

/// Something that takes time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Errand {
    /// Nothing but time.
    Sleep(Duration),
    /// A request over HTTP.
    Http(HttpRequest),
    /// Statements for a database.
    Sql(SqlRequest),
}

/// A request over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// `http://host[:port]/path`.
    pub url: Box<[u8]>,
    /// The method; GET, or POST where there is a body, if empty.
    pub method: Box<[u8]>,
    /// Header lines, each with CR LF.
    pub headers: Box<[u8]>,
    /// The body.
    pub body: Box<[u8]>,
    /// When it is given up.
    pub timeout: Duration,
}

/// A statement for a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlRequest {
    /// The name of the connection, as configured.
    pub connection: Box<[u8]>,
    /// The statement.
    pub statement: Box<[u8]>,
}

/// What came of an errand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrandAnswer {
    /// The time is over.
    Slept,
    /// An HTTP answer.
    Http {
        /// The status.
        status: u16,
        /// The body, cut to [`HTTP_ANSWER_OCTETS_MAX`].
        body: Box<[u8]>,
    },
    /// Rows of a database.
    Rows(SqlRows),
    /// It failed; says why.
    Failed(Box<str>),
}

/// Rows of a database: names of columns, and values as text, `None` for null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlRows {
    /// Names of the columns.
    pub columns: Vec<Box<[u8]>>,
    /// The rows.
    pub rows: Vec<Vec<Option<Box<[u8]>>>>,
    /// Rows changed, for statements that change.
    pub affected: u64,
}
