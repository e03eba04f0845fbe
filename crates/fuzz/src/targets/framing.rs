//! `framing`: a stream of octets cut into messages (RFC 3261 §18.3, §20.14; RFC 5626 §3.5.1).
//!
//! * The frames do not depend on the pieces in which the stream arrived, nor does the error that ends it.
//! * What is kept of an incomplete message is within the limits.
//! * A message that was cut out is read by the parser as that many octets: nobody else's octets, none left over.

use strowger_sip::{Frame, Limits, Message, ParseError, StreamFramer};

use crate::Verdict;
use crate::random::Random;

/// Frames in their order, and the error that ended the stream.
type Cut = (Vec<Frame>, Option<ParseError>);

/// The target.
pub fn run(input: &[u8]) -> Verdict {
    let narrow = Limits {
        message_octets_max: 700,
        header_section_octets_max: 400,
        ..Limits::default()
    };
    let mut verdict = Verdict::Refused;
    for limits in [Limits::default(), narrow] {
        let whole = cut(&limits, std::iter::once(input));
        let mut random = Random::of(input);
        let pieces = pieces(input, &mut random);
        assert_eq!(
            cut(&limits, pieces.into_iter()),
            whole,
            "pieces make other frames"
        );
        if input.len() <= 2_000 {
            assert_eq!(
                cut(&limits, input.chunks(1)),
                whole,
                "octets make other frames"
            );
        }
        let messages = whole
            .0
            .iter()
            .filter(|frame| matches!(frame, Frame::Message(_)));
        match (messages.count(), verdict) {
            (2.., _) => verdict = Verdict::Deep,
            (1, Verdict::Refused) => verdict = Verdict::Read,
            _ => {}
        }
        for frame in &whole.0 {
            if let Frame::Message(octets) = frame {
                is_one_message(octets, &limits);
            }
        }
    }
    verdict
}

/// The stream in pieces of 1 to 99 octets.
fn pieces<'a>(input: &'a [u8], random: &mut Random) -> Vec<&'a [u8]> {
    let mut rest = input;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let (piece, tail) = rest.split_at((1 + random.below(99)).min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

fn cut<'a>(limits: &Limits, pieces: impl Iterator<Item = &'a [u8]>) -> Cut {
    let mut framer = StreamFramer::new(limits);
    let mut frames = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                // A line break may be half of a ping that arrives in two halves.
                Ok(Some(Frame::KeepAlivePong)) => {}
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => {
                    let kind = error.error;
                    if let Some(failure) = error.into_failure() {
                        assert!(failure.message.is_some());
                    }
                    framer.push(b"OPTIONS");
                    assert!(
                        matches!(framer.next_frame(), Ok(None)),
                        "it goes on after its end"
                    );
                    assert_eq!(framer.buffered(), 0);
                    return (frames, Some(kind));
                }
            }
        }
        let most = limits
            .message_octets_max
            .max(limits.header_section_octets_max);
        assert!(
            framer.buffered() <= most,
            "more is kept than a message may have"
        );
    }
    (frames, None)
}

fn is_one_message(frame: &[u8], limits: &Limits) {
    assert!(frame.len() <= limits.message_octets_max);
    match Message::parse(frame.to_vec(), limits) {
        Ok(message) => {
            let begins = frame.iter().position(|octet| !b"\r\n".contains(octet));
            assert_eq!(
                message.as_bytes(),
                &frame[begins.unwrap_or(0)..],
                "octets are left over"
            );
            assert_eq!(message.content_length(), Some(message.body().len()));
        }
        Err(failure) => assert!(
            failure.error != ParseError::Truncated,
            "the framer and the parser read different lengths"
        ),
    }
}
