//! Code and reason of a reply as a script gives them, with their defaults and traps.

use std::borrow::Cow;

use strowger_routing::ReplyOutcome;
use strowger_sip::StatusCode;

use crate::pv::PvValue;

/// `default_code` and `default_reason` of the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyDefaults {
    /// The code where none can be read (500).
    pub code: u16,
    /// The reason where there is none (`Internal Server Error`).
    pub reason: String,
}

impl Default for ReplyDefaults {
    fn default() -> ReplyDefaults {
        ReplyDefaults {
            code: 500,
            reason: "Internal Server Error".into(),
        }
    }
}

/// Who gives the arguments: the rules differ.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Native configuration: a code that is a string is no number, even if it looks like one, and becomes the default.
    Native,
    /// A KEMI script: a string of digits is a number.
    Script,
}

/// A reply ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedReply<'a> {
    /// The status code.
    pub status: StatusCode,
    /// The reason, without line ends.
    pub reason: Cow<'a, [u8]>,
}

/// What the script sees of how a reply function ended: 1, -1, -2.
pub const fn return_code(outcome: ReplyOutcome) -> i64 {
    match outcome {
        ReplyOutcome::Sent => 1,
        ReplyOutcome::Failed => -1,
        ReplyOutcome::Refused => -2,
    }
}

/// Reads the arguments of `sl_send_reply` and its kin. `None` for a code outside 100 to 699, which nobody may send.
#[inline]
pub fn prepare<'a>(
    caller: Caller,
    code: &PvValue<'_>,
    reason: &'a PvValue<'_>,
    defaults: &'a ReplyDefaults,
) -> Option<PreparedReply<'a>> {
    let number = match (code, caller) {
        (PvValue::Int(number), _) => *number,
        (PvValue::Str(text), Caller::Script) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(i64::from(defaults.code)),
        (PvValue::Str(_), Caller::Native) | (PvValue::Null, _) => i64::from(defaults.code),
    };
    let reason = reason
        .text()
        .unwrap_or(Cow::Borrowed(defaults.reason.as_bytes()));
    Some(PreparedReply {
        status: StatusCode::new(u16::try_from(number).ok()?)?,
        reason: on_one_line(reason),
    })
}

/// What came from the wire may hold a folded line; it must not end the status line.
fn on_one_line(reason: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if !reason.iter().any(u8::is_ascii_control) {
        return reason;
    }
    let blank = |octet: &u8| {
        if octet.is_ascii_control() {
            b' '
        } else {
            *octet
        }
    };
    reason.iter().map(blank).collect()
}

/// The code of a reply that is forwarded with another one (`sl_forward_reply`): only one of the same class will do.
pub fn changed_code(received: StatusCode, wanted: i64) -> Option<StatusCode> {
    let wanted = StatusCode::new(u16::try_from(wanted).ok()?)?;
    (wanted.class() == received.class()).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(caller: Caller, code: PvValue<'_>, reason: PvValue<'_>) -> String {
        match prepare(caller, &code, &reason, &ReplyDefaults::default()) {
            Some(reply) => format!(
                "{} {}",
                reply.status.get(),
                String::from_utf8_lossy(&reply.reason)
            ),
            None => "nothing".into(),
        }
    }

    #[test]
    fn code_and_reason_default_by_their_kind() {
        let text = |text: &'static str| PvValue::from(text);
        let table = [
            prepared(Caller::Script, 404.into(), text("Not found")),
            prepared(Caller::Script, text("404"), text("Not found")),
            prepared(Caller::Native, text("404"), text("Not found")),
            prepared(Caller::Script, text("many"), text("x")),
            prepared(Caller::Script, PvValue::Null, PvValue::Null),
            prepared(Caller::Native, 403.into(), text("")),
            prepared(Caller::Native, 403.into(), 7.into()),
            prepared(Caller::Script, 99.into(), text("x")),
            prepared(Caller::Script, 700.into(), text("x")),
            prepared(Caller::Script, (-1).into(), text("x")),
        ];
        insta::assert_snapshot!(table.join("\n"), @r"
        404 Not found
        404 Not found
        500 Not found
        500 x
        500 Internal Server Error
        403 
        403 7
        nothing
        nothing
        nothing
        ");
    }

    #[test]
    fn line_ends_in_a_reason_are_blanks() {
        assert_eq!(
            prepared(Caller::Script, 403.into(), PvValue::from("a\r\nVia: x")),
            "403 a  Via: x"
        );
    }

    #[test]
    fn a_forwarded_reply_keeps_its_class() {
        let busy = StatusCode::new(486).expect("a status");
        assert_eq!(changed_code(busy, 480).map(StatusCode::get), Some(480));
        assert_eq!(changed_code(busy, 503), None);
        assert_eq!(changed_code(busy, 9), None);
    }
}
