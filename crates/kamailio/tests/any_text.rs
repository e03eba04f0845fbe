//! Whatever the text, reading it ends, and ends without a panic.

use proptest::prelude::*;
use strowger_kamailio::cfg::{NoFiles, read};
use strowger_kamailio::pv::{PvFormat, PvSpec};

/// Pieces that configurations are made of, in any order.
fn configuration() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "#!define",
        "#!ifdef",
        "#!else",
        "#!endif",
        "#!subst",
        "#!substdef",
        "!!",
        "A",
        "B",
        "\"",
        "'",
        "\\",
        "\n",
        " ",
        "listen",
        "alias",
        "=",
        "udp:",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "$",
        "modparam",
        "loadmodule",
        "route",
        "/*",
        "*/",
        "#",
        "//",
        "12",
        "0x",
        "-",
        ".",
        "include_file",
        "\"!A!b!g\"",
        "\u{f6}",
        "advertise",
        "name",
        ";",
    ]);
    prop::collection::vec(pieces, 0..80).prop_map(|pieces| pieces.concat())
}

/// Pieces that pseudo-variables are made of.
fn variable() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "$",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "ru",
        "hdr",
        "var",
        "xavp",
        "sht",
        "=>",
        "s.substr",
        "re.subst",
        "uri.user",
        ",",
        "/",
        "1",
        "-",
        "*",
        "\\",
        "T_req",
        "param.value",
        "_s",
        "timef",
        "\u{f6}",
        " ",
        "s.select",
        "line.at",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| format!("${}", pieces.concat()))
}

proptest! {
    #[test]
    fn configurations_of_any_shape_are_read(text in configuration()) {
        let reading = read("any.cfg", &text, &["A=B", "B"], &mut NoFiles);
        let _ = reading.diagnostics.to_string();
        let _ = reading.report.to_string();
        prop_assert!(reading.diagnostics.errors() > 0, "there is no routing");
    }

    #[test]
    fn any_characters_are_read(text in any::<String>()) {
        let _ = read("any.cfg", &text, &[], &mut NoFiles).diagnostics.to_string();
    }

    #[test]
    fn pseudo_variables_of_any_shape_are_read(text in variable(), octets in any::<Vec<u8>>()) {
        let _ = PvSpec::parse(text.as_bytes());
        let _ = PvFormat::parse(text.as_bytes());
        let _ = PvFormat::parse(&octets);
    }
}
