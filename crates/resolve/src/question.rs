//! What is asked of the DNS and what it answers (RFC 1035 A, RFC 3596 AAAA, RFC 2782 SRV, RFC 3403 NAPTR).

use core::net::{Ipv4Addr, Ipv6Addr};

/// The kind of record asked for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuestionKind {
    /// Naming authority pointer: transports of a domain.
    Naptr,
    /// Servers of one service of a domain.
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

impl QuestionKind {
    /// The name of the record type.
    pub const fn as_str(self) -> &'static str {
        match self {
            QuestionKind::Naptr => "NAPTR",
            QuestionKind::Srv => "SRV",
            QuestionKind::A => "A",
            QuestionKind::Aaaa => "AAAA",
        }
    }
}

/// One question to the DNS. The name is absolute, in lower case, without a final dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Question {
    /// The name.
    pub name: Box<str>,
    /// The kind of record.
    pub kind: QuestionKind,
}

impl Question {
    /// A question about `name`, which is brought into lower case.
    pub fn new(name: &str, kind: QuestionKind) -> Question {
        let name = name.strip_suffix('.').unwrap_or(name);
        Question {
            name: name.to_ascii_lowercase().into(),
            kind,
        }
    }
}

/// One resource record's data. Aliases (CNAME) were followed by whoever answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Record {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// A server of a service.
    Srv {
        /// Lower is tried first.
        priority: u16,
        /// Share among equal priorities.
        weight: u16,
        /// Port of the server.
        port: u16,
        /// Host name of the server; `.` or empty where the service is decidedly absent.
        target: Box<str>,
    },
    /// A pointer to a service of a domain.
    Naptr {
        /// Lower is tried first.
        order: u16,
        /// Lower is preferred among equal orders.
        preference: u16,
        /// `s` where the replacement names SRV records.
        flags: Box<str>,
        /// Such as `SIP+D2U`.
        services: Box<str>,
        /// A substitution; such records are not used here.
        regexp: Box<str>,
        /// The name to ask next.
        replacement: Box<str>,
    },
}

impl Record {
    /// The kind of question that it answers.
    pub const fn kind(&self) -> QuestionKind {
        match self {
            Record::A(_) => QuestionKind::A,
            Record::Aaaa(_) => QuestionKind::Aaaa,
            Record::Srv { .. } => QuestionKind::Srv,
            Record::Naptr { .. } => QuestionKind::Naptr,
        }
    }
}

/// The answer to a [`Question`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Records of the kind asked for; an empty list counts as [`Answer::NoSuchName`].
    Records {
        /// The records in the order received.
        records: Vec<Record>,
        /// The lowest time to live among them and the aliases followed.
        ttl_seconds: u32,
    },
    /// The name does not exist, or has no record of this kind.
    NoSuchName {
        /// How long this may be kept (RFC 2308 §5).
        ttl_seconds: u32,
    },
    /// No usable answer in time.
    Failed,
}
