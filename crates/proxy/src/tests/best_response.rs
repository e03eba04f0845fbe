//! Which of several final responses goes upstream (RFC 3261 §16.7 steps 6 and 7).

use std::sync::Arc;

use super::{Bench, response};
use crate::branch::BranchId;
use crate::response_context::Kind;

/// Both orders of arrival give the same.
fn of_both(kind: Kind, a: u16, b: u16) -> String {
    let outcome = |first: u16, second: u16, first_branch: u16| {
        let mut bench = Bench::calling(kind, 2);
        let mut text = bench.respond(first_branch, first) + ", ";
        text += &bench.respond(1 - first_branch, second);
        text.split(", ")
            .filter(|action| {
                action.starts_with("forward") || action.starts_with("reply") || *action == "silence"
            })
            .map(|action| {
                action
                    .split(" of ")
                    .next()
                    .unwrap_or_default()
                    .replace("forward ", "")
            })
            .collect::<Vec<_>>()
            .join(" ")
    };
    let result = outcome(a, b, 0);
    assert_eq!(outcome(b, a, 1), result, "{a}+{b}");
    result
}

#[test]
fn pairs_of_finals_give_the_expected_one() {
    for (a, b, expected) in [
        (486, 404, "404"),
        (486, 480, "480"),
        (500, 486, "486"),
        (503, 480, "480"),
        (503, 500, "500"),
        (401, 400, "401"),
        (407, 486, "407"),
        (484, 404, "484"),
        (415, 486, "415"),
        (420, 400, "420"),
        (408, 486, "408"),
        (302, 404, "302"),
        (600, 404, "600"),
        (603, 302, "603"),
        (501, 404, "404"),
        (503, 503, "reply 500"),
    ] {
        assert_eq!(of_both(Kind::Invite, a, b), expected, "{a}+{b}");
    }
}

#[test]
fn success_after_decline_is_forwarded_and_nothing_else() {
    let mut bench = Bench::calling(Kind::Invite, 2);
    assert_eq!(bench.respond(0, 603), "clear timer of 0, CANCEL 1");
    assert_eq!(bench.respond(1, 200), "clear timer of 1, forward 200 of 1");
    assert_eq!(
        bench.event(|context, actions| context.terminated(BranchId(1), actions)),
        "finished"
    );
}

#[test]
fn the_example_of_four_locations_gives_the_challenge() {
    let mut bench = Bench::calling(Kind::Invite, 4);
    for (branch, status) in [(0, 503), (1, 407), (2, 501)] {
        bench.respond(branch, status);
    }
    assert_eq!(
        bench.respond(3, 404),
        "clear timer of 3, forward 407 of 1, finished"
    );
}

#[test]
fn a_lone_503_leaves_as_500() {
    let mut bench = Bench::calling(Kind::NonInvite, 1);
    assert_eq!(bench.respond(0, 503), "reply 500, finished");
}

#[test]
fn what_others_said_counts_more_than_a_time_out() {
    let mut bench = Bench::calling(Kind::Invite, 2);
    bench.event(|context, actions| context.timeout(BranchId(0), actions));
    assert_eq!(
        bench.respond(1, 486),
        "clear timer of 1, forward 486 of 1, finished"
    );
}

#[test]
fn non_invite_never_gets_408() {
    let mut bench = Bench::calling(Kind::NonInvite, 1);
    assert_eq!(bench.respond(0, 408), "silence, finished");
    let mut bench = Bench::calling(Kind::NonInvite, 1);
    assert_eq!(
        bench.event(|context, actions| context.timeout(BranchId(0), actions)),
        "silence, finished"
    );
    assert_eq!(of_both(Kind::NonInvite, 408, 486), "486");
    assert_eq!(of_both(Kind::NonInvite, 408, 408), "silence");
}

#[test]
fn all_challenges_are_collected_into_the_one_forwarded() {
    let www = |realm: &str| {
        format!(
            "WWW-Authenticate: Digest realm=\"{realm}\", nonce=\"1\"\nwww-authenticate: Digest realm=\"{realm}2\", nonce=\"2\"\n"
        )
    };
    let proxy = "Proxy-Authenticate: Digest realm=\"p\", nonce=\"3\"\n";
    let mut bench = Bench::calling(Kind::Invite, 4);
    for (branch, response) in [
        (0, response(407, proxy)),
        (1, response(404, "")),
        (2, response(401, &www("a"))),
        (3, response(401, &www("b"))),
    ] {
        bench
            .context
            .response(BranchId(branch), Arc::new(response), &mut bench.actions);
    }
    let forward = bench.actions.take_forward().expect("a final response");
    assert_eq!(forward.branch, BranchId(2));
    let lines = String::from_utf8(forward.lines).expect("text");
    assert_eq!(lines.replace("\r\n", "\n"), format!("{proxy}{}", www("b")));
}

#[test]
fn challenges_are_not_added_to_other_responses() {
    let mut bench = Bench::calling(Kind::Invite, 2);
    for (branch, response) in [
        (0, response(401, "WWW-Authenticate: Digest realm=\"a\"\n")),
        (1, response(603, "")),
    ] {
        bench
            .context
            .response(BranchId(branch), Arc::new(response), &mut bench.actions);
    }
    let forward = bench.actions.take_forward().expect("a final response");
    assert_eq!((forward.branch, forward.lines.len()), (BranchId(1), 0));
}
