//! What scripts may change.

use super::*;

/// The Request-URI after a part of it was written.
fn request_uri(before: &str, spec: &str, value: &str) -> String {
    let mut world = World::new(INVITE);
    world.set("$ru", before);
    let outcome = world.set(spec, value);
    format!(
        "{spec} = {value:?} in {before}: {outcome:?} {}",
        world.show("$ru")
    )
}

#[test]
fn parts_of_the_request_uri() {
    // Observed on 5.6.3, but: a port that is none made the URI unreadable there.
    let full = "sip:u:pw@h.test:77;x=y?h=v";
    let table = [
        request_uri("sip:new@n.test:99", "$rU", "u2"),
        request_uri(full, "$rU", "nn"),
        request_uri(full, "$rU", ""),
        request_uri("sip:h.test", "$rU", "joe"),
        request_uri(full, "$rd", "d2.test"),
        request_uri(full, "$rd", ""),
        request_uri(full, "$rp", "7000"),
        request_uri(full, "$rp", ""),
        request_uri(full, "$rp", "abc"),
        request_uri(full, "$rP", "tcp"),
        request_uri(full, "$rz", "sips"),
        request_uri(full, "$rU", "a\r\nb"),
        request_uri(full, "$ci", "x"),
        request_uri(full, "$ru", ""),
    ];
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn the_original_uri_and_the_next_hop() {
    let mut world = World::new(INVITE);
    world.set("$ru", "sip:u2@d2.test:7001");
    assert_eq!(world.show("$oU"), "[bob%20x]");
    world.set("$du", "sip:d.test:7000;transport=tls");
    insta::assert_snapshot!(world.table("$du\n$dd\n$dp\n$dP\n$nh(u)\n$nh(d)\n$nh(U)"), @r"
    $du  [sip:d.test:7000;transport=tls]
    $dd  [d.test]
    $dp  [7000]
    $dP  [tls]
    $nh(u)  [sip:d.test:7000;transport=tls]
    $nh(d)  [d.test]
    $nh(U)  nil
    ");
    world.set("$du", "");
    assert_eq!(world.show("$du"), "nil");
}

#[test]
fn stacks_of_a_transaction() {
    // Observed on 5.6.3.
    let mut world = World::new(INVITE);
    world.set("$avp(a)", "1");
    world.set("$avp(a)", "2");
    world.set("$avp(a)", 3);
    insta::assert_snapshot!(
        world.table("$avp(a)\n$(avp(a)[0])\n$(avp(a)[1])\n$(avp(a)[-1])\n$(avp(a)[*])\n$(avp(a)[9])\n$cnt($avp(a))"),
        @r"
    $avp(a)  3
    $(avp(a)[0])  3
    $(avp(a)[1])  [2]
    $(avp(a)[-1])  nil
    $(avp(a)[*])  [3, 2, 1]
    $(avp(a)[9])  nil
    $cnt($avp(a))  3
    "
    );
    world.set("$(avp(a)[*])", "9");
    assert_eq!(world.show("$(avp(a)[*])"), "[9]");
    world.set("$(avp(a)[0])", "8");
    assert_eq!(world.show("$(avp(a)[*])"), "[8, 9]");
    world.set("$avp(a)", PvValue::Null);
    assert_eq!(world.show("$(avp(a)[*])"), "[9]");
}

#[test]
fn structured_values() {
    // Observed on 5.6.3.
    let mut world = World::new(INVITE);
    world.set("$xavp(c=>d)", "9");
    world.set("$xavp(c=>e)", "8");
    world.set("$xavp(c=>d)", "10");
    world.set("$xavu(c)", "7");
    world.set("$xavi(Cc=>dD)", "6");
    insta::assert_snapshot!(
        world.table("$xavp(c=>d)\n$xavp(c[0]=>d)\n$xavp(c[1]=>d)\n$xavp(c[1]=>e)\n$xavp(c[-1]=>d)\n$xavp(c=>d[1])\n$xavp(C=>D)\n$xavu(c)\n$xavi(cC=>DD)"),
        @r"
    $xavp(c=>d)  [10]
    $xavp(c[0]=>d)  [10]
    $xavp(c[1]=>d)  nil
    $xavp(c[1]=>e)  [8]
    $xavp(c[-1]=>d)  [9]
    $xavp(c=>d[1])  nil
    $xavp(C=>D)  nil
    $xavu(c)  [7]
    $xavi(cC=>DD)  [6]
    "
    );
    world.set("$xavp(c[0]=>d[0])", "11");
    assert_eq!(world.show("$xavp(c=>d)"), "[11]");
    world.set("$xavu(c=>d)", "5");
    assert_eq!(world.show("$xavu(c=>d)"), "[5]");
}

#[test]
fn variables_and_shared_values() {
    // Observed on 5.6.3.
    let mut world = World::new(INVITE);
    world.set("$var(a)", "v1");
    world.set("$shv(a)", 4);
    world.set("$sht(a=>$ci)", "q");
    world.set("$vn(n)", "x");
    insta::assert_snapshot!(world.table("$var(a)\n$shv(a)\n$sht(a=>call-1@x)\n$vn(n)"), @r"
    $var(a)  [v1]
    $shv(a)  4
    $sht(a=>call-1@x)  [q]
    $vn(n)  [x]
    ");
    world.set("$var(a)", PvValue::Null);
    world.set("$vn(n)", PvValue::Null);
    assert_eq!(
        (world.show("$var(a)"), world.show("$vn(n)")),
        ("0".into(), "nil".into())
    );
}

#[test]
fn further_branches() {
    let mut world = World::new(INVITE);
    world.set("$ru", "sip:u2@d2.test:7001");
    world.set("$br", "sip:br@x.test");
    world.set("$br", "sip:b2@x.test");
    insta::assert_snapshot!(world.table("$br\n$(branch(uri)[1])\n$branch(count)\n$ds\n$(branch(q)[1])"), @r"
    $br  [sip:b2@x.test]
    $(branch(uri)[1])  [sip:br@x.test]
    $branch(count)  2
    $ds  [Contact: <sip:u2@d2.test:7001>, <sip:b2@x.test>, <sip:br@x.test>;q=0.5]
    $(branch(q)[1])  500
    ");
    world.set("$mf", 8);
    assert_eq!(
        (world.show("$mf"), world.show("$mF")),
        ("8".into(), "[00000008]".into())
    );
}

#[test]
fn stores_are_bounded() {
    let mut world = World::new(INVITE);
    for number in 0..STORED_VALUES_MAX {
        world.set("$avp(a)", i64::try_from(number).expect("a number"));
    }
    assert_eq!(world.set("$avp(a)", 1), WriteOutcome::Refused);
    assert_eq!(world.avps.counters.values_refused, 1);
    let long = PvValue::owned(vec![b'a'; STORED_OCTETS_MAX + 1]);
    assert_eq!(world.set("$var(a)", long), WriteOutcome::Refused);
    let mut shown = Vec::new();
    world
        .variables
        .counters
        .visit(&mut |name, _, value| shown.push((name, value)));
    assert_eq!(shown, [("script_values_refused", 1)]);
}
