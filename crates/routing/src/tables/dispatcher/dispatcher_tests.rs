//! Selection, probing and reloading. Orders, shares and states are those measured with Kamailio 5.6.3.

use super::*;

const NOW: Time = Time::from_secs(1_000);

const LIST: &str = "\
1 sip:127.0.0.1:7001 0 0 weight=50
1 sip:127.0.0.1:7002 0 0 weight=30
1 sip:127.0.0.1:7003 0 0 weight=10
1 sip:127.0.0.1:7004 0 0 weight=5
2 sip:127.0.0.1:7011 0 1
2 sip:127.0.0.1:7012 0 9
2 sip:127.0.0.1:7013 0 5
2 sip:127.0.0.1:7014 0 9
3 sip:127.0.0.9
4 sip:127.0.0.1:7041 0 0 rweight=1
4 sip:127.0.0.1:7042 0 0 rweight=2
4 sip:127.0.0.1:7043 0 0 rweight=1
5 sip:127.0.0.1:7051 1
5 sip:127.0.0.1:7052 2
5 sip:127.0.0.1:7053 4
5 sip:127.0.0.1:7054 8
6 sip:127.0.0.1:7061 0 0 duid=a;maxload=1
6 sip:127.0.0.1:7062 0 0 duid=b;maxload=2
";

fn dispatcher(settings: DispatcherSettings) -> Dispatcher {
    let dispatcher = Dispatcher::new(settings, 1);
    let entries = parse_list(LIST).expect("a list");
    dispatcher.reload(entries).expect("room");
    dispatcher
}

/// The last digits of the ports, in order.
fn ports(selected: Result<Vec<Arc<Destination>>, NoDestination>) -> String {
    match selected {
        Ok(all) => all
            .iter()
            .filter_map(|one| one.uri().chars().last())
            .collect(),
        Err(error) => error.to_string(),
    }
}

fn select(dispatcher: &Dispatcher, set: i64, algorithm: i64) -> String {
    let keys = SelectionKeys::default();
    let algorithm = Algorithm::from_number(algorithm);
    ports(dispatcher.select(set, algorithm, &keys, NOW))
}

fn status(letters: &str) -> DestinationStatus {
    DestinationStatus::parse(letters).expect("a status")
}

#[test]
fn turns_go_round_and_failover_follows() {
    let dispatcher = dispatcher(DispatcherSettings::default());
    let turns: Vec<_> = (0..6).map(|_| select(&dispatcher, 1, 4)).collect();
    assert_eq!(turns, ["4321", "3214", "2143", "1432", "4321", "3214"]);
    let turns: Vec<_> = (0..3).map(|_| select(&dispatcher, 5, 4)).collect();
    assert_eq!(
        turns,
        ["42", "24", "42"],
        "inactive and disabled are passed over"
    );
}

#[test]
fn priority_orders_a_set() {
    let dispatcher = dispatcher(DispatcherSettings::default());
    assert_eq!(select(&dispatcher, 2, 8), "4231");
    assert_eq!(select(&dispatcher, 2, 12), "4231");
    assert_eq!(
        select(&dispatcher, 2, 99),
        "4231",
        "an unknown algorithm is the first"
    );
}

#[test]
fn weights_are_hundredths_and_the_rest_goes_to_the_last() {
    let dispatcher = dispatcher(DispatcherSettings::default());
    let mut counts = BTreeMap::new();
    for _ in 0..200 {
        let first = select(&dispatcher, 1, 9).chars().next();
        *counts.entry(first).or_insert(0) += 1;
    }
    let expected = [('1', 110), ('2', 60), ('3', 20), ('4', 10)];
    assert_eq!(
        counts,
        expected.map(|(port, count)| (Some(port), count)).into()
    );
}

#[test]
fn relative_weights_are_of_those_in_use() {
    let dispatcher = dispatcher(DispatcherSettings::default());
    let shares = || {
        let mut counts = BTreeMap::new();
        for _ in 0..12 {
            let first = select(&dispatcher, 4, 11).chars().next();
            *counts.entry(first).or_insert(0) += 1;
        }
        counts.into_values().collect::<Vec<_>>()
    };
    assert_eq!(shares(), [3, 6, 3]);
    let uri = "sip:127.0.0.1:7043";
    dispatcher.mark(4, uri, status("i")).expect("it is there");
    assert_eq!(shares(), [4, 8]);
}

#[test]
fn a_key_keeps_its_destination() {
    let dispatcher = dispatcher(DispatcherSettings::default());
    let by = |algorithm, keys: &SelectionKeys<'_>| {
        ports(dispatcher.select(1, Algorithm::from_number(algorithm), keys, NOW))
    };
    let mut seen = BTreeMap::new();
    for number in 0..400 {
        let text = format!("{number}@host");
        let keys = SelectionKeys {
            call_id: text.as_bytes(),
            text: text.as_bytes(),
            auth_user: Some(text.as_bytes()),
            ..SelectionKeys::default()
        };
        let chosen = by(0, &keys);
        assert_eq!(chosen, by(0, &keys));
        assert_eq!(chosen, by(7, &keys));
        assert_eq!(chosen, by(5, &keys));
        *seen.entry(chosen).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 4);
    assert!(
        seen.values().all(|count| (60..140).contains(count)),
        "{seen:?}"
    );
    let random = |random| {
        by(
            6,
            &SelectionKeys {
                random,
                ..SelectionKeys::default()
            },
        )
    };
    assert_eq!([random(0), random(5)], ["4321", "3214"]);
    assert_eq!(
        [
            by(5, &SelectionKeys::default()),
            by(5, &SelectionKeys::default())
        ],
        ["4321", "3214"]
    );
}

#[test]
fn the_last_one_can_be_kept_for_the_end() {
    let dispatcher = dispatcher(DispatcherSettings {
        use_default: true,
        ..DispatcherSettings::default()
    });
    let turns: Vec<_> = (0..4).map(|_| select(&dispatcher, 1, 4)).collect();
    assert_eq!(turns, ["4321", "3241", "2431", "4321"]);
    for port in [7002, 7003, 7004] {
        let uri = format!("sip:127.0.0.1:{port}");
        dispatcher.mark(1, &uri, status("i")).expect("it is there");
    }
    assert_eq!(select(&dispatcher, 1, 4), "1");
}

#[test]
fn a_limit_bounds_the_list() {
    let dispatcher = dispatcher(DispatcherSettings::default());
    let keys = SelectionKeys {
        limit: 2,
        ..SelectionKeys::default()
    };
    assert_eq!(
        ports(dispatcher.select(1, Algorithm::Priority, &keys, NOW)),
        "43"
    );
}

#[test]
fn without_destination_the_reason_is_told() {
    let dispatcher = dispatcher(DispatcherSettings::default());
    assert_eq!(
        select(&dispatcher, 77, 4),
        "there is no such set of destinations"
    );
    dispatcher
        .set_state(3, None, status("d"))
        .expect("it is there");
    assert_eq!(
        select(&dispatcher, 3, 4),
        "no destination of the set is in use"
    );
    assert_eq!(
        dispatcher.mark(3, "sip:other", status("a")),
        Err(UnknownDestination)
    );
}

#[test]
fn calls_go_where_the_fewest_are() {
    let dispatcher = dispatcher(DispatcherSettings {
        call_initial_expire_seconds: 60,
        ..DispatcherSettings::default()
    });
    let call = |call_id: &str| {
        let keys = SelectionKeys {
            call_id: call_id.as_bytes(),
            begins_call: true,
            ..SelectionKeys::default()
        };
        ports(dispatcher.select(6, Algorithm::CallLoad, &keys, NOW))
    };
    assert_eq!(call("a"), "21");
    assert_eq!(call("b"), "12");
    assert_eq!(call("c"), "2", "the other one has its one call");
    assert_eq!(call("d"), "no destination of the set is in use");
    assert!(dispatcher.call_ended(b"b"));
    assert!(!dispatcher.call_ended(b"b"));
    assert_eq!(call("d"), "1");
    assert!(dispatcher.call_answered(b"a", NOW));
    assert_eq!(dispatcher.sweep(Time::from_secs(1_060), usize::MAX), 2);
    let two = dispatcher
        .get(6, "sip:127.0.0.1:7062")
        .expect("it is there");
    let one = dispatcher
        .get(6, "sip:127.0.0.1:7061")
        .expect("it is there");
    assert_eq!((one.calls(), two.calls()), (0, 1));
    assert!(dispatcher.call_moved(b"a", &one));
    assert_eq!((one.calls(), two.calls()), (1, 0));
    assert_eq!(dispatcher.sweep(Time::from_secs(8_200), usize::MAX), 1);
    assert_eq!((one.calls(), two.calls()), (0, 0));
}

/// What a list shows of set 2 after each round of probes: 7014 answers, the others do not.
fn rounds(mode: ProbeMode) -> Vec<String> {
    let dispatcher = dispatcher(DispatcherSettings {
        probe_interval_seconds: 1,
        probe_mode: mode,
        probing_threshold: 2,
        inactive_threshold: 2,
        ..DispatcherSettings::default()
    });
    for (uri, letters) in [("7014", "ip"), ("7012", "ip"), ("7013", "ap")] {
        let uri = format!("sip:127.0.0.1:{uri}");
        dispatcher
            .set_state(2, Some(&uri), status(letters))
            .expect("it is there");
    }
    let mut shown = Vec::new();
    for round in 0..4 {
        for destination in dispatcher.due_probes(Time::from_secs(1_000 + round), usize::MAX) {
            let result = if destination.uri().ends_with("7014") {
                ProbeResult::Reply(200)
            } else {
                ProbeResult::Timeout
            };
            dispatcher.probe_result(&destination, result);
        }
        let set = dispatcher.list().into_iter().find(|(id, _)| *id == 2);
        let letters: Vec<_> = set
            .iter()
            .flat_map(|(_, set)| set)
            .map(|one| one.status().letters())
            .collect();
        shown.push(letters.join(" "));
    }
    shown
}

#[test]
fn probes_change_states_as_the_mode_says() {
    // 7014, 7012, 7013, 7011
    assert_eq!(
        rounds(ProbeMode::Flagged),
        ["IP IX TX AX", "AX IX TX AX", "AX IX TX AX", "AX IX TX AX"]
    );
    assert_eq!(
        rounds(ProbeMode::All),
        ["IP IP TP TP", "AP IP IP IP", "AP IP IP IP", "AP IP IP IP"]
    );
    assert_eq!(
        rounds(ProbeMode::Inactive),
        ["IP IP AP AX", "AX IP AP AX", "AX IP AP AX", "AX IP AP AX"]
    );
    assert_eq!(
        rounds(ProbeMode::FlaggedAlways),
        ["IP IP TP AX", "AP IP IP AX", "AP IP IP AX", "AP IP IP AX"]
    );
}

#[test]
fn probes_are_due_once_per_interval() {
    let dispatcher = dispatcher(DispatcherSettings {
        probe_interval_seconds: 30,
        probe_mode: ProbeMode::All,
        ..DispatcherSettings::default()
    });
    assert_eq!(dispatcher.next_probe_at(), Some(Time::ZERO));
    assert_eq!(dispatcher.due_probes(NOW, 10).len(), 10);
    assert_eq!(
        dispatcher.due_probes(NOW, 10).len(),
        7,
        "one of 18 is disabled"
    );
    assert_eq!(dispatcher.due_probes(Time::from_secs(1_029), 10).len(), 0);
    assert_eq!(dispatcher.next_probe_at(), Some(Time::from_secs(1_030)));
    assert!(dispatcher.set_probing(false));
    assert_eq!(dispatcher.due_probes(Time::from_secs(1_030), 10).len(), 0);
    assert_eq!(dispatcher.next_probe_at(), None);
    assert!(!dispatcher.set_probing(true));
    assert_eq!(dispatcher.due_probes(Time::from_secs(1_030), 99).len(), 17);
}

#[test]
fn a_reload_keeps_the_states_of_what_stays() {
    let dispatcher = dispatcher(DispatcherSettings::default());
    for port in ["7001", "7002"] {
        let uri = format!("sip:127.0.0.1:{port}");
        dispatcher.mark(1, &uri, status("i")).expect("it is there");
    }
    assert_eq!(select(&dispatcher, 1, 4), "43");
    let list =
        "1 sip:127.0.0.1:7001 0 5\n1 sip:127.0.0.1:7002 8\n1 sip:127.0.0.1:7003\n7 sip:new\n";
    let entries = parse_list(list).expect("a list");
    dispatcher.reload(entries).expect("room");
    let listed: Vec<_> = dispatcher
        .list()
        .iter()
        .flat_map(|(id, set)| {
            set.iter()
                .map(move |one| format!("{id} {} {}", one.uri(), one.status().letters()))
        })
        .collect();
    assert_eq!(
        listed,
        [
            "1 sip:127.0.0.1:7001 IX",
            "1 sip:127.0.0.1:7003 AX",
            "1 sip:127.0.0.1:7002 AP",
            "7 sip:new AX"
        ],
        "7002 has other flags now"
    );
    assert!(dispatcher.has_set(7));
    assert!(!dispatcher.has_set(2));
}

#[test]
fn a_source_is_found_in_the_lists() {
    let dispatcher = dispatcher(DispatcherSettings::default());
    let from = |address: &str, port, set| {
        let address = address.parse().expect("an address");
        dispatcher
            .is_from_list(address, port, None, set)
            .map(|one| (one.entry().set, one.uri().to_owned()))
    };
    let nine = Some((3, "sip:127.0.0.9".to_owned()));
    assert_eq!(from("127.0.0.9", Some(5060), None), nine);
    assert_eq!(from("127.0.0.9", Some(6000), Some(3)), nine);
    assert_eq!(from("127.0.0.9", Some(6000), Some(1)), None);
    assert_eq!(from("127.0.0.1", Some(6000), None), None);
    assert_eq!(
        from("127.0.0.1", None, Some(2)),
        Some((2, "sip:127.0.0.1:7014".to_owned()))
    );
}

#[test]
fn host_names_are_listed_and_resolved() {
    let dispatcher = Dispatcher::new(DispatcherSettings::default(), 1);
    let entries = parse_list("1 sip:gw.example.org\n2 sip:GW.example.org\n2 sip:192.0.2.1\n")
        .expect("a list");
    dispatcher.reload(entries.clone()).expect("room");
    assert_eq!(dispatcher.host_names(), ["gw.example.org"]);
    let address: IpAddr = "192.0.2.7".parse().expect("an address");
    assert!(dispatcher.is_from_list(address, None, None, None).is_none());
    dispatcher.note_addresses("gw.example.org", &[address]);
    dispatcher.reload(entries).expect("room");
    assert!(
        dispatcher
            .is_from_list(address, None, None, Some(2))
            .is_some()
    );
}

#[test]
fn counters_show_what_happened() {
    let dispatcher = dispatcher(DispatcherSettings::default());
    select(&dispatcher, 1, 4);
    select(&dispatcher, 77, 4);
    let uri = "sip:127.0.0.1:7001";
    assert_eq!(
        dispatcher.mark(1, uri, status("t")),
        Ok(Some(DestinationChange::Down))
    );
    assert_eq!(
        dispatcher.mark(1, uri, status("a")),
        Ok(Some(DestinationChange::Up))
    );
    let mut seen = BTreeMap::new();
    dispatcher.visit(&mut |name, _, value| {
        seen.insert(name, value);
    });
    let counters = [
        ("dispatcher_destinations", 18),
        ("dispatcher_destinations_usable", 16),
        ("dispatcher_selected_total", 1),
        ("dispatcher_not_selected_total", 1),
        ("dispatcher_went_down_total", 1),
        ("dispatcher_came_up_total", 1),
    ];
    for (name, value) in counters {
        assert_eq!(seen.get(name), Some(&value), "{name}");
    }
}
