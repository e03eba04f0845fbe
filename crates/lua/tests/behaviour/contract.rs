//! The contract of the KEMI form: what functions answer, how arguments are read, what an exit is.

use std::fmt::Write;

use strowger_lua::{FaultAnswer, HostSettings, MemoryFolder, Outcome, Tolerance, Value};

use crate::world::{EXIT, World};

/// The results of expressions, one line each.
fn table_of(world: &mut World, expressions: &[&str]) -> String {
    let mut out = String::new();
    for expression in expressions {
        let source = format!(
            "function route() local ok, r = pcall(function() return {expression} end) return tostring(ok) .. ' ' .. type(r) .. ' ' .. tostring(r) end"
        );
        let folder = MemoryFolder::new().with("main.lua", &source);
        let mut one = World::empty(HostSettings::default(), folder, crate::world::table());
        one.host.load("main.lua", None, world.now).result.unwrap();
        let Value::Text(text) = one.value("route") else {
            panic!("{expression}")
        };
        let _ = writeln!(out, "{expression:<44} {}", String::from_utf8_lossy(&text));
        for line in one.log.lock().unwrap().drain(..) {
            let _ = writeln!(out, "{:44}   {line}", "");
        }
    }
    out
}

#[test]
fn coercions_and_results() {
    let mut world = World::of("");
    let table = table_of(
        &mut world,
        &[
            "KSR.is_INVITE()",
            "KSR.siputils.has_totag()",
            "KSR.kx.get_user()",
            "KSR.kx.get_nothing()",
            "KSR.info('x')",
            "KSR.info(5)",
            "KSR.info(1e15)",
            "KSR.info(0.1)",
            "KSR.info(true)",
            "KSR.info(nil)",
            "KSR.info()",
            "KSR.info('a', 'b')",
            "KSR.info({})",
            "KSR.t.maybe(5)",
            "KSR.t.maybe('12')",
            "KSR.t.maybe(' 0x10 ')",
            "KSR.t.maybe(5.9)",
            "KSR.t.maybe(-5.9)",
            "KSR.t.maybe('x')",
            "KSR.t.maybe(true)",
            "KSR.t.maybe(0/0)",
            "KSR.t.maybe(1/0)",
            "KSR.t.maybe(1, 2)",
            "KSR.t.maybe(1, nil)",
            "KSR.t.maybe(nil, 2)",
            "KSR.t.maybe(1, 2, 3)",
            "KSR.t.maybe(1, 2, 3, 4, 5)",
            "KSR.t.maybe()",
            "KSR.sl.send_reply('200', 7)",
            "KSR.sl.send_reply(200)",
            "KSR.t.echo(1.5)",
            "KSR.t.echo('\\0\\255')",
            "#KSR.t.echo({1, 2, x = 3})",
            "KSR.t.echo(print)",
            "KSR.t.broken()",
            "KSR.nomodule",
            "KSR.sl.nofunc",
            "KSR.pike",
            "KSR.nats",
            "KSR.rtpengine.offer()",
            "KSRVERSION",
        ],
    );
    insta::assert_snapshot!(table);
}

#[test]
fn a_table_may_raise_errors_for_wrong_arguments() {
    let mut table = strowger_lua::FunctionTable::new("", FaultAnswer::Error);
    static ROWS: &[strowger_lua::Row<crate::world::Request>] = &[strowger_lua::Row::new(
        "freeswitch",
        "log",
        &[strowger_lua::Parameter::text("text")],
        strowger_lua::Returns::None,
        "Logs.",
        |_, _| strowger_lua::Ret::None,
    )];
    table.add(ROWS);
    let folder = MemoryFolder::new().with("main.lua", "function route()\n freeswitch.log()\nend");
    let mut world = World::empty(HostSettings::default(), folder, table);
    world.host.load("main.lua", None, world.now).result.unwrap();
    let Outcome::Failed(error) = world.call("route").outcome else {
        panic!()
    };
    assert_eq!(
        error.to_string().lines().next(),
        Some("main.lua:2: freeswitch.log: wrong argument count: 0 given, 1 needed")
    );
    assert_eq!(world.host.counters().argument_faults, 1);
}

#[test]
fn a_table_may_forgive_what_a_function_in_c_does_not_see() {
    use strowger_lua::{Parameter, Ret, Returns, Row};
    static ROWS: &[Row<crate::world::Request>] = &[
        Row::new(
            "m",
            "set",
            &[Parameter::text("key"), Parameter::int("value")],
            Returns::Value,
            "Shows its arguments.",
            |_, args| Ret::text([args.text(0), args.int(1).to_string().as_bytes()].concat()),
        ),
        Row::new("m", "none", &[], Returns::Int, "Takes nothing.", |_, _| {
            Ret::Int(1)
        }),
    ];
    let mut table = strowger_lua::FunctionTable::new("KSR", FaultAnswer::False);
    table.add(ROWS).tolerate(Tolerance::OfStack);
    let calls = [
        ("set('k', 1)", "k1", false),
        ("set('k', 1, 'x', 'y')", "k1", true),
        ("set('k', nil)", "k0", true),
        ("set('k')", "k0", true),
        ("set(nil, 1)", "1", true),
        ("set({}, 'x')", "0", true),
        ("set(nil, nil)", "false", true),
        ("set()", "false", true),
        ("none()", "1", false),
        ("none('x')", "false", true),
    ];
    let mut script = "function route() local out = {}\n".to_owned();
    for (call, ..) in calls {
        script += &format!("out[#out + 1] = tostring(KSR.m.{call})\n");
    }
    script += "return table.concat(out, ' ') end";
    let folder = MemoryFolder::new().with("main.lua", &script);
    let mut world = World::empty(HostSettings::default(), folder, table);
    world.host.load("main.lua", None, world.now).result.unwrap();
    let results: Vec<&str> = calls.iter().map(|(_, result, _)| *result).collect();
    let Outcome::Returned(values) = world.call("route").outcome else {
        panic!()
    };
    assert_eq!(values, [Value::text(results.join(" "))]);
    let faults = calls.iter().filter(|(_, _, fault)| *fault).count();
    assert_eq!(world.log.lock().unwrap().len(), faults);
    assert_eq!(world.host.counters().argument_faults, faults as u64);
}

#[test]
fn exit_ends_the_run_without_an_error() {
    let mut world = World::of("function route() KSR.info('a') KSR.x.exit() KSR.info('b') end");
    for _ in 0..3 {
        let run = world.call("route");
        assert_eq!(run.outcome, Outcome::Exited(EXIT));
        assert_eq!(run.context.done, ["a", "exit"]);
    }
    assert_eq!(world.host.counters().exited, 3);
    assert_eq!(world.host.counters().failed, 0);
}

#[test]
fn a_call_without_results_ends_as_any_other() {
    let mut world = World::of(
        "function returns() return 1, 'x' end
         function waits() KSR.info('got ' .. KSR.http.query('u')) KSR.http.query('v') KSR.info('end') return 1 end
         function exits() KSR.x.exit() end
         function exits_late() pcall(error) KSR.x.exit() end
         function fails()\n error('x') end
         none = 5",
    );
    let nothing = Outcome::Returned(Vec::new());
    for _ in 0..2 {
        assert_eq!(world.call_without_results("returns").outcome, nothing);
        let mut run = world.call_without_results("waits");
        for values in [&[Value::Int(200)][..], &[]] {
            let Outcome::Parked { token, .. } = run.outcome else {
                panic!("{:?}", run.outcome)
            };
            run = world.host.resume(token, values, run.context, world.now);
        }
        assert_eq!(run.outcome, nothing);
        assert_eq!(run.context.done, ["asked u", "got 200", "asked v", "end"]);
        for exits in ["exits", "exits_late"] {
            let run = world.call_without_results(exits);
            assert_eq!(run.outcome, Outcome::Exited(EXIT));
        }
        let Outcome::Failed(error) = world.call_without_results("fails").outcome else {
            panic!()
        };
        assert_eq!(error.to_string().lines().next(), Some("main.lua:6: x"));
        let run = world.call_without_results("nowhere");
        assert_eq!(run.outcome, Outcome::NoEntry);
        let run = world.call_without_results("none");
        assert_eq!(run.outcome, Outcome::NoEntry);
    }
}

#[test]
fn an_entry_is_a_function_of_the_script_itself() {
    let mut world = World::of(
        "called = setmetatable({}, { __call = function() KSR.info('called') end })
         setmetatable(_G, { __index = function(_, name) error('no ' .. tostring(name), 2) end })",
    );
    for entry in ["called", "nowhere"] {
        let run = world.call_without_results(entry);
        assert_eq!(run.outcome, Outcome::NoEntry, "{entry}");
        assert!(run.context.done.is_empty(), "{:?}", run.context.done);
    }
}

#[test]
fn exit_inside_a_protected_call_is_caught_there() {
    let mut world = World::of(
        "function route()
            local ok, e = pcall(function() KSR.x.exit() end)
            KSR.info(tostring(ok) .. ' ' .. e)
            xpcall(KSR.x.exit, function(e) KSR.info('handler ' .. e) end)
            local co = coroutine.create(function() KSR.x.exit() end)
            KSR.info(select(2, coroutine.resume(co)))
            KSR.x.exit()
        end",
    );
    let run = world.call("route");
    assert_eq!(run.outcome, Outcome::Exited(EXIT));
    assert_eq!(
        run.context.done,
        [
            "exit",
            "false ~~ksr~exit~~",
            "exit",
            "handler ~~ksr~exit~~",
            "exit",
            "~~ksr~exit~~",
            "exit"
        ]
    );
}

#[test]
fn exit_from_within_a_callback_ends_the_run() {
    let mut world = World::of(
        "function route() ('x'):gsub('.', function() KSR.x.exit() end) KSR.info('never') end",
    );
    let run = world.call("route");
    assert_eq!(run.outcome, Outcome::Exited(EXIT));
    assert_eq!(run.context.done, ["exit"]);
}

#[test]
fn the_text_of_the_marker_raised_by_the_script_is_an_exit_too() {
    let mut world = World::of("function route() error('~~ksr~exit~~', 0) end");
    assert_eq!(world.call("route").outcome, Outcome::Exited(EXIT));
}

#[test]
fn globals_stay_between_calls() {
    let mut world = World::of("n = 0 function route() n = n + 1 return n end");
    assert_eq!(world.value("route"), Value::Int(1));
    assert_eq!(world.value("route"), Value::Int(2));
}

#[test]
fn a_function_may_be_defined_later_or_not_at_all() {
    let mut world = World::of("function route() function event() return 'late' end end");
    assert_eq!(world.call("event").outcome, Outcome::NoEntry);
    assert!(!world.host.defines("event"));
    world.call("route");
    assert_eq!(world.value("event"), Value::text("late"));
    assert!(world.host.defines("event"));
}

#[test]
fn arguments_and_several_results_cross() {
    let mut world =
        World::of("function route(a, b) return b, a, nil, {x = 1, [2] = 'y', [1] = true} end");
    let entry = world.host.entry("route");
    let request = world.request();
    let arguments = [Value::text("sl:filtered-ack"), Value::list([Value::Int(3)])];
    let run = world.host.call(
        strowger_lua::Call::of(entry).with(&arguments),
        request,
        world.now,
    );
    assert_eq!(
        run.outcome,
        Outcome::Returned(vec![
            Value::list([Value::Int(3)]),
            Value::text("sl:filtered-ack"),
            Value::Nil,
            Value::Table(vec![
                (Value::Int(1), Value::Bool(true)),
                (Value::Int(2), Value::text("y")),
                (Value::text("x"), Value::Int(1)),
            ]),
        ])
    );
}

#[test]
fn the_clock_and_chance_are_those_handed_in() {
    let mut world = World::of(
        "function route() return os.time() .. ' ' .. os.date('!%Y-%m-%d') .. ' ' .. math.random(1000000) end",
    );
    let mut other = World::of(
        "function route() return os.time() .. ' ' .. os.date('!%Y-%m-%d') .. ' ' .. math.random(1000000) end",
    );
    let one = world.value("route");
    assert_eq!(one, other.value("route"));
    let Value::Text(text) = one else { panic!() };
    assert!(text.starts_with(b"1700000000 2023-11-14 "));
}

#[test]
fn pairs_has_an_order_where_it_is_asked_for() {
    let settings = HostSettings {
        ordered_pairs: true,
        ..HostSettings::default()
    };
    let mut world = World::with(
        settings,
        "function route() local t = {z = 1, a = 1, m = 1, [10] = 1, [2] = 1} local s = '' for k in pairs(t) do s = s .. k .. ' ' end return s end",
    );
    assert_eq!(world.value("route"), Value::text("2 10 a m z "));
}

#[test]
fn a_native_caller_uses_the_same_rows() {
    let table = crate::world::table();
    let mut request = crate::world::Request::default();
    let ret = table.call(
        "sl",
        "send_reply",
        &mut request,
        &[Value::text("404"), Value::Int(5)],
    );
    assert_eq!(ret, Some(Ok(strowger_lua::Ret::Int(1))));
    assert_eq!(request.done, ["404 5"]);
    assert_eq!(table.call("pike", "check", &mut request, &[]), None);
    assert!(
        table
            .call("sl", "send_reply", &mut request, &[])
            .unwrap()
            .is_err()
    );
}
