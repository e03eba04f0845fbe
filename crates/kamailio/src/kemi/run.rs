//! One run of a script: the context that it acts on, and what its shard keeps from run to run.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use foldhash::fast::FixedState;
use regex::bytes::Regex;
use strowger_lua::{Ret, Value};
use strowger_routing::{ErrandAnswer, RoutingContext};

use super::door::{KemiDoor, LogLevel};
use super::kept::Kept;
use crate::pattern::{PatternFlags, compile};
use crate::pv::{PvFormat, PvSpec, PvValue, Variables};
use crate::sl::InternalError;

/// Pseudo-variables, formats and expressions that a shard keeps compiled, of each kind (4,096). Scripts that compute them
/// from what they receive would fill it without end; when it is full it begins anew.
pub const COMPILED_MAX: usize = 4_096;

/// Octets of a pseudo-variable, format or expression that is kept compiled (512): longer ones are made of what came.
pub const COMPILED_TEXT_OCTETS_MAX: usize = 512;
/// Expressions that a shard keeps compiled (128): each may take 256 KiB.
pub const PATTERNS_MAX: usize = 128;

/// Where in the way of a message the script was called.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum RoutePlace {
    /// `ksr_request_route`.
    Request,
    /// A function for a branch.
    Branch,
    /// `ksr_reply_route`.
    Reply,
    /// A function for replies of a transaction.
    TransactionReply,
    /// A function for failures.
    Failure,
    /// A function for the failure of one branch.
    BranchFailure,
    /// An event.
    Event,
}

/// What becomes of the answer of an errand: the values that the waiting function returns.
pub type Resumption = fn(&mut KemiRun, Option<ErrandAnswer>) -> Vec<Value>;

/// What a shard keeps from run to run.
#[derive(Debug)]
pub struct ShardState {
    /// The configuration.
    pub door: Arc<KemiDoor>,
    /// `$var`.
    pub variables: Variables,
    /// What the last HTTP answer said: status, body.
    pub http: (u16, Vec<u8>),
    specs: HashMap<Box<[u8]>, Option<Arc<PvSpec>>, FixedState>,
    formats: HashMap<Box<[u8]>, Option<Arc<PvFormat>>, FixedState>,
    patterns: HashMap<Box<[u8]>, Option<Arc<Regex>>, FixedState>,
    /// What the next random number is made of.
    chance: Cell<u64>,
    /// How often the compiled things were all forgotten because there were too many.
    pub compiled_forgotten: u64,
    /// Functions that failed because the engine they need is not there.
    pub engine_failures: u64,
    /// The chance of `rand_event` as a script set it.
    pub chance_percent: Option<u8>,
    /// The modules of those functions: each is told of once.
    pub engineless: BTreeSet<&'static str>,
}

impl ShardState {
    /// Nothing kept yet.
    pub fn new(door: Arc<KemiDoor>, seed: u64) -> ShardState {
        let hasher = || FixedState::with_seed(seed);
        ShardState {
            door,
            variables: Variables::default(),
            http: (0, Vec::new()),
            specs: HashMap::with_hasher(hasher()),
            formats: HashMap::with_hasher(hasher()),
            patterns: HashMap::with_hasher(hasher()),
            chance: Cell::new(seed),
            compiled_forgotten: 0,
            engine_failures: 0,
            chance_percent: None,
            engineless: BTreeSet::new(),
        }
    }

    /// The pseudo-variable of this text; `None`, after an error line, if it is none.
    pub fn spec(&mut self, text: &[u8]) -> Option<Arc<PvSpec>> {
        if let Some(known) = self.specs.get(text) {
            return known.clone();
        }
        let parsed = match PvSpec::parse(text) {
            Ok(spec) => Some(Arc::new(spec)),
            Err(error) => {
                let text = String::from_utf8_lossy(text);
                let line = format!("{text} is no pseudo-variable: {}", error.message);
                self.log(LogLevel::Error, line.as_bytes());
                None
            }
        };
        if text.len() <= COMPILED_TEXT_OCTETS_MAX {
            self.make_room();
            self.specs.insert(text.into(), parsed.clone());
        }
        parsed
    }

    /// The pseudo-variable of this text, if it is compiled already.
    fn known_spec(&self, text: &[u8]) -> Option<&PvSpec> {
        self.specs.get(text)?.as_deref()
    }

    /// A text with pseudo-variables in it.
    pub fn format(&mut self, text: &[u8]) -> Option<Arc<PvFormat>> {
        if let Some(known) = self.formats.get(text) {
            return known.clone();
        }
        let parsed = PvFormat::parse(text).ok().map(Arc::new);
        if text.len() <= COMPILED_TEXT_OCTETS_MAX {
            self.make_room();
            self.formats.insert(text.into(), parsed.clone());
        }
        parsed
    }

    /// A regular expression (POSIX extended); `None`, after an error line, if it is none.
    pub fn pattern(&mut self, expression: &[u8]) -> Option<Arc<Regex>> {
        if let Some(known) = self.patterns.get(expression) {
            return known.clone();
        }
        let flags = PatternFlags {
            ignore_case: true,
            single_line: false,
        };
        let compiled = match compile(expression, flags) {
            Ok(pattern) => Some(Arc::new(pattern)),
            Err(error) => {
                let line = format!("{}: {error}", String::from_utf8_lossy(expression));
                self.log(LogLevel::Error, line.as_bytes());
                None
            }
        };
        if expression.len() <= COMPILED_TEXT_OCTETS_MAX {
            self.make_room();
            self.patterns.insert(expression.into(), compiled.clone());
        }
        compiled
    }

    fn make_room(&mut self) {
        let most = self.specs.len().max(self.formats.len());
        if most >= COMPILED_MAX || self.patterns.len() >= PATTERNS_MAX {
            self.specs.clear();
            self.formats.clear();
            self.patterns.clear();
            self.compiled_forgotten += 1;
        }
    }

    /// The next number of `$RANDOM`, 0 to 2,147,483,647 (splitmix64).
    pub fn random(&self) -> i64 {
        let state = self.chance.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.chance.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        i64::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap_or(0)
    }

    /// A line of the script or about it.
    pub fn log(&self, level: LogLevel, text: &[u8]) {
        if self.door.log.wants(level) {
            self.door.log.line(level, text);
        }
    }
}

/// One run.
pub struct KemiRun {
    /// What it acts on.
    pub context: Box<dyn RoutingContext>,
    /// What its shard keeps.
    pub shard: Box<ShardState>,
    /// Where it was called.
    pub place: RoutePlace,
    /// What the function that waits does with the answer.
    pub resumption: Option<Resumption>,
    /// What the last function returned (`$rc`).
    pub return_code: i64,
    /// What `sl_reply_error` answers.
    pub last_error: InternalError,
}

impl KemiRun {
    /// A line of the script or about it.
    pub fn log(&self, level: LogLevel, text: &[u8]) {
        self.shard.log(level, text);
    }

    /// The value of a pseudo-variable; `None` if the text is none.
    pub fn value(&mut self, text: &[u8]) -> Option<PvValue<'static>> {
        let spec = self.shard.spec(text)?;
        Some(spec.read(self).into_owned())
    }

    /// The value of a pseudo-variable as scripts see it; null if the text is none.
    pub fn got(&mut self, text: &[u8], if_null: IfNull) -> Ret {
        match self.shard.known_spec(text) {
            Some(spec) => got(spec.read(self), if_null),
            None => got(self.value(text).unwrap_or_default(), if_null),
        }
    }

    /// A text with its pseudo-variables evaluated; the text itself if it cannot be read.
    pub fn expand(&mut self, text: &[u8]) -> Vec<u8> {
        match self.shard.format(text) {
            Some(format) => format.text(self).into_owned(),
            None => text.to_vec(),
        }
    }

    /// What the request's transaction keeps.
    pub fn kept(&mut self) -> &mut Kept {
        Kept::of(&mut *self.context)
    }

    /// True at the stages of requests, false at those of responses.
    pub fn is_request(&self) -> bool {
        self.context.message().is_request()
    }
}

/// -1 of a function whose engine is not there: it is counted, and the first of a module warns.
pub fn without_engine(run: &mut KemiRun, module: &'static str, why: &str) -> Ret {
    run.shard.engine_failures += 1;
    if run.shard.engineless.insert(module) {
        let line = format!("functions of {module} fail: {why}");
        run.log(LogLevel::Warning, line.as_bytes());
    }
    Ret::Int(-1)
}

/// 1 for yes, -1 for no.
pub fn yes_no(yes: bool) -> Ret {
    Ret::Int(if yes { 1 } else { -1 })
}

/// What scripts get for null.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum IfNull {
    /// nil: the functions `get`.
    Nil,
    /// An empty string: the functions `gete`.
    Empty,
    /// `<null>`: the functions `getw`.
    Marked,
}

/// A value as scripts see it. Numbers are numbers, whatever null would be.
pub fn got(value: PvValue<'_>, if_null: IfNull) -> Ret {
    match (value, if_null) {
        (PvValue::Null, IfNull::Nil) => Ret::Value(Value::Nil),
        (PvValue::Null, IfNull::Empty) => Ret::Known(b""),
        (PvValue::Null, IfNull::Marked) => Ret::Known(b"<null>"),
        (PvValue::Int(number), _) => Ret::Int(number),
        (PvValue::Str(Cow::Borrowed(text)), _) => Ret::copied(text),
        (PvValue::Str(Cow::Owned(text)), _) => Ret::text(text),
    }
}
