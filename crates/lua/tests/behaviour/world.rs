//! A door of a few functions, and a host on virtual time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use strowger_lua::{
    Args, Call, Class, ExitMarker, FaultAnswer, FunctionTable, HostSettings, InstructionClock,
    LogLine, MemoryFolder, Outcome, Parameter, Ret, Returns, Row, Run, ScriptHost, Value, Wait,
};
use strowger_sip::{Now, Time};

/// What a run lends: what its functions did.
#[derive(Debug, Default)]
pub struct Request {
    pub user: &'static str,
    pub done: Vec<String>,
    pub now: Time,
}

pub const EXIT: ExitMarker = ExitMarker("~~ksr~exit~~");

fn reply(request: &mut Request, args: Args<'_>) -> Ret {
    let reason = String::from_utf8_lossy(args.text(1)).into_owned();
    request.done.push(format!("{} {reason}", args.int(0)));
    Ret::Int(1)
}

fn user(request: &mut Request, _: Args<'_>) -> Ret {
    Ret::copied(request.user.as_bytes())
}

fn nothing(_: &mut Request, _: Args<'_>) -> Ret {
    Ret::Value(Value::Nil)
}

fn info(request: &mut Request, args: Args<'_>) -> Ret {
    request
        .done
        .push(String::from_utf8_lossy(args.text(0)).into_owned());
    Ret::None
}

fn is_invite(_: &mut Request, _: Args<'_>) -> Ret {
    Ret::Bool(true)
}

fn has_totag(_: &mut Request, _: Args<'_>) -> Ret {
    Ret::Int(-1)
}

fn exit(request: &mut Request, _: Args<'_>) -> Ret {
    request.done.push("exit".to_owned());
    Ret::None
}

fn query(request: &mut Request, args: Args<'_>) -> Ret {
    let what = String::from_utf8_lossy(args.text(0)).into_owned();
    request.done.push(format!("asked {what}"));
    Ret::Wait(Wait {
        deadline: request.now + Duration::from_secs(2),
        at_deadline: vec![Value::Int(-1)],
    })
}

fn maybe(_: &mut Request, args: Args<'_>) -> Ret {
    Ret::Int(args.optional_int(1).unwrap_or(args.int(0)))
}

fn echo(_: &mut Request, args: Args<'_>) -> Ret {
    match args.get(0) {
        Some(strowger_lua::Arg::Int(number)) => Ret::Value(Value::Int(*number)),
        Some(strowger_lua::Arg::Text(octets)) => Ret::text(octets.clone()),
        Some(strowger_lua::Arg::Other(value)) => Ret::Value(value.clone()),
        _ => Ret::Value(Value::Nil),
    }
}

fn broken(_: &mut Request, _: Args<'_>) -> Ret {
    Ret::Error("the relay is on fire".into())
}

fn panics(_: &mut Request, _: Args<'_>) -> Ret {
    panic!("a bug")
}

use Parameter as P;

static ROWS: &[Row<Request>] = &[
    Row::new(
        "",
        "info",
        &[P::text("text")],
        Returns::None,
        "Writes a log line.",
        info,
    ),
    Row::new(
        "",
        "is_INVITE",
        &[],
        Returns::Bool,
        "True for INVITE.",
        is_invite,
    ),
    Row::new("x", "exit", &[], Returns::None, "Ends the run.", exit).exiting(EXIT),
    Row::new(
        "sl",
        "send_reply",
        &[P::int("code"), P::text("reason")],
        Returns::Int,
        "Answers.",
        reply,
    ),
    Row::new("kx", "get_user", &[], Returns::Value, "The user.", user),
    Row::new(
        "kx",
        "get_nothing",
        &[],
        Returns::Value,
        "Nothing.",
        nothing,
    ),
    Row::new(
        "siputils",
        "has_totag",
        &[],
        Returns::Int,
        "Whether To has a tag.",
        has_totag,
    ),
    Row::new(
        "http",
        "query",
        &[P::text("url")],
        Returns::Int,
        "Asks a server.",
        query,
    )
    .waiting(),
    Row::new(
        "t",
        "maybe",
        &[P::int("a"), P::int("b").or_none()],
        Returns::Int,
        "b, or else a.",
        maybe,
    ),
    Row::new(
        "t",
        "echo",
        &[P::any("value")],
        Returns::Value,
        "The same.",
        echo,
    ),
    Row::new("t", "broken", &[], Returns::Int, "Raises an error.", broken),
    Row::new("t", "panics", &[], Returns::Int, "A bug of ours.", panics),
    Row::new(
        "nats",
        "publish",
        &[P::text("a"), P::text("b")],
        Returns::Int,
        "Publishes.",
        broken,
    )
    .of_class(Class::Absent),
    Row::new(
        "rtpengine",
        "offer",
        &[],
        Returns::Int,
        "Offers.",
        has_totag,
    )
    .of_class(Class::WithoutEngine),
    Row::new("pike", "check", &[], Returns::Int, "Checks.", has_totag),
];

pub fn table() -> FunctionTable<Request> {
    let mut table = FunctionTable::new("KSR", FaultAnswer::False);
    table
        .add(ROWS)
        .add_prelude("kemi", "local KSR = ... KSRVERSION = '2.0'")
        .load_modules(|module| module != "pike");
    table
}

pub struct World {
    pub host: ScriptHost<Request>,
    pub log: Arc<Mutex<Vec<String>>>,
    pub now: Now,
}

pub fn at_millis(millis: u64) -> Now {
    Now {
        monotonic: Time::from_millis(millis),
        wall: Time::from_millis(1_700_000_000_000 + millis),
    }
}

impl World {
    pub fn empty(
        settings: HostSettings,
        folder: MemoryFolder,
        table: FunctionTable<Request>,
    ) -> World {
        let log = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&log);
        let write = move |line: LogLine<'_>| {
            let kind = if line.fault { "fault" } else { "print" };
            sink.lock()
                .unwrap()
                .push(format!("{kind} {}:{}: {}", line.file, line.line, line.text));
        };
        World {
            host: ScriptHost::new(
                Arc::new(table),
                settings,
                Box::new(InstructionClock::default()),
                Box::new(folder),
                Box::new(write),
            ),
            log,
            now: at_millis(0),
        }
    }

    pub fn with(settings: HostSettings, script: &str) -> World {
        let folder = MemoryFolder::new().with("main.lua", script);
        let mut world = World::empty(settings, folder, table());
        world.host.load("main.lua", None, world.now).result.unwrap();
        world
    }

    pub fn of(script: &str) -> World {
        World::with(HostSettings::default(), script)
    }

    pub fn request(&self) -> Request {
        Request {
            user: "alice",
            now: self.now.monotonic,
            ..Request::default()
        }
    }

    pub fn call(&mut self, entry: &str) -> Run<Request> {
        let entry = self.host.entry(entry);
        let request = self.request();
        self.host.call(Call::of(entry), request, self.now)
    }

    pub fn call_without_results(&mut self, entry: &str) -> Run<Request> {
        let entry = self.host.entry(entry);
        let request = self.request();
        let call = Call::of(entry).without_results();
        self.host.call(call, request, self.now)
    }

    /// Calls `route`, which must return one value.
    pub fn value(&mut self, entry: &str) -> Value {
        match self.call(entry).outcome {
            Outcome::Returned(mut values) => values.pop().unwrap_or_default(),
            other => panic!("{other:?}"),
        }
    }

    /// Calls an entry, which must return one text.
    pub fn text(&mut self, entry: &str) -> String {
        match self.value(entry) {
            Value::Text(text) => String::from_utf8_lossy(&text).into_owned(),
            other => panic!("{other:?}"),
        }
    }

    pub fn advance(&mut self, millis: u64) {
        self.now = at_millis(self.now.monotonic.as_millis() + millis);
    }
}
