//! What errors say, and what a script may not use.

use std::fmt::Write;

use strowger_lua::{HostSettings, MemoryFolder, Outcome, Value};

use crate::world::{World, table};

#[test]
fn errors_of_syntax_show_the_line_and_the_place() {
    let mut out = String::new();
    for source in [
        "function route()\n  local x = = 1\nend",
        "function route()\n  if x then\n",
        "x = 'open\n",
        "for i = 1, 2 do\n  KSR.info('x')\nend end",
        "\u{1b}LJ\u{2}",
    ] {
        let folder = MemoryFolder::new().with("dir/main.lua", source);
        let mut world = World::empty(HostSettings::default(), folder, table());
        let error = world
            .host
            .load("dir/main.lua", None, world.now)
            .result
            .unwrap_err();
        let _ = writeln!(out, "{error}\n");
    }
    insta::assert_snapshot!(out);
}

#[test]
fn errors_of_a_run_name_file_line_and_callers() {
    let mut world = World::of(
        "local function inner(x)\n  return x.field\nend\nfunction runtime()\n  local y = inner(nil)\n  return y\nend
function text() error('my own') end
function bare() error('no place', 0) end
function object() error({}) end
function verb()\n  local r = KSR.t.broken()\n  return r\nend
function none() error() end
function second() local ok, e = pcall(KSR.t.broken) error(e, 0) end",
    );
    let mut out = String::new();
    for entry in ["runtime", "text", "bare", "verb", "none", "second"] {
        let Outcome::Failed(error) = world.call(entry).outcome else {
            panic!("{entry}")
        };
        let _ = writeln!(out, "{error}\n");
    }
    let Outcome::Failed(error) = world.call("object").outcome else {
        panic!()
    };
    assert!(error.message.starts_with("table: "));
    insta::assert_snapshot!(out);
    assert_eq!(world.host.counters().failed, 7);
}

#[test]
fn calls_that_block_or_harm_are_refused_with_the_alternative() {
    let mut world =
        World::of("function route(source) return select(2, pcall(load(source, '=x'))) end");
    let entry = world.host.entry("route");
    let mut out = String::new();
    for source in [
        "os.execute('ls')",
        "os.exit()",
        "os.remove('x')",
        "os.rename('x', 'y')",
        "os.tmpname()",
        "os.setlocale('C')",
        "io.popen('ls')",
        "io.read()",
        "io.open('x', 'w'):write()",
        "return select(2, io.open('x', 'w'))",
        "return select(2, io.open('/etc/passwd'))",
        "package.loadlib('x', 'y')",
        "debug.sethook()",
        "debug.getregistry()",
        "string.dump(print)",
        "require('none')",
        "return tostring(newproxy) .. tostring(jit) .. tostring(ffi)",
        "return tostring(load('\\27LJ\\2'))",
        "return getmetatable('')",
        "return os.getenv('HOME')",
    ] {
        let request = world.request();
        let arguments = [Value::text(source)];
        let run = world.host.call(
            strowger_lua::Call::of(entry).with(&arguments),
            request,
            world.now,
        );
        let Outcome::Returned(values) = run.outcome else {
            panic!("{source}: {:?}", run.outcome)
        };
        let text = match values.first() {
            Some(Value::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            other => format!("{other:?}"),
        };
        let _ = writeln!(out, "{source}\n    {text}");
    }
    insta::assert_snapshot!(out);
}

#[test]
fn print_goes_to_the_log_with_its_place() {
    let mut world = World::of("function route()\n  print('a', 1, nil)\n  KSR.info()\nend");
    world.call("route");
    assert_eq!(
        *world.log.lock().unwrap(),
        [
            "print main.lua:2: a\t1\tnil",
            "fault main.lua:3: info: wrong argument count: 0 given, 1 needed"
        ]
    );
}

#[test]
fn files_of_the_folder_can_be_read_and_required() {
    let folder = MemoryFolder::new()
        .with("main.lua", "package.path = package.path .. ';./lib/?.lua'
            local a, b = require 'one', require('dir.two')
            function route()
                local file = io.open('list.txt') local first = file:read() local rest = file:read('*a') file:close()
                local n = 0 for line in io.lines('list.txt') do n = n + 1 end
                return a .. b .. first .. #rest .. n
            end")
        .with("lib/one.lua", "return 'one'")
        .with("dir/two/init.lua", "return ...")
        .with("list.txt", "x\ny\nz\n");
    let mut world = World::empty(HostSettings::default(), folder, table());
    world.host.load("main.lua", None, world.now).result.unwrap();
    assert_eq!(world.value("route"), Value::text("onedir.twox43"));
}

#[test]
fn debug_tells_where_a_script_is() {
    let mut world = World::of(
        "function route()\n  local i = debug.getinfo(1, 'Sl')\n  return i.short_src .. ':' .. i.currentline .. ' ' .. debug.traceback('here')\nend",
    );
    let Value::Text(text) = world.value("route") else {
        panic!()
    };
    assert!(
        String::from_utf8_lossy(&text)
            .starts_with("main.lua:2 here\nstack traceback:\n\tmain.lua:3:"),
        "{}",
        String::from_utf8_lossy(&text)
    );
}

#[test]
#[should_panic(expected = "a function of the table panicked")]
fn a_panic_of_a_function_is_not_an_error_of_the_script() {
    let mut world = World::of("function route() KSR.t.panics() end");
    world.call("route");
}

#[test]
#[should_panic(expected = "a function of the table panicked")]
fn a_script_cannot_swallow_a_panic() {
    let mut world = World::of("function route() pcall(KSR.t.panics) end");
    world.call("route");
}
