//! Runs that wait.

use strowger_lua::{HostSettings, Outcome, Run, Value, WaitToken};

use crate::world::{Request, World};

fn token(run: &Run<Request>) -> WaitToken {
    match &run.outcome {
        Outcome::Parked { token, .. } => *token,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_waits_and_goes_on_with_what_the_driver_says() {
    let mut world = World::of(
        "function route() local a, b = KSR.http.query('u') KSR.info('got ' .. a) return b end",
    );
    let run = world.call("route");
    assert_eq!(run.context.done, ["asked u"]);
    let token = token(&run);
    assert_eq!(world.host.parked(), 1);
    let run = world.host.resume(
        token,
        &[Value::Int(200), Value::text("body")],
        run.context,
        world.now,
    );
    assert_eq!(run.outcome, Outcome::Returned(vec![Value::text("body")]));
    assert_eq!(run.context.done, ["asked u", "got 200"]);
    assert_eq!(world.host.parked(), 0);
    // The token is spent.
    assert_eq!(
        world
            .host
            .resume(token, &[], run.context, world.now)
            .outcome,
        Outcome::Gone
    );
}

#[test]
fn a_wait_passes_through_protected_calls_and_coroutines() {
    let mut world = World::of(
        "local function inner() return KSR.http.query('u') end
         function route()
            local ok, a = pcall(inner)
            local ok2, b = xpcall(inner, debug.traceback)
            local co = coroutine.create(function(x) local r = inner() local y = coroutine.yield(x) return r + y end)
            local _, c = coroutine.resume(co, 1)
            local _, d = coroutine.resume(co, 10)
            local w = coroutine.wrap(function() return coroutine.wrap(inner)() end)
            local e = w()
            local t = setmetatable({}, {__index = function() return inner() end})
            local f = t.x
            return table.concat({tostring(ok), a, tostring(ok2), b, c, d, e, f}, ' ')
         end",
    );
    let mut run = world.call("route");
    for number in 1..=5 {
        let token = token(&run);
        run = world
            .host
            .resume(token, &[Value::Int(number * 100)], run.context, world.now);
    }
    assert_eq!(
        run.outcome,
        Outcome::Returned(vec![Value::text("true 100 true 200 1 310 400 500")])
    );
    assert_eq!(run.context.done.len(), 5);
}

#[test]
fn a_wait_ends_at_its_deadline() {
    let mut world = World::of("function route() return KSR.http.query('u') end");
    let run = world.call("route");
    let deadline = world.host.poll_deadline().unwrap();
    assert_eq!(deadline.as_millis(), 2_000);
    world.advance(1_999);
    assert_eq!(world.host.next_expired(world.now.monotonic), None);
    world.advance(1);
    let expired = world.host.next_expired(world.now.monotonic).unwrap();
    assert_eq!(expired, token(&run));
    let run = world.host.time_out(expired, run.context, world.now);
    assert_eq!(run.outcome, Outcome::Returned(vec![Value::Int(-1)]));
    assert_eq!(world.host.poll_deadline(), None);
    assert_eq!(world.host.counters().timed_out, 1);
}

#[test]
fn many_runs_wait_at_once_and_go_on_in_any_order() {
    let mut world =
        World::of("function route() local me = {} local r = KSR.http.query('u') return r end");
    let runs: Vec<_> = (0..200).map(|_| world.call("route")).collect();
    let mut order: Vec<_> = runs.into_iter().enumerate().collect();
    order.sort_by_key(|(index, _)| (index * 7919) % 200);
    for (index, run) in order {
        let value = Value::Int(index as i64);
        let run = world.host.resume(
            token(&run),
            std::slice::from_ref(&value),
            run.context,
            world.now,
        );
        assert_eq!(run.outcome, Outcome::Returned(vec![value]));
    }
    assert_eq!(world.host.counters().resumed, 200);
}

#[test]
fn runs_beyond_the_limit_are_answered_as_at_their_deadline() {
    let settings = HostSettings {
        parked_max: 1,
        ..HostSettings::default()
    };
    let mut world = World::with(
        settings,
        "function route() return KSR.http.query('u') end function forever() while true do KSR.http.query('u') end end",
    );
    let first = world.call("route");
    assert_eq!(world.value("route"), Value::Int(-1));
    assert_eq!(world.host.counters().park_refused, 1);
    assert!(matches!(world.call("forever").outcome, Outcome::Failed(_)));
    assert!(world.host.abandon(token(&first)));
    assert!(!world.host.abandon(token(&first)));
    assert_eq!(world.host.parked(), 0);
}

#[test]
fn a_function_that_waits_says_where_it_cannot() {
    let mut world = World::of(
        "function route() local ok, e = pcall(table.sort, { 1, 2 }, function() KSR.http.query('u') end) return e end",
    );
    let Value::Text(text) = world.value("route") else {
        panic!()
    };
    assert_eq!(
        String::from_utf8_lossy(&text),
        "main.lua:1: http.query waits: it cannot be called while the script loads, nor inside a callback of sort"
    );
}

#[test]
fn a_script_may_not_yield_out_of_the_route_nor_resume_a_route() {
    let mut world = World::of(
        "function route() local ok, e = pcall(coroutine.yield, 1) return e end
         function save() saved = coroutine.running() KSR.http.query('u') return 'fine' end
         function steal() local ok, e = coroutine.resume(saved, 1) return e end",
    );
    let Value::Text(text) = world.value("route") else {
        panic!()
    };
    assert!(String::from_utf8_lossy(&text).contains("attempt to yield outside a coroutine"));
    let parked = world.call("save");
    assert_eq!(
        world.value("steal"),
        Value::text("cannot resume this coroutine")
    );
    let run = world
        .host
        .resume(token(&parked), &[], parked.context, world.now);
    assert_eq!(run.outcome, Outcome::Returned(vec![Value::text("fine")]));
}

#[test]
fn an_exit_after_a_protected_wait_is_still_caught() {
    let mut world = World::of(
        "function route()
            local ok, e = pcall(function() KSR.http.query('u') KSR.x.exit() end)
            return e
         end
         function other() KSR.x.exit() end",
    );
    let run = world.call("route");
    // Another run in between must not change what the first one is.
    assert!(matches!(world.call("other").outcome, Outcome::Exited(_)));
    let run = world.host.resume(token(&run), &[], run.context, world.now);
    assert_eq!(
        run.outcome,
        Outcome::Returned(vec![Value::text("~~ksr~exit~~")])
    );
}
