//! Why a run is not clean: what failed, and what was wrong with messages.

use core::fmt;

/// A reason. The first group ends an operation, the second is noted of a message and the operation goes on.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Nobody listens at the target: an ICMP error came back.
    Unreachable,
    /// No final response in time.
    TimedOut,
    /// Another final status than expected.
    Status(u16),
    /// The server wants credentials and no password was given.
    PasswordMissing,
    /// The credentials were refused.
    PasswordRefused,
    /// The challenge cannot be answered: malformed, or of an unknown scheme or algorithm.
    ChallengeUnusable,
    /// `register-auth`: accepted without credentials.
    ChallengeMissing,
    /// A 2xx to INVITE without what a dialog needs.
    DialogImpossible,
    /// Under way when the run was ended.
    Abandoned,

    /// A datagram of the target that is no SIP message.
    Malformed,
    /// Octets after the body that Content-Length tells.
    ContentLength,
    /// A response with other than one Via.
    ViaCount,
    /// A final response without tag in To.
    ToTagMissing,
    /// A response whose Call-ID or CSeq is not the request's.
    OtherRequest,
    /// A response to an ACK.
    AckAnswered,
    /// A 200 to REGISTER without our contact.
    ContactMissing,
    /// A 200 to REGISTER whose contact has no `expires`.
    ExpiresMissing,
    /// A 200 to REGISTER that lists contacts which are not ours.
    OtherContacts,
    /// A 200 to REGISTER that still lists the contact which was removed.
    ContactLeft,
    /// A 200 to INVITE without a body.
    BodyMissing,
    /// A 200 to INVITE without Record-Route.
    RecordRouteMissing,
    /// Called side: fewer than two Vias.
    CalledViaMissing,
    /// Called side: Max-Forwards absent or not lowered.
    CalledMaxForwards,
    /// Called side: the Request-URI is not the contact that was registered.
    CalledRequestUri,
    /// Called side: our own Route was left in.
    CalledRouteLeft,
    /// Called side: INVITE without Record-Route.
    CalledRecordRouteMissing,
    /// Called side: a method that this scenario does not send.
    CalledMethod,
    /// Called side: a 200 to INVITE was never acknowledged.
    CalledAckMissing,
}

impl Reason {
    /// A name for programs.
    pub fn name(self) -> String {
        let name = match self {
            Reason::Unreachable => "unreachable",
            Reason::TimedOut => "timed_out",
            Reason::Status(status) => return format!("status_{status}"),
            Reason::PasswordMissing => "password_missing",
            Reason::PasswordRefused => "password_refused",
            Reason::ChallengeUnusable => "challenge_unusable",
            Reason::ChallengeMissing => "challenge_missing",
            Reason::DialogImpossible => "dialog_impossible",
            Reason::Abandoned => "abandoned",
            Reason::Malformed => "malformed",
            Reason::ContentLength => "content_length",
            Reason::ViaCount => "via_count",
            Reason::ToTagMissing => "to_tag_missing",
            Reason::OtherRequest => "other_request",
            Reason::AckAnswered => "ack_answered",
            Reason::ContactMissing => "contact_missing",
            Reason::ExpiresMissing => "expires_missing",
            Reason::OtherContacts => "other_contacts",
            Reason::ContactLeft => "contact_left",
            Reason::BodyMissing => "body_missing",
            Reason::RecordRouteMissing => "record_route_missing",
            Reason::CalledViaMissing => "called_via_missing",
            Reason::CalledMaxForwards => "called_max_forwards",
            Reason::CalledRequestUri => "called_request_uri",
            Reason::CalledRouteLeft => "called_route_left",
            Reason::CalledRecordRouteMissing => "called_record_route_missing",
            Reason::CalledMethod => "called_method",
            Reason::CalledAckMissing => "called_ack_missing",
        };
        name.to_owned()
    }

    /// True if an operation failed of it.
    pub fn ends_operation(self) -> bool {
        self < Reason::Malformed
    }

    /// What the reader may do about it.
    pub fn hint(self) -> Option<&'static str> {
        Some(match self {
            Reason::Unreachable => "check address and port, and whether the server runs",
            Reason::TimedOut => {
                "the server is overloaded, drops what comes from here (strowger: limits.trusted_sources), or is none"
            }
            Reason::Status(401 | 407) => {
                "the server wants credentials: register-auth, or --from sip:USER@DOMAIN and a password"
            }
            Reason::Status(403 | 404) => {
                "users must exist (--prefix, --from-number, --domain), and the caller may have to be one (--from)"
            }
            Reason::Status(480) => "nobody was registered",
            Reason::PasswordMissing => "--password-file FILE, or STROWGER_PASSWORD",
            Reason::PasswordRefused => {
                "password or user are wrong, or --domain is not the server's"
            }
            Reason::ChallengeMissing => {
                "the server accepts users without credentials: take the scenario register"
            }
            Reason::OtherContacts => {
                "requests for these users fork: take others, or drop their contacts at the server"
            }
            Reason::RecordRouteMissing | Reason::CalledRecordRouteMissing => {
                "a proxy that does not record-route is meant by --no-record-route"
            }
            _ => return None,
        })
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Unreachable => "nobody listens at the target",
            Reason::TimedOut => "no final response in time",
            Reason::Status(status) => return write!(f, "answered {status}"),
            Reason::PasswordMissing => "asked for credentials, and no password was given",
            Reason::PasswordRefused => "credentials were refused",
            Reason::ChallengeUnusable => "a challenge that cannot be answered",
            Reason::ChallengeMissing => "accepted without credentials",
            Reason::DialogImpossible => "2xx to INVITE without Contact or tag",
            Reason::Abandoned => "unanswered when the run was ended",
            Reason::Malformed => "no SIP message",
            Reason::ContentLength => "Content-Length is not the length of the body",
            Reason::ViaCount => "response: other than one Via",
            Reason::ToTagMissing => "response: no tag in To",
            Reason::OtherRequest => "response: Call-ID or CSeq of another request",
            Reason::AckAnswered => "an ACK was answered",
            Reason::ContactMissing => "200 to REGISTER: our contact is missing",
            Reason::ExpiresMissing => "200 to REGISTER: contact without expires",
            Reason::OtherContacts => "200 to REGISTER: contacts of others",
            Reason::ContactLeft => "200 to REGISTER: the removed contact is still there",
            Reason::BodyMissing => "200 to INVITE: no body",
            Reason::RecordRouteMissing => "200 to INVITE: no Record-Route",
            Reason::CalledViaMissing => "called side: fewer than two Vias",
            Reason::CalledMaxForwards => "called side: Max-Forwards not lowered",
            Reason::CalledRequestUri => "called side: Request-URI is not the contact",
            Reason::CalledRouteLeft => "called side: Route left in",
            Reason::CalledRecordRouteMissing => "called side: INVITE without Record-Route",
            Reason::CalledMethod => "called side: a method that was not sent",
            Reason::CalledAckMissing => "called side: 200 to INVITE never acknowledged",
        })
    }
}
