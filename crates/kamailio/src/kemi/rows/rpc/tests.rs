//! Tests of `rpc`.

use crate::kemi::fake::{FakeContext, run_lua};

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
fn commands_fail_and_nats_is_nil() {
    let run = run_lua(
        "return KSR.xmlrpc.dispatch_rpc(), KSR.jsonrpcs.dispatch(), KSR.jsonrpcs.exec('{}'), KSR.jsonrpcs.execx('{}'), KSR.jsonrpcs.response(), \
         KSR.nats == nil",
        FakeContext::of(INVITE),
    );
    assert_eq!(run.shown(), "-1 -1 -1 -1 nil true");
    assert_eq!(run.log.len(), 2);
}
