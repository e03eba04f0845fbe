//! `sl`.

use strowger_routing::{ReplyOutcome, TransactionView};

use super::{INVITE, REPLY, check, check_with, of};
use crate::cfg::Value;

#[test]
fn replies_leave_as_they_are_asked_for() {
    let run = check(
        of(INVITE),
        "
        KSR.sl.sl_send_reply(404, 'Nobody') => 1
        KSR.sl.sl_send_reply('486', 'Busy') => 1
        KSR.sl.sl_reply(500, '') => 1
        KSR.sl.send_reply(200, 'Fine') => 1
        KSR.sl.send_reply_mode(200, 'Fine', 1) => 1
        KSR.sl.sl_send_reply(99, 'x') => -1
        KSR.sl.send_reply(700, 'x') => -1
        KSR.sl.sl_send_reply() => false
        ",
    );
    assert!(run.draft().reply_no_connect);
    assert_eq!(
        run.acts,
        [
            "answer Stateless 404 Nobody",
            "answer Stateless 486 Busy",
            "answer Stateless 500 ",
            "answer Either 200 Fine",
            "answer Either 200 Fine",
        ]
    );
}

#[test]
fn outcomes_become_numbers() {
    let context = of(INVITE).with(|context| {
        context
            .outcomes
            .answers
            .extend([ReplyOutcome::Failed, ReplyOutcome::Refused]);
    });
    check(
        context,
        "
        KSR.sl.send_reply(200, 'Fine') => -1
        KSR.sl.send_reply(200, 'Fine') => -2
        KSR.sl.send_reply_mode(200, 'Fine', 0) => 1
        ",
    );
    check_with(
        |door| {
            door.set_parameter("sl", "default_code", Value::Integer(503));
            door.set_parameter("sl", "default_reason", Value::Text("Later".into()));
            door.read_reply_defaults();
        },
        of(INVITE),
        "KSR.sl.sl_send_reply(503, '') => 1",
    );
}

#[test]
fn internal_errors_are_answered() {
    let run = check(
        of(INVITE),
        "
        KSR.sl.sl_reply_error() => 1
        KSR.sl.send_reply_error() => 1
        ",
    );
    assert_eq!(
        run.acts,
        [
            "answer Stateless 500 No error (0/SL) error",
            "answer Either 500 No error (0/SL) error",
        ]
    );
    let failing = of(INVITE).with(|context| {
        context.outcomes.forward = Err(strowger_routing::ForwardError::NoRoute);
    });
    let run = check(
        failing,
        "
        KSR.tm.t_relay() => -478
        KSR.sl.sl_reply_error() => 1
        ",
    );
    assert_eq!(
        run.acts.last().map(String::as_str),
        Some("answer Stateless 500 I\\'m terribly sorry, server error occurred (1/SL) error")
    );
    let within = of(INVITE).with(|context| {
        context.outcomes.transaction = TransactionView {
            exists: true,
            ..TransactionView::default()
        };
    });
    let run = check(within, "KSR.sl.send_reply_error() => 1");
    assert!(
        run.acts[0].starts_with("answer Either 500"),
        "{:?}",
        run.acts
    );
}

#[test]
fn a_reply_is_forwarded_with_a_code_of_its_class() {
    let run = check(
        of(REPLY),
        "
        KSR.sl.sl_forward_reply(0, '') => 1
        KSR.sl.sl_forward_reply(486, 'Busy') => 1
        KSR.sl.sl_forward_reply(200, 'Fine') => -1
        ",
    );
    assert_eq!(
        run.acts,
        [
            "forward_response None None",
            "forward_response Some(486) Some(\"Busy\")",
        ]
    );
    let refused = of(REPLY).with(|context| context.outcomes.forward_response = false);
    check(refused, "KSR.sl.sl_forward_reply(0, '') => -1");
    check(of(INVITE), "KSR.sl.sl_forward_reply(0, '') => -1");
}
