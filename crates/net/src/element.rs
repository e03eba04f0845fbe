//! The element as the shard, and its way in as the ingress, of the production driver.

use std::net::SocketAddr;

use strowger_element::{Admits, Element};
use strowger_sip::{Limits, Message, Now, ParseFailure, SpareMessages, StatusCode, Time};
use strowger_transaction::{Flow, TransmitBatch};

use crate::seam::{Input, Output};
use crate::shard::{Ingress, Shard};

impl Shard for Element {
    fn handle_input(&mut self, now: Now, input: Input) {
        Element::handle_input(self, now, input);
    }
    fn handle_timeout(&mut self, now: Now) {
        Element::handle_timeout(self, now);
    }
    fn poll_timeout(&self) -> Option<Time> {
        Element::poll_timeout(self)
    }
    fn poll_output(&mut self, batch: &mut TransmitBatch) -> Option<Output> {
        loop {
            // What is to be sent is in the batch by then.
            match Element::poll_output(self, batch) {
                Some(Output::Transmit) => {}
                output => return output,
            }
        }
    }
    fn take_spare_messages(&mut self, spare: &mut SpareMessages) {
        Element::take_spare_messages(self, spare);
    }
    fn in_progress(&self) -> usize {
        Element::in_progress(self)
    }
    fn visit_counters(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        Element::visit_counters(self, f);
    }
}

impl Ingress for strowger_element::Ingress {
    fn admit(&self, source: &SocketAddr, now: Now) -> bool {
        strowger_element::Ingress::admit(self, *source, now.monotonic)
    }
    fn admit_batch(&self, now: Now, each: &mut dyn FnMut(Admits<'_>)) {
        strowger_element::Ingress::admit_batch(self, now.monotonic, each);
    }
    fn trusts(&self, source: &SocketAddr) -> bool {
        strowger_element::Ingress::trusts(self, *source)
    }
    fn limits(&self) -> Limits {
        strowger_element::Ingress::limits(self)
    }
    fn shard_for(&self, message: &Message, _: &Flow) -> Option<u16> {
        Some(strowger_element::Ingress::shard_for(self, message))
    }
    fn shard_for_branch(&self, branch: &[u8]) -> Option<u16> {
        strowger_element::Ingress::shard_for_branch(self, branch)
    }
    fn refuse(&self, failure: &ParseFailure, flow: &Flow, now: Now, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        let asked = failure
            .message
            .as_ref()
            .map_or(0, |message| message.as_bytes().len());
        strowger_element::Ingress::refuse(self, failure, flow, out)
            && self.may_answer(flow, (asked, out.len() - start), now.monotonic)
    }
    fn give_up(
        &self,
        request: &Message,
        flow: &Flow,
        status: StatusCode,
        out: &mut Vec<u8>,
    ) -> bool {
        strowger_element::Ingress::give_up(self, request, flow, status, out)
    }
}
