//! Tests of `http`.

use strowger_lua::Outcome;
use strowger_routing::{Errand, ErrandAnswer, HttpRequest};
use strowger_sip::Time;

use super::*;
use crate::cfg;
use crate::kemi::fake::{FakeContext, FakeHost, FakeRun};

const INVITE: &str = "INVITE sip:bob@kam.test SIP/2.0
Via: SIP/2.0/UDP 127.0.0.2:5070;branch=z9hG4bK1
From: <sip:alice@kam.test>;tag=1
To: <sip:bob@kam.test>
Call-ID: c1
CSeq: 1 INVITE
Max-Forwards: 70
Content-Length: 0

";

fn host(call: &str) -> FakeHost {
    let script = format!("return KSR.http_client.{call}, KSR.pv.get('$var(x)')");
    FakeHost::new(&script, |door| {
        let connection = cfg::Value::Text("api=>http://192.0.2.1/v1;user=x".into());
        door.set_parameter("http_client", "httpcon", connection);
    })
}

fn errand(run: &FakeRun) -> String {
    assert_eq!(run.acts.len(), 1, "{:?}", run.log);
    run.acts[0].clone()
}

fn request(method: &str, url: &str, headers: &str, body: &str) -> String {
    let errand = Errand::Http(HttpRequest {
        url: url.as_bytes().into(),
        method: method.as_bytes().into(),
        headers: headers.as_bytes().into(),
        body: body.as_bytes().into(),
        timeout: Duration::from_secs(4),
    });
    format!("begin_errand {errand:?}")
}

fn answer(status: u16, body: &str) -> Option<ErrandAnswer> {
    Some(ErrandAnswer::Http {
        status,
        body: body.as_bytes().into(),
    })
}

#[test]
fn a_run_waits_for_the_answer_and_gets_its_status_and_body() {
    let mut host = host("query('http://192.0.2.1/a', '$var(x)')");
    let run = host.request(FakeContext::of(INVITE));
    assert_eq!(errand(&run), request("GET", "http://192.0.2.1/a", "", ""));
    let Outcome::Parked { deadline, .. } = run.outcome else {
        panic!("{:?}", run.outcome);
    };
    assert_eq!(deadline, Time::from_secs(104));
    let run = host.resume(answer(200, "hello"));
    assert_eq!(run.shown(), "200 [hello]");
}

#[test]
fn a_bad_status_is_an_answer_too() {
    let mut host = host("query('http://192.0.2.1/a', '$var(x)')");
    host.request(FakeContext::of(INVITE));
    assert_eq!(host.resume(answer(404, "")).shown(), "404 []");
}

#[test]
fn without_an_answer_the_code_is_minus_one() {
    for ended in [
        Some(ErrandAnswer::Failed("refused".into())),
        None,
        Some(ErrandAnswer::Slept),
    ] {
        let mut host = host("query('http://192.0.2.1/a', '$var(x)')");
        host.request(FakeContext::of(INVITE));
        let run = host.resume(ended);
        // `$var` of nobody is 0.
        assert_eq!(run.shown(), "-1 0");
        assert_eq!(run.log.len(), 1);
    }
}

#[test]
fn functions_make_the_requests_that_their_names_say() {
    let url = "http://192.0.2.1/a";
    for (call, expected) in [
        (
            format!("query('{url}', 'body', '$var(x)')"),
            request("POST", url, "", "body"),
        ),
        (
            format!("query_post('{url}', 'body', '$var(x)')"),
            request("POST", url, "", "body"),
        ),
        (
            format!("query_post_hdrs('{url}', 'b', 'A: 1\\r\\nB: 2', '$var(x)')"),
            request("POST", url, "A: 1\r\nB: 2\r\n", "b"),
        ),
        (
            format!("get('{url}', 'A: 1', '$var(x)')"),
            request("GET", url, "A: 1\r\n", ""),
        ),
        (
            "curl_connect('api', 'users/1', '$var(x)')".to_owned(),
            request("GET", "http://192.0.2.1/v1/users/1", "", ""),
        ),
        (
            "curl_connect('api', '', '$var(x)')".to_owned(),
            request("GET", "http://192.0.2.1/v1", "", ""),
        ),
        (
            "curl_connect_post('api', 'u', 'text/plain', 'x', '$var(x)')".to_owned(),
            request(
                "POST",
                "http://192.0.2.1/v1/u",
                "Content-Type: text/plain\r\n",
                "x",
            ),
        ),
    ] {
        let run = host(&call).request(FakeContext::of(INVITE));
        assert_eq!(errand(&run), expected);
    }
}

#[test]
fn what_is_no_request_is_not_made() {
    let long = "x".repeat(HTTP_REQUEST_OCTETS_MAX + 1);
    for call in [
        "query('', '$var(x)')".to_owned(),
        "query('http://a b/', '$var(x)')".to_owned(),
        "query('http://a/\\r\\nEvil: yes', '$var(x)')".to_owned(),
        "query('http://a/', 'no variable')".to_owned(),
        "curl_connect('other', 'u', '$var(x)')".to_owned(),
        "curl_connect_post('other', 'u', 't', 'x', '$var(x)')".to_owned(),
        format!("query_post('http://a/', '{long}', '$var(x)')"),
    ] {
        let run = host(&call).request(FakeContext::of(INVITE));
        assert_eq!(run.shown(), "-1 0");
        assert!(run.acts.is_empty());
        assert!(!run.log.is_empty());
    }
}

#[test]
fn the_time_is_configured_within_a_limit() {
    for (configured, seconds) in [(0, 4), (10, 10), (1_000, 60), (-1, 4)] {
        let mut host = FakeHost::new("KSR.http_client.query('http://a/', '$var(x)')", |door| {
            door.set_parameter(
                "http_client",
                "connection_timeout",
                cfg::Value::Integer(configured),
            );
        });
        let run = host.request(FakeContext::of(INVITE));
        let Outcome::Parked { deadline, .. } = run.outcome else {
            panic!("{:?}", run.outcome);
        };
        assert_eq!(deadline, Time::from_secs(100 + seconds));
    }
}

#[test]
fn the_asynchronous_client_fails() {
    let mut host = FakeHost::new(
        "return KSR.http_async_client.query('http://a/', 'f')",
        |_| {},
    );
    assert_eq!(host.request(FakeContext::of(INVITE)).shown(), "-1");
    assert_eq!(host.shard().engine_failures, 1);
}
