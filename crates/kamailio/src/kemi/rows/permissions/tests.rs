//! Tests of `permissions`.

use std::sync::Arc;

use strowger_routing::tables::ScriptTables;
use strowger_routing::tables::address_groups::AddressRule;
use strowger_routing::tables::pike::PikeSettings;
use strowger_sip::Transport;

use crate::cfg::Value;
use crate::kemi::fake::{FakeContext, FakeHost};

const INVITE: &str = "INVITE sip:bob@kam.test SIP/2.0
Via: SIP/2.0/UDP 127.0.0.2:5070;branch=z9hG4bK1
From: <sip:alice@kam.test>;tag=1
To: <sip:bob@kam.test>
Call-ID: c1
CSeq: 1 INVITE
Max-Forwards: 70
Content-Length: 0

";

fn answers(tables: &Arc<ScriptTables>, remote: &str, script: &str) -> String {
    let script = format!("local p, k = KSR.permissions, KSR.pike {script}");
    let mut host = FakeHost::new(&script, |door| {
        door.set_parameter(
            "permissions",
            "peer_tag_avp",
            Value::Text("$avp(tag)".into()),
        );
    });
    let context = FakeContext::of(INVITE)
        .from(remote, Transport::Udp)
        .with(|context| context.tables = Arc::clone(tables));
    host.request(context).shown()
}

fn groups() -> Arc<ScriptTables> {
    let tables = ScriptTables::new(1);
    let file =
        "1 127.0.7.2 32 0 one\n2 10.1.0.0 16 0 two\n3 10.9.0.1 32 5062\n4 host.test 32 0 dom\n";
    let rules = AddressRule::parse_file(file).expect("rules");
    tables.address_groups.replace(rules).expect("room");
    Arc::new(tables)
}

#[test]
fn the_source_is_looked_for_in_groups() {
    let script = "return p.allow_source_address(1), p.allow_source_address(2), p.allow_source_address(-1), \
                  p.allow_source_address_group(), KSR.pv.get('$avp(tag)')";
    assert_eq!(
        answers(&groups(), "127.0.7.2:5099", script),
        "1 -1 -1 1 [one]"
    );
    assert_eq!(answers(&groups(), "10.1.9.9:1", script), "-1 1 -1 2 [two]");
    assert_eq!(answers(&groups(), "192.0.2.1:1", script), "-1 -1 -1 -1 nil");
}

#[test]
fn addresses_and_names_are_looked_for_with_their_port() {
    let script = "return p.allow_address(2, '10.1.2.3', 5060), p.allow_address(3, '10.9.0.1', 5062), \
                  p.allow_address(3, '10.9.0.1', 5063), p.allow_address(3, '10.9.0.1', 0), \
                  p.allow_address(2, 'nothing', 0), p.allow_address(4, 'host.test', 0), \
                  p.allow_address(2, '10.1.2.3', 70000), KSR.pv.get('$avp(tag)')";
    assert_eq!(
        answers(&groups(), "127.0.0.1:1", script),
        "1 1 -1 -1 -1 1 -1 [dom]"
    );
}

#[test]
fn the_group_of_an_address_is_told() {
    let script = "return p.allow_address_group('10.1.2.3', 0), p.allow_address_group('11.1.2.3', 0), \
                  p.allow_address_group('zz', 0), p.allow_trusted()";
    assert_eq!(answers(&groups(), "127.0.0.1:1", script), "2 -1 -1 -1");
}

#[test]
fn a_source_that_floods_is_told_of_once() {
    let tables = Arc::new(ScriptTables::new(1));
    tables.pike.configure(PikeSettings {
        requests_per_unit: 2,
        ..PikeSettings::default()
    });
    let script = "local last, seen = 0, '' for i = 1, 200 do local code = k.pike_check_req() \
                  if code ~= last then seen = seen .. code .. ',' last = code end end return seen";
    assert_eq!(answers(&tables, "192.0.2.1:1", script), "[1,-2,-1,]");
    assert_eq!(
        answers(&tables, "192.0.2.2:1", "return k.pike_check_req()"),
        "1"
    );
    assert_eq!(
        answers(
            &tables,
            "192.0.2.2:1",
            "return k.pike_check_ip('192.0.2.1'), k.pike_check_ip('zz')"
        ),
        "-1 -1"
    );
}
