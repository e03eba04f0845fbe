//! Names of header fields as one octet each: long and compact forms, without regard to case
//! (RFC 3261 §7.3.1, §7.3.3, §20; the IANA registry for the extensions).

macro_rules! names {
    ($($variant:ident $name:literal $($compact:literal)?,)*) => {
        /// A header field that has a name here; all others are [`HeaderName::Unknown`].
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum HeaderName {
            $(
                #[doc = $name]
                $variant,
            )*
            /// A header field without a name here; its octets tell.
            Unknown,
        }

        impl HeaderName {
            /// Every name, in the order of the alphabet, without [`HeaderName::Unknown`].
            pub const ALL: &'static [HeaderName] = &[$(HeaderName::$variant),*];
            pub(crate) const LONG: &'static [&'static str] = &[$($name),*];
            const PREFIXES: &'static [&'static str] = &[$(concat!($name, ": ")),*];
            pub(crate) const COMPACT: &'static [Option<u8>] = &[$(compact!($($compact)?)),*];
        }
    };
}

macro_rules! compact {
    () => {
        None
    };
    ($letter:literal) => {
        Some($letter)
    };
}

names! {
    Accept "Accept",
    AcceptContact "Accept-Contact" b'a',
    AcceptEncoding "Accept-Encoding",
    AcceptLanguage "Accept-Language",
    AcceptResourcePriority "Accept-Resource-Priority",
    AlertInfo "Alert-Info",
    Allow "Allow",
    AllowEvents "Allow-Events" b'u',
    AnswerMode "Answer-Mode",
    AuthenticationInfo "Authentication-Info",
    Authorization "Authorization",
    CallId "Call-ID" b'i',
    CallInfo "Call-Info",
    Contact "Contact" b'm',
    ContentDisposition "Content-Disposition",
    ContentEncoding "Content-Encoding" b'e',
    ContentLanguage "Content-Language",
    ContentLength "Content-Length" b'l',
    ContentType "Content-Type" b'c',
    CSeq "CSeq",
    Date "Date",
    Diversion "Diversion",
    ErrorInfo "Error-Info",
    Event "Event" b'o',
    Expires "Expires",
    FeatureCaps "Feature-Caps",
    FlowTimer "Flow-Timer",
    From "From" b'f',
    Geolocation "Geolocation",
    GeolocationError "Geolocation-Error",
    GeolocationRouting "Geolocation-Routing",
    HistoryInfo "History-Info",
    Identity "Identity" b'y',
    IdentityInfo "Identity-Info" b'n',
    InfoPackage "Info-Package",
    InReplyTo "In-Reply-To",
    Join "Join",
    MaxBreadth "Max-Breadth",
    MaxForwards "Max-Forwards",
    MimeVersion "MIME-Version",
    MinExpires "Min-Expires",
    MinSe "Min-SE",
    Organization "Organization",
    PAccessNetworkInfo "P-Access-Network-Info",
    PAssertedIdentity "P-Asserted-Identity",
    PAssociatedUri "P-Associated-URI",
    PCalledPartyId "P-Called-Party-ID",
    PChargingVector "P-Charging-Vector",
    PPreferredIdentity "P-Preferred-Identity",
    PPreferredService "P-Preferred-Service",
    PVisitedNetworkId "P-Visited-Network-ID",
    Path "Path",
    PermissionMissing "Permission-Missing",
    Priority "Priority",
    Privacy "Privacy",
    ProxyAuthenticate "Proxy-Authenticate",
    ProxyAuthorization "Proxy-Authorization",
    ProxyRequire "Proxy-Require",
    RAck "RAck",
    Reason "Reason",
    RecordRoute "Record-Route",
    RecvInfo "Recv-Info",
    ReferSub "Refer-Sub",
    ReferTo "Refer-To" b'r',
    ReferredBy "Referred-By" b'b',
    RejectContact "Reject-Contact" b'j',
    RemotePartyId "Remote-Party-ID",
    Replaces "Replaces",
    ReplyTo "Reply-To",
    RequestDisposition "Request-Disposition" b'd',
    Require "Require",
    ResourcePriority "Resource-Priority",
    RetryAfter "Retry-After",
    Route "Route",
    RSeq "RSeq",
    SecurityClient "Security-Client",
    SecurityServer "Security-Server",
    SecurityVerify "Security-Verify",
    Server "Server",
    ServiceRoute "Service-Route",
    SessionExpires "Session-Expires" b'x',
    SessionId "Session-ID",
    SipEtag "SIP-ETag",
    SipIfMatch "SIP-If-Match",
    Subject "Subject" b's',
    SubscriptionState "Subscription-State",
    Supported "Supported" b'k',
    SuppressIfMatch "Suppress-If-Match",
    TargetDialog "Target-Dialog",
    Timestamp "Timestamp",
    To "To" b't',
    Unsupported "Unsupported",
    UserAgent "User-Agent",
    UserToUser "User-to-User",
    Via "Via" b'v',
    Warning "Warning",
    WwwAuthenticate "WWW-Authenticate",
}

const SLOTS: usize = 512;
const EMPTY: u8 = u8::MAX;

/// Slot of a name: length, and three of its letters in lower case.
#[inline(always)]
const fn slot(len: usize, first: u8, middle: u8, last: u8) -> usize {
    let (first, middle, last) = (first | 0x20, middle | 0x20, last | 0x20);
    (len * 37 + first as usize * 5 + middle as usize * 83 + last as usize * 13) % SLOTS
}

const fn build() -> [u8; SLOTS] {
    let mut table = [EMPTY; SLOTS];
    let mut i = 0;
    while i < HeaderName::LONG.len() {
        let name = HeaderName::LONG[i].as_bytes();
        let mut at = slot(
            name.len(),
            name[0],
            name[name.len() / 2],
            name[name.len() - 1],
        );
        while table[at] != EMPTY {
            at = (at + 1) % SLOTS;
        }
        table[at] = i as u8;
        i += 1;
    }
    table
}

const fn build_compact() -> [HeaderName; 26] {
    let mut table = [HeaderName::Unknown; 26];
    let mut i = 0;
    while i < HeaderName::COMPACT.len() {
        if let Some(letter) = HeaderName::COMPACT[i] {
            table[(letter - b'a') as usize] = HeaderName::ALL[i];
        }
        i += 1;
    }
    table
}

static TABLE: [u8; SLOTS] = build();
static COMPACT_TABLE: [HeaderName; 26] = build_compact();

impl HeaderName {
    /// Reads a name, long or compact, without regard to case.
    #[inline]
    pub fn from_bytes(name: &[u8]) -> HeaderName {
        let (first, last) = match name {
            [letter] => {
                let index = usize::from((letter | 0x20).wrapping_sub(b'a'));
                return COMPACT_TABLE
                    .get(index)
                    .copied()
                    .unwrap_or(HeaderName::Unknown);
            }
            [first, .., last] => (*first, *last),
            [] => return HeaderName::Unknown,
        };
        let middle = name.get(name.len() / 2).copied().unwrap_or_default();
        let mut at = slot(name.len(), first, middle, last);
        loop {
            let index = usize::from(TABLE[at % SLOTS]);
            let Some(candidate) = HeaderName::LONG.get(index) else {
                return HeaderName::Unknown;
            };
            let candidate = candidate.as_bytes();
            if candidate == name || candidate.eq_ignore_ascii_case(name) {
                return HeaderName::ALL
                    .get(index)
                    .copied()
                    .unwrap_or(HeaderName::Unknown);
            }
            at += 1;
        }
    }

    /// The long form as the registry writes it; empty for [`HeaderName::Unknown`].
    pub fn as_str(self) -> &'static str {
        HeaderName::LONG
            .get(self as usize)
            .copied()
            .unwrap_or_default()
    }

    /// The long form with colon and space, as a line begins.
    #[inline]
    pub(crate) fn prefix(self) -> &'static [u8] {
        HeaderName::PREFIXES
            .get(self as usize)
            .copied()
            .unwrap_or_default()
            .as_bytes()
    }

    /// The compact form, a lower-case letter.
    pub fn compact(self) -> Option<u8> {
        HeaderName::COMPACT.get(self as usize).copied().flatten()
    }
}

impl core::fmt::Display for HeaderName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(if *self == HeaderName::Unknown {
            "unknown"
        } else {
            self.as_str()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case() {
        for &name in HeaderName::ALL {
            let long = name.as_str();
            assert_eq!(HeaderName::from_bytes(long.as_bytes()), name);
            assert_eq!(
                HeaderName::from_bytes(long.to_ascii_uppercase().as_bytes()),
                name
            );
            assert_eq!(
                HeaderName::from_bytes(long.to_ascii_lowercase().as_bytes()),
                name
            );
        }
    }

    #[test]
    fn compact_forms_are_the_same_fields() {
        assert_eq!(HeaderName::from_bytes(b"v"), HeaderName::Via);
        assert_eq!(HeaderName::from_bytes(b"L"), HeaderName::ContentLength);
        assert_eq!(HeaderName::from_bytes(b"z"), HeaderName::Unknown);
        assert_eq!(HeaderName::from_bytes(b"["), HeaderName::Unknown);
        assert_eq!(HeaderName::Contact.compact(), Some(b'm'));
        assert_eq!(HeaderName::COMPACT.iter().flatten().count(), 20);
    }

    #[test]
    fn names_that_differ_are_unknown() {
        for name in [
            &b"C%6Fntact"[..],
            b"",
            b"Vi",
            b"Vie",
            b"Content-Lengths",
            b"M\x00x-Forwards",
        ] {
            assert_eq!(HeaderName::from_bytes(name), HeaderName::Unknown);
        }
    }

    #[test]
    fn the_table_has_few_collisions() {
        let moved = HeaderName::ALL.iter().enumerate().filter(|(index, name)| {
            let name = name.as_str().as_bytes();
            let home = slot(
                name.len(),
                name[0],
                name[name.len() / 2],
                name[name.len() - 1],
            );
            usize::from(TABLE[home]) != *index
        });
        assert!(moved.count() < 12);
    }
}
