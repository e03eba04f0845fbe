//! `kemi_arguments`: functions of `KSR` with any arguments, and pseudo-variables with any transformations.
//!
//! Lines, each a call: `module.function|argument|argument`. An argument is `#number`, `~` (nil), `!` (true), `{` (a table)
//! or text. A line `$…` is a pseudo-variable that is read, `$…=text` one that is written. A line `@branch`, `@reply` or
//! `@failure` says where the calls that follow are made; at first that is the route of requests.
//!
//! The script runs in an element: an INVITE for two devices, which ring and refuse. Every call is protected, as an error
//! of one must not hide the next.
//!
//! * No call breaks the host, the run or the element; the element comes to rest.
//! * A variable that is read as a specification is read within its limits, and equal inputs have equal outputs.

use core::fmt::Write;
use core::time::Duration;
use std::sync::Arc;

use strowger_kamailio::kemi::{
    KemiDoor, KemiFactory, KemiLog, KemiRun, KemiSurroundings, LogLevel, ScriptSource, rows,
};
use strowger_kamailio::pv::{PvFormat, PvSpec, SPEC_OCTETS_MAX};
use strowger_lua::{BudgetClock, HostSettings, InstructionClock, MemoryFolder, Row, ScriptFolder};
use strowger_routing::PolicyChoice;
use strowger_sip::{MessageBuilder, StatusCode};

use crate::Verdict;
use crate::random::hash;
use crate::rig::{Rig, settings};

/// Calls of one input; more are left out.
const CALLS: usize = 40;

const INVITE: &[u8] = b"INVITE sip:erin@example.test SIP/2.0\r\n\
    Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-k1;rport\r\n\
    From: \"Alice\" <sip:alice@example.test>;tag=a1\r\nTo: <sip:erin@example.test>\r\n\
    Call-ID: k1@192.0.2.1\r\nCSeq: 7 INVITE\r\nMax-Forwards: 70\r\n\
    Contact: <sip:alice@192.0.2.1:5060;ob>\r\nUser-Agent: fuzz 1.0\r\nSupported: path, outbound\r\n\
    Record-Route: <sip:192.0.2.77;lr;ftag=a1>\r\nX-Data: 1;b=\"2\",c\r\n\
    Content-Type: application/sdp\r\nContent-Length: 121\r\n\r\n\
    v=0\r\no=a 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n";

/// The target.
pub fn run(input: &[u8]) -> Verdict {
    let mut script = Script::default();
    for line in input.split(|octet| *octet == b'\n').take(CALLS) {
        script.line(line);
    }
    if script.calls == 0 {
        return Verdict::Refused;
    }
    let trace = play(&script);
    if hash(input).is_multiple_of(16) {
        assert_eq!(play(&script), trace, "equal inputs had other outputs");
    }
    if script.known > 0 {
        Verdict::Deep
    } else {
        Verdict::Read
    }
}

/// The calls of an input as Lua.
#[derive(Default)]
struct Script {
    /// Bodies of the routes of requests, branches, replies and failures.
    routes: [String; 4],
    at: usize,
    calls: usize,
    /// Calls of functions that there are.
    known: usize,
}

impl Script {
    fn line(&mut self, line: &[u8]) {
        match line {
            b"@branch" => self.at = 1,
            b"@reply" => self.at = 2,
            b"@failure" => self.at = 3,
            [b'$', ..] => self.variable(line),
            [] => {}
            _ => self.call(line),
        }
    }

    fn variable(&mut self, line: &[u8]) {
        let equals = line.iter().position(|octet| *octet == b'=');
        let (name, text) = match equals {
            // `=>` and `==` belong to names and transformations.
            Some(at) if !matches!(line.get(at + 1), Some(b'>' | b'=')) => {
                (&line[..at], Some(&line[at + 1..]))
            }
            _ => (line, None),
        };
        if let Ok(spec) = PvSpec::parse(name) {
            assert!(name.len() <= SPEC_OCTETS_MAX);
            let _ = spec.missing_module();
            self.known += 1;
        }
        if let Ok(format) = PvFormat::parse(line) {
            let constant = format.constant();
            assert!(constant.is_none_or(|octets| octets.len() <= line.len()));
        }
        let (name, out) = (lua_text(name), &mut self.routes[self.at]);
        let _ = match text {
            None => writeln!(
                out,
                "pcall(KSR.pv.get, {name})\npcall(KSR.pv.is_null, {name})"
            ),
            Some(text) => writeln!(out, "pcall(KSR.pv.sets, {name}, {})", lua_text(text)),
        };
        self.calls += 1;
    }

    fn call(&mut self, line: &[u8]) {
        let mut parts = line.split(|octet| *octet == b'|');
        let name = parts.next().unwrap_or_default();
        let row = match row(name) {
            Some(row) => {
                self.known += 1;
                row
            }
            // A name that does not exist stands for one that does.
            None => {
                let rows = rows::ALL.iter().copied().flatten();
                let count = rows.clone().count() as u64;
                let mut rows = rows;
                rows.nth((hash(name) % count) as usize)
                    .expect("there are rows")
            }
        };
        let out = &mut self.routes[self.at];
        let _ = match row.module {
            "" => write!(out, "pcall(KSR.{}", row.name),
            module => write!(out, "pcall(KSR.{module}.{}", row.name),
        };
        for argument in parts.take(8) {
            let _ = write!(out, ", {}", lua(argument));
        }
        out.push_str(")\n");
        self.calls += 1;
    }

    /// The whole, as a script that serves.
    fn text(&self) -> String {
        let [request, branch, reply, failure] = &self.routes;
        format!(
            "function ksr_request_route()\n{request}\
             pcall(KSR.tm.t_on_branch, 'b')\npcall(KSR.tm.t_on_reply, 'r')\n\
             pcall(KSR.tm.t_on_failure, 'f')\npcall(KSR.registrar.lookup, 'location')\n\
             KSR.tm.t_relay()\nend\n\
             function b()\n{branch}end\nfunction r()\n{reply}end\nfunction f()\n{failure}end\n\
             function ksr_reply_route()\n{reply}end\n"
        )
    }
}

fn row(name: &[u8]) -> Option<&'static Row<KemiRun>> {
    let name = core::str::from_utf8(name).ok()?;
    let (module, name) = name.split_once('.').unwrap_or(("", name));
    let mut rows = rows::ALL.iter().copied().flatten();
    rows.find(|row| row.module == module && row.name == name)
}

fn lua(argument: &[u8]) -> String {
    match argument {
        b"~" => "nil".into(),
        b"!" => "true".into(),
        b"{" => "{1, 2, x = 3}".into(),
        [b'#', digits @ ..] => {
            let number = core::str::from_utf8(digits)
                .ok()
                .and_then(|text| text.parse::<f64>().ok());
            match number {
                Some(number) if number.is_finite() => format!("({number:e})"),
                Some(_) => "(1/0)".into(),
                None => "(0/0)".into(),
            }
        }
        text => lua_text(text),
    }
}

/// Octets as a Lua string.
fn lua_text(octets: &[u8]) -> String {
    let mut out = String::from("\"");
    for octet in octets {
        let _ = write!(out, "\\{octet:03}");
    }
    out.push('"');
    out
}

fn play(script: &Script) -> u64 {
    let source = ScriptSource {
        folder: "scripts".into(),
        file: "main.lua".into(),
    };
    let door = KemiDoor::of_script(source, Arc::new(Silence));
    let surroundings = Arc::new(InMemory(script.text()));
    let factory = KemiFactory::new(Arc::new(door), surroundings);
    let mut settings = settings();
    settings.policy = PolicyChoice::Program(Arc::new(factory));
    // What a script makes of a message is its own affair.
    let mut rig = Rig::new(settings, false);
    assert!(rig.receive(Rig::flow(0), INVITE), "the INVITE is sound");
    rig.advance(Duration::from_millis(300));
    for _ in 0..4 {
        rig.complete(true);
    }
    for code in [180, 486, 603] {
        answer_all(&mut rig, StatusCode::new(code).expect("a code"));
        rig.advance(Duration::from_millis(700));
    }
    rig.settle();
    rig.trace()
}

/// Every request that was sent is answered.
fn answer_all(rig: &mut Rig, code: StatusCode) {
    let sent: Vec<_> = rig.sent.iter().cloned().collect();
    for sent in sent {
        let Some(request) = sent.message.filter(|message| message.is_request()) else {
            continue;
        };
        let response = MessageBuilder::response_to(&request, code, Some(b"e1")).finish();
        rig.receive(sent.transmit.flow, &response);
    }
}

/// Lines of the script go nowhere, but are made.
#[derive(Debug)]
struct Silence;

impl KemiLog for Silence {
    fn wants(&self, _level: LogLevel) -> bool {
        true
    }
    fn line(&self, _level: LogLevel, _text: &[u8]) {}
}

/// A script in memory, and a clock that instructions move.
#[derive(Debug)]
struct InMemory(String);

impl KemiSurroundings for InMemory {
    fn clock(&self) -> Box<dyn BudgetClock> {
        Box::new(InstructionClock::default())
    }
    fn folder(&self, _path: &str) -> Box<dyn ScriptFolder> {
        Box::new(MemoryFolder::new().with("main.lua", &self.0))
    }
    fn settings(&self) -> HostSettings {
        HostSettings {
            ordered_pairs: true,
            ..HostSettings::default()
        }
    }
}
