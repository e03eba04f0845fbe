//! Definitions, conditionals, substitutions and included files.

use super::*;

fn children(text: &str) -> Option<i64> {
    config_of(text).global("children").and_then(Value::integer)
}

#[test]
fn definitions_stand_for_words_and_for_one_another() {
    assert_eq!(children("#!define A B\n#!define B 4\nchildren=A"), Some(4));
    assert_eq!(
        children("!!define A 2\n!!ifdef A\nchildren=A\n!!else\nbogus bogus\n!!endif"),
        Some(2)
    );
    assert_eq!(children("#!define A 1 # so many\nchildren=A"), Some(1));
    assert_eq!(children("#!define A 1 /* so many */\nchildren=A"), Some(1));
    assert_eq!(children("#!define X\nchildren=X 3"), Some(3));
}

#[test]
fn definitions_again() {
    assert_eq!(
        children("#!define A 1\n#!redefine A 2\n#!redefine B 3\nchildren=A"),
        Some(2)
    );
    assert_eq!(
        children("#!define A 1\n#!trydef A 2\n#!trydefine B 2\nchildren=A"),
        Some(1)
    );
}

#[test]
fn the_command_line_defines_first() {
    let text = format!("#!ifdef WITH_X\nchildren=COUNT\n#!endif\n{ENGINE}");
    let reading = read_with(&text, &["WITH_X", "COUNT=3"], &[]);
    assert_eq!(
        reading.config.global("children").and_then(Value::integer),
        Some(3)
    );
    assert!(reading.config.definitions.contains_key("WITH_X"));
    let text = format!("#!define COUNT 1\n{ENGINE}");
    let told = read_with(&text, &["COUNT=3"], &[]).diagnostics.to_string();
    assert!(
        told.contains("`COUNT` is already defined on the command line"),
        "{told}"
    );
}

#[test]
fn a_definition_may_go_on_with_the_next_line() {
    let config = config_of("#!define NAME \"a\" \\\n  \"b\"\nlog_name=NAME");
    assert_eq!(config.global("log_name").and_then(Value::text), Some("ab"));
}

#[test]
fn a_definition_may_be_part_of_an_address() {
    let config = config_of(
        "#!define ADDR udp:127.0.0.1\n#!define PORT 5998\nlisten=ADDR:PORT\n#!define MID test\nalias=foo.MID.bar",
    );
    let listen = config.listen.first().expect("a socket");
    assert_eq!(
        (listen.hosts.as_slice(), listen.port),
        (&["127.0.0.1".to_owned()][..], Some(5998))
    );
    assert_eq!(listen.transport, Some(strowger_sip::Transport::Udp));
    assert_eq!(
        config.aliases.first().map(|alias| alias.host.as_str()),
        Some("foo.test.bar")
    );
}

#[test]
fn definitions_do_not_reach_into_strings_but_substitutions_do() {
    let config =
        config_of("#!define NAME x\n#!subst \"/PLACE/y/g\"\nlog_name=\"NAME PLACE PLACE\"");
    assert_eq!(
        config.global("log_name").and_then(Value::text),
        Some("NAME y y")
    );
}

#[test]
fn substdef_defines_too() {
    assert_eq!(
        children("#!substdef \"!COUNT!7!g\"\nlog_name=\"COUNT\"\nchildren=COUNT"),
        Some(7)
    );
    let config = config_of("#!substdefs \"!MYNAME!abc!g\"\nlog_name=MYNAME");
    assert_eq!(config.global("log_name").and_then(Value::text), Some("abc"));
}

#[test]
fn conditionals_nest_and_skip_what_is_no_configuration() {
    let text = "#!ifdef NOWHERE\n  ALTER TABLE acc 'unfinished\n#!ifdef A\n#!else\nx x\n#!endif\n#!else\nchildren=2\n#!endif";
    assert_eq!(children(text), Some(2));
    assert_eq!(
        children("#!ifdef NOWHERE\n\u{f6}\u{20ac}\n#!endif\nchildren=6"),
        Some(6)
    );
    assert_eq!(children("#!ifndef NOWHERE\nchildren=5\n#!endif"), Some(5));
}

#[test]
fn files_are_included_beside_the_configuration() {
    let files = [
        ("dir/local.cfg", "#!define COUNT 6\n"),
        ("/abs.cfg", "log_name=\"abs\"\n"),
    ];
    let mut files = Files(files.into_iter().collect());
    let text = format!(
        "import_file \"local.cfg\"\nimport_file \"nowhere.cfg\"\n#!include_file \"/abs.cfg\"\nchildren=COUNT\n{ENGINE}"
    );
    let reading = read("dir/kamailio.cfg", &text, &[], &mut files);
    assert_eq!(reading.diagnostics.errors(), 0, "{}", reading.diagnostics);
    assert_eq!(
        reading.config.global("children").and_then(Value::integer),
        Some(6)
    );
    assert_eq!(
        reading.config.global("log_name").and_then(Value::text),
        Some("abs")
    );
    let names: Vec<&str> = reading
        .diagnostics
        .sources
        .files()
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    assert_eq!(names, ["dir/kamailio.cfg", "dir/local.cfg", "/abs.cfg"]);
}

#[test]
fn what_leads_back_to_itself_ends() {
    assert!(told("#!define A A\nchildren=A").contains("leads back to itself"));
    assert!(told("#!define A B B\n#!define B A A\nlog_name=A").contains("leads back to itself"));
    let reading = read_with(
        "include_file \"a.cfg\"\n",
        &[],
        &[("a.cfg", "include_file \"a.cfg\"\n")],
    );
    assert!(
        reading.diagnostics.to_string().contains("includes itself"),
        "{}",
        reading.diagnostics
    );
}
