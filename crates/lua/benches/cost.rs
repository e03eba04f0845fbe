//! What scripts cost: `cargo bench -p strowger-lua`.
//!
//! With the name of an entry (`-- route`) it calls that alone. Each figure is the best of twenty rounds, so that a busy machine disturbs little.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use strowger_lua::{
    Args, BudgetClock, Call, ExitMarker, FaultAnswer, FunctionTable, HostSettings, HostingForm,
    MemoryFolder, Outcome, Parameter, Ret, Returns, Row, ScriptHost, Value, Wait,
};
use strowger_sip::{Now, Time};

struct RealClock(Instant);

impl BudgetClock for RealClock {
    fn read(&mut self, _instructions: u64) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

#[derive(Default)]
struct Request {
    calls: u64,
}

fn int(request: &mut Request, _: Args<'_>) -> Ret {
    request.calls += 1;
    Ret::Int(-1)
}

fn method(request: &mut Request, _: Args<'_>) -> Ret {
    request.calls += 1;
    Ret::Known(b"INVITE")
}

fn wait(_: &mut Request, _: Args<'_>) -> Ret {
    Ret::Wait(Wait {
        deadline: Time::MAX,
        at_deadline: Vec::new(),
    })
}

use Parameter as P;

static ROWS: &[Row<Request>] = &[
    Row::new("m", "int0", &[], Returns::Int, "", int),
    Row::new("m", "int1", &[P::int("a")], Returns::Int, "", int),
    Row::new("m", "text1", &[P::text("a")], Returns::Int, "", int),
    Row::new(
        "m",
        "reply",
        &[P::int("a"), P::text("b")],
        Returns::Int,
        "",
        int,
    ),
    Row::new("m", "method", &[], Returns::Value, "", method),
    Row::new("m", "wait", &[], Returns::Int, "", wait).waiting(),
    Row::new("x", "exit", &[], Returns::None, "", int).exiting(ExitMarker("~~ksr~exit~~")),
];

/// 21 calls: 8 tests without arguments, 5 with a number, 3 with a string, 2 strings read, 2 replies, 1 more number.
const SCRIPT: &str = "
function empty() end
function route()
    if KSR.m.int1(10) > 0 then return end
    local method = KSR.m.method()
    if method == 'OPTIONS' and KSR.m.int0() > 0 then return end
    if KSR.m.int0() > 0 then return end
    if KSR.m.int1(5) > 0 then return end
    if KSR.m.int0() > 0 or KSR.m.int0() > 0 then return end
    if KSR.m.text1('location') > 0 then return end
    if KSR.m.int0() > 0 then return end
    KSR.m.int1(19)
    KSR.m.int1(5)
    if KSR.m.text1('ksr_branch_manage') > 0 then return end
    if KSR.m.int0() > 0 then return end
    if KSR.m.int1(7) > 0 then return end
    local other = KSR.m.method()
    if other == 'ACK' then return end
    if KSR.m.int0() > 0 then return end
    if KSR.m.text1('ksr_failure_manage') > 0 then return end
    KSR.m.reply(100, 'Trying')
    if KSR.m.int0() > 0 then return end
    KSR.m.reply(404, 'Not found')
    KSR.m.int1(1)
    if KSR.m.int0() > 0 then return end
end
function int0() for i = 1, 100 do KSR.m.int0() end end
function int1() for i = 1, 100 do KSR.m.int1(200) end end
function text1() for i = 1, 100 do KSR.m.text1('location') end end
function reply() for i = 1, 100 do KSR.m.reply(200, 'OK') end end
function method() for i = 1, 100 do KSR.m.method() end end
function leave() KSR.x.exit() end
function leave_caught() pcall(KSR.x.exit) end
function protected() pcall(KSR.m.int0) end
function waits() while true do KSR.m.wait() end end
local agent, line, find, match = 'friendly-scanner/1.8 (linux)', 'sip:alice@example.com:5060;transport=tcp;lr', string.find, string.match
function find_word() for i = 1, 100 do find(agent, 'sipcli') end end
function find_plain() for i = 1, 100 do agent:find('sipcli', 1, true) end end
function find_class() for i = 1, 100 do find(agent, '%d') end end
function find_digits() for i = 1, 100 do find(agent, '%d+') end end
function match_uri() for i = 1, 100 do match(line, '^sip:([^@]+)@([^:;]+)') end end
function match_trim() for i = 1, 100 do match(line, '^%s*(.-)%s*$') end end
function gsub_text() for i = 1, 100 do line:gsub('%D+', '') end end
function gsub_call() for i = 1, 100 do line:gsub('%d+', tostring) end end
function gmatch_words() for i = 1, 100 do for word in line:gmatch('[^;]+') do end end end
local long = ('%s;lr'):format(line):rep(40)
function match_long() for i = 1, 100 do match(long, 'transport=(%a+);tag=(%x+)') end end
local pieces = {'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'}
function rep() for i = 1, 100 do ('ab'):rep(8) end end
function join() for i = 1, 100 do table.concat(pieces, ',') end end
function format() for i = 1, 100 do ('%s:%d'):format(agent, 5060) end end
function lower() for i = 1, 100 do agent:lower() end end
local a, big = ('a'):rep(3000), ('12 '):rep(262144)
function long_find() a:find('.-.-.-b') end
function long_gsub() local s = big:gsub('%d+', '<%0>') return #s end
function long_rep() local t = {} while true do t[#t + 1] = ('12 '):rep(262144) end end
function long_garbage() while true do local s = ('12 '):rep(262144) end end
function long_double() local s = 'x' while true do s = s .. s end end
function long_chain() local s = big while true do local t = s .. 'x' end end
function long_pieces() local s, n = big, 0 while true do n = n + 1 local t = s:sub(n) end end
function long_middle() local s = ('x'):rep(16000) while true do local t = s .. 'x' end end
function long_sort() local t = {} for i = 1, 60000 do t[i] = -i end table.sort(t) end
function long_insert() local t = {} for i = 1, 1e6 do table.insert(t, 1, i) end end
function long_short() while true do ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'):find('.-b') end end
function long_table() local t = {} while true do t[#t + 1] = {} end end
function insert() local t = {} for i = 1, 100 do table.insert(t, i) end end
";

fn table() -> Arc<FunctionTable<Request>> {
    let mut table = FunctionTable::new("KSR", FaultAnswer::False);
    table.add(ROWS);
    Arc::new(table)
}

fn host(settings: HostSettings) -> ScriptHost<Request> {
    let folder = MemoryFolder::new()
        .with("main.lua", SCRIPT)
        .with("file.lua", "local a = KSR.m.int0() x = a");
    let form = settings.form;
    let clock = Box::new(RealClock(Instant::now()));
    let mut host = ScriptHost::new(table(), settings, clock, Box::new(folder), Box::new(|_| {}));
    let path = if form == HostingForm::PerRun {
        ""
    } else {
        "main.lua"
    };
    host.load(path, None, Now::default())
        .result
        .expect("the script loads");
    host
}

fn best(name: &str, per_round: u32, each: u32, mut round: impl FnMut()) {
    let mut nanos = u128::MAX;
    for _ in 0..20 {
        let begun = Instant::now();
        for _ in 0..per_round {
            round();
        }
        nanos = nanos.min(begun.elapsed().as_nanos());
    }
    let nanos = nanos as f64 / f64::from(per_round) / f64::from(each);
    println!("{name:<46} {nanos:>10.0} ns");
}

/// Prints how long slices last that want to take longer than the 5 ms they may.
fn longest(host: &mut ScriptHost<Request>, name: &str, now: Now) {
    let entry = host.entry(name);
    let mut millis: Vec<f64> = Vec::new();
    for _ in 0..20 {
        let begun = Instant::now();
        let _ = host.call(Call::of(entry), Request::default(), now);
        millis.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    millis.sort_by(f64::total_cmp);
    let (median, most) = (millis[10], millis[19]);
    println!("slice of {name:<37} {median:>10.1} ms, at most {most:.1} ms");
}

fn main() {
    let now = Now::default();
    // What disturbs a round must not end it.
    let mut host = host(HostSettings {
        slice: Duration::from_secs(1),
        ..HostSettings::default()
    });
    if let Some(name) = std::env::args().skip(1).find(|word| !word.starts_with('-')) {
        // One entry alone, 2,000 times: for counting instructions.
        let entry = host.entry(&name);
        for _ in 0..2_000 {
            let _ = host.call(Call::of(entry), Request::default(), now);
        }
        return;
    }
    calls(&mut host, now);
    waits(&mut host, now);
    files(now);
    slices(now);
}

/// What calls of functions cost.
fn calls(host: &mut ScriptHost<Request>, now: Now) {
    for (name, entry, each) in [
        ("call of an empty function", "empty", 1),
        ("route with 21 function calls", "route", 1),
        ("function without arguments", "int0", 100),
        ("function with a number", "int1", 100),
        ("function with a string", "text1", 100),
        ("function with a number and a string", "reply", 100),
        ("function that answers a string", "method", 100),
        ("exit function", "leave", 1),
        ("exit function, caught by the script", "leave_caught", 1),
        ("protected call", "protected", 1),
        ("string.find, a word", "find_word", 100),
        ("string.find, plain", "find_plain", 100),
        ("string.find, a class", "find_class", 100),
        ("string.find, one quantifier", "find_digits", 100),
        ("string.match, a URI", "match_uri", 100),
        ("string.match, three quantifiers", "match_trim", 100),
        ("string.match, 1,900 octets, no match", "match_long", 100),
        ("string.gsub, a string", "gsub_text", 100),
        ("string.gsub, a function", "gsub_call", 100),
        ("string.gmatch, three words", "gmatch_words", 100),
        ("string.rep", "rep", 100),
        ("table.concat, 8 strings", "join", 100),
        ("string.format", "format", 100),
        ("string.lower", "lower", 100),
        ("table.insert", "insert", 100),
    ] {
        let entry = host.entry(entry);
        best(name, 2_000 / each.min(10), each, || {
            let run = host.call(Call::of(entry), Request::default(), now);
            assert!(matches!(
                run.outcome,
                Outcome::Returned(_) | Outcome::Exited(_)
            ));
        });
    }
}

/// What waiting and loading cost.
fn waits(host: &mut ScriptHost<Request>, now: Now) {
    let entry = host.entry("waits");
    let Outcome::Parked { mut token, .. } =
        host.call(Call::of(entry), Request::default(), now).outcome
    else {
        panic!("it waits");
    };
    best("suspend and resume", 2_000, 1, || {
        match host
            .resume(token, &[Value::Int(1)], Request::default(), now)
            .outcome
        {
            Outcome::Parked { token: next, .. } => token = next,
            other => panic!("{other:?}"),
        }
    });
    best("new coroutine (call, park, abandon)", 500, 1, || match host
        .call(Call::of(entry), Request::default(), now)
        .outcome
    {
        Outcome::Parked { token, .. } => assert!(host.abandon(token)),
        other => panic!("{other:?}"),
    });
    best("reload of the script (new VM)", 20, 1, || {
        host.abandon(token);
        host.reload(None, now).result.expect("it loads");
    });
}

/// What a file costs that runs in an environment of its own.
fn files(now: Now) {
    let mut files = self::host(HostSettings {
        form: HostingForm::PerRun,
        ..HostSettings::default()
    });
    best("run of a file in an environment of its own", 500, 1, || {
        let run = files.run_file("file.lua", &[], Request::default(), now);
        assert_eq!(run.outcome, Outcome::Returned(Vec::new()));
    });
}

/// How far slices go over their time.
fn slices(now: Now) {
    let mut bad = self::host(HostSettings {
        overruns: 0,
        slice: Duration::from_millis(5),
        ..HostSettings::default()
    });
    println!("memory of a VM: {} KiB", bad.memory_octets() / 1024);
    for name in [
        "long_find",
        "long_gsub",
        "long_rep",
        "long_garbage",
        "long_double",
        "long_chain",
        "long_pieces",
        "long_middle",
        "long_sort",
        "long_insert",
        "long_short",
        "long_table",
    ] {
        longest(&mut bad, name, now);
    }
}
