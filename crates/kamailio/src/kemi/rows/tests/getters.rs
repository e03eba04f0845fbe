//! `kx`.

use strowger_sip::Transport;

use super::{INVITE, OPTIONS, REPLY, bodiless, check, check_with, of};

#[test]
fn getters_of_a_request() {
    // Observed.
    let context = of(&bodiless()).with(|context| {
        context.draft.set_destination(Some(b"sip:127.0.0.3:15080"));
        context.draft.target.listener = Some(1);
    });
    check(
        context,
        "
        KSR.kx.get_ruri() => [sip:bob%20x:pw@h.test:5070;transport=tcp;x=y]
        KSR.kx.get_ruser() => [bob%20x]
        KSR.kx.getw_ruser() => [bob%20x]
        KSR.kx.gete_ruser() => [bob%20x]
        KSR.kx.get_rhost() => [h.test]
        KSR.kx.getw_rhost() => [h.test]
        KSR.kx.gete_rhost() => [h.test]
        KSR.kx.get_ouri() => [sip:bob%20x:pw@h.test:5070;transport=tcp;x=y]
        KSR.kx.get_furi() => [sip:alice@a.test:5071;p=1]
        KSR.kx.get_fuser() => [alice]
        KSR.kx.getw_fuser() => [alice]
        KSR.kx.gete_fuser() => [alice]
        KSR.kx.get_fhost() => [a.test]
        KSR.kx.getw_fhost() => [a.test]
        KSR.kx.gete_fhost() => [a.test]
        KSR.kx.get_turi() => [sip:bob@h.test]
        KSR.kx.get_tuser() => [bob]
        KSR.kx.gete_tuser() => [bob]
        KSR.kx.getw_tuser() => [bob]
        KSR.kx.get_thost() => [h.test]
        KSR.kx.gete_thost() => [h.test]
        KSR.kx.getw_thost() => [h.test]
        KSR.kx.get_duri() => [sip:127.0.0.3:15080]
        KSR.kx.gete_duri() => [sip:127.0.0.3:15080]
        KSR.kx.getw_duri() => [sip:127.0.0.3:15080]
        KSR.kx.get_cturi() => [sip:alice@10.0.0.5:5888]
        KSR.kx.gete_cturi() => [sip:alice@10.0.0.5:5888]
        KSR.kx.getw_cturi() => [sip:alice@10.0.0.5:5888]
        KSR.kx.get_nhuri() => [sip:127.0.0.3:15080]
        KSR.kx.get_srcuri() => [sip:127.0.0.2:15070]
        KSR.kx.get_srcaddr_sock() => [udp:127.0.0.2:15070]
        KSR.kx.get_ua() => [UA/1]
        KSR.kx.gete_ua() => [UA/1]
        KSR.kx.getw_ua() => [UA/1]
        KSR.kx.get_srcip() => [127.0.0.2]
        KSR.kx.get_srcport() => 15070
        KSR.kx.get_send_sock() => [tcp:127.0.0.1:5060]
        KSR.kx.get_send_sock_name() => nil
        KSR.kx.get_send_sock_port() => 5060
        KSR.kx.get_rcvip() => [127.0.0.1]
        KSR.kx.get_rcv_sock_name() => nil
        KSR.kx.get_rcvport() => 5060
        KSR.kx.get_rcvadvip() => [127.0.0.1]
        KSR.kx.get_rcvadvport() => 5060
        KSR.kx.get_rcvaddr_sock() => [udp:127.0.0.1:5060]
        KSR.kx.get_proto() => [udp]
        KSR.kx.get_protoid() => 1
        KSR.kx.get_au() => nil
        KSR.kx.getw_au() => [<null>]
        KSR.kx.gete_au() => []
        KSR.kx.get_method() => [INVITE]
        KSR.kx.get_status() => -1
        KSR.kx.gets_status() => nil
        KSR.kx.get_body() => nil
        KSR.kx.getw_body() => [<null>]
        KSR.kx.gete_body() => []
        KSR.kx.get_bodylen() => 0
        KSR.kx.get_timestamp() => 1700000000
        KSR.kx.get_callid() => [call-1@x]
        KSR.kx.get_conid() => -1
        #KSR.kx.get_msgbuf() => 448
        KSR.kx.get_msglen() => 448
        KSR.kx.get_msgtype() => 1
        ",
    );
}

#[test]
fn getters_of_what_is_not_there() {
    // Observed.
    let text = OPTIONS
        .replace("sip:alice@kam.test", "tel:+123")
        .replace("sip:bob@kam.test", "sip:kam.test");
    check(
        of(&text),
        "
        KSR.kx.get_ruser() => nil
        KSR.kx.getw_ruser() => [<null>]
        KSR.kx.gete_ruser() => []
        KSR.kx.get_furi() => [tel:+123]
        KSR.kx.get_fuser() => [+123]
        KSR.kx.get_fhost() => nil
        KSR.kx.getw_fhost() => [<null>]
        KSR.kx.gete_fhost() => []
        KSR.kx.get_tuser() => nil
        KSR.kx.gete_tuser() => []
        KSR.kx.getw_tuser() => [<null>]
        KSR.kx.get_duri() => nil
        KSR.kx.gete_duri() => []
        KSR.kx.getw_duri() => [<null>]
        KSR.kx.get_cturi() => nil
        KSR.kx.gete_cturi() => []
        KSR.kx.getw_cturi() => [<null>]
        KSR.kx.get_nhuri() => [sip:kam.test]
        KSR.kx.get_ua() => nil
        KSR.kx.gete_ua() => []
        KSR.kx.getw_ua() => [<null>]
        KSR.kx.get_send_sock() => nil
        KSR.kx.get_send_sock_port() => 0
        ",
    );
}

#[test]
fn getters_of_a_reply() {
    // Observed.
    check(
        of(REPLY),
        "
        KSR.kx.get_ruri() => nil
        KSR.kx.getw_rhost() => [<null>]
        KSR.kx.gete_rhost() => []
        KSR.kx.get_ouri() => nil
        KSR.kx.get_nhuri() => nil
        KSR.kx.get_method() => [INVITE]
        KSR.kx.get_status() => 404
        KSR.kx.gets_status() => [404]
        KSR.kx.get_msgtype() => 2
        ",
    );
}

#[test]
fn bodies_connections_and_definitions() {
    let context = of(INVITE)
        .from("127.0.0.2:15070", Transport::Wss)
        .with(|context| context.connection = Some(9));
    check_with(
        |door| {
            door.definitions.insert("WITH_FOO".into(), "bar".into());
            door.definitions.insert("NUMBER".into(), "42".into());
        },
        context,
        "
        #KSR.kx.get_body() => 248
        #KSR.kx.gete_body() => 248
        #KSR.kx.getw_body() => 248
        KSR.kx.get_bodylen() => 248
        KSR.kx.get_conid() => 9
        KSR.kx.get_proto() => [wss]
        KSR.kx.get_protoid() => 6
        KSR.kx.get_def('WITH_FOO') => [bar]
        KSR.kx.get_def('nope') => []
        KSR.kx.get_defn('WITH_FOO') => 0
        KSR.kx.get_defn('NUMBER') => 42
        KSR.kx.get_defn('nope') => 0
        KSR.kx.ifdef('WITH_FOO') => true
        KSR.kx.ifndef('WITH_FOO') => false
        KSR.kx.ifdef('nope') => false
        KSR.kx.ifndef('nope') => true
        KSR.kx.get_env('HOME') => []
        KSR.kx.get_envn('HOME') => 0
        ",
    );
}
