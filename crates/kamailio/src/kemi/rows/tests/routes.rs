//! `rr`.

use super::{OPTIONS, REPLY, check, check_with, lines, of};
use crate::cfg::Value;
use crate::kemi::fake::{FakeContext, FakeRun};

/// An INVITE, and a BYE with a To tag.
fn invite() -> FakeContext {
    of(&OPTIONS.replace("OPTIONS", "INVITE"))
}

fn bye(own_route: &str) -> FakeContext {
    let text = OPTIONS
        .replace("OPTIONS", "BYE")
        .replace("To: <sip:bob@kam.test>", "To: <sip:bob@kam.test>;tag=t2");
    of(&text).with(|context| {
        context.outcomes.own_route = Some(own_route.as_bytes().to_vec());
    })
}

/// User and parameters of the Record-Route that was asked for.
fn asked(run: &FakeRun) -> String {
    let draft = run.draft();
    let route = draft.record_route.as_ref().map(|route| {
        let user = String::from_utf8_lossy(&route.user).into_owned();
        let parameters = String::from_utf8_lossy(&route.parameters).into_owned();
        let double = if route.double { "" } else { " single" };
        format!("{user}{parameters}{double}")
    });
    let further = String::from_utf8_lossy(&draft.record_route_params).into_owned();
    format!("{} + {further}", route.unwrap_or_default())
}

#[test]
fn record_route_is_asked_for_once() {
    // Observed: parameters are added before and after; the second call fails.
    let run = check(
        invite(),
        r#"
        KSR.rr.add_rr_param(";nat=yes") => 1
        KSR.rr.record_route() => 1
        KSR.rr.add_rr_param(";second") => 1
        KSR.rr.add_rr_param("") => 1
        KSR.rr.record_route() => -1
        KSR.rr.record_route_params(";p=1") => -1
        "#,
    );
    assert_eq!(asked(&run), ";lr;ftag=ft1 + ;nat=yes;second");
    let run = check(invite(), "KSR.rr.record_route_params(';x=1') => 1");
    assert_eq!(asked(&run), ";lr;ftag=ft1;x=1 + ");
    let run = check(
        invite(),
        "
        KSR.rr.record_route() => 1
        KSR.rr.add_rr_param('x') => 1
        KSR.rr.remove_record_route() => 1
        ",
    );
    assert_eq!(asked(&run), " + ");
    check(of(REPLY), "KSR.rr.record_route() => -1");
}

#[test]
fn parameters_are_put_right_or_refused() {
    // There, a missing semicolon joins the parameter with the one before.
    let run = check(
        invite(),
        r#"
        KSR.rr.add_rr_param("x=1") => 1
        KSR.rr.add_rr_param("a>b") => -1
        KSR.rr.add_rr_param("a\r\nb") => -1
        KSR.rr.record_route_params("a b") => -1
        KSR.rr.add_rr_param(string.rep("a", 20000)) => -1
        "#,
    );
    assert_eq!(asked(&run), " + ;x=1");
}

#[test]
fn module_parameters_shape_the_route() {
    for (name, value, shape) in [
        ("enable_full_lr", 1, ";lr=on;ftag=ft1 + "),
        ("append_fromtag", 0, ";lr + "),
        ("enable_double_rr", 0, ";lr;ftag=ft1 single + "),
        ("add_username", 1, "bob;lr;ftag=ft1 + "),
    ] {
        let run = check_with(
            |door| door.set_parameter("rr", name, Value::Integer(value)),
            invite(),
            "KSR.rr.record_route() => 1",
        );
        assert_eq!(asked(&run), shape, "{name}");
    }
}

#[test]
fn towards_the_caller_the_tag_is_that_of_to() {
    // Observed.
    let run = check(
        bye("sip:127.0.0.1:5060;lr;ftag=other"),
        "KSR.rr.record_route() => 1",
    );
    assert_eq!(asked(&run), ";lr;ftag=t2 + ");
}

#[test]
fn addresses_of_the_scripts_choice() {
    // Observed: first the tag, then `lr`.
    for (call, wanted) in [
        (
            "record_route_preset('10.0.0.1:5060', '')",
            &["Record-Route: <sip:10.0.0.1:5060;ftag=ft1;lr>"][..],
        ),
        (
            "record_route_preset('10.0.0.1:5060', '10.0.0.2')",
            &[
                "Record-Route: <sip:10.0.0.1:5060;ftag=ft1;lr>",
                "Record-Route: <sip:10.0.0.2;ftag=ft1;lr>",
            ],
        ),
        (
            "record_route_preset_one('[2001:db8::1]:5060;transport=tcp')",
            &["Record-Route: <sip:[2001:db8::1]:5060;transport=tcp;ftag=ft1;lr>"],
        ),
        (
            "record_route_advertised_address('9.9.9.9:5')",
            &["Record-Route: <sip:9.9.9.9:5;ftag=ft1;lr>"],
        ),
    ] {
        let run = check(invite(), &format!("KSR.rr.{call} => 1"));
        assert_eq!(lines(&run, &["Record-Route"]), wanted, "{call}");
    }
    check(
        invite(),
        r#"
        KSR.rr.record_route_preset("", "") => -1
        KSR.rr.record_route_preset_one("a b") => -1
        KSR.rr.record_route_preset_one("u@h") => -1
        KSR.rr.record_route_preset("10.0.0.1", "<x>") => -1
        KSR.rr.record_route_advertised_address("") => -1
        "#,
    );
    check(
        of(REPLY),
        "KSR.rr.record_route_preset_one('10.0.0.1') => -1",
    );
}

#[test]
fn route_is_obeyed() {
    for (outcome, result) in [(Some(true), 1), (Some(false), -1), (None, -1)] {
        let context = bye("sip:x").with(|context| context.outcomes.obey_route = outcome);
        let run = check(context, &format!("KSR.rr.loose_route() => {result}"));
        assert_eq!(run.acts, ["obey_route"]);
    }
    // Observed on 5.6.3: -3 if nothing is left of the Route of a request of no dialog, and only then `preloaded`.
    for (outcome, next, result, preloaded) in [
        (Some(true), "", -3, 1),
        (Some(true), "sip:next.test;lr", 1, -1),
        (Some(false), "", -1, -1),
        (None, "", -1, -1),
    ] {
        let context = || {
            invite().with(|context| {
                context.outcomes.obey_route = outcome;
                context.outcomes.next_route = next.into();
            })
        };
        let run = check(context(), &format!("KSR.rr.loose_route() => {result}"));
        assert_eq!(*run.draft().target.destination, *next.as_bytes());
        let call = format!("KSR.rr.loose_route_preloaded() => {preloaded}");
        check(context(), &call);
    }
    // What was set before stays if the Route says nothing.
    let context = invite().with(|context| context.outcomes.obey_route = Some(true));
    check(
        context,
        "
        KSR.setdsturi('sip:before.test') => true
        KSR.rr.loose_route() => -3
        KSR.pv.get('$du') => [sip:before.test]
        ",
    );
    let within = bye("sip:x").with(|context| context.outcomes.obey_route = Some(true));
    check(within, "KSR.rr.loose_route_preloaded() => -1");
}

#[test]
fn parameters_of_our_route_are_searched() {
    // Observed: in either case, parameters alone.
    check(
        bye("sip:token@127.0.0.1:5060;lr;ftag=ft1;nat=yes"),
        r#"
        KSR.rr.check_route_param("nat=yes") => 1
        KSR.rr.check_route_param("NAT=YES") => 1
        KSR.rr.check_route_param(";nat=yes") => 1
        KSR.rr.check_route_param("lr") => 1
        KSR.rr.check_route_param("127") => -1
        KSR.rr.check_route_param("token") => -1
        KSR.rr.check_route_param("zzz") => -1
        KSR.rr.check_route_param("(") => -1
        "#,
    );
    check(bye("sip:127.0.0.1"), "KSR.rr.check_route_param('.') => -1");
    check(invite(), "KSR.rr.check_route_param('lr') => -1");
}

#[test]
fn directions_are_told_by_the_tag_of_the_caller() {
    // Observed.
    for (route, down, up) in [
        ("sip:127.0.0.1:5060;lr;ftag=ft1", 1, -1),
        ("sip:127.0.0.1:5060;lr;ftag=other", -1, 1),
        ("sip:127.0.0.1:5060;lr", 1, -1),
    ] {
        check(
            bye(route),
            &format!(
                "
                KSR.rr.is_direction('downstream') => {down}
                KSR.rr.is_direction('Upstream') => {up}
                KSR.rr.is_direction('garbage') => -6
                "
            ),
        );
    }
    check(invite(), "KSR.rr.is_direction('downstream') => 1");
}
