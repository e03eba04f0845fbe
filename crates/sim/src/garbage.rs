//! Messages that nobody should send, made from ones that were on the wire: cut, flipped, spliced, forged.

use strowger_sip::Method;

use crate::packet::Packet;
use crate::plan::Errand;
use crate::random::Random;

/// A broken message after the pattern of a sound one. It never passes for part of an errand, and binds nothing: what it
/// comes to is nobody's business but the element's.
pub fn from(seen: &Packet, random: &mut Random) -> Option<Vec<u8>> {
    let message = seen.message.as_ref()?;
    // Made from garbage it might repeat a branch, and be a transaction with itself.
    if Errand::number_in(message.call_id()).is_none() || message.method() == Method::Register {
        return None;
    }
    let text = String::from_utf8_lossy(&seen.octets);
    let mut text = text.replace("Call-ID: e", "Call-ID: g");
    if message.is_request() {
        // A transaction of its own: a copied branch would cancel or repeat what somebody else asked for.
        let branch = format!("branch=z9hG4bKg{:x}", random.next());
        text = text.replace("branch=z9hG4bK", &branch);
    }
    let mut octets = text.into_bytes();
    if message.is_response() {
        forge_branch(&mut octets, random);
    }
    for _ in 0..=random.below(4) {
        change(&mut octets, random);
    }
    // A change may have undone the disguise.
    let is_errand = String::from_utf8_lossy(&octets).contains("Call-ID: e");
    (!is_errand).then_some(octets)
}

/// A response of a stranger: its branch is not one that we made.
fn forge_branch(octets: &mut [u8], random: &mut Random) {
    const COOKIE: &[u8] = b"z9hG4bK";
    let found = octets
        .windows(COOKIE.len())
        .position(|window| window == COOKIE);
    let Some(start) = found.map(|place| place + COOKIE.len()) else {
        return;
    };
    // The last octets of a branch are its MAC; some of those before name a shard.
    let end = octets
        .iter()
        .skip(start)
        .position(|octet| !octet.is_ascii_alphanumeric() && *octet != b'-' && *octet != b'_')
        .map_or(octets.len(), |length| start + length);
    let place = start + usize::try_from(random.below((end - start).max(1) as u64)).unwrap_or(0);
    let last = end.saturating_sub(1);
    for place in [Some(place).filter(|place| *place != last), Some(last)]
        .into_iter()
        .flatten()
    {
        if let Some(octet) = octets.get_mut(place).filter(|_| place >= start) {
            // Case does not matter in a branch.
            *octet = if octet.eq_ignore_ascii_case(&b'a') {
                b'b'
            } else {
                b'a'
            };
        }
    }
}

fn change(octets: &mut Vec<u8>, random: &mut Random) {
    let place = |random: &mut Random, length: usize| {
        usize::try_from(random.below(length.max(1) as u64)).unwrap_or(0)
    };
    match random.below(7) {
        0 => {
            let at = place(random, octets.len());
            if let Some(octet) = octets.get_mut(at) {
                *octet = random.next() as u8;
            }
        }
        1 => octets.truncate(place(random, octets.len()).max(1)),
        2 => {
            let at = place(random, octets.len());
            let length = place(random, 40);
            let end = (at + length).min(octets.len());
            octets.drain(at..end);
        }
        3 => {
            let at = place(random, octets.len());
            let more = random.pick(
                &[
                    "\r\n\r\n",
                    ";;",
                    "\0",
                    "Via: ",
                    "%%%",
                    "\r\n ",
                    "999999999999",
                    "\"",
                ],
                "\r\n",
            );
            octets.splice(at..at, more.bytes());
        }
        4 => {
            let text = String::from_utf8_lossy(octets);
            let other = random.pick(
                &["INVITE", "CANCEL", "ACK", "BYE", "FROB", "OPTIONS"],
                "OPTIONS",
            );
            let first = text.split(' ').next().unwrap_or_default().to_string();
            if !first.starts_with("SIP/") && !first.is_empty() {
                *octets = text.replace(&first, other).into_bytes();
            }
        }
        5 => {
            let text = String::from_utf8_lossy(octets);
            *octets = text
                .replace("Max-Forwards: ", "Max-Forwards: -")
                .into_bytes();
        }
        _ => {
            // A header line once more.
            let text = String::from_utf8_lossy(octets).into_owned();
            let mut lines: Vec<&str> = text.split("\r\n").collect();
            let at = place(random, lines.len());
            if let Some(line) = lines.get(at).copied() {
                lines.insert(at, line);
            }
            *octets = lines.join("\r\n").into_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_errand_is_meant_and_some_can_be_parsed() {
        let octets = b"OPTIONS sip:b.test SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa1\r\n\
            Max-Forwards: 70\r\nFrom: <sip:a@a.test>;tag=1\r\nTo: <sip:b.test>\r\nCall-ID: e1.x@10.0.0.1\r\n\
            CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
        let address = |text: &str| text.parse().expect("an address");
        let packet = Packet::new(address("192.0.2.1:1"), address("192.0.2.2:2"), octets);
        let mut random = Random::new(1);
        let mut parsed = 0;
        for _ in 0..200 {
            let Some(garbage) = from(&packet, &mut random) else {
                continue;
            };
            assert!(!String::from_utf8_lossy(&garbage).contains("Call-ID: e"));
            let packet = Packet::new(packet.from, packet.to, &garbage);
            parsed += usize::from(packet.message.is_some());
        }
        assert!((10..190).contains(&parsed), "{parsed}");
    }
}
