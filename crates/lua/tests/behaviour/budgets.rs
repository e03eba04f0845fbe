//! Time and memory.

use strowger_lua::{Call, ErrorKind, HostSettings, Outcome, Value};

use crate::world::{Request, World};

const LOOPS: &[(&str, &str)] = &[
    ("plain", "while true do end"),
    (
        "protected",
        "while true do pcall(function() while true do end end) end",
    ),
    ("protected, no body", "while true do pcall(error) end"),
    (
        "handler of an error",
        "xpcall(function() error('x') end, function() while true do end end)",
    ),
    (
        "handler of the end",
        "xpcall(function() while true do end end, function() while true do end end)",
    ),
    (
        "coroutine",
        "local w = coroutine.wrap(function() while true do pcall(function() while true do end end) end end) while true do pcall(w) end",
    ),
    (
        "coroutines",
        "while true do coroutine.resume(coroutine.create(function() while true do coroutine.yield() end end)) end",
    ),
    (
        "callback of gsub",
        "while true do pcall(string.gsub, ('a'):rep(1000), '.', function() while true do end end) end",
    ),
    (
        "callback of sort",
        "local t = {} for i = 1, 100 do t[i] = i end table.sort(t, function() while true do end end)",
    ),
    (
        "metamethod",
        "local t = setmetatable({}, {__index = function() while true do end end}) while true do pcall(function() return t.x end) end",
    ),
    (
        "recursion",
        "local function f() f() end while true do pcall(f) end",
    ),
    ("tail calls", "local function f() return f() end f()"),
    (
        "loaded source",
        "while true do pcall(load('while true do end')) end",
    ),
    (
        "busy wait",
        "local t = os.clock() while os.clock() - t < 60 do end",
    ),
    ("verbs", "while true do KSR.info('x') end"),
];

#[test]
fn a_runaway_loop_ends_at_its_budget_wherever_it_is() {
    for (name, body) in LOOPS {
        let mut world = World::of(&format!(
            "function route()\n{body}\nend\nfunction good() return 7 end"
        ));
        for call in [World::call, World::call_without_results] {
            let run = call(&mut world, "route");
            let Outcome::Failed(error) = run.outcome else {
                panic!("{name}: {:?}", run.outcome)
            };
            assert_eq!(error.kind, ErrorKind::Overrun, "{name}: {error}");
            assert!(error.message.contains("5 ms"), "{name}: {error}");
            assert!(error.line > 0, "{name}: {error}");
        }
        // The VM is as good as before.
        assert_eq!(world.value("good"), Value::Int(7), "{name}");
        assert_eq!(world.host.counters().overruns, 2, "{name}");
    }
}

#[test]
fn a_runaway_loop_takes_its_budget_in_instructions() {
    let mut world = World::of(
        "n = 0 function route() while true do n = n + 1 end end function count() return n end",
    );
    world.call("route");
    let Value::Int(once) = world.value("count") else {
        panic!()
    };
    world.call("route");
    let Value::Int(twice) = world.value("count") else {
        panic!()
    };
    // 5 ms at 10 ns are 500,000 instructions; four make a round.
    assert!((80_000..=180_000).contains(&once), "{once}");
    assert!((once - (twice - once)).abs() < 1_000, "{once} {twice}");
}

#[test]
fn a_run_that_waits_gets_a_new_budget_with_every_slice() {
    let mut world = World::of(
        "function route() for i = 1, 3 do for j = 1, 80000 do end KSR.http.query('x') end return 'done' end",
    );
    let mut run = world.call("route");
    for _ in 0..3 {
        let Outcome::Parked { token, .. } = run.outcome else {
            panic!("{:?}", run.outcome)
        };
        run = world.host.resume(token, &[], run.context, world.now);
    }
    assert_eq!(run.outcome, Outcome::Returned(vec![Value::text("done")]));
}

fn small() -> HostSettings {
    HostSettings {
        memory_octets_max: 4 << 20,
        slice: std::time::Duration::from_secs(60),
        ..HostSettings::default()
    }
}

const HOGS: &[(&str, &str)] = &[
    ("table", "local t = {} while true do t[#t + 1] = {} end"),
    (
        "protected table",
        "local t = {} while true do pcall(function() t[#t + 1] = {} end) end",
    ),
    ("doubling", "local s = 'x' while true do s = s .. s end"),
    (
        "long strings",
        "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(100000) .. i end",
    ),
    (
        "coroutines",
        "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
    ),
    (
        "strings",
        "local t = {} for i = 1, 1e9 do t[i] = 'x' .. i end",
    ),
];

#[test]
fn a_memory_hog_ends_and_gives_back_what_it_took() {
    for (name, body) in HOGS {
        let mut world = World::with(
            small(),
            &format!("function route()\n{body}\nend\nfunction good() return ('x'):rep(100000) end"),
        );
        for _ in 0..2 {
            let run = world.call("route");
            let Outcome::Failed(error) = run.outcome else {
                panic!("{name}: {:?}", run.outcome)
            };
            assert_eq!(error.kind, ErrorKind::Memory, "{name}: {error}");
            assert_eq!(error.file, "main.lua", "{name}: {error}");
            assert!((1..=3).contains(&error.line), "{name}: {error}");
        }
        for _ in 0..100 {
            assert!(matches!(world.value("good"), Value::Text(_)), "{name}");
        }
        assert_eq!(world.host.counters().out_of_memory, 2, "{name}");
    }
}

#[test]
fn garbage_alone_ends_no_run() {
    let mut world = World::with(
        small(),
        "function route() for i = 1, 2000 do local s = ('x'):rep(10000) .. i end return 1 end",
    );
    for _ in 0..5 {
        assert_eq!(world.value("route"), Value::Int(1));
    }
}

#[test]
fn the_greediest_parked_run_ends_when_memory_is_short() {
    let mut world = World::with(
        small(),
        "function hog(count) local t = {} for i = 1, count do t[i] = {i} end KSR.http.query('x') return #t end
         function small() KSR.http.query('y') return 1 end",
    );
    let little = world.call("small");
    let entry = world.host.entry("hog");
    let mut tokens = Vec::new();
    for count in [5_000, 20_000, 9_000] {
        let request = world.request();
        let arguments = [Value::Int(count)];
        let run = world
            .host
            .call(Call::of(entry).with(&arguments), request, world.now);
        let Outcome::Parked { token, .. } = run.outcome else {
            panic!("{:?}", run.outcome)
        };
        tokens.push(token);
    }
    let (token, error) = world.host.poll_ended().expect("one run ended");
    assert_eq!(token, tokens[1]);
    assert_eq!(error.kind, ErrorKind::Ended);
    assert!(world.host.poll_ended().is_none());
    let request = world.request();
    assert_eq!(
        world.host.resume(token, &[], request, world.now).outcome,
        Outcome::Gone
    );
    let Outcome::Parked { token, .. } = little.outcome else {
        panic!()
    };
    let run = world.host.resume(token, &[], little.context, world.now);
    assert_eq!(run.outcome, Outcome::Returned(vec![Value::Int(1)]));
    assert_eq!(world.host.counters().ended_for_memory, 1);
    assert_eq!(world.host.parked(), 2);
}

#[test]
fn a_route_that_overruns_again_and_again_is_not_run_for_a_while() {
    let mut world =
        World::of("function route() while true do end end function good() return 1 end");
    world.host.tell_apart(|request| request.user.len() as u64);
    for millis in [0, 1_000, 1_000] {
        world.advance(millis);
        assert!(matches!(world.call("route").outcome, Outcome::Failed(_)));
    }
    world.advance(7_999);
    assert_eq!(world.call("route").outcome, Outcome::Quarantined);
    assert_eq!(world.value("good"), Value::Int(1));
    // The first of the three is 10 s old: one more may try.
    world.advance(1);
    assert!(matches!(world.call("route").outcome, Outcome::Failed(_)));
    assert_eq!(world.call("route").outcome, Outcome::Quarantined);
    assert_eq!(world.host.counters().quarantined, 2);
    // Another route of the same entry has a record of its own.
    let entry = world.host.entry("route");
    let request = Request {
        user: "bob",
        ..world.request()
    };
    let run = world.host.call(Call::of(entry), request, world.now);
    assert!(matches!(run.outcome, Outcome::Failed(_)));
    // A new script starts clean.
    world.host.reload(None, world.now).result.unwrap();
    assert!(matches!(world.call("route").outcome, Outcome::Failed(_)));
}

#[test]
fn a_script_that_loops_while_it_loads_does_not_load() {
    let folder = strowger_lua::MemoryFolder::new()
        .with("main.lua", "local x = 1\nwhile true do x = x + 1 end");
    let mut world = World::empty(HostSettings::default(), folder, crate::world::table());
    let error = world
        .host
        .load("main.lua", None, world.now)
        .result
        .unwrap_err();
    assert_eq!((error.kind, error.line), (ErrorKind::Overrun, 2), "{error}");
}
