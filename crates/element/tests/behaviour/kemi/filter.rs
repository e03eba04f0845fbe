//! The filter for the ACKs to stateless replies: by the signature in the To tag alone, whenever and wherever they come.

use core::time::Duration;

use super::host::{invite, scripted, scripted_with, statistics};
use crate::draft::Draft;
use crate::world::{World, settings};

const REFUSE: &str = r#"
    function ksr_request_route()
        if KSR.is_ACK() then
            KSR.info("ACK\n")
            return 1
        end
        KSR.sl.sl_send_reply(404, "Not found")
    end
    function filtered(event)
        KSR.info(event .. " " .. KSR.pv.get("$rm") .. "\n")
    end
    function replied(event)
        KSR.info(event .. " " .. KSR.pv.get("$rm") .. "\n")
    end
"#;

/// The ACK to a stateless 404, changed, and where it comes after how long: what the script hears of.
fn heard(wait: Duration, restart: bool, change: impl Fn(String) -> String) -> (String, String) {
    let (settings, log) = scripted(REFUSE);
    let mut world = World::new(settings.clone());
    let invite = invite("nobody", "k1");
    let sent = world.send(&invite);
    let ack: Draft = invite.ack(&sent[0]);
    world.pass(wait);
    if restart {
        // Another process, or another worker: the same secret, and no memory of the INVITE.
        world = World::new(settings);
    }
    let text = change(ack.text());
    let sent = world.receive(ack.flow, &text);
    assert!(sent.is_empty());
    let heard = log.0.lock().expect("lines").concat();
    (heard, statistics(&world))
}

#[test]
fn an_ack_is_absorbed_at_once_later_after_a_restart_and_elsewhere() {
    let absorbed = "404_replies=1 sent_replies=1 received_ACKs=1";
    let same = |text: String| text;
    for (wait, restart, counted) in [
        (Duration::ZERO, false, absorbed),
        (Duration::from_secs(30), false, absorbed),
        (Duration::from_secs(30), true, "received_ACKs=1"),
    ] {
        let (heard, counters) = heard(wait, restart, same);
        assert_eq!((heard.as_str(), counters.as_str()), ("", counted));
    }
}

#[test]
fn another_branch_call_id_or_tag_is_not_absorbed() {
    type Change = fn(String) -> String;
    let changes: [(&str, Change); 3] = [
        ("branch", |text| {
            text.replace("branch=z9hG4bKk1", "branch=z9hG4bKk2")
        }),
        ("Call-ID", |text| text.replace("Call-ID: ", "Call-ID: x")),
        ("tag", |text| {
            let at = text.rfind(";tag=").expect("To has a tag") + 5;
            let digit = if &text[at..=at] == "0" { "1" } else { "0" };
            format!("{}{digit}{}", &text[..at], &text[at + 1..])
        }),
    ];
    for (what, change) in changes {
        let (heard, counters) = heard(Duration::ZERO, false, change);
        assert_eq!(heard, "Info: ACK\n", "{what}");
        assert_eq!(counters, "404_replies=1 sent_replies=1", "{what}");
    }
}

#[test]
fn events_tell_of_filtered_acks_and_local_responses() {
    let (settings, log) = scripted_with(REFUSE, settings(), |door| {
        let text = |name: &str| strowger_kamailio::cfg::Value::Text(name.into());
        door.set_parameter("sl", "event_callback_fl_ack", text("filtered"));
        door.set_parameter("sl", "event_callback_lres_sent", text("replied"));
    });
    let mut world = World::new(settings);
    let invite = invite("nobody", "k3");
    let sent = world.send(&invite);
    world.send(&invite.ack(&sent[0]));
    let heard = log.0.lock().expect("lines").concat();
    assert_eq!(
        heard,
        "Info: sl:local-response INVITE\nInfo: sl:filtered-ack ACK\n"
    );
}
