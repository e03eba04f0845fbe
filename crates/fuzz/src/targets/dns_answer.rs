//! `dns_answer`: what the DNS answers on the way from a URI to targets (RFC 3263 §4, RFC 2782, RFC 3403).
//!
//! The first line is the URI, the second how (`6` IPv6 first, `n` no NAPTR, `s` secure, `u` UDP alone), each further line
//! the answer to one question: `!` none, `-` no such name, else records between `|`:
//! `A 192.0.2.1`, `AAAA 2001:db8::1`, `SRV 0 5 5060 host`, `NAPTR 50 50 s SIP+D2U - _sip._udp.h`.
//!
//! * A resolution ends, within its limits of questions and targets, and asks nothing twice while it waits.
//! * No target is given twice, none is without port or address; of sips all are secure.
//! * With the answers in the cache the same resolution gives the same targets.

use strowger_resolve::{
    Answer, DnsCache, LocalTransports, NextHop, Question, QuestionKind, Record, Resolution,
    ResolveSettings, Step, Target,
};
use strowger_sip::{Time, Transport, Uri};

use crate::Verdict;

/// The target.
pub fn run(input: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.lines();
    let uri = lines.next().unwrap_or_default();
    let how = lines.next().unwrap_or_default();
    let Ok(uri) = Uri::parse(uri.as_bytes()) else {
        return Verdict::Refused;
    };
    let Ok(hop) = NextHop::from_uri(&uri, how.contains('s')) else {
        return Verdict::Refused;
    };
    let settings = ResolveSettings {
        naptr: !how.contains('n'),
        prefer_ipv6: how.contains('6'),
        cache_entries_max: 512,
        ..ResolveSettings::default()
    };
    let answers: Vec<Answer> = lines.map(answer).collect();
    let cache = DnsCache::new(&settings, 3);
    let local = local(how);
    let mut asked = Vec::new();
    let targets = resolve(&hop, &settings, local, &cache, &mut |question| {
        let answer = answers.get(asked.len()).cloned();
        asked.push(question.clone());
        answer.unwrap_or(Answer::NoSuchName { ttl_seconds: 60 })
    });
    // What failed is not kept, so that another answer may come the second time.
    if !answers.contains(&Answer::Failed) {
        let again = resolve(&hop, &settings, local, &cache, &mut |question| {
            assert!(!asked.contains(question), "the cache forgot {question:?}");
            Answer::NoSuchName { ttl_seconds: 60 }
        });
        assert_eq!(again, targets);
    }
    match (asked.len(), targets.len()) {
        (0, 0) => Verdict::Refused,
        (0 | 1, _) | (_, 0) => Verdict::Read,
        _ => Verdict::Deep,
    }
}

fn local(how: &str) -> LocalTransports {
    let all: &[Transport] = if how.contains('u') {
        &[Transport::Udp]
    } else {
        &[
            Transport::Udp,
            Transport::Tcp,
            Transport::Tls,
            Transport::Wss,
        ]
    };
    let mut local = LocalTransports::new();
    for transport in all {
        local.insert(*transport, [192, 0, 2, 1].into());
        local.insert(*transport, [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into());
    }
    local
}

/// All targets, each as if the one before had failed.
fn resolve(
    hop: &NextHop,
    settings: &ResolveSettings,
    local: LocalTransports,
    cache: &DnsCache,
    dns: &mut dyn FnMut(&Question) -> Answer,
) -> Vec<Target> {
    let now = Time::from_secs(10);
    let mut resolution = Resolution::new(hop.clone(), settings, local, 11);
    let (mut targets, mut questions) = (Vec::new(), 0);
    let mut step = resolution.step(cache, now);
    for _ in 0..settings.questions_max + settings.targets_max + 2 {
        if !matches!(step, Step::Failed(_)) {
            assert_eq!(resolution.step(cache, now), step, "it does not wait");
        }
        step = match step {
            Step::Ask(question) => {
                questions += 1;
                assert!(questions <= settings.questions_max);
                assert!(resolution.is_waiting());
                resolution.answer(dns(&question), cache, now);
                assert!(!resolution.is_waiting());
                resolution.step(cache, now)
            }
            Step::Target(target) => {
                is_usable(&target, hop, local);
                assert!(!targets.contains(&target), "a target is given twice");
                targets.push(target);
                assert!(targets.len() <= settings.targets_max);
                resolution.next_target(cache, now)
            }
            Step::Failed(why) => {
                assert!(!why.to_string().is_empty());
                return targets;
            }
        };
    }
    panic!("the resolution does not end");
}

fn is_usable(target: &Target, hop: &NextHop, local: LocalTransports) {
    assert_ne!(target.address.port(), 0);
    assert!(!target.address.ip().is_unspecified());
    assert!(local.reaches(target.transport, target.address.ip()));
    assert!(
        !hop.secure || target.transport.is_secure(),
        "sips over {:?}",
        target.transport
    );
    assert!(
        hop.transport
            .is_none_or(|transport| transport == target.transport)
    );
    assert!(hop.port.is_none_or(|port| port == target.address.port()));
    assert!(target.transport.is_secure() || target.tls_name.is_none());
}

/// An answer as a line says it; words that make no record are passed over.
pub(crate) fn answer(line: &str) -> Answer {
    match line.trim() {
        "!" => Answer::Failed,
        "-" => Answer::NoSuchName { ttl_seconds: 30 },
        text => {
            let records: Vec<Record> = text.split('|').filter_map(record).collect();
            Answer::Records {
                ttl_seconds: records.len() as u32 * 100,
                records,
            }
        }
    }
}

fn record(text: &str) -> Option<Record> {
    let mut words = text.split_whitespace();
    let kind = match words.next()? {
        "A" => QuestionKind::A,
        "AAAA" => QuestionKind::Aaaa,
        "SRV" => QuestionKind::Srv,
        "NAPTR" => QuestionKind::Naptr,
        _ => return None,
    };
    let mut word = || words.next().map(|word| if word == "-" { "" } else { word });
    Some(match kind {
        QuestionKind::A => Record::A(word()?.parse().ok()?),
        QuestionKind::Aaaa => Record::Aaaa(word()?.parse().ok()?),
        QuestionKind::Srv => Record::Srv {
            priority: word()?.parse().ok()?,
            weight: word()?.parse().ok()?,
            port: word()?.parse().ok()?,
            target: word()?.into(),
        },
        QuestionKind::Naptr => Record::Naptr {
            order: word()?.parse().ok()?,
            preference: word()?.parse().ok()?,
            flags: word()?.into(),
            services: word()?.into(),
            regexp: word()?.into(),
            replacement: word()?.into(),
        },
    })
}
