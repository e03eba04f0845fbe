//! Functions of `KSR` itself, and `KSR.x`.

use strowger_lua::Outcome;
use strowger_routing::ForwardError;
use strowger_sip::Transport;

use super::{INVITE, OPTIONS, REPLY, check, of};
use crate::kemi::fake::run_lua;

#[test]
fn log_functions_answer_false() {
    let run = check(
        of(INVITE),
        "
        KSR.dbg('1') => false
        KSR.info('2') => false
        KSR.notice('3') => false
        KSR.warn('4') => false
        KSR.err('5') => false
        KSR.crit('6') => false
        KSR.log('warn', '7') => false
        KSR.log('zzz', '8') => false
        KSR.route('X') => -1
        ",
    );
    assert_eq!(
        run.log,
        [
            "Debug: 1",
            "Info: 2",
            "Notice: 3",
            "Warning: 4",
            "Error: 5",
            "Critical: 6",
            "Warning: 7",
            "Info: 8",
            "Error: route block X: route blocks are not read here",
        ]
    );
}

#[test]
fn methods_are_booleans() {
    for method in [
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "REGISTER",
        "OPTIONS",
        "NOTIFY",
        "SUBSCRIBE",
        "PUBLISH",
        "MESSAGE",
        "INFO",
        "PRACK",
        "UPDATE",
        "REFER",
    ] {
        let message = OPTIONS.replace("OPTIONS", method);
        let other = if method == "INVITE" { "BYE" } else { "INVITE" };
        check(
            of(&message),
            &format!(
                "
                KSR.is_{method}() => true
                KSR.is_{other}() => false
                KSR.is_method('{method}') => true
                KSR.is_method('{other}') => false
                KSR.is_method_in('D') => false
                "
            ),
        );
    }
    check(
        of(REPLY),
        "
        KSR.is_INVITE() => true
        KSR.is_method_in('IA') => true
        KSR.is_method_in('BC') => false
        ",
    );
}

#[test]
fn myself_is_a_listener_or_a_domain() {
    check(
        of(OPTIONS).with(|context| context.draft.set_destination(Some(b"sip:127.0.0.1:5060"))),
        "
        KSR.is_myself_ruri() => true
        KSR.is_myself_furi() => true
        KSR.is_myself_turi() => true
        KSR.is_myself_duri() => true
        KSR.is_myself_suri() => false
        KSR.is_myself_srcip() => false
        KSR.is_myself('sip:kam.test') => true
        KSR.is_myself('sip:other.test') => false
        KSR.is_myself('127.0.0.1') => true
        KSR.is_myself('KAM.test') => true
        KSR.is_myself('other.test') => false
        KSR.is_myself('127.0.0.1:5060') => false
        KSR.is_myself('kam.test:5060') => false
        KSR.is_myself('udp:127.0.0.1:5060') => false
        KSR.is_myself('sip:x@127.0.0.1') => true
        KSR.is_myself('sip:127.0.0.1:9') => false
        KSR.is_myself('sip:127.0.0.1;transport=TCP') => true
        KSR.is_myself('sip:127.0.0.1;transport=tls') => false
        KSR.is_myself('sip:127.0.0.1;transport=none') => false
        KSR.is_myself('sip:kam.test:9;transport=tls') => true
        KSR.is_myself('') => false
        KSR.is_myself('tel:1') => false
        ",
    );
    check(
        of(INVITE).from("127.0.0.1:5060", Transport::Udp),
        "
        KSR.is_myself_ruri() => false
        KSR.is_myself_furi() => false
        KSR.is_myself_turi() => false
        KSR.is_myself_duri() => false
        KSR.is_myself_suri() => true
        KSR.is_myself_srcip() => true
        ",
    );
}

#[test]
fn transports_and_address_families() {
    for (transport, name) in [
        (Transport::Udp, "UDP"),
        (Transport::Tcp, "TCP"),
        (Transport::Tls, "TLS"),
        (Transport::Ws, "WS"),
        (Transport::Wss, "WSS"),
    ] {
        let other = if name == "UDP" { "TCP" } else { "UDP" };
        check(
            of(OPTIONS).from("[2001:db8::1]:5060", transport),
            &format!(
                "
                KSR.is_{name}() => true
                KSR.is_{other}() => false
                KSR.is_proto('sctp|{name}') => true
                KSR.is_proto('{other}') => false
                KSR.is_proto('') => false
                KSR.is_IPv6() => true
                KSR.is_IPv4() => false
                "
            ),
        );
    }
}

#[test]
fn flags_are_bits() {
    let run = check(
        of(OPTIONS),
        "
        KSR.isflagset(5) => false
        KSR.setflag(5) => true
        KSR.setflag(6) => true
        KSR.resetflag(6) => true
        KSR.isflagset(5) => true
        KSR.isflagset(6) => false
        KSR.setflag(99) => false
        KSR.isflagset(99) => false
        KSR.setbflag(7) => true
        KSR.isbflagset(7) => true
        KSR.setbflag(8) => true
        KSR.resetbflag(8) => true
        KSR.isbflagset(8) => false
        KSR.setsflag(9) => true
        KSR.issflagset(9) => true
        KSR.resetsflag(9) => true
        KSR.issflagset(9) => false
        ",
    );
    assert_eq!(
        (run.draft().flags, run.draft().target.flags),
        (1 << 5, 1 << 7)
    );
}

#[test]
fn uris_and_the_way_of_replies() {
    let run = check(
        of(OPTIONS),
        "
        KSR.isdsturiset() => false
        KSR.setdsturi('sip:127.0.0.9') => true
        KSR.isdsturiset() => true
        KSR.setdsturi('garbage') => false
        KSR.seturi('sip:x@y') => true
        KSR.seturi('garbage') => false
        KSR.force_rport() => true
        KSR.add_local_rport() => true
        KSR.set_reply_no_connect() => true
        KSR.set_drop() => false
        KSR.forward() => 1
        ",
    );
    let draft = run.draft();
    assert_eq!(&*draft.target.uri, b"sip:x@y");
    assert_eq!(&*draft.target.destination, b"sip:127.0.0.9");
    assert!(draft.force_rport && draft.reply_no_connect && draft.dropped);
    assert_eq!(run.acts, ["forward_stateless"]);
    let refused = of(OPTIONS).with(|context| {
        context.outcomes.forward_stateless = Err(ForwardError::NoRoute);
        context.draft.set_destination(Some(b"sip:h"));
    });
    check(
        refused,
        "
        KSR.forward() => -1
        KSR.resetdsturi() => true
        KSR.isdsturiset() => false
        ",
    );
}

#[test]
fn a_run_ends_where_it_is_told_to() {
    let run = run_lua("KSR.x.exit() KSR.info('never')", of(OPTIONS));
    assert!(matches!(run.outcome, Outcome::Exited(_)) && run.log.is_empty());
    assert!(!run.draft().dropped);
    let run = run_lua("KSR.x.drop() KSR.info('never')", of(OPTIONS));
    assert!(matches!(run.outcome, Outcome::Exited(_)) && run.draft().dropped);
    let run = run_lua("return pcall(KSR.x.exit)", of(OPTIONS));
    assert_eq!(run.shown(), "false [~~ksr~exit~~]");
}

#[test]
fn methods_are_read_from_lists() {
    // Observed on 5.6.3: in any case; a list must know all its methods.
    let request = |method: &str| of(&OPTIONS.replace("OPTIONS", method));
    check(
        request("OPTIONS"),
        "
        KSR.is_method('options') => true
        KSR.is_method('INVITE|OPTIONS') => true
        KSR.is_method('INVITE| options') => true
        KSR.is_method('INVITE|BYE') => false
        KSR.is_method('INVITE,OPTIONS') => false
        KSR.is_method('INVITE OPTIONS') => false
        KSR.is_method('OPTI') => false
        KSR.is_method(' OPTIONS') => false
        KSR.is_method('') => false
        KSR.is_method('OPTIONS|FOO') => false
        ",
    );
    check(
        request("FOO"),
        "
        KSR.is_method('foo') => true
        KSR.is_method('INVITE|FOO') => false
        KSR.pv.get('$rmid') => 524288
        ",
    );
}

#[test]
fn excess_arguments_are_not_looked_at_and_nil_is_empty() {
    // Observed on 5.6.3, but that a nil at the end and an argument left out look alike here.
    let run = check(
        of(OPTIONS),
        "
        KSR.setflag(3, 4) => true
        KSR.setflag(nil) => false
        KSR.setflag('x') => true
        KSR.isflagset(0) => true
        KSR.pv.get('$rU', 'x') => [bob]
        KSR.hdr.append('X: y', 'z') => 1
        KSR.hdr.append() => false
        KSR.hdr.append({}) => -1
        KSR.is_OPTIONS('x') => false
        KSR.pv.sets('$var(q)', nil) => true
        KSR.pv.get('$var(q)') => []
        KSR.log(nil, 'x') => false
        ",
    );
    assert!(
        run.draft().flags & 0b1001 == 0b1001,
        "{:b}",
        run.draft().flags
    );
}

#[test]
fn transports_have_letters() {
    // Observed on 5.6.3.
    check(
        of(OPTIONS),
        "
        KSR.is_proto('u') => true
        KSR.is_proto('tU') => true
        KSR.is_proto('T') => false
        KSR.setdsturi('sip:next.test') => true
        KSR.setdsturi('') => true
        KSR.pv.get('$du') => nil
        KSR.hdr.remove('') => -1
        ",
    );
}
