//! `pv`, `pvx`.

use super::{INVITE, check, of};

#[test]
fn pseudo_variables_by_their_text() {
    // Observed, but that there any text becomes the destination URI, and `$ru` of what is no URI reads as nil.
    let run = check(
        of(INVITE),
        r#"
        KSR.pv.get("$ru") => [sip:bob%20x:pw@h.test:5070;transport=tcp;x=y]
        KSR.pv.get("$nope") => nil
        KSR.pv.get("ru") => nil
        KSR.pv.get("$tt") => nil
        KSR.pv.get("$sp") => 15070
        KSR.pv.gete("$tt") => []
        KSR.pv.gete("$sp") => 15070
        KSR.pv.gete("$nope") => []
        KSR.pv.getw("$tt") => [<null>]
        KSR.pv.getw("$sp") => 15070
        KSR.pv.getw("$nope") => [<null>]
        KSR.pv.geti("$tt") => 0
        KSR.pv.geti("$rp") => 5070
        KSR.pv.geti("$sp") => 15070
        KSR.pv.geti("$ru") => 0
        KSR.pv.geti("$nope") => 0
        KSR.pv.getvs("$tt","d") => [d]
        KSR.pv.getvs("$fU","d") => [alice]
        KSR.pv.getvs("$sp","d") => 15070
        KSR.pv.getvs("$nope","d") => [d]
        KSR.pv.getvn("$tt",5) => 5
        KSR.pv.getvn("$fU",5) => [alice]
        KSR.pv.getvn("$sp",5) => 15070
        KSR.pv.getvn("$nope",5) => 5
        KSR.pv.seti("$var(x)",3) => true
        KSR.pv.get("$var(x)") => 3
        KSR.pv.seti("$var(x)","7") => true
        KSR.pv.get("$var(x)") => 7
        KSR.pv.sets("$var(x)","a$ru") => true
        KSR.pv.get("$var(x)") => [a$ru]
        KSR.pv.sets("$var(x)",5) => true
        KSR.pv.get("$var(x)") => [5]
        KSR.pv.unset("$var(x)") => true
        KSR.pv.get("$var(x)") => 0
        KSR.pv.sets("$nope","a") => false
        KSR.pv.seti("$nope",1) => false
        KSR.pv.unset("$nope") => false
        KSR.pv.sets("$ci","a") => true
        KSR.pv.seti("$ci",3) => true
        KSR.pv.unset("$ci") => true
        KSR.pv.get("$ci") => [call-1@x]
        KSR.pv.is_null("$tt") => true
        KSR.pv.is_null("$ru") => false
        KSR.pv.is_null("$nope") => true
        KSR.pv.sets("$avp(a)","1") => true
        KSR.pv.sets("$avp(a)","2") => true
        KSR.pv.get("$avp(a)") => [2]
        KSR.pv.unset("$avp(a)") => true
        KSR.pv.get("$avp(a)") => [1]
        KSR.pv.sets("$du","sip:1.2.3.4") => true
        KSR.pv.get("$du") => [sip:1.2.3.4]
        KSR.pv.unset("$du") => true
        KSR.pv.get("$du") => nil
        KSR.pv.sets("$du","garbage") => false
        KSR.pv.sets("$ru","sip:x@h.test") => true
        KSR.pv.sets("$rU","") => true
        KSR.pv.get("$ru") => [sip:h.test]
        KSR.pv.sets("$rU","bob") => true
        KSR.pv.get("$ru") => [sip:bob@h.test]
        "#,
    );
    assert_eq!(&*run.draft().target.uri, b"sip:bob@h.test");
    assert!(
        run.log.iter().any(|line| line.contains("$nope")),
        "{:?}",
        run.log
    );
}

#[test]
fn variables_and_pairs_by_kind_and_name() {
    // Observed, but avp_is_null and xavu_child_is_null, which there hold for values too.
    check(
        of(INVITE),
        r#"
        KSR.pvx.var_get("nope") => 0
        KSR.pvx.var_seti("a",1) => 1
        KSR.pvx.var_get("a") => 1
        KSR.pvx.var_sets("a","s") => 1
        KSR.pvx.var_get("a") => [s]
        KSR.pvx.var_sets("","x") => -1
        KSR.pvx.avp_get("n") => nil
        KSR.pvx.avp_gete("n") => []
        KSR.pvx.avp_getw("n") => [<null>]
        KSR.pvx.avp_is_null("n") => 1
        KSR.pvx.avp_seti("n",4) => 1
        KSR.pvx.avp_get("n") => 4
        KSR.pvx.avp_gete("n") => 4
        KSR.pvx.avp_is_null("n") => -1
        KSR.pvx.avp_sets("n","t") => 1
        KSR.pvx.avp_get("n") => [t]
        KSR.pv.get("$avp(n)") => [t]
        KSR.pvx.avp_rm("n") => 1
        KSR.pvx.avp_get("n") => 4
        KSR.pvx.avp_rm("n") => 1
        KSR.pvx.avp_rm("n") => 1
        KSR.pvx.avp_get("n") => nil
        KSR.pvx.avp_sets("","x") => -1
        KSR.pvx.evalx("$var(z)","x $fU $sp") => 1
        KSR.pv.get("$var(z)") => [x alice 15070]
        KSR.pvx.evalx("$nope","x") => -1
        KSR.pvx.evalx("$var(z)","x $nope(") => -1
        KSR.pvx.evalx("$ci","x") => -1
        "#,
    );
}

#[test]
fn structured_values_by_root() {
    // Observed.
    for family in ["xavp", "xavi", "xavu"] {
        let pushed = if family == "xavu" { "nil" } else { "3" };
        let table = "
        KSR.pvx.F_get('x') => nil
        KSR.pvx.F_gete('x') => []
        KSR.pvx.F_getw('x') => [<null>]
        KSR.pvx.F_is_null('x') => 1
        KSR.pvx.F_seti('x',3) => 1
        KSR.pvx.F_get('x') => 3
        KSR.pvx.F_sets('x','v') => 1
        KSR.pvx.F_get('x') => [v]
        KSR.pvx.F_gete('x') => [v]
        KSR.pvx.F_getw('x') => [v]
        KSR.pvx.F_is_null('x') => -1
        KSR.pvx.F_rm('x') => 1
        KSR.pvx.F_get('x') => PUSHED
        KSR.pvx.F_rm('x') => 1
        KSR.pvx.F_rm('x') => 1
        KSR.pvx.F_get('x') => nil
        KSR.pvx.F_sets('','v') => -1
        ";
        check(
            of(INVITE),
            &table.replace('F', family).replace("PUSHED", pushed),
        );
    }
    check(
        of(INVITE),
        "
        KSR.pvx.xavi_sets('I','s') => 1
        KSR.pvx.xavi_get('i') => [s]
        KSR.pvx.xavp_sets('I','s') => 1
        KSR.pvx.xavp_get('i') => nil
        ",
    );
}

#[test]
fn structured_values_by_field() {
    // Observed: unlike `$xavp(r=>c)`, these set the fields of one structure.
    for family in ["xavp", "xavi", "xavu"] {
        let table = "
        KSR.pvx.F_child_get('r','c') => nil
        KSR.pvx.F_child_gete('r','c') => []
        KSR.pvx.F_child_getw('r','c') => [<null>]
        KSR.pvx.F_child_is_null('r','c') => 1
        KSR.pvx.F_child_seti('r','c',5) => 1
        KSR.pvx.F_child_get('r','c') => 5
        KSR.pvx.F_child_sets('r','c','t') => 1
        KSR.pvx.F_child_sets('r','d','u') => 1
        KSR.pvx.F_child_get('r','c') => [t]
        KSR.pvx.F_child_gete('r','c') => [t]
        KSR.pvx.F_child_getw('r','d') => [u]
        KSR.pvx.F_is_null('r') => -1
        KSR.pvx.F_child_is_null('r','c') => -1
        KSR.pvx.F_child_rm('r','c') => 1
        KSR.pvx.F_child_get('r','c') => nil
        KSR.pvx.F_child_rm('r','c') => 1
        KSR.pvx.F_child_rm('rr','c') => 1
        KSR.pvx.F_child_sets('','c','t') => -1
        ";
        check(of(INVITE), &table.replace('F', family));
    }
    check(
        of(INVITE),
        "
        KSR.pvx.xavp_child_sets('r','c','t') => 1
        KSR.pvx.xavp_child_sets('r','d','u') => 1
        KSR.pv.get('$xavp(r=>c)') => [t]
        KSR.pv.get('$xavp(r[0]=>d)') => [u]
        KSR.pv.get('$xavp(r[1]=>c)') => nil
        KSR.pvx.xavi_child_sets('I','C','s') => 1
        KSR.pvx.xavi_child_get('i','c') => [s]
        ",
    );
}

#[test]
fn structures_as_tables_and_lists() {
    check(
        of(INVITE),
        "
        KSR.pvx.xavp_params_explode('a=1;b=\"2\"; c', 'pe') => 1
        KSR.pv.get('$xavp(pe=>a)') => [1]
        KSR.pv.get('$xavp(pe=>b)') => [2]
        KSR.pv.get('$xavp(pe=>c)') => []
        KSR.pvx.xavp_params_explode(';;', 'pe') => -1
        KSR.pvx.xavp_params_explode('a=1', '') => -1
        KSR.pvx.xavp_params_implode('pe', '$var(o)') => 1
        KSR.pv.get('$var(o)') => [a=1;b=2;c;]
        KSR.pvx.xavp_params_implode('none', '$var(o)') => -1
        KSR.pvx.xavp_params_implode('pe', '$nope') => -1
        KSR.pvx.xavu_params_explode('a=1;b=2', 'ue') => 1
        KSR.pv.get('$xavu(ue=>b)') => [2]
        KSR.pvx.xavu_params_implode('ue', '$var(o)') => 1
        KSR.pv.get('$var(o)') => [a=1;b=2;]
        KSR.pvx.xavp_slist_explode('a, b,c', ',', 't', 'sl') => 1
        KSR.pv.get('$xavp(sl=>v)') => [a]
        KSR.pv.get('$xavp(sl[0]=>v[1])') => [b]
        KSR.pv.get('$xavp(sl[0]=>v[2])') => [c]
        KSR.pvx.xavp_slist_explode('a', '', '', 'sl') => -1
        KSR.pvx.xavp_slist_explode('a', ',', '', '') => -1
        #KSR.pvx.xavp_getd('pe') => 1
        KSR.pvx.xavp_getd('pe')[1].b[1] => [2]
        KSR.pvx.xavp_getd('none') => nil
        KSR.pvx.xavp_getd_p1('sl', 0).v[3] => [c]
        KSR.pvx.xavp_getd_p1('sl', 1) => nil
        KSR.pvx.xavp_getd_p1('sl', -1) => nil
        table.concat(KSR.pvx.xavp_get_keys('pe', 0), ' ') => [a b c]
        KSR.pvx.xavp_get_keys('pe', 1) => nil
        KSR.pvx.xavp_get_keys('none', 0) => nil
        KSR.pvx.xavi_child_sets('R', 'k', 'v') => 1
        KSR.pvx.xavi_getd('r')[1].k[1] => [v]
        KSR.pvx.xavi_getd_p1('r', 0).k[1] => [v]
        table.concat(KSR.pvx.xavi_get_keys('r', 0), ' ') => [k]
        ",
    );
}

#[test]
fn shared_values_outlive_a_message() {
    check(
        of(INVITE),
        "
        KSR.pvx.shv_get('nope') => 0
        KSR.pvx.shv_seti('a', 1) => 1
        KSR.pvx.shv_get('a') => 1
        KSR.pvx.shv_sets('a', 'x') => 1
        KSR.pvx.shv_get('a') => [x]
        KSR.pv.get('$shv(a)') => [x]
        KSR.pvx.shv_sets('', 'x') => -1
        ",
    );
}

#[test]
fn the_environment_and_the_process_are_what_the_door_says() {
    let configure = |door: &mut crate::kemi::KemiDoor| {
        door.environment.insert("PLACE".into(), "here".into());
        door.environment.insert("NUMBER".into(), "7".into());
        door.process_id = 42;
        let debug = crate::cfg::Value::Integer(2);
        door.globals.insert("debug".into(), debug);
    };
    super::check_with(
        configure,
        of(INVITE),
        r#"
        KSR.pv.get("$env(PLACE)") => [here]
        KSR.pv.get("$env(NOTHING)") => nil
        KSR.kx.get_env("PLACE") => [here]
        KSR.kx.get_envn("NUMBER") => 7
        KSR.kx.get_envn("PLACE") => 0
        KSR.pv.get("$pp") => 42
        KSR.pv.get("$sel(@sys.pid)") => [42]
        KSR.pv.get("$sel(cfg_get.core.debug)") => [2]
        "#,
    );
}

#[test]
fn random_numbers_are_others_each_time() {
    let mut host = crate::kemi::fake::FakeHost::new(
        "return KSR.pv.get('$RANDOM'), KSR.pv.get('$RANDOM')",
        |_| {},
    );
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..8 {
        let run = host.request(of(INVITE));
        for value in run.values() {
            let strowger_lua::Value::Int(number) = value else {
                panic!("{value:?}");
            };
            assert!((0..=i64::from(i32::MAX)).contains(number));
            seen.insert(*number);
        }
    }
    assert_eq!(seen.len(), 16);
}

#[test]
fn messages_of_the_transaction_are_null_without_one() {
    let call = r#"KSR.pv.get("$T_req($rm)")"#;
    check(of(INVITE), &format!("{call} => nil"));
    let within = of(INVITE).with(|context| {
        context.outcomes.transaction.exists = true;
        let request = crate::kemi::fake::parsed(INVITE);
        context.stored = vec![(strowger_routing::StoredMessage::Request, request)];
    });
    check(within, &format!("{call} => [INVITE]"));
}

#[test]
fn selects_say_what_pseudo_variables_say() {
    // Observed on 5.6.3.
    check(
        of(INVITE),
        r#"
        KSR.pv.get("$sel(@method)") => [INVITE]
        KSR.pv.get("$sel(ruri.port)") => [5070]
        KSR.pv.get("$sel(@to.uri.port)") => nil
        KSR.pv.get("$sel(@to.tag)") => nil
        KSR.pv.get("$sel(@hf_value.nosuch)") => nil
        KSR.pv.get("$sel(@msg.type)") => [1]
        KSR.pv.get("$sel(@via.name)") => [SIP]
        KSR.pv.get("$sel(@via[9].host)") => nil
        KSR.pv.get("$sel(@via[-9].host)") => nil
        KSR.pv.get("$sel(@nosuch)") => nil
        "#,
    );
}
