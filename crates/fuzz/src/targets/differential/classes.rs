//! Why the two parsers may disagree.

macro_rules! classes {
    ($($name:ident: $doc:literal,)+) => {
        /// A kind of disagreement.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Class {
            $(#[doc = $doc] $name,)+
        }

        impl Class {
            /// All of them.
            pub const ALL: &'static [Class] = &[$(Class::$name),+];

            /// The name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Class::$name => stringify!($name),)+
                }
            }

            /// What it is, and who is right.
            pub const fn explanation(self) -> &'static str {
                match self {
                    $(Class::$name => $doc,)+
                }
            }
        }
    };
}

classes! {
    // Only we read it.
    NotUtf8: "They read text, we read octets. RFC 3261 §25.1 has UTF-8, but a proxy forwards what it need not read.",
    OtherScheme: "They know sip and sips alone; §25.1 allows any URI in the request line, From and To.",
    UriUnread: "The URI of From or To is malformed. We leave it to whoever needs it; they refuse, or lose what is behind it.",
    QuotedPair: "Their quoted string ends at, or fails for, an escaped octet or an empty text; §25.1 has both.",
    Blank: "White space where §25.1 allows LWS around `:`, `;`, `<` or in a display name, and they do not take it.",
    HostOctet: "A host name with `_`, an empty label, or one that begins or ends with `-`. None is in the grammar; they are met.",
    Ipv6Colons: "An IPv6 address with `:::`, which the grammar of RFC 3261 asked for by mistake (RFC 5118 §4.10). We take it.",
    UserOctet: "A user or password whose octets, decoded, are not UTF-8, or which has an octet they do not know.",
    BareAddress: "An address without brackets whose `;` stands before its `@`: for us it ends at the `;` (§20.10), they look on.",
    UriParameter: "A second `=` in a URI parameter, or an octet they do not know there. The first is not in the grammar, and harmless.",
    ViaProtocol: "Via has another protocol or version than SIP/2.0; §25.1 `protocol-name`, `protocol-version` allow any token.",
    DisplayName: "A display name with an octet that theirs may not have or ours may not have; §25.1: tokens or a quoted string.",
    VersionCase: "`sip/2.0` in other letters. §7.1: the version is case-insensitive.",
    // Only they read it.
    StrayOctet: "A line end that is not CR LF, or NUL. We refuse it on purpose: a next hop might read another message.",
    StartLine: "The parts of the start line are not parted by one space each (§7.1, §7.2). They take any white space, or none.",
    StatusCode: "A status code outside of 100 to 699 (§7.2).",
    RequestUri: "The Request-URI is malformed or has a header part (§19.1.1, table). They do not look at escapes or the table.",
    HeaderLine: "A line without a name that is a token (§7.3.1). They take an empty name and letters beyond ASCII.",
    Repeated: "A header field that may stand once stands more than once (§7.3.1). They take the first.",
    Truncated: "Content-Length says more than there is (§18.3). They leave that to the transport.",
    ContentLength: "Content-Length is no number (§20.14). They leave that to the transport.",
    CSeqMethod: "CSeq has another method than the request line (§8.1.1.5). They leave that to others.",
    CSeqSyntax: "CSeq is not a number below 2^31, white space and a token (§20.16). They stop reading behind what fits.",
    CallIdSyntax: "Call-ID is not `word` or `word@word` (§25.1). They take any text.",
    AddressSyntax: "From or To has an open quote, or octets that belong to no part of it. They stop reading behind what fits.",
    ParameterSyntax: "A parameter of Via, From or To has no name, or an octet it must not have, or stands twice.",
    ViaSyntax: "sent-by or what follows it is malformed, such as an IPv4 address beyond 255. They stop reading or take a name.",
    Limit: "More than one of our limits allows. They have none.",
    // Both read it, but not the same.
    MethodByPrefix: "A known method is taken by its first letters in any case: `INFORM` is INFO for them. §7.1: case-sensitive tokens.",
    EscapeInParameter: "They decode `%HH` in parameters of header fields, where §25.1 knows no escapes.",
    ParameterCase: "They find `tag` and `branch` in lower case alone; §7.3.1: names are case-insensitive.",
    ParametersCutShort: "They end the parameters at an octet they do not know, without an error, and so lose those behind it.",
    HostCutShort: "They read what looks like an IPv4 address at the beginning of a name, and stop there.",
}
