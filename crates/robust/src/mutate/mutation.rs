//! Mutations of a message's octets: gentle ones, after most of which it still parses, and rough ones.

use crate::random::Random;

/// Longest message that is made: what fits a datagram.
pub const OCTETS_MAX: usize = 65_000;

/// Values that have broken parsers.
const VALUES: &[&str] = &[
    "",
    " ",
    "0",
    "-1",
    "1",
    "255",
    "65536",
    "2147483648",
    "4294967296",
    "18446744073709551616",
    "99999999999999999999999999999999",
    "*",
    "\"",
    "\"\\",
    "<",
    ">",
    "<>",
    "<sip:",
    "sip:",
    "sip:@",
    "sip:%",
    "sip:%00@x",
    "sips:a@[::",
    "tel:+1;phone-context=",
    "sip:127.0.0.1:0",
    "sip:127.0.0.1:99999",
    "<sip:a@127.0.0.1;lr>,",
    "<sip:127.0.0.1;lr;maddr=127.0.0.9>",
    ",",
    ",,,,,,,,",
    ";",
    ";;;;",
    "=",
    "SIP/2.0/UDP",
    "SIP/2.0/UDP 127.0.0.1:1;branch=",
    "SIP / 2.0 / TCP [::1];ttl=256",
    "%s%n%d",
    "\u{0}",
    "\r",
    "\n",
    "\r\n",
    "\r\n ",
    "\t",
    "é",
    "\u{fffd}",
    "Digest",
    "Digest nonce=",
    "Digest realm=\"\\\"\",nonce=\"\",uri=\"",
    "application/sdp",
    "multipart/mixed;boundary=",
    "100rel,timer,replaces,outbound,nothing-known",
    "Thu, 32 Feb 1900 25:61:61 GMT",
];

/// Parameters to append.
const PARAMETERS: &[&str] = &[
    ";lr",
    ";maddr=127.0.0.9",
    ";rport",
    ";rport=0",
    ";received=127.0.0.8",
    ";transport=tcp",
    ";transport=what",
    ";ttl=1000",
    ";tag=",
    ";tag=twice",
    ";expires=0",
    ";expires=4294967295",
    ";q=1.0001",
    ";branch=z9hG4bK",
    ";+sip.instance=\"<urn:uuid:0>\"",
    ";ob",
    ";reg-id=1",
    ";x=\"\\\"\"",
];

/// Header lines to insert.
const LINES: &[&str] = &[
    "Route: <sip:127.0.0.1;lr>",
    "Route: <sip:nobody@example.test>",
    "Require: nothing-known",
    "Proxy-Require: nothing-known",
    "Max-Forwards: 0",
    "Max-Forwards: 1",
    "Max-Breadth: 0",
    "Expires: 1",
    "Session-Expires: 1;refresher=x",
    "Replaces: a;to-tag=b;from-tag=c",
    "Via: SIP/2.0/UDP 127.0.0.7:1;branch=z9hG4bKbelow",
    "Contact: *",
    "Contact: <sip:a@127.0.0.1:9>;expires=60",
    "Record-Route: <sip:127.0.0.1;lr>",
    "Path: <sip:127.0.0.1:9;lr>",
    "Content-Encoding: gzip",
    "Identity: x",
    "P-Asserted-Identity: <sip:king@example.test>",
    "Authorization: Digest x",
    "To: <sip:second@example.test>",
    "l: 5",
    "v: SIP/2.0/TCP h",
    "X : y",
];

/// Method names.
const METHODS: &[&str] = &[
    "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "MESSAGE", "INFO", "UPDATE", "PRACK",
    "REFER", "NOTIFY", "PUBLISH", "invite", "X", "",
];

/// Mutates once or several times. At least one octet differs afterwards, unless chance wrote what was there.
pub fn mutate(random: &mut Random, message: &mut Vec<u8>, other: &[u8]) {
    match random.below(100) {
        0..60 => gentle(random, message),
        60..85 => rough(random, message, other),
        _ => {
            for _ in 0..2 + random.below(5) {
                match random.chance(50) {
                    true => gentle(random, message),
                    false => rough(random, message, other),
                }
            }
        }
    }
    message.truncate(OCTETS_MAX);
}

/// Starts of the header lines, the end of the last one behind them.
fn lines(message: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 0;
    while let Some(end) = message
        .get(at..)
        .and_then(|rest| rest.windows(2).position(|pair| pair == b"\r\n"))
    {
        if at > 0 {
            starts.push(at);
        }
        if end == 0 && at > 0 {
            return starts;
        }
        at += end + 2;
    }
    starts
}

fn gentle(random: &mut Random, message: &mut Vec<u8>) {
    let starts = lines(message);
    if starts.len() < 3 {
        return rough(random, message, b"");
    }
    let line = random.below(starts.len() - 1);
    let (Some(start), Some(end)) = (starts.get(line).copied(), starts.get(line + 1).copied())
    else {
        return;
    };
    let colon = message
        .get(start..end)
        .and_then(|text| text.iter().position(|octet| *octet == b':'))
        .map_or(start, |at| start + at + 1);
    let text_end = end.saturating_sub(2).max(colon);
    match random.below(13) {
        // Octets within a value.
        0 => {
            let at = colon + random.below(text_end - colon);
            if let Some(octet) = message.get_mut(at) {
                *octet = 32 + (random.octet() % 95);
            }
        }
        1 => {
            let copy = message.get(start..end).unwrap_or_default().to_vec();
            insert(message, end, &copy);
        }
        2 => _ = message.drain(start..end),
        // The line moves behind another.
        3 => {
            let moved: Vec<u8> = message.drain(start..end).collect();
            let to = lines(message);
            let at = to.get(random.below(to.len())).copied().unwrap_or(start);
            insert(message, at, &moved);
        }
        4 => {
            for octet in message.get_mut(start..colon).unwrap_or_default() {
                if random.chance(50) {
                    *octet ^= if octet.is_ascii_alphabetic() { 32 } else { 0 };
                }
            }
        }
        5 => {
            let new = random.pick(LINES).copied().unwrap_or_default();
            insert(message, start, format!("{new}\r\n").as_bytes());
        }
        6 => insert(message, colon, b"\r\n "),
        7 => {
            let parameter = random.pick(PARAMETERS).copied().unwrap_or_default();
            insert(message, text_end, parameter.as_bytes());
        }
        8 => number(random, message, colon, text_end),
        9 => {
            let method = random.pick(METHODS).copied().unwrap_or_default();
            let until = message.iter().position(|o| *o == b' ').unwrap_or(0);
            message.splice(..until, method.bytes());
        }
        10 => {
            let value = random.pick(VALUES).copied().unwrap_or_default();
            message.splice(colon..text_end, format!(" {value}").bytes());
        }
        11 => {
            let length = 1 << random.below(13);
            let filler = format!(
                "X-Long: {}\r\n",
                "a".repeat(length).replace("aaaaaaaa", "a;b=\"c\"")
            );
            insert(message, start, filler.as_bytes());
        }
        // The Request-URI or the reason.
        _ => {
            let first = message.iter().position(|o| *o == b' ').unwrap_or(0) + 1;
            let until = starts.first().map_or(0, |at| at.saturating_sub(11));
            let at = first + random.below(until.saturating_sub(first));
            if let Some(octet) = message.get_mut(at) {
                *octet = 33 + (random.octet() % 94);
            }
        }
    }
}

/// Puts a number of another size in the place of one.
fn number(random: &mut Random, message: &mut Vec<u8>, from: usize, to: usize) {
    let text = message.get(from..to).unwrap_or_default();
    let Some(start) = text.iter().position(u8::is_ascii_digit) else {
        return;
    };
    let length = text
        .get(start..)
        .unwrap_or_default()
        .iter()
        .take_while(|octet| octet.is_ascii_digit())
        .count();
    let value = match random.below(3) {
        0 => random.next().to_string(),
        1 => random.below(100).to_string(),
        _ => VALUES
            .get(2 + random.below(9))
            .copied()
            .unwrap_or_default()
            .to_owned(),
    };
    message.splice(from + start..from + start + length, value.bytes());
}

fn rough(random: &mut Random, message: &mut Vec<u8>, other: &[u8]) {
    let length = message.len();
    let at = random.below(length);
    let longest = 1 + (1 << random.below(10));
    let span = random.below((length - at).min(longest));
    match random.below(11) {
        0 => {
            if let Some(octet) = message.get_mut(at) {
                *octet ^= 1 << random.below(8);
            }
        }
        1 => {
            let octets: Vec<u8> = (0..1 + random.below(16)).map(|_| random.octet()).collect();
            insert(message, at, &octets);
        }
        2 => _ = message.drain(at..at + span),
        3 => {
            let copy = message.get(at..at + span).unwrap_or_default().to_vec();
            insert(message, at, &copy);
        }
        4 => message.truncate(at),
        5 => {
            let from = random.below(other.len());
            let piece = other
                .get(from..(from + span).min(other.len()))
                .unwrap_or_default();
            message.splice(at..at + span, piece.iter().copied());
        }
        6 => {
            let value = random.pick(VALUES).copied().unwrap_or_default();
            insert(message, at, value.as_bytes());
        }
        // Line ends of other systems.
        7 => {
            let keep = random.below(2);
            let mut turn = 0;
            message.retain(|octet| {
                turn += 1;
                !(*octet == b"\r\n"[keep] && (turn > at))
            });
        }
        8 => {
            if let Some(octet) = message.get_mut(at) {
                *octet = 0;
            }
        }
        9 => {
            let bound = if random.chance(5) { 13 } else { 8 };
            let longest = random.below(bound);
            let piece = message
                .get(at..(at + 1 + random.below(8)).min(length))
                .unwrap_or_default()
                .repeat(1 << longest);
            insert(message, at, &piece);
        }
        _ => {
            for octet in message.iter_mut().skip(at).take(span) {
                *octet = random.octet();
            }
        }
    }
}

fn insert(message: &mut Vec<u8>, at: usize, octets: &[u8]) {
    if message.len() + octets.len() <= OCTETS_MAX && at <= message.len() {
        message.splice(at..at, octets.iter().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strowger_sip::{Limits, Message};

    const START: &[u8] = b"OPTIONS sip:example.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1;rport\r\n\
        Max-Forwards: 70\r\nFrom: <sip:a@example.test>;tag=1\r\nTo: <sip:example.test>\r\nCall-ID: 1\r\n\
        CSeq: 1 OPTIONS\r\nUser-Agent: x\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn a_seed_makes_the_same_messages_and_a_good_part_of_them_parses() {
        let (mut one, mut two) = (Random::new(7), Random::new(7));
        let mut parsed = 0;
        for _ in 0..20_000 {
            let (mut first, mut second) = (START.to_vec(), START.to_vec());
            mutate(&mut one, &mut first, START);
            mutate(&mut two, &mut second, START);
            assert_eq!(first, second);
            assert!(first.len() <= OCTETS_MAX);
            parsed += usize::from(Message::parse(first, &Limits::default()).is_ok());
        }
        assert!((6_000..19_000).contains(&parsed), "{parsed} of 20,000");
    }

    #[test]
    fn what_is_left_of_a_message_can_be_mutated_again() {
        let mut random = Random::new(1);
        let mut message = START.to_vec();
        for _ in 0..50_000 {
            mutate(&mut random, &mut message, START);
            if message.len() > 20_000 {
                message.truncate(3);
            }
        }
        mutate(&mut random, &mut Vec::new(), b"");
    }
}
