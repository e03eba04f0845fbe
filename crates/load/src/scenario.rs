//! What is done over and over: the scenarios and their names.

/// One kind of operation.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// OPTIONS to the server itself, 200 (RFC 3261 §11).
    Options,
    /// INVITE to a user who does not exist, 404, ACK.
    Invite404,
    /// REGISTER without credentials, 200: first every user once, then refreshes (§10.2).
    Register,
    /// REGISTER, 401, REGISTER with digest credentials, 200 (§22).
    RegisterAuth,
    /// MESSAGE to a registered contact of this program, which answers 200 (RFC 3428).
    Message,
    /// INVITE to a registered contact of this program, 180, 200, ACK, BYE, 200, along the recorded route (§13, §15).
    Call,
}

impl Scenario {
    /// All, in the order in which they are explained.
    pub const ALL: [Scenario; 6] = [
        Scenario::Options,
        Scenario::Invite404,
        Scenario::Register,
        Scenario::RegisterAuth,
        Scenario::Message,
        Scenario::Call,
    ];

    /// The name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Scenario::Options => "options",
            Scenario::Invite404 => "invite-404",
            Scenario::Register => "register",
            Scenario::RegisterAuth => "register-auth",
            Scenario::Message => "message",
            Scenario::Call => "call",
        }
    }

    /// The scenario of that name.
    pub fn from_name(name: &str) -> Option<Scenario> {
        Scenario::ALL.into_iter().find(|one| one.name() == name)
    }

    /// True if the operation is a REGISTER of one user, who then has no other under way.
    pub const fn registers(self) -> bool {
        matches!(self, Scenario::Register | Scenario::RegisterAuth)
    }

    /// True if the requests go through the server to a called side in this program.
    pub const fn has_called_side(self) -> bool {
        matches!(self, Scenario::Message | Scenario::Call)
    }

    /// The method of the request that begins the operation.
    pub(crate) const fn method(self) -> &'static str {
        match self {
            Scenario::Options => "OPTIONS",
            Scenario::Invite404 | Scenario::Call => "INVITE",
            Scenario::Register | Scenario::RegisterAuth => "REGISTER",
            Scenario::Message => "MESSAGE",
        }
    }
}
