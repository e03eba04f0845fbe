//! `configuration`: a `strowger.toml`, or a `kamailio.cfg` if the first line begins with `#!` or `####`.
//!
//! * Reading ends, whatever the text; every finding can be shown, and lies in the text.
//! * A configuration is given only if there is no error; reading is the same each time.

use strowger_kamailio::cfg::{NoFiles, read};

use crate::Verdict;

/// The target.
pub fn run(input: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(input);
    if text.starts_with("#!") || text.starts_with("####") {
        kamailio(&text)
    } else {
        own(&text)
    }
}

fn own(text: &str) -> Verdict {
    let reading = strowger_server::read_configuration("strowger.toml", text);
    let lines = text.lines().count();
    for line in &reading.lines {
        assert!(!line.is_empty());
    }
    assert_eq!(reading.is_good, reading.errors == 0);
    assert!(reading.errors == 0 || !reading.shown.is_empty());
    assert!(
        reading
            .places
            .iter()
            .all(|(line, column)| *line <= lines + 1 && *column >= 1)
    );
    assert_eq!(
        strowger_server::read_configuration("strowger.toml", text),
        reading
    );
    match (reading.is_good, reading.errors) {
        (true, _) => Verdict::Deep,
        (false, _) if reading.is_read => Verdict::Read,
        _ => Verdict::Refused,
    }
}

fn kamailio(text: &str) -> Verdict {
    let reading = read("any.cfg", text, &["A=B", "WITH_AUTH"], &mut NoFiles);
    let shown = reading.diagnostics.to_string();
    let report = reading.report.to_string();
    let lines = text.lines().count() + 1;
    for one in &reading.diagnostics.list {
        if let Some(span) = one.span {
            let (line, column) = reading.diagnostics.sources.position(span);
            assert!(line >= 1 && column >= 1 && line <= lines, "{line}:{column}");
        }
    }
    let again = read("any.cfg", text, &["A=B", "WITH_AUTH"], &mut NoFiles);
    assert_eq!(again.diagnostics.to_string(), shown);
    assert_eq!(again.report.to_string(), report);
    let used = !reading.config.globals.is_empty() || !reading.config.modules.is_empty();
    match (used, reading.config.parameters.is_empty()) {
        (true, false) => Verdict::Deep,
        (true, true) => Verdict::Read,
        _ => Verdict::Refused,
    }
}
