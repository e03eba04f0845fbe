//! Resolutions against a small zone, on virtual time.

use core::net::IpAddr;

use proptest::prelude::*;
use strowger_sip::Uri;

use super::*;
use crate::next_hop::NextHopError;

/// `name kind data` per line; `!` stands for a name server that does not answer.
const ZONE: &str = "
example.com NAPTR 50 50 s SIPS+D2T _sips._tcp.example.com
example.com NAPTR 90 50 s SIP+D2T _sip._tcp.example.com
example.com NAPTR 100 50 s SIP+D2U _sip._udp.example.com
example.com NAPTR 10 10 u E2U+sip !^.*$!sip:x@y!
_sips._tcp.example.com SRV 0 1 5061 s1.example.com
_sip._tcp.example.com SRV 0 1 5060 s1.example.com
_sip._udp.example.com SRV 0 1 5060 s1.example.com
_sip._udp.example.com SRV 1 1 5070 s2.example.com
s1.example.com A 192.0.2.1
s1.example.com AAAA 2001:db8::1
s2.example.com A 192.0.2.2
srv.example SRV-LESS
_sip._udp.srv.example SRV 0 1 5062 s2.example.com
_sip._tcp.srv.example SRV 0 1 5064 s2.example.com
srv.example A 203.0.113.1
plain.example A 198.51.100.1
plain.example A 198.51.100.2
plain.example AAAA 2001:db8::99
closed.example A 198.51.100.3
_sip._udp.closed.example SRV 0 0 0 .
dead.example NAPTR !
_sip._udp.dead.example SRV !
_sip._tcp.dead.example SRV !
dead.example A !
tlsonly.example NAPTR 1 1 s SIPS+D2T _sips._tcp.tlsonly.example
_sips._tcp.tlsonly.example SRV 0 0 5061 plain.example
tlsonly.example A 198.51.100.4
";

fn zone(question: &Question) -> Answer {
    let mut records = Vec::new();
    for line in ZONE.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if words.len() < 3 || words[0] != &*question.name || words[1] != question.kind.as_str() {
            continue;
        }
        if words[2] == "!" {
            return Answer::Failed;
        }
        records.push(match question.kind {
            QuestionKind::A => Record::A(words[2].parse().expect("address")),
            QuestionKind::Aaaa => Record::Aaaa(words[2].parse().expect("address")),
            QuestionKind::Srv => Record::Srv {
                priority: words[2].parse().expect("number"),
                weight: words[3].parse().expect("number"),
                port: words[4].parse().expect("number"),
                target: words[5].into(),
            },
            QuestionKind::Naptr => {
                let regexp = words[6].starts_with('!');
                Record::Naptr {
                    order: words[2].parse().expect("number"),
                    preference: words[3].parse().expect("number"),
                    flags: words[4].into(),
                    services: words[5].into(),
                    regexp: if regexp { words[6] } else { "" }.into(),
                    replacement: if regexp { "." } else { words[6] }.into(),
                }
            }
        });
    }
    if records.is_empty() {
        Answer::NoSuchName { ttl_seconds: 30 }
    } else {
        Answer::Records {
            records,
            ttl_seconds: 300,
        }
    }
}

fn local(listeners: &[(Transport, &str)]) -> LocalTransports {
    let mut local = LocalTransports::new();
    for (transport, address) in listeners {
        local.insert(*transport, address.parse().expect("address"));
    }
    local
}

const V4: &str = "192.0.2.100";
const V6: &str = "2001:db8::100";

/// UDP and TCP over IPv4.
fn usual() -> LocalTransports {
    local(&[(Transport::Udp, V4), (Transport::Tcp, V4)])
}

fn hop(uri: &str) -> Result<NextHop, NextHopError> {
    NextHop::from_uri(&Uri::parse(uri.as_bytes()).expect("valid"), false)
}

/// Every question and target in the order they come, all targets failing.
fn walk(uri: &str, local: LocalTransports, settings: &ResolveSettings) -> Vec<String> {
    let cache = DnsCache::new(settings, 1);
    walk_with(uri, local, settings, &cache)
}

fn walk_with(
    uri: &str,
    local: LocalTransports,
    settings: &ResolveSettings,
    cache: &DnsCache,
) -> Vec<String> {
    let hop = hop(uri).expect("a next hop");
    let mut resolution = Resolution::new(hop, settings, local, 42);
    let mut steps = Vec::new();
    let now = Time::from_secs(1);
    let mut step = resolution.step(cache, now);
    loop {
        assert_eq!(resolution.step(cache, now), step, "a step repeats itself");
        step = match step {
            Step::Ask(question) => {
                steps.push(format!("{} {}", question.name, question.kind.as_str()));
                resolution.answer(zone(&question), cache, now);
                resolution.step(cache, now)
            }
            Step::Target(target) => {
                let name = target
                    .tls_name
                    .map_or(String::new(), |name| format!(" as {name}"));
                let free = if target.transport_is_free {
                    " free"
                } else {
                    ""
                };
                steps.push(format!(
                    "-> {} {}{name}{free}",
                    target.transport.as_str(),
                    target.address
                ));
                resolution.next_target(cache, now)
            }
            Step::Failed(reason) => {
                steps.push(format!("{reason:?}"));
                return steps;
            }
        };
    }
}

fn usual_walk(uri: &str) -> Vec<String> {
    walk(uri, usual(), &ResolveSettings::default())
}

#[test]
fn a_numeric_target_needs_no_question() {
    for (uri, expected) in [
        ("sip:a@198.51.100.7", "-> UDP 198.51.100.7:5060 free"),
        ("sip:a@198.51.100.7:5070", "-> UDP 198.51.100.7:5070 free"),
        (
            "sip:a@198.51.100.7;transport=tcp",
            "-> TCP 198.51.100.7:5060",
        ),
        (
            "sip:a@example.com;maddr=198.51.100.8",
            "-> UDP 198.51.100.8:5060 free",
        ),
    ] {
        assert_eq!(usual_walk(uri), [expected, "Exhausted"], "{uri}");
    }
}

#[test]
fn what_a_numeric_target_is_without_a_resolution_is_what_a_resolution_finds() {
    let listeners = [
        (Transport::Udp, "192.0.2.10"),
        (Transport::Tcp, "192.0.2.10"),
        (Transport::Tls, "192.0.2.10"),
        (Transport::Udp, "2001:db8::10"),
        (Transport::Tcp, "2001:db8::10"),
    ];
    let uris = [
        "sip:a@198.51.100.7",
        "sip:a@198.51.100.7:5070",
        "sip:a@198.51.100.7:0",
        "sip:a@198.51.100.7;transport=tcp",
        "sip:a@198.51.100.7;transport=tls",
        "sip:a@198.51.100.7;transport=ws",
        "sips:a@198.51.100.7",
        "sips:a@[2001:db8::7]",
        "sip:a@[2001:db8::7]:5062",
        "sip:a@[2001:db8::7];transport=tcp",
        "sip:a@[::ffff:198.51.100.7]",
        "sip:a@0.0.0.0",
        "sip:a@[::]",
        "sip:a@example.com;maddr=198.51.100.8",
    ];
    // Every set of listeners.
    for set in 0..1_u32 << listeners.len() {
        let mut local = LocalTransports::new();
        for (number, (transport, address)) in listeners.into_iter().enumerate() {
            if set >> number & 1 == 1 {
                local.insert(transport, address.parse().expect("an address"));
            }
        }
        for uri in uris {
            let parsed = Uri::parse(uri.as_bytes()).expect("a URI");
            let Ok(hop) = NextHop::from_uri(&parsed, false) else {
                continue;
            };
            let at_once = hop.numeric_target(local);
            let cache = DnsCache::new(&ResolveSettings::default(), 1);
            let mut resolution = Resolution::new(hop, &ResolveSettings::default(), local, 1);
            let found = match resolution.step(&cache, Time::ZERO) {
                Step::Target(target) => Some(target),
                Step::Ask(question) => panic!("{uri}: asks {question:?}"),
                Step::Failed(_) => None,
            };
            assert_eq!(at_once, found, "{uri} with {local:?}");
        }
    }
}

#[test]
fn an_explicit_port_goes_straight_to_addresses() {
    assert_eq!(
        usual_walk("sip:a@plain.example:5070"),
        [
            "plain.example A",
            "-> UDP 198.51.100.1:5070 free",
            "-> UDP 198.51.100.2:5070 free",
            "Exhausted"
        ]
    );
}

#[test]
fn an_explicit_transport_asks_for_its_services() {
    assert_eq!(
        usual_walk("sip:a@srv.example;transport=tcp"),
        [
            "_sip._tcp.srv.example SRV",
            "s2.example.com A",
            "-> TCP 192.0.2.2:5064",
            "Exhausted"
        ]
    );
}

#[test]
fn naptr_chooses_the_transport_and_failures_move_on() {
    assert_eq!(
        usual_walk("sip:a@Example.COM"),
        [
            "example.com NAPTR",
            "_sip._tcp.example.com SRV",
            "s1.example.com A",
            "-> TCP 192.0.2.1:5060 free",
            "_sip._udp.example.com SRV",
            "-> UDP 192.0.2.1:5060 free",
            "s2.example.com A",
            "-> UDP 192.0.2.2:5070 free",
            "Exhausted"
        ]
    );
}

#[test]
fn without_naptr_the_services_of_each_transport_are_asked_for() {
    assert_eq!(
        usual_walk("sip:a@srv.example"),
        [
            "srv.example NAPTR",
            "_sip._udp.srv.example SRV",
            "s2.example.com A",
            "-> UDP 192.0.2.2:5062 free",
            "_sip._tcp.srv.example SRV",
            "-> TCP 192.0.2.2:5064 free",
            "Exhausted"
        ]
    );
}

#[test]
fn without_services_the_host_itself_is_asked_for() {
    let steps = usual_walk("sip:a@plain.example");
    assert_eq!(
        steps[..5],
        [
            "plain.example NAPTR",
            "_sip._udp.plain.example SRV",
            "_sip._tcp.plain.example SRV",
            "plain.example A",
            "-> UDP 198.51.100.1:5060 free"
        ]
    );
}

#[test]
fn a_service_that_is_decidedly_absent_is_not_replaced_by_the_host() {
    let settings = ResolveSettings::default();
    let steps = walk(
        "sip:a@closed.example",
        local(&[(Transport::Udp, V4)]),
        &settings,
    );
    assert_eq!(
        steps,
        [
            "closed.example NAPTR",
            "_sip._udp.closed.example SRV",
            "NoSuchName"
        ]
    );
}

#[test]
fn sips_is_never_downgraded() {
    let settings = ResolveSettings::default();
    let steps = usual_walk("sips:a@example.com");
    assert!(
        !steps.iter().any(|step| step.starts_with("->")),
        "{steps:?}"
    );
    let tls = local(&[
        (Transport::Udp, V4),
        (Transport::Tcp, V4),
        (Transport::Tls, V4),
    ]);
    let steps = walk("sips:a@example.com", tls, &settings);
    assert_eq!(
        steps,
        [
            "example.com NAPTR",
            "_sips._tcp.example.com SRV",
            "s1.example.com A",
            "-> TLS 192.0.2.1:5061 as example.com free",
            "Exhausted"
        ]
    );
    assert_eq!(
        walk("sips:a@198.51.100.7;transport=tcp", tls, &settings),
        ["-> TLS 198.51.100.7:5061", "Exhausted"]
    );
    assert_eq!(
        hop("sips:a@h;transport=udp").err(),
        Some(NextHopError::Insecure)
    );
    assert_eq!(usual_walk("sips:a@198.51.100.7"), ["NoTransport"]);
}

#[test]
fn a_sips_request_uri_makes_every_next_hop_secure() {
    let uri = Uri::parse(b"sip:gw.example.com;lr").expect("valid");
    let hop = NextHop::from_uri(&uri, true).expect("a next hop");
    assert!(hop.secure);
}

#[test]
fn tls_services_of_a_sip_uri_are_used_where_tls_is_at_hand() {
    let settings = ResolveSettings::default();
    let tls = local(&[(Transport::Udp, V4), (Transport::Tls, V4)]);
    let steps = walk("sip:a@tlsonly.example", tls, &settings);
    assert_eq!(steps[3], "-> TLS 198.51.100.1:5061 as tlsonly.example free");
    let steps = usual_walk("sip:a@tlsonly.example");
    assert!(
        steps.contains(&"-> UDP 198.51.100.4:5060 free".to_owned()),
        "{steps:?}"
    );
}

#[test]
fn only_address_families_with_a_listener_are_asked_for() {
    let settings = ResolveSettings::default();
    let both = local(&[(Transport::Udp, V4), (Transport::Udp, V6)]);
    let preferring = ResolveSettings {
        prefer_ipv6: true,
        ..ResolveSettings::default()
    };
    let uri = "sip:a@plain.example:5060;transport=udp";
    assert_eq!(
        walk(uri, local(&[(Transport::Udp, V6)]), &settings),
        [
            "plain.example AAAA",
            "-> UDP [2001:db8::99]:5060",
            "Exhausted"
        ]
    );
    assert_eq!(
        walk(uri, both, &settings)[..2],
        ["plain.example A", "-> UDP 198.51.100.1:5060"]
    );
    assert_eq!(walk(uri, both, &preferring)[0], "plain.example AAAA");
    assert_eq!(
        walk("sip:a@[2001:db8::7]", usual(), &settings),
        ["NoTransport"]
    );
}

#[test]
fn tcp_alone_serves_sip_uris_too() {
    let tcp = local(&[(Transport::Tcp, V4)]);
    assert_eq!(
        walk("sip:a@198.51.100.7", tcp, &ResolveSettings::default()),
        ["-> TCP 198.51.100.7:5060 free", "Exhausted"]
    );
    assert_eq!(
        walk(
            "sip:a@198.51.100.7;transport=udp",
            tcp,
            &ResolveSettings::default()
        ),
        ["NoTransport"]
    );
}

#[test]
fn silence_of_the_dns_is_told_from_absence() {
    assert_eq!(
        usual_walk("sip:a@dead.example").last().map(String::as_str),
        Some("DnsFailed")
    );
    assert_eq!(
        usual_walk("sip:a@nowhere.example")
            .last()
            .map(String::as_str),
        Some("NoSuchName")
    );
}

#[test]
fn what_the_cache_knows_is_not_asked_again() {
    let settings = ResolveSettings::default();
    let cache = DnsCache::new(&settings, 1);
    let uri = "sip:a@srv.example";
    walk_with(uri, usual(), &settings, &cache);
    let again = walk_with(uri, usual(), &settings, &cache);
    assert_eq!(
        again,
        [
            "-> UDP 192.0.2.2:5062 free",
            "-> TCP 192.0.2.2:5064 free",
            "Exhausted"
        ]
    );
    assert!(cache.counters().cache_hits >= 4);
    assert_eq!(cache.counters().failovers, 4);
}

#[test]
fn limits_of_questions_and_targets_hold() {
    let few = ResolveSettings {
        questions_max: 2,
        ..ResolveSettings::default()
    };
    assert_eq!(
        walk("sip:a@plain.example", usual(), &few),
        [
            "plain.example NAPTR",
            "_sip._udp.plain.example SRV",
            "Limited"
        ]
    );
    let one = ResolveSettings {
        targets_max: 1,
        ..ResolveSettings::default()
    };
    assert_eq!(
        walk("sip:a@plain.example:5060", usual(), &one)[1..],
        ["-> UDP 198.51.100.1:5060 free", "Limited"]
    );
}

#[test]
fn uris_without_a_host_for_the_dns_give_no_next_hop() {
    assert_eq!(hop("tel:+1555").err(), Some(NextHopError::Scheme));
    assert_eq!(
        hop("sip:a@h;transport=sctp").err(),
        Some(NextHopError::Transport)
    );
    let long = format!("sip:a@{}.example", "x".repeat(64));
    assert_eq!(hop(&long).err(), Some(NextHopError::Host));
}

#[test]
fn unspecified_addresses_are_no_targets() {
    assert_eq!(usual_walk("sip:a@0.0.0.0"), ["NoTransport"]);
}

fn record() -> impl Strategy<Value = Record> {
    let name = prop::sample::select(vec!["a.example", "b.example", "c.example", "."]);
    prop_oneof![
        any::<u32>().prop_map(|address| Record::A(address.into())),
        any::<u128>().prop_map(|address| Record::Aaaa(address.into())),
        (0..3u16, 0..3u16, any::<u16>(), name.clone()).prop_map(
            |(priority, weight, port, target)| {
                Record::Srv {
                    priority,
                    weight,
                    port,
                    target: target.into(),
                }
            }
        ),
        (
            0..3u16,
            prop::sample::select(vec!["SIP+D2U", "SIPS+D2T", "SIP+D2X"]),
            name
        )
            .prop_map(|(order, services, replacement)| Record::Naptr {
                order,
                preference: 1,
                flags: "s".into(),
                services: services.into(),
                regexp: "".into(),
                replacement: replacement.into(),
            }),
    ]
}

proptest! {
    #[test]
    fn any_answers_end_within_the_limits(
        answers in prop::collection::vec(prop::option::of(prop::collection::vec(record(), 0..6)), 1..30),
        secure in any::<bool>(),
    ) {
        let settings = ResolveSettings::default();
        let cache = DnsCache::new(&settings, 1);
        let local = local(&[(Transport::Udp, V4), (Transport::Tls, V4), (Transport::Tls, V6)]);
        let uri = if secure { "sips:x@a.example" } else { "sip:x@a.example" };
        let mut resolution = Resolution::new(hop(uri).expect("a next hop"), &settings, local, 3);
        let mut answers = answers.into_iter().cycle();
        let (mut questions, mut targets) = (0, 0);
        let mut step = resolution.step(&cache, Time::ZERO);
        loop {
            step = match step {
                Step::Ask(_) => {
                    questions += 1;
                    let answer = match answers.next().flatten() {
                        Some(records) => Answer::Records { records, ttl_seconds: 60 },
                        None => Answer::Failed,
                    };
                    resolution.answer(answer, &cache, Time::ZERO);
                    resolution.step(&cache, Time::ZERO)
                }
                Step::Target(target) => {
                    targets += 1;
                    prop_assert!(!secure || target.transport == Transport::Tls);
                    prop_assert!(target.transport != Transport::Udp || matches!(target.address.ip(), IpAddr::V4(_)));
                    resolution.next_target(&cache, Time::ZERO)
                }
                Step::Failed(_) => break,
            };
        }
        prop_assert!(questions <= settings.questions_max && targets <= settings.targets_max);
    }
}
