//! The state table of every machine, made by driving the machine itself: state × event → state, actions, timer.
//! The committed snapshots are what a reviewer compares with RFC 3261 Figures 5 to 8 and RFC 6026 §7.

use core::fmt::Write as _;
use core::time::Duration;

use strowger_sip::Time;
use strowger_transaction::TimerSettings;
use strowger_transaction::invite_client::InviteClient;
use strowger_transaction::invite_server::InviteServer;
use strowger_transaction::machine::{Alarm, Context, ResponseClass, Step};
use strowger_transaction::non_invite_client::NonInviteClient;
use strowger_transaction::non_invite_server::NonInviteServer;

const START: Time = Time::from_secs(100);

/// Drives one machine: `enter` makes a fresh one in a state, `events` are applied to it.
struct Table<M> {
    states: Vec<(&'static str, Reach<M>)>,
    events: Vec<(&'static str, Duration, Event<M>)>,
    name: fn(&M) -> &'static str,
}

type Reach<M> = fn(Context<'_>) -> M;
type Event<M> = fn(M, Context<'_>) -> (M, Step);

impl<M> Table<M> {
    fn render(&self, start: fn(Context<'_>) -> (M, Step)) -> String {
        let timers = TimerSettings::default();
        let mut text = String::new();
        for reliable in [false, true] {
            let context = Context {
                now: START,
                reliable,
                timers: &timers,
            };
            writeln!(
                text,
                "{} transport",
                if reliable { "reliable" } else { "unreliable" }
            )
            .expect("String");
            let (machine, step) = start(context);
            self.row(&mut text, "(none)", "start", START, &machine, step);
            for (label, reach) in &self.states {
                for (event, later, apply) in &self.events {
                    let machine = reach(context);
                    // A state that a reliable transport never enters.
                    if (self.name)(&machine) != *label {
                        continue;
                    }
                    let now = START + *later;
                    let (machine, step) = apply(machine, Context { now, ..context });
                    self.row(&mut text, label, event, now, &machine, step);
                }
            }
            text.push('\n');
        }
        text
    }

    fn row(&self, text: &mut String, from: &str, event: &str, now: Time, to: &M, step: Step) {
        let alarm = match step.alarm {
            Alarm::Keep => "timer as it was".to_owned(),
            Alarm::Stop => "timer off".to_owned(),
            Alarm::At(deadline) => format!("timer in {:?}", deadline - now),
        };
        let to = (self.name)(to);
        writeln!(
            text,
            "  {from:<22} | {event:<22} | {to:<22} | {} | {alarm}",
            step.actions
        )
        .expect("String");
    }
}

const SOON: Duration = Duration::from_millis(500);
const LATE: Duration = Duration::from_secs(32);

#[test]
fn invite_client_table() {
    use ResponseClass::{Failure, Provisional, Success};
    let calling: Reach<InviteClient> = |context| InviteClient::start(context).0;
    let table = Table {
        states: vec![
            ("Calling", calling),
            ("Calling, cancel wanted", |context| {
                InviteClient::start(context).0.on_cancel(context).0
            }),
            ("Proceeding", |context| {
                InviteClient::start(context)
                    .0
                    .on_response(context, Provisional)
                    .0
            }),
            ("Cancelling", |context| {
                InviteClient::start(context)
                    .0
                    .on_response(context, Provisional)
                    .0
                    .on_cancel(context)
                    .0
            }),
            ("Completed", |context| {
                InviteClient::start(context)
                    .0
                    .on_response(context, Failure)
                    .0
            }),
            ("Accepted", |context| {
                InviteClient::start(context)
                    .0
                    .on_response(context, Success)
                    .0
            }),
            ("Terminated", |_| InviteClient::Terminated),
        ],
        events: vec![
            ("timer, 0.5 s", SOON, InviteClient::on_timer),
            ("timer, 32 s", LATE, InviteClient::on_timer),
            ("1xx", SOON, |it, context| {
                it.on_response(context, Provisional)
            }),
            ("2xx", SOON, |it, context| it.on_response(context, Success)),
            ("300-699", SOON, |it, context| {
                it.on_response(context, Failure)
            }),
            ("cancel from user", SOON, InviteClient::on_cancel),
            ("transport error", SOON, |it, _| it.on_transport_error()),
        ],
        name: InviteClient::state_name,
    };
    insta::assert_snapshot!(table.render(InviteClient::start));
}

#[test]
fn non_invite_client_table() {
    use ResponseClass::{Failure, Provisional, Success};
    let trying: Reach<NonInviteClient> = |context| NonInviteClient::start(context).0;
    let table = Table {
        states: vec![
            ("Trying", trying),
            ("Proceeding", |context| {
                NonInviteClient::start(context)
                    .0
                    .on_response(context, Provisional)
                    .0
            }),
            ("Completed", |context| {
                NonInviteClient::start(context)
                    .0
                    .on_response(context, Success)
                    .0
            }),
            ("Terminated", |_| NonInviteClient::Terminated),
        ],
        events: vec![
            ("timer, 0.5 s", SOON, NonInviteClient::on_timer),
            ("timer, 32 s", LATE, NonInviteClient::on_timer),
            ("1xx", SOON, |it, context| {
                it.on_response(context, Provisional)
            }),
            ("2xx", SOON, |it, context| it.on_response(context, Success)),
            ("300-699", SOON, |it, context| {
                it.on_response(context, Failure)
            }),
            ("transport error", SOON, |it, _| it.on_transport_error()),
        ],
        name: NonInviteClient::state_name,
    };
    insta::assert_snapshot!(table.render(NonInviteClient::start));
}

#[test]
fn invite_server_table() {
    use ResponseClass::{Failure, Provisional, Success};
    let proceeding: Reach<InviteServer> = |context| InviteServer::start(context).0;
    let table = Table {
        states: vec![
            ("Proceeding", proceeding),
            ("Completed", |context| {
                InviteServer::start(context)
                    .0
                    .on_respond(context, Failure)
                    .0
            }),
            ("Confirmed", |context| {
                InviteServer::start(context)
                    .0
                    .on_respond(context, Failure)
                    .0
                    .on_ack(context)
                    .0
            }),
            ("Accepted", |context| {
                InviteServer::start(context)
                    .0
                    .on_respond(context, Success)
                    .0
            }),
            ("Terminated", |_| InviteServer::Terminated),
        ],
        events: vec![
            ("timer, 0.5 s", SOON, InviteServer::on_timer),
            ("timer, 32 s", LATE, InviteServer::on_timer),
            ("INVITE again", SOON, |it, _| it.on_retransmission()),
            ("ACK", SOON, InviteServer::on_ack),
            ("1xx from user", SOON, |it, context| {
                it.on_respond(context, Provisional)
            }),
            ("2xx from user", SOON, |it, context| {
                it.on_respond(context, Success)
            }),
            ("300-699 from user", SOON, |it, context| {
                it.on_respond(context, Failure)
            }),
            ("transport error", SOON, |it, _| it.on_transport_error()),
        ],
        name: InviteServer::state_name,
    };
    insta::assert_snapshot!(table.render(InviteServer::start));
}

#[test]
fn non_invite_server_table() {
    use ResponseClass::{Failure, Provisional, Success};
    let trying: Reach<NonInviteServer> = |context| NonInviteServer::start(context).0;
    let table = Table {
        states: vec![
            ("Trying", trying),
            ("Proceeding", |context| {
                NonInviteServer::start(context)
                    .0
                    .on_respond(context, Provisional)
                    .0
            }),
            ("Completed", |context| {
                NonInviteServer::start(context)
                    .0
                    .on_respond(context, Success)
                    .0
            }),
            ("Terminated", |_| NonInviteServer::Terminated),
        ],
        events: vec![
            ("timer, 32 s", LATE, |it, _| it.on_timer()),
            ("request again", SOON, |it, _| it.on_retransmission()),
            ("1xx from user", SOON, |it, context| {
                it.on_respond(context, Provisional)
            }),
            ("2xx from user", SOON, |it, context| {
                it.on_respond(context, Success)
            }),
            ("300-699 from user", SOON, |it, context| {
                it.on_respond(context, Failure)
            }),
            ("transport error", SOON, |it, _| it.on_transport_error()),
        ],
        name: NonInviteServer::state_name,
    };
    insta::assert_snapshot!(table.render(NonInviteServer::start));
}
