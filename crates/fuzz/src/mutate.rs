//! Inputs out of inputs: octets, words of a dictionary, lines, parts of values and whole inputs are changed, doubled,
//! moved and mixed. The same seed gives the same inputs.
//!
//! A change that knows what a line or a value is keeps more of what makes an input readable than one that flips octets:
//! nine of ten changes know.

use crate::corpus::INPUT_OCTETS_MAX;
use crate::dictionary::words;
use crate::random::Random;
use crate::{Shape, Target};

/// Makes inputs for one target.
#[derive(Debug)]
pub struct Mutator<'a> {
    target: &'a Target,
    words: Vec<&'static [u8]>,
    random: Random,
}

impl<'a> Mutator<'a> {
    /// A mutator with this seed.
    pub fn new(target: &'a Target, seed: u64) -> Mutator<'a> {
        Mutator {
            target,
            words: words(target.name),
            random: Random::new(seed),
        }
    }

    /// A new input from one of these.
    pub fn next(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut octets = self.random.pick(inputs).cloned().unwrap_or_default();
        if self.random.one_in(12) {
            let other = self.random.pick(inputs).cloned().unwrap_or_default();
            octets = self.spliced(&octets, &other);
        }
        // Mostly few changes: many make nothing that is read.
        let changes = 1 + self.random.below(2) + self.random.below(2) * self.random.below(4);
        for _ in 0..changes {
            self.change(&mut octets, inputs);
        }
        octets.truncate(INPUT_OCTETS_MAX);
        if self.target.shape == Shape::Message && !self.random.one_in(8) {
            with_true_length(&mut octets);
        }
        octets
    }

    fn change(&mut self, octets: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let at = self.random.below(octets.len() + 1);
        match self.random.below(20) {
            0 => self.flip(octets),
            1..=3 => self.word(octets, at),
            4 => self.octet(octets, at),
            5 => self.cut(octets, at),
            6 => self.doubled(octets, at),
            7..=9 => self.line(octets),
            10 => self.line_of_another(octets, inputs),
            11 => self.number(octets),
            12..=13 => self.part(octets, at),
            14..=15 => self.piece_of_another(octets, inputs),
            16 => self.case(octets, at),
            17 => self.blank(octets, at),
            _ => self.replaced_word(octets, at),
        }
    }

    /// The head of one and the tail of the other, cut at ends of lines or records.
    fn spliced(&mut self, a: &[u8], b: &[u8]) -> Vec<u8> {
        let (mut ends_a, mut ends_b) = (self.ends(a), self.ends(b));
        ends_a.push(a.len());
        ends_b.push(0);
        let from = self.random.pick(&ends_a).copied().unwrap_or(0);
        let to = self.random.pick(&ends_b).copied().unwrap_or(0);
        [&a[..from], &b[to..]].concat()
    }

    /// Where lines or records end.
    fn ends(&self, octets: &[u8]) -> Vec<usize> {
        let end = match self.target.shape {
            Shape::Message | Shape::Text | Shape::Value => b'\n',
            Shape::Records => 0xFF,
        };
        let places = octets.iter().enumerate();
        let places = places.filter(|(_, octet)| **octet == end);
        places.map(|(at, _)| at + 1).collect()
    }

    fn flip(&mut self, octets: &mut [u8]) {
        let at = self.random.below(octets.len());
        if let Some(octet) = octets.get_mut(at) {
            *octet ^= 1 << self.random.below(8);
        }
    }

    fn octet(&mut self, octets: &mut Vec<u8>, at: usize) {
        const OCTETS: &[u8] = b"\0\r\n\t ,;:=<>\"\\@?&%/()[]{}*.-+0129azAZ|$#~!\x7f\x80\xc3\xff";
        let octet = self.random.pick(OCTETS).copied().unwrap_or(b' ');
        if self.random.one_in(2) || at == octets.len() {
            octets.insert(at, octet);
        } else {
            octets[at] = octet;
        }
    }

    fn word(&mut self, octets: &mut Vec<u8>, at: usize) {
        if let Some(word) = self.random.pick(&self.words) {
            octets.splice(at..at, word.iter().copied());
        }
    }

    /// A token of the input gives way to a word.
    fn replaced_word(&mut self, octets: &mut Vec<u8>, at: usize) {
        let Some(word) = self.random.pick(&self.words).copied() else {
            return;
        };
        let is_token = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._".contains(octet);
        let start = octets[..at]
            .iter()
            .rposition(|octet| !is_token(octet))
            .map_or(0, |at| at + 1);
        let rest = &octets[at..];
        let end = at
            + rest
                .iter()
                .position(|octet| !is_token(octet))
                .unwrap_or(rest.len());
        octets.splice(start..end, word.iter().copied());
    }

    fn cut(&mut self, octets: &mut Vec<u8>, at: usize) {
        let most = if self.random.one_in(8) { 200 } else { 8 };
        let end = (at + 1 + self.random.below(most)).min(octets.len());
        octets.drain(at.min(end)..end);
    }

    fn doubled(&mut self, octets: &mut Vec<u8>, at: usize) {
        let end = (at + 1 + self.random.below(24)).min(octets.len());
        let piece = octets[at.min(end)..end].to_vec();
        let times = if self.random.one_in(10) { 40 } else { 1 };
        for _ in 0..times {
            octets.splice(end..end, piece.iter().copied());
        }
    }

    /// A line is taken out, doubled, or moved.
    fn line(&mut self, octets: &mut Vec<u8>) {
        let mut ends = self.ends(octets);
        ends.insert(0, 0);
        let place = self.random.below(ends.len());
        let start = ends[place];
        let end = ends.get(place + 1).copied().unwrap_or(octets.len());
        let line = octets[start..end].to_vec();
        let to = match self.random.below(4) {
            0 => {
                octets.drain(start..end);
                return;
            }
            1 => start,
            _ => self.random.pick(&ends).copied().unwrap_or(0),
        };
        octets.splice(to..to, line);
    }

    fn line_of_another(&mut self, octets: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let other = self.random.pick(inputs).cloned().unwrap_or_default();
        let ends = self.ends(&other);
        let place = self.random.below(ends.len());
        let Some(end) = ends.get(place).copied() else {
            return;
        };
        let start = place
            .checked_sub(1)
            .and_then(|before| ends.get(before))
            .copied();
        let own = self.ends(octets);
        let to = self.random.pick(&own).copied().unwrap_or(octets.len());
        octets.splice(to..to, other[start.unwrap_or(0)..end].iter().copied());
    }

    fn piece_of_another(&mut self, octets: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let other = self.random.pick(inputs).cloned().unwrap_or_default();
        let from = self.random.below(other.len() + 1);
        let len = self.random.below(40).min(other.len() - from);
        let at = self.random.below(octets.len() + 1);
        let end = (at + self.random.below(len + 1)).min(octets.len());
        octets.splice(at..end, other[from..from + len].iter().copied());
    }

    /// A number becomes one at an edge.
    fn number(&mut self, octets: &mut Vec<u8>) {
        const NUMBERS: &[&[u8]] = &[
            b"0",
            b"1",
            b"-1",
            b"00",
            b"99",
            b"100",
            b"255",
            b"256",
            b"65535",
            b"65536",
            b"2147483647",
            b"2147483648",
            b"4294967295",
            b"4294967296",
            b"18446744073709551616",
            b"999999999999999999999999",
            b"0x10",
            b"1e9",
        ];
        let digits: Vec<usize> = (0..octets.len())
            .filter(|at| {
                octets[*at].is_ascii_digit() && (*at == 0 || !octets[at - 1].is_ascii_digit())
            })
            .collect();
        let (Some(start), Some(number)) = (self.random.pick(&digits), self.random.pick(NUMBERS))
        else {
            return;
        };
        let rest = &octets[*start..];
        let end = start
            + rest
                .iter()
                .position(|octet| !octet.is_ascii_digit())
                .unwrap_or(rest.len());
        octets.splice(*start..end, number.iter().copied());
    }

    /// What lies between two delimiters is taken out, doubled, or put elsewhere.
    fn part(&mut self, octets: &mut Vec<u8>, at: usize) {
        const DELIMITERS: &[u8] = b";,?&|<>\"@ {}";
        let is_end = |octet: &u8| DELIMITERS.contains(octet);
        let Some(start) = octets[..at].iter().rposition(is_end) else {
            return;
        };
        let rest = &octets[start + 1..];
        let end = start + 1 + rest.iter().position(is_end).unwrap_or(rest.len());
        let piece = octets[start..end].to_vec();
        match self.random.below(3) {
            0 => drop(octets.drain(start..end)),
            1 => drop(octets.splice(end..end, piece)),
            _ => {
                let to = self.random.below(octets.len() + 1);
                octets.splice(to..to, piece);
            }
        }
    }

    fn case(&mut self, octets: &mut [u8], at: usize) {
        let end = (at + 1 + self.random.below(12)).min(octets.len());
        for octet in &mut octets[at.min(end)..end] {
            *octet = match octet {
                b'a'..=b'z' => octet.to_ascii_uppercase(),
                _ => octet.to_ascii_lowercase(),
            };
        }
    }

    fn blank(&mut self, octets: &mut Vec<u8>, at: usize) {
        const BLANKS: &[&[u8]] = &[
            b" ", b"\t", b"\r\n ", b"\r\n\t", b"\n", b"\r\n", b"  ", b"%20", b"%00",
        ];
        if let Some(blank) = self.random.pick(BLANKS) {
            octets.splice(at..at, blank.iter().copied());
        }
    }
}

/// Corrects the first Content-Length, so that a body that was changed does not end the matter.
fn with_true_length(octets: &mut Vec<u8>) {
    let find = |needle: &[u8], from: usize| {
        let rest = octets.get(from..)?;
        let found = rest
            .windows(needle.len())
            .position(|window| window.eq_ignore_ascii_case(needle));
        found.map(|at| from + at)
    };
    let (Some(head), Some(field)) = (find(b"\r\n\r\n", 0), find(b"\r\nContent-Length:", 0)) else {
        return;
    };
    if field >= head {
        return;
    }
    let start = field + b"\r\nContent-Length:".len();
    let Some(end) = find(b"\r\n", start) else {
        return;
    };
    let length = format!(" {}", octets.len() - (head + 4).min(octets.len()));
    octets.splice(start..end, length.bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(seed: u64, count: usize) -> Vec<Vec<u8>> {
        let target = crate::target("message").expect("it is there");
        let inputs = [b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 9\r\n\r\nabc".to_vec()];
        let mut mutator = Mutator::new(target, seed);
        (0..count).map(|_| mutator.next(&inputs)).collect()
    }

    #[test]
    fn a_seed_gives_the_same_inputs_and_another_gives_others() {
        assert_eq!(some(1, 200), some(1, 200));
        assert_ne!(some(1, 200), some(2, 200));
    }

    #[test]
    fn inputs_differ_from_what_they_were_made_of_and_from_each_other() {
        let mut inputs = some(3, 500);
        inputs.sort();
        inputs.dedup();
        assert!(inputs.len() > 450, "{}", inputs.len());
    }

    #[test]
    fn the_length_of_the_body_is_corrected() {
        let mut octets = b"A b SIP/2.0\r\ncontent-length: 77\r\nX: y\r\n\r\nabcde".to_vec();
        with_true_length(&mut octets);
        assert_eq!(
            octets,
            b"A b SIP/2.0\r\ncontent-length: 5\r\nX: y\r\n\r\nabcde"
        );
        let mut none = b"A b SIP/2.0\r\n\r\nContent-Length: 1\r\n".to_vec();
        let before = none.clone();
        with_true_length(&mut none);
        assert_eq!(none, before, "what stands in the body is not a field");
    }

    #[test]
    fn short_and_empty_inputs_are_changed_too() {
        for target in crate::TARGETS {
            let mut mutator = Mutator::new(target, 5);
            for inputs in [vec![], vec![vec![]], vec![vec![b'x']]] {
                for _ in 0..300 {
                    assert!(mutator.next(&inputs).len() <= INPUT_OCTETS_MAX);
                }
            }
        }
    }
}
