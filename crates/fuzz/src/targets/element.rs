//! `element`: a sequence of inputs with time against one shard of an element (the seam; RFC 3261 §16, §17).
//!
//! Records stand between octets 0xFF. The first octet of a record says what it is, the second is its argument:
//!
//! | octet | what happens |
//! |---|---|
//! | `<` | the rest arrives from peer *argument* |
//! | `r` | a message that was given before arrives again |
//! | `=` | a request that the element sent is answered: the rest is a code, a To tag, and lines |
//! | `f` | a request follows one that was given: the rest is its method (`ACK`, `CANCEL`, `BYE` …) |
//! | `+` | time goes on, or stood still for an hour and goes on late |
//! | `d` | the DNS answers with the rest, written as for the target `dns_answer` |
//! | `j` | the journal, or whoever runs errands, answers: well if the argument is even |
//! | `c` | a connection opens, or does not |
//! | `x` | the connection of peer *argument* is gone |
//! | `t` | what was sent last could not be sent |
//! | `u` | other settings |
//!
//! * Outputs are bounded, and whatever is sent is a message that can be read.
//! * The element is never due again and again at one time.
//! * Once everything that it asked for has failed and its timers have run out, it holds nothing.
//! * Equal inputs have equal outputs.

use core::time::Duration;
use std::sync::Arc;

use strowger_element::{Command, Input};
use strowger_sip::{HeaderName, Message, MessageBuilder, Method, StatusCode};
use strowger_transaction::TransmitToken;

use super::dns_answer::answer;
use crate::Verdict;
use crate::random::hash;
use crate::rig::{Rig, settings};

/// Records of one input; more are left out.
const RECORDS: usize = 48;

/// The target.
pub fn run(input: &[u8]) -> Verdict {
    let (verdict, trace) = play(input);
    if hash(input).is_multiple_of(8) {
        assert_eq!(play(input).1, trace, "equal inputs had other outputs");
    }
    verdict
}

fn play(input: &[u8]) -> (Verdict, u64) {
    let mut rig = Rig::new(settings(), true);
    let mut verdict = Verdict::Refused;
    let records = input.split(|octet| *octet == 0xFF).take(RECORDS);
    for record in records {
        let (Some(kind), Some(argument)) = (record.first(), record.get(1)) else {
            continue;
        };
        let rest = record.get(2..).unwrap_or_default();
        let number = usize::from(*argument);
        match kind {
            b'<' if rig.receive(Rig::flow(number), rest) && verdict == Verdict::Refused => {
                verdict = Verdict::Read;
            }
            b'r' => again(&mut rig, number),
            b'=' if answered(&mut rig, number, rest) => verdict = Verdict::Deep,
            b'f' => follow(&mut rig, number, rest),
            b'+' if number % 9 == 8 => rig.stall(Duration::from_secs(3_700)),
            b'+' => rig.advance(duration(number)),
            b'd' => rig.resolve(answer(&String::from_utf8_lossy(rest))),
            b'j' => rig.complete(number.is_multiple_of(2)),
            b'c' => rig.connect(number.is_multiple_of(2)),
            b'x' => rig.input(Input::FlowClosed {
                flow: Rig::flow(3 + number % 2),
            }),
            b't' => transmission_failed(&mut rig, number.is_multiple_of(2)),
            b'u' => reconfigured(&mut rig, number),
            _ => {}
        }
    }
    rig.settle();
    (verdict, rig.trace())
}

fn duration(number: usize) -> Duration {
    let millis = [1, 150, 500, 2_000, 4_000, 31_500, 33_000, 62_000];
    Duration::from_millis(millis[number % 9 % millis.len()])
}

fn again(rig: &mut Rig, number: usize) {
    let given = rig.given.len();
    if given > 0 {
        let (flow, message) = rig.given[given - 1 - number % given].clone();
        rig.give(flow, message);
    }
}

/// The peer answers one of the last requests; true if there was one.
fn answered(rig: &mut Rig, number: usize, rest: &[u8]) -> bool {
    let requests = rig.sent.iter().rev().filter_map(|sent| {
        let message = sent
            .message
            .as_ref()
            .filter(|message| message.is_request())?;
        Some((sent.transmit.flow, Arc::clone(message)))
    });
    let requests: Vec<_> = requests.collect();
    let Some((flow, request)) = requests.get(number % requests.len().max(1)) else {
        return false;
    };
    let mut words = rest.splitn(3, |octet| *octet == b' ');
    let code = words
        .next()
        .and_then(StatusCode::from_bytes)
        .unwrap_or(StatusCode::OK);
    let tag = words.next().filter(|tag| !tag.is_empty()).unwrap_or(b"t1");
    let response = MessageBuilder::response_to(request, code, Some(tag))
        .lines(words.next().unwrap_or_default())
        .finish();
    rig.receive(*flow, &response)
}

/// A request of the same caller: ACK and CANCEL of the transaction, anything else within the dialog if there is one.
fn follow(rig: &mut Rig, number: usize, method: &[u8]) {
    let requests = rig
        .given
        .iter()
        .rev()
        .filter(|(_, given)| given.is_request());
    let requests: Vec<_> = requests.cloned().collect();
    let Some((flow, request)) = requests.get(number % requests.len().max(1)) else {
        return;
    };
    let response = rig.sent.iter().rev().find_map(|sent| {
        let message = sent
            .message
            .as_ref()
            .filter(|message| message.is_response())?;
        (message.call_id() == request.call_id()).then(|| Arc::clone(message))
    });
    let octets = follower(
        request,
        response.as_deref(),
        Method::from_bytes(method),
        number,
    );
    rig.receive(*flow, &octets);
}

fn follower(
    request: &Message,
    response: Option<&Message>,
    method: Method<'_>,
    number: usize,
) -> Vec<u8> {
    let value = |message: &Message, name| {
        let header = message.header(name);
        header
            .map(|header| header.value.to_vec())
            .unwrap_or_default()
    };
    let in_transaction = matches!(method, Method::Ack | Method::Cancel);
    let cseq = request
        .cseq()
        .number
        .wrapping_add(u32::from(!in_transaction));
    let contact = response
        .filter(|_| method != Method::Cancel && number.is_multiple_of(2))
        .and_then(|response| response.contacts().flatten().next())
        .and_then(|contact| contact.address().map(|address| address.uri.to_vec()));
    let uri = contact.unwrap_or_else(|| request.request_uri().to_vec());
    let via = value(request, HeaderName::Via);
    let mut builder = MessageBuilder::request(method, &uri);
    match in_transaction {
        true => builder.push_header(HeaderName::Via, via),
        false => builder.push_header(
            HeaderName::Via,
            format!("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-follow-{number}"),
        ),
    };
    if let Some(response) = response.filter(|_| !in_transaction || number.is_multiple_of(2)) {
        let mut routes: Vec<_> = response.headers_named(HeaderName::RecordRoute).collect();
        routes.reverse();
        for route in routes {
            builder.push_header(HeaderName::Route, route.value);
        }
    }
    builder.push_header(HeaderName::From, value(request, HeaderName::From));
    let to = response
        .filter(|_| method != Method::Cancel)
        .unwrap_or(request);
    builder.push_header(HeaderName::To, value(to, HeaderName::To));
    builder.push_header(HeaderName::CallId, request.call_id());
    let cseq = [format!("{cseq} ").as_bytes(), method.as_bytes()].concat();
    builder.push_header(HeaderName::CSeq, cseq);
    builder.push_header(HeaderName::MaxForwards, "70");
    builder.finish()
}

/// The driver says that a transmission failed: by its token, or by the branch that an ICMP error quotes.
fn transmission_failed(rig: &mut Rig, by_token: bool) {
    let Some(sent) = rig.sent.back().cloned() else {
        return;
    };
    let branch = sent.message.as_ref().and_then(|message| message.branch());
    let (token, branch) = match by_token {
        true => (sent.transmit.token, None),
        false => (TransmitToken::NONE, branch.map(Into::into)),
    };
    rig.input(Input::TransmitFailed {
        flow: sent.transmit.flow,
        token,
        branch,
    });
}

fn reconfigured(rig: &mut Rig, number: usize) {
    let mut settings = settings();
    settings.policy.native().auth_required = number & 1 != 0;
    settings.policy.native().accept_foreign = number & 2 == 0;
    settings.durable = number & 4 == 0;
    rig.input(Input::Command(Command::SetInterest(number as u32 >> 3)));
    rig.input(Input::Reconfigure(Arc::new(settings)));
}
