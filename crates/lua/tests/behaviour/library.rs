//! Functions of the library that take long or make much.

use strowger_lua::{ErrorKind, HostSettings, Outcome, Value};

use crate::world::World;

/// Each is one call, or calls in a row, that would take longer than a slice may.
const LONG: &[(&str, &str)] = &[
    ("find", "string.find(a, '.-.-.-b')"),
    ("match", "string.match(a, '.*.*.*b')"),
    ("gmatch", "for x in string.gmatch(a, '.-.-.-b') do end"),
    ("gsub, text", "string.gsub(a, '.-.-.-b', 'x')"),
    ("gsub, function", "string.gsub(a, '.-.-.-b', print)"),
    ("gsub, table", "string.gsub(a, '.-.-.-b', {})"),
    (
        "protected",
        "while true do pcall(string.find, a, '.-.-.-b') end",
    ),
    (
        "handler",
        "xpcall(function() string.find(a, '.-.-.-b') end, function() while true do end end)",
    ),
    (
        "coroutine",
        "coroutine.wrap(function() string.find(a, '.-.-.-b') end)()",
    ),
    (
        "optional",
        "(('a'):rep(28)):find(('a?'):rep(28) .. ('a'):rep(29))",
    ),
    ("balance", "(('('):rep(60000)):find('%b()')"),
    ("back reference", "a:find('(.*)x?(.*)%1b')"),
    (
        "set",
        "(('a'):rep(60000)):find('[' .. ('a'):rep(100) .. ']-b')",
    ),
    (
        "text",
        "local s, p = ('a'):rep(1e6), ('a'):rep(1000) .. 'b' while true do s:find(p, 1, true) end",
    ),
    (
        "short",
        "while true do ('aaaaaaaaaaaaaaaa'):find('.-.-b') end",
    ),
    ("rep", "while true do ('x'):rep(1e6) end"),
    (
        "concat",
        "local t = {} for i = 1, 10 do t[i] = ('x'):rep(1e5) end while true do table.concat(t) end",
    ),
    (
        "format",
        "local s = ('x'):rep(1e5) while true do ('%s%s'):format(s, s) end",
    ),
    (
        "upper",
        "local s = ('x'):rep(1e6) while true do s:upper() end",
    ),
    (
        "lower",
        "local s = ('x'):rep(1e6) while true do s:lower() end",
    ),
    (
        "reverse",
        "local s = ('x'):rep(1e6) while true do s:reverse() end",
    ),
    (
        "load",
        "local s = ('x = 1 '):rep(1e5) while true do load(s) end",
    ),
    (
        "insert",
        "local t = {} for i = 1, 20000 do table.insert(t, 1, i) end",
    ),
    ("insert far", "table.insert({}, -2e9, 1)"),
    (
        "sort",
        "local t = {} for i = 1, 80000 do t[i] = -i end while true do table.sort(t) end",
    ),
    (
        "maxn",
        "local t = {} for i = 1, 10000 do t[i] = i end while true do table.maxn(t) end",
    ),
];

#[test]
fn a_function_of_the_library_cannot_outlive_the_budget() {
    for (name, body) in LONG {
        let script = format!(
            "a = string.rep('a', 3000)\nfunction route()\n{body}\nend\nfunction good() return 7 end"
        );
        let mut world = World::of(&script);
        for _ in 0..2 {
            let run = world.call("route");
            let Outcome::Failed(error) = run.outcome else {
                panic!("{name}: {:?}", run.outcome)
            };
            assert_eq!(error.kind, ErrorKind::Overrun, "{name}: {error}");
            assert!(error.message.contains("5 ms"), "{name}: {error}");
            assert_eq!(
                (error.file.as_str(), error.line),
                ("main.lua", 3),
                "{name}: {error}"
            );
        }
        assert_eq!(world.value("good"), Value::Int(7), "{name}");
        assert_eq!(world.host.counters().overruns, 2, "{name}");
        // The third one puts the route into quarantine.
        assert!(matches!(world.call("route").outcome, Outcome::Failed(_)));
        assert_eq!(world.call("route").outcome, Outcome::Quarantined, "{name}");
    }
}

#[test]
fn steps_of_patterns_count_as_instructions() {
    // (3000 * 3001) / 2 steps of the search alone are 45 ms.
    let slice = |millis| {
        let settings = HostSettings {
            slice: std::time::Duration::from_millis(millis),
            ..HostSettings::default()
        };
        let script = "function route() return (('a'):rep(3000):find('.-b')) == nil end";
        World::with(settings, script).call("route").outcome
    };
    assert!(matches!(slice(40), Outcome::Failed(_)));
    assert_eq!(slice(150), Outcome::Returned(vec![Value::Bool(true)]));
}

#[test]
fn many_short_searches_count_as_well() {
    // Each takes some 5,000 steps.
    let script =
        "function route() while true do (('a'):rep(100)):find('.-b') n = n + 1 end end n = 0
        function count() return n end";
    let mut world = World::of(script);
    assert!(matches!(world.call("route").outcome, Outcome::Failed(_)));
    let Value::Int(count) = world.value("count") else {
        panic!()
    };
    assert!((50..150).contains(&count), "{count}");
}

const LARGE: &[(&str, &str)] = &[
    ("string.rep", "('x'):rep(1e9)"),
    ("string.rep", "('x'):rep(2, ('y'):rep(6e5))"),
    ("string.rep", "('x'):rep(1 / 0)"),
    (
        "table.concat",
        "table.concat({ big, big, big, 1, 2, 3, 4, 5, 6 })",
    ),
    ("table.concat", "table.concat({ 1, 2, 3 }, big)"),
    ("string.format", "('%s%s%s'):format(big, big, big)"),
    ("string.gsub", "('xxx'):gsub('x', big)"),
    (
        "string.gsub",
        "('xxx'):gsub('x', function() return big end)",
    ),
    ("string.gsub", "('xxx'):gsub('x', { x = big })"),
];

#[test]
fn a_result_that_is_too_long_is_refused() {
    for (function, call) in LARGE {
        let script = format!(
            "big = ('x'):rep(5e5)\nfunction route()\nreturn select(2, pcall(function() {call} end))\nend"
        );
        let mut world = World::of(&script);
        let text = world.text("route");
        assert!(text.starts_with("main.lua:3: "), "{call}: {text}");
        assert!(
            text.ends_with("the result would be longer than 1048576 octets"),
            "{call}: {text}"
        );
        assert!(
            text.contains(function) || function == &"string.gsub",
            "{call}: {text}"
        );
    }
}

#[test]
fn a_source_that_is_too_long_is_not_compiled() {
    let mut world = World::of(
        "function route() local s = ('x = 1 '):rep(1e5) return select(2, load(s .. s)) end",
    );
    assert_eq!(world.value("route"), Value::text("the source is too long"));
}

#[test]
fn a_replacement_may_wait() {
    let mut world = World::of(
        "function route()
            return (('a b'):gsub('%a', function(name) return KSR.http.query(name) == 1 and name:upper() end))
        end",
    );
    let mut run = world.call("route");
    for answer in [1, 0] {
        let Outcome::Parked { token, .. } = run.outcome else {
            panic!("{:?}", run.outcome)
        };
        let values = [Value::Int(answer)];
        run = world.host.resume(token, &values, run.context, world.now);
    }
    assert_eq!(run.outcome, Outcome::Returned(vec![Value::text("A b")]));
}

#[test]
fn a_slice_that_takes_much_memory_is_looked_at_more_often() {
    // Each round copies a megabyte: a thousand instructions would be 300 rounds.
    let settings = HostSettings {
        memory_octets_max: 8 << 20,
        slice: std::time::Duration::from_secs(60),
        ..HostSettings::default()
    };
    let script = "n = 0 function route()
            local s, t = ('x'):rep(1e6), {}
            while true do n = n + 1 t[n] = s .. n end
        end
        function count() return n end";
    let mut world = World::with(settings, script);
    let run = world.call("route");
    let Outcome::Failed(error) = run.outcome else {
        panic!("{:?}", run.outcome)
    };
    assert_eq!((error.kind, error.line), (ErrorKind::Memory, 3), "{error}");
    // The next slice is an ordinary one again.
    assert!(matches!(world.value("count"), Value::Int(1..=8)));
}

#[test]
fn sorting_and_inserting_give_what_they_give_in_the_vm() {
    let mut world = World::of(
        "function route()
            local t = {}
            for i = 1, 200 do table.insert(t, 1, i) end
            table.insert(t, 3, 'third')
            local third = table.remove(t, 3)
            table.sort(t)
            for i = 1, 200 do if t[i] ~= i then return i end end
            return third
        end",
    );
    assert_eq!(world.value("route"), Value::text("third"));
}
