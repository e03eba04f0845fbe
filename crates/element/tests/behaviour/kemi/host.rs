//! A world whose policy is a script.

use std::sync::{Arc, Mutex};

use strowger_element::Settings;
use strowger_kamailio::kemi::{
    KemiDoor, KemiFactory, KemiLog, KemiSurroundings, LogLevel, ScriptSource,
};
use strowger_lua::{BudgetClock, HostSettings, InstructionClock, MemoryFolder, ScriptFolder};
use strowger_routing::PolicyChoice;

use crate::draft::Draft;
use crate::world::{ALICE, World, settings, udp};

/// Lines of scripts, for tests to read.
#[derive(Debug, Default)]
pub struct Lines(pub Mutex<Vec<String>>);

impl KemiLog for Lines {
    fn wants(&self, level: LogLevel) -> bool {
        level <= LogLevel::Info
    }
    fn line(&self, level: LogLevel, text: &[u8]) {
        let line = format!("{level:?}: {}", String::from_utf8_lossy(text));
        self.0.lock().expect("lines").push(line);
    }
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
        HostSettings::default()
    }
}

/// Settings with this script.
pub fn scripted(script: &str) -> (Settings, Arc<Lines>) {
    scripted_with(script, settings(), |_| {})
}

/// The same over other settings, with a door that is changed.
pub fn scripted_with(
    script: &str,
    mut settings: Settings,
    change: impl FnOnce(&mut KemiDoor),
) -> (Settings, Arc<Lines>) {
    let lines = Arc::new(Lines::default());
    let source = ScriptSource {
        folder: "scripts".into(),
        file: "main.lua".into(),
    };
    let mut door = KemiDoor::of_script(source, Arc::clone(&lines) as Arc<dyn KemiLog>);
    change(&mut door);
    let surroundings = Arc::new(InMemory(script.into()));
    let factory = KemiFactory::new(Arc::new(door), surroundings);
    factory.try_load().expect("the script loads");
    settings.policy = PolicyChoice::Program(Arc::new(factory));
    (settings, lines)
}

/// A world with this script.
pub fn world(script: &str) -> World {
    World::new(scripted(script).0)
}

/// An INVITE from Alice to a user.
pub fn invite(user: &str, branch: &str) -> Draft {
    Draft::new("INVITE", "alice", user, branch, udp(ALICE))
}

/// A request of another method.
pub fn request(method: &str, user: &str, branch: &str) -> Draft {
    Draft::new(method, "alice", user, branch, udp(ALICE))
}

/// The statistics of stateless replies that are not zero.
pub fn statistics(world: &World) -> String {
    let total = world.shared.sl.total();
    let counted = total.iter().filter(|(_, count)| *count > 0);
    let texts: Vec<String> = counted
        .map(|(name, count)| format!("{name}={count}"))
        .collect();
    texts.join(" ")
}
