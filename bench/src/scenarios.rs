//! The work that is measured. Each starts from a receive buffer, so the copy into the message's own octets is
//! part of it; what is written goes into memory that is used again, as the transmit batch is.

use std::hint::black_box;
use std::net::SocketAddr;

use crate::measured::measured;
use crate::shard::{Decides, Shard};
use strowger_sip::{Edits, HeaderName, Limits, Message, Method, StatusCode, write_response};

/// Memory and settings that a worker keeps from message to message.
pub struct Work {
    received: Vec<u8>,
    limits: Limits,
    edits: Edits,
    out: Vec<u8>,
    source: SocketAddr,
}

impl Work {
    /// Reads the message.
    pub fn new(file: &str) -> Work {
        let path = format!("{}/../fixtures/bench/{file}", env!("CARGO_MANIFEST_DIR"));
        Work {
            received: std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}")),
            limits: Limits::default(),
            edits: Edits::new(),
            out: Vec::with_capacity(4096),
            source: SocketAddr::from(([192, 0, 2, 10], 5060)),
        }
    }

    fn message(&self) -> Message {
        Message::parse(black_box(&self.received).to_vec(), &self.limits).expect("valid")
    }
}

/// Work that is done again and again.
pub type Round = Box<dyn FnMut()>;

/// A name, and what makes the work.
pub type Scenario = (&'static str, fn() -> Round);

/// All that is measured.
pub const SCENARIOS: &[Scenario] = &[
    ("parse-invite", || with("invite-949.sip", parse)),
    ("parse-register", || with("register-664.sip", parse)),
    ("parse-ok", || with("ok-498.sip", parse)),
    ("all-invite", || with("invite-949.sip", all)),
    ("all-register", || with("register-664.sip", all)),
    ("all-ok", || with("ok-498.sip", all)),
    ("proxy-invite", || with("invite-949.sip", proxy_request)),
    ("proxy-ok", || with("ok-498.sip", proxy_response)),
    ("reply-invite", || with("invite-949.sip", reply)),
    ("options-native", || {
        fast_shard(Decides::Native, Shard::options)
    }),
    ("options-script", || {
        fast_shard(Decides::Script, Shard::options)
    }),
    ("invite-404-native", || {
        fast_shard(Decides::Native, Shard::invite_404)
    }),
    ("invite-404-script", || {
        fast_shard(Decides::Script, Shard::invite_404)
    }),
    ("refresh-native", || {
        fast_shard(Decides::Native, Shard::refresh)
    }),
    ("digest-native", || {
        fast_shard(Decides::NativeWithDigest, Shard::refresh_with_digest)
    }),
    ("message-native", || shard(Decides::Native, Shard::message)),
    ("message-script", || shard(Decides::Script, Shard::message)),
    ("call-native", || shard(Decides::Native, Shard::call)),
    ("call-script", || shard(Decides::Script, Shard::call)),
];

fn with(file: &'static str, work: fn(&mut Work)) -> Round {
    let mut bench = Work::new(file);
    Box::new(move || measured(|| work(&mut bench)))
}

fn shard(decides: Decides, work: fn(&mut Shard)) -> Round {
    let mut shard = Shard::new(decides);
    Box::new(move || work(&mut shard))
}

fn fast_shard(decides: Decides, work: fn(&mut Shard)) -> Round {
    let mut shard = Shard::new(decides).fast();
    Box::new(move || work(&mut shard))
}

fn parse(work: &mut Work) {
    black_box(work.message());
}

/// Parse, typed Via, From, To, CSeq, Call-ID and Contact, URIs included, and serialise.
fn all(work: &mut Work) {
    let message = work.message();
    for via in message.vias() {
        black_box(via.expect("valid"));
    }
    black_box(message.from().uri_parsed().expect("valid"));
    black_box(message.to().uri_parsed().expect("valid"));
    black_box(message.cseq());
    black_box(message.call_id());
    for contact in message.contacts() {
        let contact = contact.expect("valid");
        black_box(
            contact
                .address()
                .map(|address| address.uri_parsed().expect("valid")),
        );
    }
    work.edits.clear();
    work.out.clear();
    work.edits.write(&message, &mut work.out);
    black_box(&work.out);
}

/// Index, look at what §16.3 looks at, and forward with the changes of §16.6. The octets are in a buffer that
/// the message takes over and gives back.
fn proxy_request(work: &mut Work) {
    let received = std::mem::take(&mut work.received);
    let parsed = Message::parse(black_box(received), &work.limits);
    let Ok(message) = &parsed else {
        panic!("valid")
    };
    black_box((
        message.from_tag(),
        message.to_tag(),
        message.call_id(),
        message.branch(),
    ));
    black_box((message.cseq().number, message.method() == Method::Invite));
    black_box((
        message.has_header(HeaderName::ProxyRequire),
        message.has_header(HeaderName::Route),
    ));
    let hops = message
        .max_forwards()
        .expect("valid")
        .unwrap_or(70)
        .saturating_sub(1);
    let edits = &mut work.edits;
    edits.clear();
    edits.set_request_uri(message, b"sip:bob@198.51.100.7:5062;transport=udp");
    edits.prepend_lines(message, |out| {
        out.extend_from_slice(
            b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKq6v2k5jd3m7xwya4h0e9\r\n",
        );
        out.extend_from_slice(b"Record-Route: <sip:q6v2k5jd3m7xwya4h0e9tz@192.0.2.1;lr>\r\n");
    });
    edits.mark_source(message, work.source);
    edits.set_number(message, HeaderName::MaxForwards, hops);
    work.out.clear();
    edits.write(message, &mut work.out);
    black_box(&work.out);
    if let Ok(message) = parsed {
        work.received = message.into_bytes();
    }
}

/// Index, and take our Via off.
fn proxy_response(work: &mut Work) {
    let message = work.message();
    black_box((message.status(), message.cseq(), message.via().branch()));
    work.edits.clear();
    work.edits.remove_list_item(&message, message.via().range);
    black_box(message.vias().nth(1));
    work.out.clear();
    work.edits.write(&message, &mut work.out);
    black_box(&work.out);
}

/// Answer without state.
fn reply(work: &mut Work) {
    let message = work.message();
    work.out.clear();
    let tag: &[u8] = b"q6v2k5jd3m7x";
    write_response(
        &mut work.out,
        &message,
        work.source,
        StatusCode::NOT_FOUND,
        None,
        Some(tag),
        b"",
        None,
    );
    black_box(&work.out);
}
