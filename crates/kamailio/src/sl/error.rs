//! What `sl_reply_error` and the transaction module answer to an internal error.

/// Who answers; it stands at the end of the reason.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum AnsweredBy {
    /// Statelessly: `SL`.
    Stateless,
    /// Through the transaction: `TM`.
    Transaction,
}

/// An internal error by the number that scripts see as a return value.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct InternalError(pub i32);

/// A reply to an internal error.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ErrorReply {
    /// The status code.
    pub code: u16,
    /// The reason without the number behind it.
    pub phrase: &'static str,
    number: i32,
}

impl InternalError {
    /// Nothing went wrong.
    pub const NONE: InternalError = InternalError(0);
    /// Something went wrong; it is not said what.
    pub const UNSPECIFIED: InternalError = InternalError(-1);
    /// Sending to the next hop failed.
    pub const SEND: InternalError = InternalError(-477);
    /// The next hop could not be resolved.
    pub const UNRESOLVABLE: InternalError = InternalError(-478);
    /// A URI could not be read.
    pub const BAD_URI: InternalError = InternalError(-479);
    /// The request cannot be understood.
    pub const BAD_REQUEST: InternalError = InternalError(-400);
    /// The caller has cancelled.
    pub const CANCELLED: InternalError = InternalError(-487);

    /// The reply.
    pub fn reply(self) -> ErrorReply {
        let (code, phrase) = match self.0 {
            -477 => (477, "Unfortunately error on sending to next hop occurred"),
            -478 => (478, "Unresolvable destination"),
            -479 => (479, "Regretfully, we were not able to process the URI"),
            -400 => (400, "Bad Request"),
            -487 => (487, "Transaction canceled"),
            -9 => (400, "Transaction tuple incomplete"),
            -13 => (400, "Bad To"),
            -15 => (400, "Invalid character in q"),
            -16 => (400, "Empty q"),
            -17 => (400, "q out of range"),
            -18 => (400, "Malformed q"),
            -11 => (500, "Error in external logic"),
            -12 => (500, "Forking capacity exceeded"),
            -2 => (500, "Message processing error"),
            -20 => (500, "Internal processing error"),
            0 => (500, "No error"),
            _ => (500, "I'm terribly sorry, server error occurred"),
        };
        ErrorReply {
            code,
            phrase,
            number: self.0.saturating_neg(),
        }
    }
}

impl ErrorReply {
    /// The reason as Kamailio sends it: the phrase, the number of the error, and who answers.
    pub fn reason(&self, by: AnsweredBy) -> String {
        let by = match by {
            AnsweredBy::Stateless => "SL",
            AnsweredBy::Transaction => "TM",
        };
        format!("{} ({}/{by})", self.phrase, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_to_internal_errors() {
        let numbers = [
            -477, -478, -479, -400, -9, -13, -15, -16, -17, -18, -11, -12, -487, -2, -20, 0, -1, -5,
        ];
        let row = |number| {
            let reply = InternalError(number).reply();
            format!(
                "{number}: {} {}",
                reply.code,
                reply.reason(AnsweredBy::Stateless)
            )
        };
        insta::assert_snapshot!(numbers.map(row).join("\n"));
        let reply = InternalError::UNRESOLVABLE.reply();
        assert_eq!(
            reply.reason(AnsweredBy::Transaction),
            "Unresolvable destination (478/TM)"
        );
    }
}
