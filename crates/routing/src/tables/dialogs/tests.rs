//! Tests of `dialogs`.

use super::*;

const NOW: Time = Time::from_secs(1_000);

fn later(seconds: u64) -> Time {
    Time::from_secs(1_000 + seconds)
}

fn named(
    call_id: &'static str,
    from: &'static str,
    to: Option<&'static str>,
) -> DialogName<'static> {
    DialogName {
        call_id: call_id.as_bytes(),
        from_tag: from.as_bytes(),
        to_tag: to.map(str::as_bytes),
    }
}

const INVITE: fn() -> DialogName<'static> = || named("c1", "a", None);

fn counters(dialogs: &Dialogs) -> Vec<u64> {
    let mut values = Vec::new();
    dialogs.visit(&mut |_, _, value| values.push(value));
    values
}

#[test]
fn a_dialog_is_known_by_call_id_and_the_tag_of_its_caller_from_both_sides() {
    let dialogs = Dialogs::new(1);
    assert_eq!(dialogs.begin(INVITE(), NOW), DialogBegun::New);
    assert_eq!(dialogs.begin(INVITE(), NOW), DialogBegun::Known);
    assert!(dialogs.is_known(named("c1", "a", Some("b")), NOW));
    assert!(dialogs.is_known(named("c1", "b", Some("a")), NOW));
    assert!(!dialogs.is_known(named("c1", "b", Some("c")), NOW));
    assert!(!dialogs.is_known(named("c2", "a", None), NOW));
    assert_eq!(counters(&dialogs), [1, 1, 0, 0]);
}

#[test]
fn a_bye_of_either_side_ends_it_with_all_it_holds() {
    let dialogs = Dialogs::new(1);
    dialogs.begin(INVITE(), NOW);
    assert!(dialogs.set_profile(INVITE(), b"caller", b"alice", NOW));
    assert!(dialogs.set_profile(INVITE(), b"caller", b"alice", NOW));
    assert_eq!(dialogs.profile_size(b"caller", b"alice"), 1);
    assert!(dialogs.end(named("c1", "b", Some("a"))));
    assert!(!dialogs.end(named("c1", "b", Some("a"))));
    assert_eq!(dialogs.profile_size(b"caller", b"alice"), 0);
    assert!(dialogs.is_empty());
}

#[test]
fn an_early_dialog_lives_five_minutes_and_a_confirmed_one_twelve_hours() {
    let dialogs = Dialogs::new(1);
    dialogs.begin(INVITE(), NOW);
    assert!(dialogs.is_known(INVITE(), later(299)));
    assert!(!dialogs.is_known(INVITE(), later(300)));
    assert!(dialogs.is_empty());

    dialogs.begin(INVITE(), NOW);
    assert!(dialogs.confirm(named("c1", "a", Some("b")), later(10)));
    assert!(dialogs.confirm(named("c1", "a", Some("b")), later(20)));
    assert!(dialogs.is_known(INVITE(), later(43_209)));
    assert!(!dialogs.is_known(INVITE(), later(43_210)));
    assert!(!dialogs.confirm(INVITE(), later(43_210)));
    assert_eq!(counters(&dialogs), [0, 2, 0, 2]);
}

#[test]
fn a_lifetime_counts_from_the_confirmation_or_from_now() {
    let dialogs = Dialogs::new(1);
    assert!(!dialogs.set_lifetime(INVITE(), 10, NOW));
    dialogs.begin(INVITE(), NOW);
    assert!(dialogs.set_lifetime(INVITE(), 60, NOW));
    dialogs.confirm(INVITE(), later(100));
    assert!(dialogs.is_known(INVITE(), later(159)));
    assert!(dialogs.set_lifetime(INVITE(), 10, later(110)));
    assert!(!dialogs.is_known(INVITE(), later(120)));
}

#[test]
fn a_sweep_removes_what_nobody_asks_for() {
    let dialogs = Dialogs::new(1);
    dialogs.begin(INVITE(), NOW);
    dialogs.set_profile(INVITE(), b"p", b"", NOW);
    dialogs.begin(named("c2", "a", None), later(200));
    assert_eq!(dialogs.sweep(later(300), 1_000), 1);
    assert_eq!(dialogs.len(), 1);
    assert_eq!(dialogs.profile_size(b"p", b""), 0);
}

#[test]
fn profiles_are_counted_by_their_values() {
    let dialogs = Dialogs::new(1);
    let other = named("c2", "a", None);
    dialogs.begin(INVITE(), NOW);
    dialogs.begin(other, NOW);
    for dialog in [INVITE(), other] {
        assert!(dialogs.set_profile(dialog, b"caller", b"alice", NOW));
    }
    assert!(dialogs.set_profile(other, b"caller", b"bob", NOW));
    assert_eq!(dialogs.profile_size(b"caller", b"alice"), 2);
    assert_eq!(dialogs.profile_size(b"caller", b"bob"), 1);
    assert!(dialogs.is_in_profile(INVITE(), b"caller", b"alice", NOW));
    assert!(!dialogs.is_in_profile(INVITE(), b"caller", b"bob", NOW));
    assert!(dialogs.unset_profile(other, b"caller", b"alice", NOW));
    assert!(!dialogs.unset_profile(other, b"caller", b"alice", NOW));
    assert_eq!(dialogs.profile_size(b"caller", b"alice"), 1);
}

#[test]
fn variables_and_flags_belong_to_the_dialog() {
    let dialogs = Dialogs::new(1);
    assert!(!dialogs.set_variable(INVITE(), b"k", Some(b"v"), NOW));
    assert_eq!(
        dialogs.flags(INVITE(), NOW, |old, bits| old | bits, 1),
        None
    );
    dialogs.begin(INVITE(), NOW);
    assert!(dialogs.set_variable(INVITE(), b"k", Some(b"v"), NOW));
    assert_eq!(
        dialogs.variable(INVITE(), b"k", NOW).as_deref(),
        Some(&b"v"[..])
    );
    assert!(dialogs.set_variable(INVITE(), b"k", None, NOW));
    assert_eq!(dialogs.variable(INVITE(), b"k", NOW), None);
    assert_eq!(
        dialogs.flags(INVITE(), NOW, |old, bits| old | bits, 6),
        Some(6)
    );
    assert_eq!(
        dialogs.flags(INVITE(), NOW, |old, bits| old & !bits, 2),
        Some(4)
    );
}

#[test]
fn what_one_dialog_holds_is_bounded() {
    let dialogs = Dialogs::new(1);
    dialogs.begin(INVITE(), NOW);
    let long = vec![b'x'; DIALOG_TEXT_OCTETS_MAX + 1];
    assert!(!dialogs.set_profile(INVITE(), b"p", &long, NOW));
    assert!(!dialogs.set_variable(INVITE(), b"k", Some(&long), NOW));
    for number in 0..DIALOG_PROFILES_MAX {
        assert!(dialogs.set_profile(INVITE(), b"p", number.to_string().as_bytes(), NOW));
    }
    assert!(!dialogs.set_profile(INVITE(), b"p", b"one more", NOW));
    for number in 0..DIALOG_VARIABLES_MAX {
        assert!(dialogs.set_variable(INVITE(), number.to_string().as_bytes(), Some(b""), NOW));
    }
    assert!(!dialogs.set_variable(INVITE(), b"one more", Some(b""), NOW));
    assert!(dialogs.set_variable(INVITE(), b"1", Some(b"changed"), NOW));
    let name = DialogName {
        call_id: &long,
        ..INVITE()
    };
    assert_eq!(dialogs.begin(name, NOW), DialogBegun::Refused);
    assert_eq!(counters(&dialogs), [1, 1, 1, 0]);
}

#[test]
fn the_table_is_bounded() {
    let dialogs = Dialogs::new(1);
    dialogs.count.store(DIALOGS_MAX, Ordering::Relaxed);
    assert_eq!(dialogs.begin(INVITE(), NOW), DialogBegun::Refused);
}

#[test]
fn a_final_answer_to_the_invite_confirms_or_ends_the_dialog() {
    let request = |method: &str, to: &str| {
        let text = format!(
            "{method} sip:b@x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@x>;tag=a\r\n\
             To: <sip:b@x>{to}\r\nCall-ID: c1\r\nCSeq: 1 {method}\r\n\r\n"
        );
        Message::parse(text.into_bytes(), &strowger_sip::Limits::default()).expect("a request")
    };
    for (method, to, status, known, lives) in [
        ("INVITE", "", StatusCode::RINGING, true, false),
        ("INVITE", "", StatusCode::OK, true, true),
        ("INVITE", "", StatusCode::BUSY_HERE, false, false),
        ("INVITE", ";tag=b", StatusCode::BUSY_HERE, true, false),
        ("OPTIONS", "", StatusCode::BUSY_HERE, true, false),
    ] {
        let dialogs = Dialogs::new(1);
        dialogs.begin(INVITE(), NOW);
        dialogs.answered(&request(method, to), status, NOW);
        assert_eq!(
            dialogs.is_known(INVITE(), NOW),
            known,
            "{method} {to} {}",
            status.get()
        );
        assert_eq!(dialogs.is_known(INVITE(), later(EARLY_SECONDS)), lives);
    }
}
