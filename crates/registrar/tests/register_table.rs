//! RFC 3261 §10.3 as a table: REGISTERs one after another, each with its answer and the bindings afterwards.

use std::fmt::Write as _;
use std::net::SocketAddr;

use strowger_registrar::{
    AddressOfRecord, LocationLimits, LocationService, LocationTable, Outcome, RegistrarSettings,
    Registration, address_of_record, register,
};
use strowger_sip::{Limits, Message, Now, Time, Transport};
use strowger_transaction::{Flow, ListenerId, StreamId};

struct World {
    table: LocationTable,
    settings: RegistrarSettings,
    now: Now,
    flow: Flow,
    script: String,
    branch: u32,
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

impl World {
    fn new() -> World {
        World {
            table: LocationTable::new(LocationLimits::default(), 1),
            settings: RegistrarSettings {
                date: false,
                ..RegistrarSettings::default()
            },
            now: Now {
                monotonic: Time::from_secs(1_000),
                wall: Time::from_secs(1_289_688_540),
            },
            flow: Flow::udp(ListenerId(0), address("192.0.2.4:5060")),
            script: String::new(),
            branch: 0,
        }
    }
    fn wait(&mut self, seconds: u64) {
        let _ = writeln!(self.script, "-- {seconds} s later");
        self.now.monotonic = self.now.monotonic + std::time::Duration::from_secs(seconds);
    }
    fn note(&mut self, text: &str) {
        let _ = writeln!(self.script, "-- {text}");
    }
    fn over_stream(&mut self, slot: u32) {
        self.flow.transport = Transport::Tcp;
        self.flow.stream = Some(StreamId {
            worker: 0,
            slot,
            generation: 1,
        });
        self.flow.remote = address(&format!("192.0.2.4:{}", 40_000 + slot));
    }
    /// A REGISTER of alice from her phone with a fresh branch.
    fn register(&mut self, call_id: &str, cseq: u32, lines: &str) {
        self.branch += 1;
        self.register_with_branch(call_id, cseq, lines, self.branch);
    }
    fn register_with_branch(&mut self, call_id: &str, cseq: u32, lines: &str, branch: u32) {
        let mut text = format!(
            "REGISTER sip:example.test SIP/2.0\r\n\
             Via: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bK{branch}\r\n\
             From: <sip:alice@example.test>;tag=a\r\nTo: <sip:alice@example.test>\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n"
        );
        for line in lines.lines() {
            text.push_str(line.trim_start());
            text.push_str("\r\n");
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        let _ = writeln!(self.script, "REGISTER {call_id} {cseq} branch {branch}");
        for line in lines.lines() {
            let _ = writeln!(self.script, "    {}", line.trim_start());
        }
        self.send(text.into_bytes());
    }
    fn send(&mut self, octets: Vec<u8>) {
        let message = Message::parse(octets, &Limits::default())
            .map_err(|failure| failure.error)
            .expect("parses");
        let domain = |host: &strowger_sip::Host<'_>| match *host {
            strowger_sip::Host::Name(name) if name.eq_ignore_ascii_case(b"example.test") => {
                Some("example.test")
            }
            strowger_sip::Host::Name(name) if name.eq_ignore_ascii_case(b"example.com") => {
                Some("example.com")
            }
            _ => None,
        };
        let outcome = match address_of_record(&message, &domain) {
            Err(reply) => Outcome::Reply(reply),
            Ok(aor) => {
                let bindings = self.table.bindings(aor.as_bytes(), self.now.monotonic);
                register(&Registration {
                    request: &message,
                    aor: &aor,
                    flow: self.flow,
                    bindings: &bindings,
                    room: self.table.room(),
                    settings: &self.settings,
                    now: self.now,
                })
            }
        };
        let before = self.held();
        let (reply, changed) = match outcome {
            Outcome::Reply(reply) => (reply, false),
            Outcome::Change { change, reply } => {
                self.table.publish(&change);
                (reply, true)
            }
        };
        let _ = writeln!(
            self.script,
            "  {} {:?}",
            reply.status.get(),
            reply.reason.unwrap_or(reply.status.reason_phrase())
        );
        for line in String::from_utf8_lossy(&reply.headers).lines() {
            let _ = writeln!(self.script, "    {line}");
        }
        let held = self.held();
        if changed {
            self.script.push_str(&held);
        } else {
            assert_eq!(before, held, "nothing may change");
        }
        if held.is_empty() && changed {
            self.script.push_str("  = nothing\n");
        }
    }
    fn held(&self) -> String {
        let mut text = String::new();
        for (aor, bindings) in self.table.list(self.now.monotonic, None, 100) {
            for binding in bindings {
                let _ = writeln!(text, "  = {aor} {binding:?}");
            }
        }
        text
    }
}

macro_rules! table {
    ($name:ident, $world:ident, $body:block) => {
        #[test]
        fn $name() {
            let mut $world = World::new();
            $body
            insta::assert_snapshot!(stringify!($name), $world.script);
        }
    };
}

table!(adds_refreshes_and_removes_a_binding, w, {
    w.register("one", 1, "Contact: <sip:alice@192.0.2.4>\nExpires: 600");
    w.wait(100);
    w.register("one", 2, "Contact: <sip:alice@192.0.2.4>;expires=300");
    w.wait(299);
    w.register("one", 3, "");
    w.register("one", 4, "Contact: <sip:alice@192.0.2.4>\nExpires: 0");
    w.register("one", 5, "");
});

table!(a_binding_expires, w, {
    w.register("one", 1, "Contact: <sip:alice@192.0.2.4>;expires=60");
    w.wait(59);
    w.register("one", 2, "");
    w.wait(1);
    w.register("one", 3, "");
    w.note("a new one with a lower CSeq is welcome");
    w.register("one", 1, "Contact: <sip:alice@192.0.2.4>;expires=60");
});

table!(expiry_comes_from_parameter_header_or_default, w, {
    w.register(
        "one",
        1,
        "Contact: <sip:a@192.0.2.4>;expires=100, <sip:b@192.0.2.4>, <sip:c@192.0.2.4>;expires=soon\nExpires: 200",
    );
    w.register("one", 2, "Contact: <sip:d@192.0.2.4>");
    w.register("one", 3, "Contact: <sip:e@192.0.2.4>;expires=4294967296000");
    w.note("too brief: nothing of the request is done");
    w.register(
        "one",
        4,
        "Contact: <sip:a@192.0.2.4>;expires=0, <sip:f@192.0.2.4>;expires=59",
    );
    w.register("one", 5, "Contact: <sip:f@192.0.2.4>\nExpires: never");
});

table!(the_profile_raises_brief_expiries, w, {
    w.settings.profile.raises_brief_expiry = true;
    w.register("one", 1, "Contact: <sip:a@192.0.2.4>;expires=1");
});

table!(star_removes_all_and_only_alone_with_expires_0, w, {
    w.register("one", 5, "Contact: <sip:a@192.0.2.4>, <sip:b@192.0.2.4>");
    w.register("two", 1, "Contact: <sip:c@192.0.2.4>");
    w.register("three", 1, "Contact: *");
    w.register("three", 1, "Contact: *\nExpires: 1");
    w.register("three", 1, "Contact: *\nExpires: garbage");
    w.register("three", 1, "Contact: *, <sip:c@192.0.2.4>\nExpires: 0");
    w.register("three", 1, "Contact: *\nContact: *\nExpires: 0");
    w.note("same Call-ID, CSeq not higher: none goes, not even those of other Call-IDs");
    w.register("one", 5, "Contact: *\nExpires: 0");
    w.register("one", 6, "Contact: *\nExpires: 0");
    w.note("again, nothing left to remove");
    w.register("one", 6, "Contact: *\nExpires: 0");
});

table!(cseq_orders_within_a_call_id, w, {
    w.register("one", 5, "Contact: <sip:a@192.0.2.4>");
    w.note("lower");
    w.register("one", 4, "Contact: <sip:a@192.0.2.4>;expires=0");
    w.note("equal, another branch");
    w.register("one", 5, "Contact: <sip:a@192.0.2.4>;expires=0");
    w.note("another Call-ID: any CSeq");
    w.register("two", 1, "Contact: <sip:a@192.0.2.4>;expires=100");
    w.note("one of two contacts is out of order: neither changes");
    w.register("two", 1, "Contact: <sip:new@192.0.2.4>, <sip:a@192.0.2.4>");
    w.note("profile: equal is accepted, lower is not");
    w.settings.profile.accepts_equal_cseq = true;
    w.register("two", 1, "Contact: <sip:a@192.0.2.4>;expires=200");
    w.register("two", 0, "Contact: <sip:a@192.0.2.4>;expires=300");
});

table!(
    a_retransmission_gets_the_same_answer_and_changes_nothing,
    w,
    {
        w.register_with_branch("one", 1, "Contact: <sip:a@192.0.2.4>;expires=100", 7);
        w.register_with_branch("one", 1, "Contact: <sip:a@192.0.2.4>;expires=100", 7);
        w.note("from another port");
        w.flow.remote = address("192.0.2.4:9999");
        w.register_with_branch("one", 1, "Contact: <sip:a@192.0.2.4>;expires=100", 7);
        w.note("the next, then the first again");
        w.register_with_branch("one", 2, "Contact: <sip:a@192.0.2.4>;expires=200", 8);
        w.register_with_branch("one", 1, "Contact: <sip:a@192.0.2.4>;expires=100", 7);
        w.note("add one, remove one, again");
        w.register_with_branch(
            "one",
            3,
            "Contact: <sip:b@192.0.2.4>, <sip:a@192.0.2.4>;expires=0",
            9,
        );
        w.register_with_branch(
            "one",
            3,
            "Contact: <sip:b@192.0.2.4>, <sip:a@192.0.2.4>;expires=0",
            9,
        );
    }
);

table!(contacts_are_compared_as_uris, w, {
    w.register(
        "one",
        1,
        "Contact: <sip:%61lice@PHONE.example.net;Transport=TCP>",
    );
    w.note("equal");
    w.register(
        "one",
        2,
        "Contact: <sip:alice@phone.example.net;transport=tcp>",
    );
    w.note("other: user case, port, transport");
    w.register(
        "one",
        3,
        "Contact: <sip:Alice@phone.example.net;transport=tcp>",
    );
    w.register(
        "one",
        4,
        "Contact: <sip:alice@phone.example.net:5060;transport=tcp>",
    );
    w.register("one", 5, "Contact: <sip:alice@phone.example.net>");
    w.note("the same twice in one request: the last counts");
    w.register(
        "two",
        1,
        "Contact: <sip:x@192.0.2.9>;expires=100, <sip:x@192.0.2.9>;expires=200",
    );
    w.register(
        "two",
        2,
        "Contact: <sip:x@192.0.2.9>;expires=100, <sip:x@192.0.2.9>;expires=0",
    );
    w.register(
        "two",
        3,
        "Contact: <sip:y@192.0.2.9>;expires=100, <sip:y@192.0.2.9>;expires=0",
    );
});

table!(any_scheme_and_any_parameter_is_kept, w, {
    w.register(
        "one",
        1,
        "Contact: <tel:+358-555-1234567>;q=0.1\nContact: <mailto:alice@example.org>;q=0.05",
    );
    w.register(
        "one",
        2,
        "Contact: \"Alice\" <sip:a@192.0.2.4;x=y>;q=0.123;methods=\"INVITE, BYE\";video",
    );
    w.note("a malformed q counts as absent");
    w.register("one", 3, "Contact: <sip:b@192.0.2.4>;q=7");
    w.note("no URI");
    w.register("one", 4, "Contact: <sip:>");
    w.register("one", 4, "Contact: alice");
});

table!(limits_are_kept, w, {
    w.settings.bindings_per_aor_max = 2;
    w.settings.contacts_per_request_max = 3;
    w.settings.binding_octets_max = 200;
    w.register("one", 1, "Contact: <sip:a@192.0.2.4>, <sip:b@192.0.2.4>");
    w.register("one", 2, "Contact: <sip:c@192.0.2.4>");
    w.note("one goes, one comes");
    w.register(
        "one",
        3,
        "Contact: <sip:a@192.0.2.4>;expires=0, <sip:c@192.0.2.4>",
    );
    w.register(
        "one",
        4,
        "Contact: <sip:1@192.0.2.4>, <sip:2@192.0.2.4>, <sip:3@192.0.2.4>, <sip:4@192.0.2.4>",
    );
    let long = format!("Contact: <sip:{}@192.0.2.4>", "x".repeat(200));
    w.register("one", 5, &long);
    w.note("a lower limit set later does not hinder a refresh");
    w.settings.bindings_per_aor_max = 1;
    w.register("one", 6, "Contact: <sip:c@192.0.2.4>");
});

table!(a_full_table_takes_refreshes_only, w, {
    w.table = LocationTable::new(LocationLimits { bindings_max: 1 }, 1);
    w.register("one", 1, "Contact: <sip:a@192.0.2.4>");
    w.register("one", 2, "Contact: <sip:a@192.0.2.4>");
    w.register("one", 3, "Contact: <sip:b@192.0.2.4>");
});

table!(extensions_are_checked_first, w, {
    w.register(
        "one",
        1,
        "Require: gruu, path, foo\nContact: <sip:a@192.0.2.4>",
    );
    w.register("one", 1, "Require: path\nContact: <sip:a@192.0.2.4>");
});

table!(path_is_kept_and_returned, w, {
    w.register(
        "one",
        1,
        "Path: <sip:edge.example.net;lr>\nContact: <sip:a@10.0.0.1>",
    );
    w.register(
        "one",
        1,
        "Supported: path\nPath: <sip:edge2.example.net;lr>;x=1, <sip:edge1.example.net;lr>\nPath: <sip:edge0.example.net;lr>\nContact: <sip:a@10.0.0.1>",
    );
    w.note("without Path the binding loses it");
    w.register("one", 2, "Contact: <sip:a@10.0.0.1>");
    w.register(
        "one",
        3,
        "Supported: path\nPath: edge\nContact: <sip:a@10.0.0.1>",
    );
    w.settings.path = strowger_registrar::PathMode::Lenient;
    w.register(
        "one",
        4,
        "Path: <sip:edge.example.net;lr>\nContact: <sip:a@10.0.0.1>",
    );
    w.settings.path = strowger_registrar::PathMode::Ignore;
    w.register(
        "one",
        5,
        "Supported: path\nPath: <sip:edge.example.net;lr>\nContact: <sip:a@10.0.0.1>",
    );
});

table!(a_phone_behind_nat_is_reached_over_its_flow, w, {
    w.note("its own address");
    w.register("one", 1, "Contact: <sip:a@192.0.2.4:5062>");
    w.note("a private one, a name, a name that never resolves, one that Via does not claim");
    w.register("one", 2, "Contact: <sip:b@10.1.2.3>, <sip:c@phone.example.net>, <sip:d@x.invalid>, <sip:e@198.51.100.1>");
    w.flow.remote = address("203.0.113.7:1024");
    w.note("one that Via does claim");
    w.register("one", 3, "Contact: <sip:f@192.0.2.4>");
    w.note("through a proxy nothing is known");
    w.register(
        "one",
        4,
        "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\nContact: <sip:g@10.0.0.1>",
    );
});

table!(outbound_keys_by_instance_and_reg_id, w, {
    const PHONE: &str = "+sip.instance=\"<urn:uuid:1>\"";
    w.over_stream(1);
    w.register(
        "one",
        1,
        &format!("Supported: outbound, path\nContact: <sip:a@10.0.0.1:1>;{PHONE};reg-id=1"),
    );
    w.note("it reconnects under another address");
    w.over_stream(2);
    w.register(
        "two",
        1,
        &format!("Supported: outbound, path\nContact: <sip:a@10.0.0.1:2>;{PHONE};reg-id=1"),
    );
    w.note("a second connection");
    w.over_stream(3);
    w.register(
        "three",
        1,
        &format!("Supported: outbound, path\nContact: <sip:a@10.0.0.1:2>;{PHONE};reg-id=2"),
    );
    w.note("without the option it is compared by URI");
    w.register(
        "four",
        1,
        &format!("Contact: <sip:a@10.0.0.1:3>;{PHONE};reg-id=2"),
    );
});

table!(lost_connections_make_room, w, {
    w.settings.bindings_per_aor_max = 2;
    for slot in 1..=2 {
        w.over_stream(slot);
        w.register(
            "one",
            slot,
            &format!("Contact: <sip:a@192.0.2.4:{slot};transport=tcp>"),
        );
        w.wait(1);
    }
    assert_eq!(w.table.mark_flow_lost(&w.flow), 1);
    w.note("the second connection is lost");
    w.over_stream(3);
    w.register("one", 3, "Contact: <sip:a@192.0.2.4:3;transport=tcp>");
    w.register("one", 4, "Contact: <sip:a@192.0.2.4:4;transport=tcp>");
});

table!(the_address_of_record_is_ours_or_it_is_refused, w, {
    for to in [
        "sip:alice@example.net",
        "sip:example.test",
        "tel:+1",
        "sips:%61lice@EXAMPLE.test:5061;x=y",
    ] {
        w.note(to);
        w.send(
            format!(
                "REGISTER sip:example.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK1\r\n\
                 From: <sip:alice@example.test>;tag=a\r\nTo: <{to}>\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n\
                 Contact: <sip:a@192.0.2.4>\r\nContent-Length: 0\r\n\r\n"
            )
            .into_bytes(),
        );
    }
});

table!(torture_registers, w, {
    const MESSAGES: [(&str, &str); 5] = [
        (
            "escaped NULs in two contacts",
            "sip:null-%00-null@example.com|<sip:%00@host5.example.com>\nContact: <sip:%00%00@host5.example.com>",
        ),
        (
            "a parameter of the header",
            "sip:watson@example.com|sip:+19725552222@gw1.example.net;unknownparam",
        ),
        (
            "a parameter of the URI",
            "sip:watson@example.com|<sip:+19725552222@gw1.example.net;unknownparam>",
        ),
        (
            "an escaped Route in the contact",
            "sip:user@example.com|<sip:user@example.com?Route=%3Csip:sip.example.com%3E>",
        ),
        (
            "a question mark without brackets",
            "sip:user@example.com|sip:user@example.com?Route=%3Csip:sip.example.com%3E",
        ),
    ];
    for (index, (note, message)) in MESSAGES.iter().enumerate() {
        let (to, contact) = message.split_once('|').expect("two parts");
        w.note(note);
        for contact in [
            format!("Contact: {contact}\r\n")
                .replace('\n', "\r\n")
                .replace("\r\r", "\r"),
            String::new(),
        ] {
            w.send(
                format!(
                    "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bK{index}\r\n\
                     From: {to};tag=a\r\nTo: {to}\r\nCall-ID: c{index}\r\nCSeq: 1 REGISTER\r\n{contact}Content-Length: 0\r\n\r\n"
                )
                .into_bytes(),
            );
        }
    }
});

#[test]
fn the_date_is_the_wall_clock() {
    let mut world = World::new();
    world.settings.date = true;
    world.register("one", 1, "");
    assert!(
        world.script.contains("Date: Sat, 13 Nov 2010 22:49:00 GMT"),
        "{}",
        world.script
    );
}

#[test]
fn one_aor_has_one_shard_and_all_shards_are_used() {
    let mut used = [0u32; 4];
    for user in 0..1_000 {
        let aor = AddressOfRecord::new(format!("user{user}").as_bytes(), "example.test");
        let shard = strowger_registrar::shard_of(aor.as_bytes(), 4, 99);
        assert_eq!(shard, strowger_registrar::shard_of(aor.as_bytes(), 4, 99));
        used[usize::from(shard)] += 1;
    }
    assert!(used.iter().all(|&count| count > 150), "{used:?}");
}
