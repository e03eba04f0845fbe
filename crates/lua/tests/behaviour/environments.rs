//! Runs with an environment of their own.

use strowger_lua::{HostSettings, HostingForm, MemoryFolder, Outcome, Run, Value};

use crate::world::{Request, World, table};

fn world(files: &[(&str, &str)]) -> World {
    let mut folder = MemoryFolder::new();
    for (path, source) in files {
        folder = folder.with(path, source);
    }
    let settings = HostSettings {
        form: HostingForm::PerRun,
        ..HostSettings::default()
    };
    let mut world = World::empty(settings, folder, table());
    world.host.load("", None, world.now).result.unwrap();
    world
}

fn run(world: &mut World, path: &str, globals: &[(&str, Value)]) -> Run<Request> {
    let request = world.request();
    world.host.run_file(path, globals, request, world.now)
}

fn value(world: &mut World, path: &str) -> Value {
    match run(world, path, &[]).outcome {
        Outcome::Returned(mut values) => values.pop().unwrap_or_default(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_run_sets_is_gone_when_it_ends() {
    let leaks = [
        ("global", "local before = x x = 1 return before"),
        ("through _G", "local before = _G.x _G.x = 1 return before"),
        (
            "library",
            "local before = string.x string.x = 1 return before",
        ),
        (
            "module",
            "local before = KSR.sl.x KSR.sl.x = 1 return before",
        ),
        ("root", "local before = KSR.x1 KSR.x1 = 1 return before"),
        (
            "replaced function",
            "local before = print == nil print = nil return before or nil",
        ),
        (
            "package",
            "local before = package.loaded.x package.loaded.x = 1 return before",
        ),
        (
            "loaded source",
            "local before = x load('x = 1')() return before",
        ),
        (
            "loadstring",
            "local before = x loadstring('x = 1')() return before",
        ),
        (
            "required file",
            "local before = x require('lib') return before",
        ),
        ("dofile", "local before = x dofile('lib.lua') return before"),
        (
            "string methods",
            "local m = getmetatable('') return type(m) == 'table' and m.x or nil",
        ),
        ("getfenv", "return getfenv and getfenv(0).x or nil"),
        (
            "metatable",
            "local m = getmetatable(_G) return type(m) == 'table' and m or nil",
        ),
    ];
    for (name, source) in leaks {
        let mut world = world(&[("main.lua", source), ("lib.lua", "x = 1")]);
        for _ in 0..3 {
            assert_eq!(value(&mut world, "main.lua"), Value::Nil, "{name}");
        }
    }
}

#[test]
fn an_environment_is_complete() {
    let mut world = world(&[
        (
            "main.lua",
            "x = 5
         assert(_G.x == 5 and load('return x')() == 5)
         assert(('x'):upper() == 'X' and string.format('%d', 3) == '3' and math.floor(1.5) == 1)
         assert(require('lib') == require('lib') and y == 6)
         assert(package.loaded.lib and package.loaded.string == string)
         for k, v in pairs({1}) do assert(k == 1) end
         argv[1] = argv[1] .. '!'
         KSR.info(argv[1])
         return KSRVERSION",
        ),
        ("lib.lua", "y = x + 1 return {}"),
    ]);
    let run = run(
        &mut world,
        "main.lua",
        &[("argv", Value::list([Value::text("hello")]))],
    );
    assert_eq!(run.outcome, Outcome::Returned(vec![Value::text("2.0")]));
    assert_eq!(run.context.done, ["hello!"]);
}

#[test]
fn runs_that_wait_keep_their_own_globals() {
    let mut world = world(&[("main.lua", "mine = n KSR.http.query('u') return mine")]);
    let runs: Vec<_> = (0..10)
        .map(|n| run(&mut world, "main.lua", &[("n", Value::Int(n))]))
        .collect();
    for (n, run) in (0..).zip(runs) {
        let Outcome::Parked { token, .. } = run.outcome else {
            panic!("{:?}", run.outcome)
        };
        let run = world.host.resume(token, &[], run.context, world.now);
        assert_eq!(run.outcome, Outcome::Returned(vec![Value::Int(n)]));
    }
}

#[test]
fn a_file_that_is_not_there_or_does_not_compile_is_an_error_of_the_run() {
    let mut world = world(&[("bad.lua", "x = = 1")]);
    let Outcome::Failed(error) = run(&mut world, "none.lua", &[]).outcome else {
        panic!()
    };
    assert_eq!(error.to_string(), "none.lua: no such file");
    let Outcome::Failed(error) = run(&mut world, "../x.lua", &[]).outcome else {
        panic!()
    };
    assert_eq!(error.to_string(), "../x.lua: is outside the script folder");
    let Outcome::Failed(error) = run(&mut world, "bad.lua", &[]).outcome else {
        panic!()
    };
    assert_eq!(error.line, 1);
}
