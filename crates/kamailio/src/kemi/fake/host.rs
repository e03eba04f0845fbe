//! Runs scripts on fake contexts.

use std::sync::Arc;

use strowger_lua::{
    Call, FunctionTable, HostSettings, InstructionClock, MemoryFolder, Outcome, Run, ScriptHost,
    Value, WaitToken,
};
use strowger_routing::{Draft, ErrandAnswer, RoutingContext};
use strowger_sip::{Now, Time};

use super::{FakeContext, Lines, note, show, taken};
use crate::kemi::door::{KemiDoor, KemiLog, LogLevel, ScriptSource};
use crate::kemi::policy::{log_sink, table};
use crate::kemi::run::{KemiRun, Resumption, RoutePlace, ShardState};
use crate::sl::InternalError;

#[derive(Debug)]
struct FakeLog(Lines);

impl KemiLog for FakeLog {
    fn wants(&self, _level: LogLevel) -> bool {
        true
    }
    fn line(&self, level: LogLevel, text: &[u8]) {
        note(&self.0, format!("{level:?}: {}", show(text)));
    }
}

/// A shard that runs scripts on fake contexts, one after the other.
pub(crate) struct FakeHost {
    pub(crate) door: Arc<KemiDoor>,
    host: ScriptHost<KemiRun>,
    shard: Option<Box<ShardState>>,
    log: Lines,
    parked: Option<(WaitToken, Box<FakeContext>, RoutePlace, Option<Resumption>)>,
}

/// What came of a run.
pub(crate) struct FakeRun {
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// The context, with its draft; a placeholder's place while the run waits.
    pub(crate) context: Option<Box<FakeContext>>,
    /// Lines of the script and about it, with their level.
    pub(crate) log: Vec<String>,
    /// What the context was asked for.
    pub(crate) acts: Vec<String>,
}

impl FakeRun {
    /// What the script returned; panics if it did not return.
    pub(crate) fn values(&self) -> &[Value] {
        match &self.outcome {
            Outcome::Returned(values) => values,
            other => panic!("{other:?}; {:?}", self.log),
        }
    }

    /// What the script returned, each value as `1`, `[text]`, `true` or `nil`.
    pub(crate) fn shown(&self) -> String {
        let shown: Vec<String> = self.values().iter().map(shown).collect();
        shown.join(" ")
    }

    /// The first value that the script returned.
    pub(crate) fn value(&self) -> Value {
        self.values().first().cloned().unwrap_or_default()
    }

    /// The context.
    pub(crate) fn context(&self) -> &FakeContext {
        self.context.as_ref().expect("the run has ended")
    }

    /// The draft.
    pub(crate) fn draft(&self) -> &Draft {
        &self.context().draft
    }

    /// The message as it would leave, lines ended by LF.
    pub(crate) fn message(&self) -> String {
        self.context().leaving()
    }
}

/// A value as tests write it.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Nil => "nil".into(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Number(number) => strowger_lua::format_number(*number),
        Value::Text(text) => format!("[{}]", show(text)),
        Value::Table(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}={}", shown(key), shown(value)))
                .collect();
            format!("{{{}}}", entries.join(" "))
        }
    }
}

impl FakeHost {
    /// A host for a script. A text without `ksr_request_route` is the body of that function.
    pub(crate) fn new(script: &str, configure: impl FnOnce(&mut KemiDoor)) -> FakeHost {
        let log = Lines::default();
        let source = ScriptSource {
            folder: String::new(),
            file: "main.lua".to_owned(),
        };
        let mut door = KemiDoor::of_script(source, Arc::new(FakeLog(Arc::clone(&log))));
        configure(&mut door);
        let door = Arc::new(door);
        let script = if script.contains("ksr_request_route") {
            script.to_owned()
        } else {
            format!("function ksr_request_route()\n{script}\nend")
        };
        let mut host = ScriptHost::new(
            Arc::new(table(&door)),
            HostSettings::default(),
            Box::new(InstructionClock::default()),
            Box::new(MemoryFolder::new().with("main.lua", &script)),
            log_sink(Arc::clone(&door)),
        );
        let now = Now {
            monotonic: Time::ZERO,
            wall: Time::ZERO,
        };
        if let Err(error) = host.load("main.lua", None, now).result {
            panic!("{error}");
        }
        FakeHost {
            shard: Some(Box::new(ShardState::new(Arc::clone(&door), 1))),
            door,
            host,
            log,
            parked: None,
        }
    }

    /// Calls a function of the script.
    pub(crate) fn call(&mut self, name: &str, place: RoutePlace, context: FakeContext) -> FakeRun {
        let entry = self.host.entry(name);
        let now = context.now;
        let run = self.begin(Box::new(context), place);
        let ended = self.host.call(Call::of(entry), run, now);
        self.end(ended)
    }

    /// Calls `ksr_request_route`.
    pub(crate) fn request(&mut self, context: FakeContext) -> FakeRun {
        self.call("ksr_request_route", RoutePlace::Request, context)
    }

    /// The run that waits goes on with this answer, or by its deadline.
    pub(crate) fn resume(&mut self, answer: Option<ErrandAnswer>) -> FakeRun {
        let (token, context, place, resumption) = self.parked.take().expect("a run waits");
        let now = context.now;
        let mut run = self.begin(context, place);
        let ended = match (resumption, answer) {
            (Some(resumption), answer) => {
                let values = resumption(&mut run, answer);
                self.host.resume(token, &values, run, now)
            }
            (None, Some(_)) => self.host.resume(token, &[], run, now),
            (None, None) => self.host.time_out(token, run, now),
        };
        self.end(ended)
    }

    /// What the shard keeps.
    pub(crate) fn shard(&self) -> &ShardState {
        self.shard.as_ref().expect("no run has it")
    }

    /// The table that the script sees.
    pub(crate) fn table(&self) -> FunctionTable<KemiRun> {
        table(&self.door)
    }

    fn begin(&mut self, context: Box<dyn RoutingContext>, place: RoutePlace) -> KemiRun {
        KemiRun {
            context,
            shard: self.shard.take().expect("no run has it"),
            place,
            resumption: None,
            return_code: 0,
            last_error: InternalError::NONE,
        }
    }

    fn end(&mut self, ended: Run<KemiRun>) -> FakeRun {
        let run = ended.context;
        self.shard = Some(run.shard);
        let context = run.context.into_any();
        let context: Box<FakeContext> = context.downcast().expect("a fake context");
        let acts = taken(&context.acts);
        let log = taken(&self.log);
        let mut context = Some(context);
        if let Outcome::Parked { token, .. } = &ended.outcome {
            self.parked = context
                .take()
                .map(|context| (*token, context, run.place, run.resumption));
        }
        FakeRun {
            outcome: ended.outcome,
            context,
            log,
            acts,
        }
    }
}

/// Runs a script, or the body of its request route, on a message: all modules, no parameters.
pub(crate) fn run_lua(script: &str, context: FakeContext) -> FakeRun {
    FakeHost::new(script, |_| {}).request(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &str = "OPTIONS sip:bob@kam.test SIP/2.0
Via: SIP/2.0/UDP 127.0.0.2:5070;branch=z9hG4bK1
From: <sip:alice@kam.test>;tag=1
To: <sip:bob@kam.test>
Call-ID: c1
CSeq: 1 OPTIONS
Max-Forwards: 70
Content-Length: 0

";

    #[test]
    fn a_script_runs_on_a_message_and_leaves_its_traces() {
        let run = run_lua(
            "KSR.info('hello') return KSR.is_OPTIONS(), KSR.sl.send_reply(200, 'Fine')",
            FakeContext::of(OPTIONS),
        );
        assert_eq!(run.shown(), "true 1");
        assert_eq!(run.log, ["Info: hello"]);
        assert_eq!(run.acts, ["answer Either 200 Fine"]);
        assert_eq!(run.message(), OPTIONS);
    }
}
