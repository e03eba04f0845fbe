//! A shard that panics when it is told to, so that what happens then can be tried on a running server.
//!
//! Nothing on the network switches it on: only who starts the program can, by an environment variable. Without it the shards
//! are not even wrapped.

use strowger_net::Shard;
use strowger_net::seam::{Input, Output};
use strowger_sip::{Now, Time};
use strowger_transaction::TransmitBatch;

/// Names the Call-ID of the requests that make their shard panic.
pub const VARIABLE: &str = "STROWGER_DEBUG_PANIC_CALL_ID";

/// The Call-ID that the environment names.
pub fn from_environment() -> Option<Vec<u8>> {
    let call_id = std::env::var_os(VARIABLE)?.into_encoded_bytes();
    let wanted = Some(call_id).filter(|call_id| !call_id.is_empty());
    if wanted.is_some() {
        tracing::warn!("{VARIABLE} is set: requests with that Call-ID make the server panic");
    }
    wanted
}

/// A shard that panics over requests with one Call-ID.
pub struct Panicking {
    /// The shard.
    pub shard: Box<dyn Shard>,
    /// The Call-ID.
    pub call_id: Vec<u8>,
}

impl Shard for Panicking {
    fn handle_input(&mut self, now: Now, input: Input) {
        if let Input::Received { message, .. } = &input {
            assert!(
                message.is_response() || message.call_id() != self.call_id,
                "{VARIABLE} asks for it"
            );
        }
        self.shard.handle_input(now, input);
    }
    fn handle_timeout(&mut self, now: Now) {
        self.shard.handle_timeout(now);
    }
    fn poll_timeout(&self) -> Option<Time> {
        self.shard.poll_timeout()
    }
    fn poll_output(&mut self, batch: &mut TransmitBatch) -> Option<Output> {
        self.shard.poll_output(batch)
    }
    fn in_progress(&self) -> usize {
        self.shard.in_progress()
    }
    fn visit_counters(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        self.shard.visit_counters(f);
    }
}
