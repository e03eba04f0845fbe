//! The native policy against a context that records which verbs it calls.

use strowger_routing::{
    Authentication, ChallengeKind, Lookup, LooseRoute, Mode, NativeContext, NativePolicy,
    PolicySettings,
};
use strowger_sip::{Host, Limits, Message, StatusCode, Uri};

struct Recorder {
    message: Message,
    route: LooseRoute,
    routed_elsewhere: bool,
    check: bool,
    authentication: Authentication,
    lookup: Lookup,
    verbs: Vec<String>,
}

impl NativeContext for Recorder {
    fn request(&self) -> &Message {
        &self.message
    }
    fn request_uri(&self) -> &[u8] {
        self.message.request_uri()
    }
    fn is_ours(&self, uri: &Uri<'_>) -> bool {
        self.is_local_host(&uri.host)
    }
    fn is_local_host(&self, host: &Host<'_>) -> bool {
        matches!(host, Host::Name(name) if name.eq_ignore_ascii_case(b"home.test"))
    }
    fn check(&mut self) -> bool {
        self.verbs.push("check".into());
        self.check
    }
    fn loose_route(&mut self) -> LooseRoute {
        self.verbs.push("loose_route".into());
        self.route
    }
    fn has_route(&self) -> bool {
        self.routed_elsewhere
    }
    fn authenticate(&mut self, kind: ChallengeKind) -> Authentication {
        self.verbs.push(format!("authenticate {kind:?}"));
        self.authentication
    }
    fn save(&mut self) {
        self.verbs.push("save".into());
    }
    fn lookup(&mut self) -> Lookup {
        self.verbs.push("lookup".into());
        self.lookup
    }
    fn redirect(&mut self) {
        self.verbs.push("redirect".into());
    }
    fn reply(&mut self, status: StatusCode, _headers: &[u8]) {
        self.verbs.push(format!("reply {}", status.get()));
    }
    fn reply_options(&mut self) {
        self.verbs.push("reply_options".into());
    }
    fn relay(&mut self) {
        self.verbs.push("relay".into());
    }
    fn discard(&mut self, _why: &'static str) {
        self.verbs.push("discard".into());
    }
}

fn request(method: &str, uri: &str, from: &str, to: &str) -> Recorder {
    let text = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
         From: <{from}>;tag=1\r\nTo: {to}\r\nCall-ID: c1\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    );
    Recorder {
        message: Message::parse(text.into_bytes(), &Limits::default()).expect("a valid request"),
        route: LooseRoute::None,
        routed_elsewhere: false,
        check: true,
        authentication: Authentication::Passed,
        lookup: Lookup::Found(1),
        verbs: Vec::new(),
    }
}

fn verbs_with(settings: PolicySettings, mut context: Recorder) -> String {
    NativePolicy::new(settings).request(&mut context);
    context.verbs.join(", ")
}

fn verbs(context: Recorder) -> String {
    verbs_with(PolicySettings::default(), context)
}

const ALICE: &str = "sip:alice@home.test";
const BOB: &str = "sip:bob@home.test";
const STRANGER: &str = "sip:mallory@elsewhere.test";

#[test]
fn local_caller_is_challenged_then_relayed_to_a_local_user() {
    let context = request("INVITE", BOB, ALICE, "<sip:bob@home.test>");
    assert_eq!(
        verbs(context),
        "check, loose_route, authenticate Proxy, lookup, relay"
    );
}

#[test]
fn every_method_of_a_local_identity_is_challenged() {
    for method in [
        "INVITE",
        "MESSAGE",
        "SUBSCRIBE",
        "BYE",
        "REFER",
        "OPTIONS",
        "FOO",
    ] {
        let mut context = request(method, BOB, ALICE, "<sip:bob@home.test>");
        context.authentication = Authentication::Answered;
        assert_eq!(
            verbs(context),
            "check, loose_route, authenticate Proxy",
            "{method}"
        );
    }
}

#[test]
fn stranger_reaches_local_user_only_by_setting() {
    let context = || request("INVITE", BOB, STRANGER, "<sip:bob@home.test>");
    assert_eq!(verbs(context()), "check, loose_route, reply 403");
    let open = PolicySettings {
        accept_foreign: true,
        ..PolicySettings::default()
    };
    assert_eq!(
        verbs_with(open, context()),
        "check, loose_route, lookup, relay"
    );
}

#[test]
fn nothing_is_relayed_between_strangers() {
    let open = PolicySettings {
        accept_foreign: true,
        auth_required: false,
        ..PolicySettings::default()
    };
    let context = request("INVITE", "sip:x@third.test", STRANGER, "<sip:x@third.test>");
    assert_eq!(verbs_with(open, context), "check, loose_route, reply 403");
}

#[test]
fn tag_without_token_is_out_of_dialog() {
    for route in [LooseRoute::None, LooseRoute::Unverified] {
        let mut context = request(
            "BYE",
            STRANGER,
            "sip:y@third.test",
            "<sip:bob@home.test>;tag=9",
        );
        context.route = route;
        assert_eq!(verbs(context), "check, loose_route, reply 403");
    }
}

#[test]
fn valid_token_needs_no_challenge_but_a_to_tag() {
    let mut context = request("BYE", STRANGER, BOB, "<sip:bob@home.test>;tag=9");
    context.route = LooseRoute::Verified;
    assert_eq!(verbs(context), "check, loose_route, relay");
    let mut context = request("INVITE", STRANGER, BOB, "<sip:bob@home.test>");
    context.route = LooseRoute::Verified;
    assert_eq!(
        verbs(context),
        "check, loose_route, authenticate Proxy, relay"
    );
}

#[test]
fn register_is_saved_for_local_records_only() {
    let context = request("REGISTER", "sip:home.test", ALICE, "<sip:alice@home.test>");
    assert_eq!(verbs(context), "check, loose_route, authenticate Www, save");
    let context = request(
        "REGISTER",
        "sip:home.test",
        ALICE,
        "<sip:alice@elsewhere.test>",
    );
    assert_eq!(verbs(context), "check, loose_route, reply 404");
    let context = request(
        "REGISTER",
        "sip:elsewhere.test",
        ALICE,
        "<sip:alice@home.test>",
    );
    assert_eq!(verbs(context), "check, loose_route, reply 403");
}

#[test]
fn requests_to_ourselves_get_the_answer_of_a_user_agent_server() {
    let to = "<sip:home.test>";
    assert_eq!(
        verbs(request("OPTIONS", "sip:home.test", STRANGER, to)),
        "check, loose_route, reply_options"
    );
    assert_eq!(
        verbs(request("INVITE", "sip:home.test", STRANGER, to)),
        "check, loose_route, reply 405"
    );
    assert_eq!(
        verbs(request("NEWMETHOD", "sip:home.test", STRANGER, to)),
        "check, loose_route, reply 501"
    );
    assert_eq!(
        verbs(request(
            "BYE",
            "sip:home.test",
            STRANGER,
            "<sip:home.test>;tag=1"
        )),
        "check, loose_route, reply 481"
    );
}

#[test]
fn missing_users_are_404_and_silent_ones_480() {
    let with = |lookup| {
        let mut context = request("INVITE", BOB, ALICE, "<sip:bob@home.test>");
        context.lookup = lookup;
        verbs(context)
    };
    assert!(with(Lookup::UnknownUser).ends_with("reply 404"));
    assert!(with(Lookup::Unregistered).ends_with("reply 480"));
}

#[test]
fn redirect_server_answers_302() {
    let redirect = PolicySettings {
        mode: Mode::Redirect,
        ..PolicySettings::default()
    };
    let context = request("INVITE", BOB, ALICE, "<sip:bob@home.test>");
    assert!(verbs_with(redirect, context).ends_with("lookup, redirect"));
}

#[test]
fn ack_is_relayed_in_a_dialog_and_never_answered() {
    let mut context = request("ACK", BOB, ALICE, "<sip:bob@home.test>;tag=9");
    assert_eq!(verbs(context), "loose_route, discard");
    context = request("ACK", BOB, ALICE, "<sip:bob@home.test>;tag=9");
    context.route = LooseRoute::Verified;
    assert_eq!(verbs(context), "loose_route, relay");
}

#[test]
fn a_stranger_may_not_leave_by_a_route_to_others() {
    let open = PolicySettings {
        accept_foreign: true,
        ..PolicySettings::default()
    };
    let stranger = || request("INVITE", BOB, "sip:x@else.test", "<sip:bob@home.test>");
    assert!(verbs_with(open.clone(), stranger()).ends_with("lookup, relay"));
    let mut routed = stranger();
    routed.routed_elsewhere = true;
    assert!(verbs_with(open, routed).ends_with("reply 403"));
}
