//! Generations.

use strowger_lua::{ErrorKind, HostSettings, MemoryFolder, Outcome, Value};

use crate::world::{World, table};

fn world() -> World {
    let folder = MemoryFolder::new()
        .with(
            "old.lua",
            "version = 'old' function route() KSR.http.query('u') return version end",
        )
        .with(
            "new.lua",
            "version = 'new' function route() KSR.http.query('u') return version end",
        )
        .with("bad.lua", "function route()\n  local x = = 1\nend");
    let mut world = World::empty(HostSettings::default(), folder, table());
    world.host.load("old.lua", None, world.now).result.unwrap();
    world
}

#[test]
fn a_parked_run_finishes_on_the_script_it_began_with() {
    let mut world = world();
    let old = world.call("route");
    assert_eq!(world.host.load("new.lua", None, world.now).result, Ok(2));
    let new = world.call("route");
    assert!(world.host.has_previous());
    for (run, version) in [(old, "old"), (new, "new")] {
        let Outcome::Parked { token, .. } = run.outcome else {
            panic!()
        };
        let run = world.host.resume(token, &[], run.context, world.now);
        assert_eq!(run.outcome, Outcome::Returned(vec![Value::text(version)]));
    }
    assert!(!world.host.has_previous());
}

#[test]
fn at_most_two_generations_live() {
    let mut world = world();
    let old = world.call("route");
    world.host.load("new.lua", None, world.now).result.unwrap();
    let error = world.host.reload(None, world.now).result.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Busy);
    assert_eq!(world.host.generation(), Some(2));
    world.host.retire_previous();
    let (token, error) = world.host.poll_ended().unwrap();
    let Outcome::Parked { token: parked, .. } = old.outcome else {
        panic!()
    };
    assert_eq!((token, error.kind), (parked, ErrorKind::Ended));
    assert_eq!(world.host.parked(), 0);
    assert_eq!(world.host.reload(None, world.now).result, Ok(3));
}

#[test]
fn a_script_that_does_not_load_leaves_the_one_before() {
    let mut world = world();
    let error = world
        .host
        .load("bad.lua", None, world.now)
        .result
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Syntax);
    assert_eq!(world.host.generation(), Some(1));
    assert!(world.host.defines("route"));
    assert_eq!(world.host.counters().load_failures, 1);
    // Reload means the script that runs, not the one that did not.
    assert_eq!(world.host.reload(None, world.now).result, Ok(2));
}

#[test]
fn a_script_may_call_functions_while_it_loads_if_the_driver_lends_a_context() {
    let folder = MemoryFolder::new().with("main.lua", "KSR.info('loading')");
    let mut world = World::empty(HostSettings::default(), folder, table());
    let error = world
        .host
        .load("main.lua", None, world.now)
        .result
        .unwrap_err();
    assert_eq!(
        error.to_string().lines().next(),
        Some("main.lua:1: info cannot be called while the script loads")
    );
    let request = world.request();
    let loaded = world.host.load("main.lua", Some(request), world.now);
    assert_eq!(loaded.result, Ok(1));
    assert_eq!(loaded.context.unwrap().done, ["loading"]);
}
