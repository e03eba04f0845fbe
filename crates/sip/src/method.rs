//! Methods: the fourteen that are registered, and any extension token, compared with regard to case
//! (RFC 3261 §7.1; RFC 3262, 3265, 3311, 3428, 3515, 3903 for the later ones).

/// The method of a request, or of the request that a response answers.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method<'a> {
    /// Sets up or changes a session.
    Invite,
    /// Confirms the final response to an INVITE.
    Ack,
    /// Ends a session.
    Bye,
    /// Gives up a request that is still pending.
    Cancel,
    /// Asks for capabilities.
    Options,
    /// Adds, changes or removes bindings.
    Register,
    /// Carries information within a dialog.
    Info,
    /// Confirms a reliable provisional response.
    Prack,
    /// Changes session parameters without an INVITE.
    Update,
    /// Asks for notifications.
    Subscribe,
    /// Reports the state of a subscription.
    Notify,
    /// Publishes event state.
    Publish,
    /// Asks the recipient to contact a third party.
    Refer,
    /// Carries an instant message.
    Message,
    /// Any other token.
    Extension(&'a [u8]),
}

impl<'a> Method<'a> {
    /// The registered methods in the order of [`Method::known_index`].
    pub const KNOWN: [Method<'static>; 14] = [
        Method::Invite,
        Method::Ack,
        Method::Bye,
        Method::Cancel,
        Method::Options,
        Method::Register,
        Method::Info,
        Method::Prack,
        Method::Update,
        Method::Subscribe,
        Method::Notify,
        Method::Publish,
        Method::Refer,
        Method::Message,
    ];

    /// Reads a method; its case counts (RFC 3261 §7.1).
    #[inline]
    pub fn from_bytes(token: &'a [u8]) -> Method<'a> {
        match token {
            b"INVITE" => Method::Invite,
            b"ACK" => Method::Ack,
            b"BYE" => Method::Bye,
            b"CANCEL" => Method::Cancel,
            b"OPTIONS" => Method::Options,
            b"REGISTER" => Method::Register,
            b"INFO" => Method::Info,
            b"PRACK" => Method::Prack,
            b"UPDATE" => Method::Update,
            b"SUBSCRIBE" => Method::Subscribe,
            b"NOTIFY" => Method::Notify,
            b"PUBLISH" => Method::Publish,
            b"REFER" => Method::Refer,
            b"MESSAGE" => Method::Message,
            other => Method::Extension(other),
        }
    }

    /// The token as it stands on the wire.
    pub fn as_bytes(&self) -> &'a [u8] {
        match *self {
            Method::Invite => b"INVITE",
            Method::Ack => b"ACK",
            Method::Bye => b"BYE",
            Method::Cancel => b"CANCEL",
            Method::Options => b"OPTIONS",
            Method::Register => b"REGISTER",
            Method::Info => b"INFO",
            Method::Prack => b"PRACK",
            Method::Update => b"UPDATE",
            Method::Subscribe => b"SUBSCRIBE",
            Method::Notify => b"NOTIFY",
            Method::Publish => b"PUBLISH",
            Method::Refer => b"REFER",
            Method::Message => b"MESSAGE",
            Method::Extension(token) => token,
        }
    }

    /// Position in [`Method::KNOWN`]; `None` for extensions.
    #[inline(always)]
    pub fn known_index(&self) -> Option<u8> {
        Some(match self {
            Method::Invite => 0,
            Method::Ack => 1,
            Method::Bye => 2,
            Method::Cancel => 3,
            Method::Options => 4,
            Method::Register => 5,
            Method::Info => 6,
            Method::Prack => 7,
            Method::Update => 8,
            Method::Subscribe => 9,
            Method::Notify => 10,
            Method::Publish => 11,
            Method::Refer => 12,
            Method::Message => 13,
            Method::Extension(_) => return None,
        })
    }

    /// The method at `index` of [`Method::KNOWN`].
    #[inline(always)]
    pub fn from_known_index(index: u8) -> Option<Method<'static>> {
        // Not from the list: the number becomes the method without a load.
        Some(match index {
            0 => Method::Invite,
            1 => Method::Ack,
            2 => Method::Bye,
            3 => Method::Cancel,
            4 => Method::Options,
            5 => Method::Register,
            6 => Method::Info,
            7 => Method::Prack,
            8 => Method::Update,
            9 => Method::Subscribe,
            10 => Method::Notify,
            11 => Method::Publish,
            12 => Method::Refer,
            13 => Method::Message,
            _ => return None,
        })
    }
}

impl core::fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_methods_round_trip_and_case_counts() {
        for (index, method) in Method::KNOWN.into_iter().enumerate() {
            assert_eq!(Method::from_bytes(method.as_bytes()), method);
            assert_eq!(method.known_index().map(usize::from), Some(index));
            assert_eq!(Method::from_known_index(index as u8), Some(method));
        }
        assert_eq!(Method::from_known_index(14), None);
        assert_eq!(Method::from_bytes(b"invite"), Method::Extension(b"invite"));
        assert_eq!(Method::from_bytes(b"RE%47IST%45R").known_index(), None);
    }
}
