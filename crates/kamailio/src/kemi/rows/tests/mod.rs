//! Functions called from scripts: each line of a table is a call and what it returns. Where a table says "observed", it
//! was compared with Kamailio 5.6.3; differences on purpose have their reason beside them.

mod alias;
mod bodies;
mod checks;
mod complete;
mod core;
mod getters;
mod headers;
mod nat;
mod reply;
mod routes;
mod sanity;
mod text;
mod values;

use crate::kemi::door::KemiDoor;
use crate::kemi::fake::{FakeContext, FakeHost, FakeRun};

/// An INVITE with most of what functions look at.
pub(super) const INVITE: &str = "INVITE sip:bob%20x:pw@h.test:5070;transport=tcp;x=y SIP/2.0
Via: SIP/2.0/UDP 127.0.0.2:15070;branch=z9hG4bKabc;rport
Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKdef
From: \"Alice X\" <sip:alice@a.test:5071;p=1>;tag=ft1
To: Bob <sip:bob@h.test>
Call-ID: call-1@x
CSeq: 17 INVITE
Max-Forwards: 70
Contact: <sip:alice@10.0.0.5:5888>;q=0.5
User-Agent: UA/1
X-A: one
X-A: two
X-A:  three, four
Content-Type: application/sdp
Content-Length: 248

v=0
o=- 1 1 IN IP4 10.0.0.5
s=-
c=IN IP4 10.0.0.5
t=0 0
m=audio 4000 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=sendrecv
m=video 4002 RTP/AVP 96
a=rtpmap:96 H264/90000
";

/// An OPTIONS with little.
pub(super) const OPTIONS: &str = "OPTIONS sip:bob@kam.test SIP/2.0
Via: SIP/2.0/UDP 127.0.0.2:15070;branch=z9hG4bKo1;rport
From: <sip:alice@kam.test>;tag=ft1
To: <sip:bob@kam.test>
Call-ID: c2@x
CSeq: 17 OPTIONS
Max-Forwards: 70
Content-Length: 0

";

/// A reply.
pub(super) const REPLY: &str = "SIP/2.0 404 Nope
Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKb549.0
Via: SIP/2.0/UDP 127.0.0.2:15070;branch=z9hG4bKabc;rport=15070
From: \"Alice X\" <sip:alice@a.test:5071;p=1>;tag=ft1
To: Bob <sip:bob@h.test>;tag=5
Call-ID: call-1@x
CSeq: 17 INVITE
Content-Length: 0

";

/// A message from 127.0.0.2:15070.
pub(super) fn of(text: &str) -> FakeContext {
    FakeContext::of(text).from("127.0.0.2:15070", strowger_sip::Transport::Udp)
}

/// The INVITE without its body.
pub(super) fn bodiless() -> String {
    let head = INVITE.split("\n\n").next().expect("a head");
    head.replace("Length: 248", "Length: 0") + "\n\n"
}

/// Calls each line of a table, `call => result`, and compares. Results are `[text]`, numbers, `true`, `false`, `nil`.
#[track_caller]
pub(super) fn check_with(
    configure: impl FnOnce(&mut KemiDoor),
    context: FakeContext,
    table: &str,
) -> FakeRun {
    let calls: Vec<&str> = table
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| line.split(" => ").next().expect("a call"))
        .collect();
    let mut script = String::from(
        "local out = {}
         local function show(value)
           if type(value) ~= 'string' then return tostring(value) end
           return '[' .. value:gsub('\\r', '\\\\r'):gsub('\\n', '\\\\n') .. ']'
         end\n",
    );
    for call in &calls {
        script += &format!("out[#out + 1] = [==[{call} => ]==] .. show({call})\n");
    }
    script += "return table.concat(out, '\\n')";
    let run = FakeHost::new(&script, configure).request(context);
    let strowger_lua::Value::Text(answer) = run.value() else {
        panic!("no text");
    };
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let expected: Vec<&str> = table
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let wrong: Vec<String> = answer
        .lines()
        .zip(&expected)
        .filter(|(got, wanted)| got != *wanted)
        .map(|(got, wanted)| format!("{got}\n    expected {wanted}"))
        .collect();
    assert!(wrong.is_empty(), "{}\n{:?}", wrong.join("\n"), run.log);
    assert_eq!(answer.lines().count(), expected.len());
    run
}

/// The same with all modules and no parameters.
#[track_caller]
pub(super) fn check(context: FakeContext, table: &str) -> FakeRun {
    check_with(|_| {}, context, table)
}

/// Lines of the message as it leaves that begin so.
pub(super) fn lines(run: &FakeRun, prefixes: &[&str]) -> Vec<String> {
    let begins = |line: &&str| prefixes.iter().any(|prefix| line.starts_with(prefix));
    let message = run.message();
    message.lines().filter(begins).map(str::to_owned).collect()
}
