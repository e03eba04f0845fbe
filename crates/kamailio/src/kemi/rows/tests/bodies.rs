//! Bodies: `textops` and `sdpops`.

use super::{INVITE, OPTIONS, bodiless, check, lines, of};

/// The INVITE with an SDP of one audio stream, its address, port and a line more.
fn stream(address: &str, port: u16, line: &str) -> String {
    let sdp = format!(
        "v=0\no=- 1 1 IN IP4 10.0.0.5\ns=-\nc=IN IP4 {address}\nt=0 0\nm=audio {port} RTP/AVP 0\n{line}\n"
    );
    let length = sdp.replace('\n', "\r\n").len();
    bodiless().replace("Length: 0", &format!("Length: {length}")) + &sdp
}

fn audio(line: &str) -> String {
    stream("10.0.0.5", 4_000, line)
}

#[test]
fn bodies_and_their_types() {
    // Observed.
    let run = check(
        of(INVITE),
        r#"
        KSR.textops.has_body() => 1
        KSR.textops.has_body_type("application/sdp") => 1
        KSR.textops.has_body_type("application/SDP") => 1
        KSR.textops.has_body_type("text/plain") => -1
        KSR.textops.has_body_type("application") => -1
        KSR.textops.has_body_type("application/*") => -1
        KSR.textops.has_body_type("") => 1
        KSR.textops.set_body("","text/plain") => -1
        KSR.textops.set_body("x","") => -1
        KSR.textops.set_body("hello","text/plain") => 1
        KSR.textops.set_body("hello, world","text/plain") => 1
        "#,
    );
    assert_eq!(
        lines(&run, &["Content"]),
        ["Content-Type: text/plain", "Content-Length: 12"]
    );
    assert!(run.message().ends_with("\n\nhello, world"));
    assert!(run.draft().body_replaced);
    let run = check(of(INVITE), "KSR.textopsx.remove_body() => 1");
    assert_eq!(lines(&run, &["Content-Length"]), ["Content-Length: 0"]);
    assert!(run.message().ends_with("\n\n"));
    let run = check(
        of(OPTIONS),
        "
        KSR.textops.has_body() => -1
        KSR.textops.has_body_type('application/sdp') => -1
        KSR.textopsx.remove_body() => 1
        ",
    );
    assert!(!run.draft().body_replaced);
    let run = check(of(OPTIONS), "KSR.textops.set_body('x', 'text/plain') => 1");
    assert_eq!(
        lines(&run, &["Content"]),
        ["Content-Length: 1", "Content-Type: text/plain"]
    );
}

#[test]
fn privacy_and_hold() {
    // Observed.
    let private = OPTIONS.replace("Max", "Privacy: id;header\nMax");
    check(
        of(&private),
        "
        KSR.textops.is_privacy('id') => 1
        KSR.textops.is_privacy('ID') => 1
        KSR.textops.is_privacy('header') => 1
        KSR.textops.is_privacy('none') => -1
        ",
    );
    for (line, result) in [
        ("a=sendonly", 2),
        ("a=inactive", 2),
        ("a=recvonly", -1),
        ("a=sendrecv", -1),
        ("c=IN IP4 0.0.0.0", 1),
    ] {
        check(
            of(&audio(line)),
            &format!("KSR.textops.is_audio_on_hold() => {result}"),
        );
    }
    check(
        of(&stream("0.0.0.0", 4_000, "a=x")),
        "KSR.textops.is_audio_on_hold() => 1",
    );
    check(
        of(&stream("0.0.0.0", 4_000, "c=IN IP4 10.0.0.5")),
        "KSR.textops.is_audio_on_hold() => -1",
    );
    check(of(OPTIONS), "KSR.textops.is_audio_on_hold() => -1");
}

#[test]
fn sessions_are_looked_at() {
    // Observed, but that here any pseudo-variable is set, there only `$avp`.
    check(
        of(INVITE),
        r#"
        KSR.sdpops.sdp_with_media("AUDIO") => 1
        KSR.sdpops.sdp_with_media("image") => 0
        KSR.sdpops.sdp_with_active_media("audio") => 1
        KSR.sdpops.sdp_with_active_media("image") => 0
        KSR.sdpops.sdp_with_codecs_by_name("pcmu") => 2
        KSR.sdpops.sdp_with_codecs_by_name("PCMU,G729") => 2
        KSR.sdpops.sdp_with_codecs_by_name("PCMU,H264") => 1
        KSR.sdpops.sdp_with_codecs_by_name("G729") => -1
        KSR.sdpops.sdp_with_codecs_by_name("") => -1
        KSR.sdpops.sdp_with_codecs_by_id("0,9") => 2
        KSR.sdpops.sdp_with_codecs_by_id("0,96") => 1
        KSR.sdpops.sdp_with_codecs_by_id("18") => 0
        KSR.sdpops.sdp_content() => 1
        KSR.sdpops.sdp_content_flags(1) => 1
        KSR.sdpops.sdp_with_ice() => -1
        KSR.sdpops.sdp_with_transport("rtp/avp") => 1
        KSR.sdpops.sdp_with_transport("RTP/SAVP") => -1
        KSR.sdpops.sdp_with_transport_like("rtp") => 1
        KSR.sdpops.sdp_with_transport_like("SAVP") => -1
        KSR.sdpops.sdp_transport("$avp(t)") => 1
        KSR.pv.get("$avp(t)") => [RTP/AVP]
        KSR.sdpops.sdp_get("$avp(s)") => 1
        #KSR.pv.get("$avp(s)") => 248
        KSR.sdpops.sdp_get_line_startswith("$avp(l)","m=") => 1
        KSR.pv.get("$avp(l)") => [m=audio 4000 RTP/AVP 0 8 101]
        KSR.sdpops.sdp_get_line_startswith("$var(l)","a=rtpmap:8") => 1
        KSR.pv.get("$var(l)") => [a=rtpmap:8 PCMA/8000]
        KSR.sdpops.sdp_get_line_startswith("$avp(l)","zzz") => -1
        KSR.sdpops.sdp_get_line_startswith("l2","c=") => -1
        KSR.sdpops.sdp_get_line_startswith("$ci","c=") => -1
        "#,
    );
    check(
        of(&audio("a=candidate:1 1 UDP 1 10.0.0.5 4 typ host")),
        "KSR.sdpops.sdp_with_ice() => 1",
    );
    check(
        of(&audio("a=inactive")),
        "KSR.sdpops.sdp_with_active_media('audio') => 0",
    );
    check(
        of(&stream("10.0.0.5", 0, "a=x")),
        "KSR.sdpops.sdp_with_active_media('audio') => 0",
    );
    // A payload type of the static table needs no rtpmap.
    check(
        of(&audio("a=x")),
        "KSR.sdpops.sdp_with_codecs_by_name('PCMU') => 1",
    );
}

#[test]
fn without_a_session_nothing_is_found() {
    // Observed, but sdp_transport, which says 1 there.
    check(
        of(&bodiless()),
        r#"
        KSR.sdpops.sdp_with_media("audio") => 0
        KSR.sdpops.sdp_with_active_media("audio") => 0
        KSR.sdpops.sdp_with_codecs_by_name("PCMU") => -1
        KSR.sdpops.sdp_with_codecs_by_id("0") => -1
        KSR.sdpops.sdp_content() => -1
        KSR.sdpops.sdp_content_flags(0) => -1
        KSR.sdpops.sdp_with_ice() => -1
        KSR.sdpops.sdp_with_transport("RTP/AVP") => -1
        KSR.sdpops.sdp_with_transport_like("RTP") => -1
        KSR.sdpops.sdp_get_line_startswith("$avp(l)","m=") => -2
        KSR.sdpops.remove_codecs_by_name("PCMU","") => -1
        KSR.sdpops.remove_codecs_by_id("0","") => -1
        KSR.sdpops.keep_codecs_by_name("PCMU","") => -1
        KSR.sdpops.keep_codecs_by_id("0","") => -1
        KSR.sdpops.remove_media("audio") => 0
        KSR.sdpops.remove_line_by_prefix("a=","") => -1
        KSR.sdpops.sdp_get("$avp(s)") => -2
        KSR.sdpops.sdp_transport("$avp(s)") => -2
        "#,
    );
}

#[test]
fn sessions_are_thinned_out() {
    // Observed, lengths too.
    for (call, result, length, streams) in [
        ("remove_codecs_by_name('PCMU', '')", 0, 224, "8 101/96"),
        (
            "remove_codecs_by_name('PCMU,H264', 'audio')",
            0,
            224,
            "8 101/96",
        ),
        ("remove_codecs_by_name('H264', '')", 0, 221, "0 8 101/"),
        ("remove_codecs_by_name('G729', '')", 0, 248, "0 8 101/96"),
        ("remove_codecs_by_id('0,101', '')", 0, 168, "8/96"),
        ("keep_codecs_by_name('PCMA', '')", 0, 141, "8/"),
        (
            "keep_codecs_by_name('PCMA,telephone-event', 'audio')",
            0,
            224,
            "8 101/96",
        ),
        // What one call takes off, another does not bring back.
        (
            "keep_codecs_by_name('PCMA,telephone-event', '') and KSR.sdpops.remove_codecs_by_id('101', '')",
            0,
            141,
            "8/",
        ),
        ("keep_codecs_by_id('8', '')", 0, 141, "8/"),
        ("keep_codecs_by_name('G729', '')", 0, 117, "/"),
        ("remove_media('video')", 1, 199, "0 8 101"),
        ("remove_media('audio')", 1, 110, "96"),
        ("remove_media('image')", 0, 248, "0 8 101/96"),
        (
            "remove_line_by_prefix('a=rtpmap', '')",
            4,
            145,
            "0 8 101/96",
        ),
        (
            "remove_line_by_prefix('a=rtpmap', 'audio')",
            3,
            169,
            "0 8 101/96",
        ),
        ("remove_line_by_prefix('a=zzz', '')", 0, 248, "0 8 101/96"),
        ("remove_line_by_prefix('', '')", 0, 248, "0 8 101/96"),
        ("remove_line_by_prefix('c=', '')", 1, 229, "0 8 101/96"),
    ] {
        let run = check(of(INVITE), &format!("KSR.sdpops.{call} => {result}"));
        let formats: Vec<String> = lines(&run, &["m="])
            .iter()
            .map(|line| {
                line.split("RTP/AVP")
                    .nth(1)
                    .unwrap_or_default()
                    .trim()
                    .to_owned()
            })
            .collect();
        assert_eq!(formats.join("/"), streams, "{call}");
        assert_eq!(
            lines(&run, &["Content-Length"]),
            [format!("Content-Length: {length}")],
            "{call}"
        );
        let message = run.message();
        let body = message.split_once("\n\n").expect("a body").1;
        assert_eq!(body.replace('\n', "\r\n").len(), length, "{call}");
    }
}
