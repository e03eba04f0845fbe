//! A message whose octets stand ready, apart from a few places that differ each time.

use crate::identifier::digits;
use crate::users::write_number;

/// What stands at a place that differs.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Place {
    /// `{branch}`: number of the exchange.
    Branch,
    /// `{call}`: number of the call or registration, in Call-ID and From tag.
    Call,
    /// `{cseq}`: the sequence number.
    CSeq,
    /// `{user}`: name of the user.
    User,
    /// `{caller}`: name of the user who calls.
    Caller,
    /// `{lines}`: further header lines.
    Lines,
}

const PLACES: [(&str, Place); 6] = [
    ("{branch}", Place::Branch),
    ("{call}", Place::Call),
    ("{cseq}", Place::CSeq),
    ("{user}", Place::User),
    ("{caller}", Place::Caller),
    ("{lines}", Place::Lines),
];

/// What is written at the places.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Values<'a> {
    pub(crate) branch: u64,
    pub(crate) call: u64,
    pub(crate) cseq: u32,
    /// Escaped for a URI.
    pub(crate) user: &'a [u8],
    /// Escaped for a URI.
    pub(crate) caller: &'a [u8],
    /// Complete header lines, each with its CR LF.
    pub(crate) lines: &'a [u8],
}

/// The message.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// Octets, and what follows them.
    parts: Vec<(Vec<u8>, Option<Place>)>,
}

impl Template {
    /// From text with places in braces. Names from outside that are put into it must not hold them.
    pub(crate) fn new(text: &str) -> Template {
        let mut parts = Vec::new();
        let mut rest = text;
        loop {
            let next = PLACES
                .iter()
                .filter_map(|(mark, place)| Some((rest.find(mark)?, *mark, *place)))
                .min_by_key(|(at, ..)| *at);
            let Some((at, mark, place)) = next else {
                parts.push((rest.as_bytes().to_vec(), None));
                return Template { parts };
            };
            let (before, after) = rest.split_at(at);
            parts.push((before.as_bytes().to_vec(), Some(place)));
            rest = after.strip_prefix(mark).unwrap_or_default();
        }
    }

    /// Appends the message.
    pub(crate) fn write(&self, out: &mut Vec<u8>, values: &Values<'_>) {
        for (octets, place) in &self.parts {
            out.extend_from_slice(octets);
            match place {
                None => {}
                Some(Place::Branch) => out.extend_from_slice(&digits(values.branch)),
                Some(Place::Call) => out.extend_from_slice(&digits(values.call)),
                Some(Place::CSeq) => write_number(out, u64::from(values.cseq), 1),
                Some(Place::User) => out.extend_from_slice(values.user),
                Some(Place::Caller) => out.extend_from_slice(values.caller),
                Some(Place::Lines) => out.extend_from_slice(values.lines),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_and_the_rest_stays() {
        let template = Template::new("a{user}b{branch}{call}\r\n{lines}{cseq} {x}");
        let mut out = Vec::new();
        let values = Values {
            branch: 0x1f,
            call: 2,
            cseq: 30,
            user: b"bob",
            caller: b"",
            lines: b"L\r\n",
        };
        template.write(&mut out, &values);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "abobb000000000000001f0000000000000002\r\nL\r\n30 {x}"
        );
    }
}
