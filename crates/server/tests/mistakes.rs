//! What somebody meets who does it wrong: each mistake has a clear error and an exit code, and changes nothing.

mod support;

use std::net::UdpSocket;

use support::{Place, configuration, free_port};

#[test]
fn a_wrong_command_line_is_json_where_json_is_asked_for() {
    let place = Place::new();
    for arguments in [
        &["--json", "bogus"][..],
        &["user", "add", "--json"],
        &["status", "--json", "--jsn"],
    ] {
        let refused = place.run(arguments);
        refused.must_be(2, &[]);
        let value: serde_json::Value = serde_json::from_str(&refused.out).expect("JSON");
        assert_eq!(value["exit"], 2);
        assert!(refused.err.is_empty(), "{refused:?}");
    }
    place.run(&["--json", "--help"]).must_be(0, &["Usage"]);
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let place = Place::new();
    for arguments in [&["version"][..], &["completions", "bash"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_strowger"))
            .current_dir(place.path())
            .args(arguments)
            .stdout(full.expect("the device"))
            .output()
            .expect("it ends");
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("could not be written"), "{text}");
    }
}

#[test]
fn an_unknown_key_names_line_column_and_what_was_meant() {
    let place = Place::new();
    place.write("strowger.toml", "domans = [\"example.test\"]\nlisten = [\"udp:127.0.0.1:5060\"]\n\n[auht]\nrequired = true\n");
    let checked = place.run(&["check"]);
    insta::assert_snapshot!(checked.shown(&[]));
    assert_eq!(place.run(&["run"]).code, 3);
    assert!(!place.path().join("strowger-data").exists());
}

#[test]
fn a_bad_domain_says_what_to_write() {
    let place = Place::new();
    place.write(
        "strowger.toml",
        "domains = [\"my_pbx.test\", \"sip:b.test\"]\nlisten = [\"udp:127.0.0.1:5060\"]\n",
    );
    insta::assert_snapshot!(place.run(&["check"]).shown(&[]));
}

#[test]
fn errors_as_json_have_the_same_content() {
    let place = Place::new();
    place.write(
        "strowger.toml",
        "domains = [\"a.test\"]\nlisten = [\"udp:127.0.0.1:5060\"]\ndurability = \"prozess\"\n",
    );
    insta::assert_snapshot!(place.run(&["check", "--json"]).shown(&[]));
}

#[test]
fn a_wrong_word_is_a_usage_error_with_a_suggestion() {
    let place = Place::new();
    place.run(&["stauts"]).must_be(2, &["stauts", "status"]);
    place
        .run(&["run", "--confg", "x"])
        .must_be(2, &["--confg", "--config"]);
    place.run(&["user", "ad", "x"]).must_be(2, &["ad", "add"]);
    place
        .run(&["user", "add", "a", "b", "--password-stdin"])
        .must_be(2, &["one user at a time"]);
}

#[test]
fn without_a_server_commands_say_so() {
    let place = Place::new();
    let nothing_here = place.run(&["status"]);
    place.write("strowger.toml", &configuration(free_port()));
    let not_started = place.run(&["status"]);
    insta::assert_snapshot!(format!(
        "{}\n\n{}",
        nothing_here.shown(&[]),
        not_started.shown(&[])
    ));
    for command in [
        &["stats"][..],
        &["reload"],
        &["watch"],
        &["reg", "list"],
        &["reg", "drop", "1001"],
    ] {
        place.run(command).must_be(4, &["not running"]);
    }
}

#[test]
fn an_absent_file_is_a_configuration_error() {
    let place = Place::new();
    insta::assert_snapshot!(place.run(&["run", "-c", "absent.toml"]).shown(&[]));
    place
        .run(&["check"])
        .must_be(3, &["no configuration", "strowger init"]);
}

#[test]
fn a_data_folder_that_is_a_file_is_refused() {
    let place = Place::new();
    place.write("strowger.toml", &configuration(free_port()));
    place.write("data", "not a folder\n");
    insta::assert_snapshot!(place.run(&["run"]).shown(&[]));
    assert_eq!(
        std::fs::read_to_string(place.path().join("data")).expect("the file"),
        "not a folder\n"
    );
}

#[test]
fn a_port_in_use_names_the_line_and_who_has_it() {
    let place = Place::new();
    let port = free_port();
    let _taken = UdpSocket::bind(("127.0.0.1", port)).expect("a socket");
    place.write("strowger.toml", &configuration(port));
    let pid = std::process::id().to_string();
    let comm = std::fs::read_to_string("/proc/self/comm").expect("a name");
    let replace = [
        (&*port.to_string(), "[port]"),
        (&*(port + 10).to_string(), "[other]"),
        (&*pid, "[pid]"),
        (comm.trim(), "[name]"),
    ];
    insta::assert_snapshot!(place.run(&["run"]).shown(&replace));
    assert!(!place.path().join("data").exists());
}

#[test]
fn a_second_instance_is_refused_and_the_first_stays() {
    let place = Place::new();
    place.write("strowger.toml", &configuration(free_port()));
    let first = place.start(&["run"]);
    let other = configuration(free_port());
    place.write("other.toml", &other);
    let pid = first.pid().to_string();
    insta::assert_snapshot!(
        place
            .run(&["run", "-c", "other.toml"])
            .shown(&[(&pid, "[pid]")])
    );
    place.run(&["status"]).must_be(0, &["example.test", &pid]);
    assert_eq!(first.end(), 0);
}

#[test]
fn admin_listens_on_loopback_only() {
    let place = Place::new();
    place.write(
        "strowger.toml",
        &format!(
            "{}[admin]\nlisten = \"0.0.0.0:8060\"\n",
            configuration(free_port())
        ),
    );
    place
        .run(&["check"])
        .must_be(3, &["loopback", "127.0.0.1:8060"]);
}

#[test]
fn switched_off_authentication_and_readable_passwords_are_warnings() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    let text = format!(
        "{}[auth]\nrequired = false\n[[user]]\nname = \"1001\"\npassword = \"choose-one\"\n",
        configuration(5060)
    );
    let path = place.write("strowger.toml", &text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("a mode");
    let checked = place.run(&["check"]);
    assert!(!checked.err.contains("choose-one") && !checked.out.contains("choose-one"));
    insta::assert_snapshot!(checked.shown(&[]));
}
