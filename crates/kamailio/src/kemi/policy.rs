//! The policy of a shard: calls the functions of the script at the stages of a message's way.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use strowger_lua::{
    BudgetClock, Call, Entry, ErrorKind, FaultAnswer, FunctionTable, HostSettings, LogSink,
    Outcome, Run, ScriptFolder, ScriptHost, Tolerance, Value, WaitToken,
};
use strowger_routing::{
    ErrandAnswer, HookName, PolicyFactory, PolicyInterest, Progress, Routed, RoutingContext,
    RoutingPolicy, Stage,
};
use strowger_sip::Now;

use super::door::{KemiDoor, LogLevel};
use super::rows;
use super::run::{KemiRun, Resumption, RoutePlace, ShardState};
use crate::sl::InternalError;

/// Hooks of which a shard remembers that the script defines them (256).
pub const HOOKS_MAX: usize = 256;

/// The function that is called for every request.
const REQUEST_ROUTE: &str = "ksr_request_route";

/// What a host of scripts needs of its surroundings.
pub trait KemiSurroundings: Send + Sync + fmt::Debug {
    /// Measures the time of a slice.
    fn clock(&self) -> Box<dyn BudgetClock>;
    /// The folder of the scripts.
    fn folder(&self, path: &str) -> Box<dyn ScriptFolder>;
    /// Limits of the host.
    fn settings(&self) -> HostSettings;
}

/// Makes the policies of all shards.
#[derive(Clone, Debug)]
pub struct KemiFactory {
    door: Arc<KemiDoor>,
    surroundings: Arc<dyn KemiSurroundings>,
}

impl KemiFactory {
    /// A factory for this configuration.
    pub fn new(door: Arc<KemiDoor>, surroundings: Arc<dyn KemiSurroundings>) -> KemiFactory {
        KemiFactory { door, surroundings }
    }

    /// Loads the script once to see whether it loads: the error that an operator should read, if it does not.
    pub fn try_load(&self) -> Result<(), Box<strowger_lua::ScriptError>> {
        let now = Now {
            monotonic: strowger_sip::Time::ZERO,
            wall: strowger_sip::Time::ZERO,
        };
        let mut host = self.host(0);
        let file = &self.door.script.file;
        host.load(file, None, now).result?;
        if !host.defines(REQUEST_ROUTE) {
            let text = format!(
                "the script defines no function {REQUEST_ROUTE}: nothing would be answered"
            );
            return Err(Box::new(strowger_lua::ScriptError::of_file(file, &text)));
        }
        Ok(())
    }

    /// The table of functions, with the modules that are loaded.
    pub fn table(&self) -> FunctionTable<KemiRun> {
        table(&self.door)
    }

    /// The configuration.
    pub fn door(&self) -> &Arc<KemiDoor> {
        &self.door
    }

    fn host(&self, seed: u64) -> ScriptHost<KemiRun> {
        let settings = HostSettings {
            seed,
            ..self.surroundings.settings()
        };
        ScriptHost::new(
            Arc::new(self.table()),
            settings,
            self.surroundings.clock(),
            self.surroundings.folder(&self.door.script.folder),
            log_sink(Arc::clone(&self.door)),
        )
    }
}

/// The table of functions as this configuration shows it.
pub(crate) fn table(door: &KemiDoor) -> FunctionTable<KemiRun> {
    let mut table = FunctionTable::new("KSR", FaultAnswer::False);
    // Observed on 5.6.3; the linter still warns.
    table.tolerate(Tolerance::OfStack);
    for rows in rows::ALL {
        table.add(rows);
    }
    table.add_prelude("KSR", "KSRVERSION = \"2.0\"");
    table.load_modules(|module| door.has_module(module));
    table
}

/// Where lines of the script host go.
pub(crate) fn log_sink(door: Arc<KemiDoor>) -> LogSink {
    Box::new(move |line| {
        let level = if line.fault {
            LogLevel::Error
        } else {
            LogLevel::Info
        };
        if door.log.wants(level) {
            let text = match line.line {
                0 => line.text.to_owned(),
                number => format!("{}:{number}: {}", line.file, line.text),
            };
            door.log.line(level, text.as_bytes());
        }
    })
}

impl PolicyFactory for KemiFactory {
    fn make(
        &self,
        shard: u16,
        seed: u64,
        before: Option<Box<dyn RoutingPolicy>>,
        now: Now,
    ) -> Box<dyn RoutingPolicy> {
        let earlier = before
            .map(RoutingPolicy::into_any)
            .and_then(|before| before.downcast::<KemiPolicy>().ok());
        let policy = match earlier {
            Some(earlier) if earlier.serves(&self.door) => earlier.reloaded(self, now),
            _ => KemiPolicy::new(self, seed.wrapping_add(u64::from(shard)), now),
        };
        Box::new(policy)
    }
}

/// A parked run: what the function that waits does with the answer, and where it was called.
struct Waiting {
    place: RoutePlace,
    resumption: Option<Resumption>,
}

/// The policy of one shard.
pub struct KemiPolicy {
    host: ScriptHost<KemiRun>,
    /// `None` while a run has it.
    shard: Option<Box<ShardState>>,
    request: Entry,
    reply: Entry,
    hooks: HashMap<HookName, Entry, FixedState>,
    waiting: HashMap<u64, Waiting, FixedState>,
    interest: PolicyInterest,
    /// What the host was made for.
    made_for: Arc<KemiDoor>,
}

impl KemiPolicy {
    fn new(factory: &KemiFactory, seed: u64, now: Now) -> KemiPolicy {
        let mut host = factory.host(seed);
        host.tell_apart(kind);
        let door = Arc::clone(&factory.door);
        let shard = Box::new(ShardState::new(Arc::clone(&door), seed));
        if let Err(error) = host.load(&door.script.file, None, now).result {
            shard.log(LogLevel::Critical, error.to_string().as_bytes());
        }
        let request = host.entry(REQUEST_ROUTE);
        let reply = host.entry(&callback(
            &door,
            "kemi.reply_route_callback",
            "ksr_reply_route",
        ));
        let mut policy = KemiPolicy {
            request,
            reply,
            host,
            shard: Some(shard),
            hooks: HashMap::with_hasher(FixedState::with_seed(seed)),
            waiting: HashMap::with_hasher(FixedState::with_seed(seed)),
            interest: PolicyInterest::default(),
            made_for: Arc::clone(&door),
        };
        policy.learn_interest(&door);
        policy
    }

    /// The same policy with the script and the parameters as they are now. If the script does not load, the one before
    /// goes on.
    fn reloaded(mut self: Box<Self>, factory: &KemiFactory, now: Now) -> KemiPolicy {
        let door = Arc::clone(&factory.door);
        if let Some(shard) = &mut self.shard {
            shard.door = Arc::clone(&door);
        }
        let mut loaded = self.host.load(&door.script.file, None, now).result;
        if loaded
            .as_ref()
            .is_err_and(|error| error.kind == ErrorKind::Busy)
        {
            // Runs that wait since before the last reload have waited long enough.
            self.host.retire_previous();
            loaded = self.host.load(&door.script.file, None, now).result;
        }
        if let (Err(error), Some(shard)) = (loaded, &self.shard) {
            shard.log(LogLevel::Error, error.to_string().as_bytes());
        }
        self.learn_interest(&door);
        *self
    }

    /// True if the host, its folder and the functions that it shows are right for this configuration too.
    fn serves(&self, door: &KemiDoor) -> bool {
        self.made_for.script == door.script && self.made_for.modules == door.modules
    }

    fn learn_interest(&mut self, door: &KemiDoor) {
        let reply = callback(door, "kemi.reply_route_callback", "ksr_reply_route");
        self.interest = PolicyInterest {
            replies: self.host.defines(&reply),
            cancels: true,
            filtered_acks: door
                .text("sl", "event_callback_fl_ack")
                .map(|name| name.as_bytes().into()),
            local_responses: door
                .text("sl", "event_callback_lres_sent")
                .map(|name| name.as_bytes().into()),
        };
    }

    /// The entry of a hook, if the script defines a function of that name.
    fn hook(&mut self, name: &HookName) -> Option<Entry> {
        if let Some(entry) = self.hooks.get(name) {
            return Some(*entry);
        }
        let text = core::str::from_utf8(name).ok()?;
        if self.hooks.len() >= HOOKS_MAX || !self.host.defines(text) {
            return None;
        }
        let entry = self.host.entry(text);
        self.hooks.insert(Arc::clone(name), entry);
        Some(entry)
    }

    fn begin(&mut self, context: Box<dyn RoutingContext>, place: RoutePlace) -> Option<KemiRun> {
        Some(KemiRun {
            context,
            shard: self.shard.take()?,
            place,
            resumption: None,
            return_code: 0,
            last_error: InternalError::NONE,
        })
    }

    /// Takes the run apart again.
    fn end(&mut self, run: Run<KemiRun>) -> Routed {
        let Run {
            context: run,
            outcome,
        } = run;
        let KemiRun {
            context,
            shard,
            place,
            resumption,
            ..
        } = run;
        let progress = match outcome {
            Outcome::Returned(_) | Outcome::Exited(_) | Outcome::Gone => Progress::Done,
            Outcome::Parked { token, deadline } => {
                self.waiting
                    .insert(token.bits(), Waiting { place, resumption });
                Progress::Parked {
                    run: token.bits(),
                    deadline,
                }
            }
            Outcome::Failed(error) => {
                shard.log(LogLevel::Error, error.to_string().as_bytes());
                Progress::Failed(error.to_string().into())
            }
            Outcome::Quarantined => Progress::Failed("the route overran again and again".into()),
            Outcome::NoEntry => Progress::Failed("the script has no such function".into()),
        };
        self.shard = Some(shard);
        Routed { context, progress }
    }
}

/// Tells kinds of requests apart for the quarantine: method and user of the Request-URI as they came.
fn kind(run: &KemiRun) -> u64 {
    let message = run.context.message();
    if message.is_response() {
        return 1;
    }
    let uri = message.request_uri_parsed().ok();
    let user = uri.and_then(|uri| uri.user).unwrap_or_default();
    FixedState::default().hash_one((message.method().as_bytes(), user))
}

fn callback(door: &KemiDoor, global: &str, default: &str) -> String {
    door.globals
        .get(global)
        .and_then(crate::cfg::Value::text)
        .unwrap_or(default)
        .to_owned()
}

impl RoutingPolicy for KemiPolicy {
    fn route(&mut self, stage: &Stage, context: Box<dyn RoutingContext>, now: Now) -> Routed {
        let (place, entry) = match stage {
            Stage::Request => (RoutePlace::Request, Some(self.request)),
            Stage::Reply => (RoutePlace::Reply, Some(self.reply)),
            Stage::Branch(name) => (RoutePlace::Branch, self.hook(name)),
            Stage::TransactionReply(name) => (RoutePlace::TransactionReply, self.hook(name)),
            Stage::Failure(name) => (RoutePlace::Failure, self.hook(name)),
            // Observed on 5.6.3: what goes on with a suspended request is a failure route to the script.
            Stage::Continue(name) => (RoutePlace::Failure, self.hook(name)),
            Stage::Event(name, _) => (RoutePlace::Event, self.hook(name)),
        };
        let Some(entry) = entry else {
            return Routed {
                context,
                progress: Progress::Failed("the script has no function of that name".into()),
            };
        };
        let Some(run) = self.begin(context, place) else {
            unreachable!("a run gives the state of its shard back");
        };
        let arguments = match stage {
            Stage::Event(_, name) => vec![Value::text(name)],
            _ => Vec::new(),
        };
        let call = Call::of(entry).with(&arguments).without_results();
        let run = self.host.call(call, run, now);
        self.end(run)
    }

    fn resume(
        &mut self,
        run: u64,
        answer: Option<ErrandAnswer>,
        context: Box<dyn RoutingContext>,
        now: Now,
    ) -> Routed {
        let Some(waiting) = self.waiting.remove(&run) else {
            return Routed {
                context,
                progress: Progress::Failed("the script that waited is gone".into()),
            };
        };
        let Some(mut kemi) = self.begin(context, waiting.place) else {
            unreachable!("a run gives the state of its shard back");
        };
        let token = WaitToken::from_bits(run);
        let ended = match (waiting.resumption, answer) {
            (Some(resumption), answer) => {
                let values = resumption(&mut kemi, answer);
                self.host.resume(token, &values, kemi, now)
            }
            (None, Some(_)) => self.host.resume(token, &[], kemi, now),
            (None, None) => self.host.time_out(token, kemi, now),
        };
        self.end(ended)
    }

    fn holds(&self, run: u64) -> bool {
        self.waiting.contains_key(&run)
    }

    fn abandon(&mut self, run: u64) {
        self.waiting.remove(&run);
        self.host.abandon(WaitToken::from_bits(run));
    }

    fn poll_ended(&mut self) -> Option<(u64, Box<str>)> {
        let (token, error) = self.host.poll_ended()?;
        self.waiting.remove(&token.bits());
        Some((token.bits(), error.to_string().into()))
    }

    fn interest(&self) -> PolicyInterest {
        self.interest.clone()
    }

    fn visit_counters(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        self.host.counters().visit(f);
        if let Some(shard) = &self.shard {
            f(
                "script_compiled_forgotten",
                "Times that compiled pseudo-variables and expressions were forgotten: too many",
                shard.compiled_forgotten,
            );
            f(
                "script_engine_failures",
                "Script functions that failed because the engine they need is not there",
                shard.engine_failures,
            );
        }
    }

    fn into_any(self: Box<Self>) -> Box<dyn std::any::Any> {
        self
    }
}
