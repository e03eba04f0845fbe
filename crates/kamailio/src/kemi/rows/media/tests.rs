//! Tests of `media`.

use strowger_lua::Class;

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

#[test]
fn all_fail_are_counted_and_warn_once_a_module() {
    let mut host = FakeHost::new(
        "return KSR.rtpproxy.rtpproxy_manage('co'), KSR.rtpengine.rtpengine_offer('x'), \
         KSR.rtpengine.rtpengine_delete0(), KSR.rtpengine.set_rtpengine_set2(1, 2)",
        |_| {},
    );
    let run = host.request(FakeContext::of(INVITE));
    assert_eq!(run.shown(), "-1 -1 -1 -1");
    assert_eq!(
        run.log,
        [
            "Warning: functions of rtpproxy fail: there is no media relay",
            "Warning: functions of rtpengine fail: there is no media relay",
        ]
    );
    assert_eq!(host.shard().engine_failures, 4);
    assert!(host.request(FakeContext::of(INVITE)).log.is_empty());
}

#[test]
fn every_row_says_that_its_engine_is_missing() {
    for row in super::ROWS {
        assert_eq!(row.class, Class::WithoutEngine, "{}", row.full_name());
    }
}
