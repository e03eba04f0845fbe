//! Answers to requests that their shard cannot serve, because it panicked over them or rests: stateless, and from outside
//! of the shard (RFC 3261 §21.5.1, §21.5.4).

use std::panic::{AssertUnwindSafe, catch_unwind};

use strowger_sip::Message;
use strowger_transaction::{Transmit, TransmitToken, response_flow};

use crate::driver::Driver;
use crate::stream::Appended;
use crate::turn::Turn;

/// The longest answer to a datagram of so many octets: one and a half times as long (decision 0013).
fn in_proportion(received: usize) -> usize {
    received + received / 2
}

/// Answers what stands in `turn.unserved`; the answers leave with what is sent next.
pub(crate) fn answer(driver: &Driver, turn: &mut Turn, worker: Option<u16>) {
    let limits = driver.ingress.limits();
    for (flow, status, octets) in core::mem::take(&mut turn.unserved) {
        driver.meter(worker).messages_unserved.one();
        let start = turn.batch.bytes.len();
        let received = octets.len();
        // What made a shard panic may do the same here.
        let written = catch_unwind(AssertUnwindSafe(|| {
            let message = Message::parse(octets, &limits).ok()?;
            let out = &mut turn.batch.bytes;
            driver
                .ingress
                .give_up(&message, &flow, status, out)
                .then(|| response_flow(&message, &flow))
        }));
        let Ok(Some(flow)) = written else {
            turn.batch.bytes.truncate(start);
            continue;
        };
        let range = start..turn.batch.bytes.len();
        if flow.stream.is_none() {
            // Its source may be forged, and the rest of its shard knows nothing of what it has had already.
            if range.len() > in_proportion(received) {
                turn.batch.bytes.truncate(start);
                continue;
            }
            let token = TransmitToken::NONE;
            turn.batch.sends.push(Transmit { flow, range, token });
            continue;
        }
        let octets_max = driver.settings.streams.output_octets_max;
        let answer = turn.batch.bytes.get(range).unwrap_or_default();
        let now = driver.now().monotonic;
        if let Some(stream) = driver.directory.stream(&flow) {
            match stream.append(answer, octets_max, now) {
                Appended::Buffered => turn.touched.push(stream),
                Appended::Full => {
                    driver.directory.unlist(&flow);
                    driver.meter(worker).streams_closed_overflow.one();
                }
                Appended::Gone => {}
            }
        }
        turn.batch.bytes.truncate(start);
    }
    // They belong to no shard.
    turn.own(u16::MAX);
}
