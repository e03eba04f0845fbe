//! REGISTERs that wait: one change per address of record may be on its way to the store, the others queue behind it.
//!
//! Changes are computed from published bindings, so the next REGISTER for an address of record is judged only after the
//! change before it was published or forgotten (RFC 3261 §10.3: in the order received, each atomically).
//!
//! ```text
//! admit ─Go──► register ─Change─► begin ─► (store) ─► finish ─► publish + reply, or 500
//!   ├─Waits─► queued                                    └─► next ─► register the oldest queued one, and again
//!   └─Busy──► refused
//! ```

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;
use strowger_transaction::Flow;

use crate::aor::AddressOfRecord;
use crate::change::LocationChange;
use crate::reply::RegisterReply;

/// Limits of [`PendingRegistrations`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingLimits {
    /// REGISTERs that wait behind one change (16).
    pub waiting_per_aor_max: usize,
    /// REGISTERs that wait or are being stored, in this shard (100,000).
    pub pending_max: usize,
}

impl Default for PendingLimits {
    fn default() -> PendingLimits {
        PendingLimits {
            waiting_per_aor_max: 16,
            pending_max: 100_000,
        }
    }
}

/// What happens to a REGISTER that arrives.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission<T> {
    /// Nothing is pending for its address of record: judge it now.
    Go(T),
    /// It waits; [`PendingRegistrations::next`] returns it in its turn.
    Waits,
    /// Too many wait: answer [`RegisterReply::busy`].
    Busy(T),
}

/// A change on its way to the store.
#[derive(Debug)]
struct Storing<T> {
    change: LocationChange,
    reply: Option<RegisterReply>,
    request: T,
}

#[derive(Debug)]
struct Queue<T> {
    storing: Option<Storing<T>>,
    waiting: VecDeque<T>,
}

/// The pending REGISTERs of one shard. `T` is what the caller needs to answer one.
#[derive(Debug)]
pub struct PendingRegistrations<T> {
    queues: HashMap<AddressOfRecord, Queue<T>, FixedState>,
    pending: usize,
    limits: PendingLimits,
    counters: PendingCounters,
}

/// What became of REGISTERs that had to wait.
#[derive(Default, Clone, Debug, PartialEq, Eq)]
pub struct PendingCounters {
    /// REGISTERs pending now.
    pub pending: u64,
    /// Waited behind another REGISTER for the same address of record.
    pub waited: u64,
    /// Refused because too many waited.
    pub refused: u64,
}

impl PendingCounters {
    /// Calls `f` with the name, the help text and the value of each counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        f(
            "registrar_pending",
            "REGISTERs that wait for the store or behind another.",
            self.pending,
        );
        f(
            "registrar_waited_total",
            "REGISTERs that waited behind another for the same user.",
            self.waited,
        );
        f(
            "registrar_busy_total",
            "REGISTERs refused because too many waited.",
            self.refused,
        );
    }
}

impl<T> PendingRegistrations<T> {
    /// An empty table.
    pub fn new(limits: PendingLimits, seed: u64) -> PendingRegistrations<T> {
        PendingRegistrations {
            queues: HashMap::with_hasher(FixedState::with_seed(seed)),
            pending: 0,
            limits,
            counters: PendingCounters::default(),
        }
    }

    /// Takes in a REGISTER for `aor`.
    pub fn admit(&mut self, aor: &AddressOfRecord, request: T) -> Admission<T> {
        let full = self.pending >= self.limits.pending_max;
        match self.queues.get_mut(aor.as_bytes()) {
            // Judging it now may need room for its change.
            None if full => {}
            None => return Admission::Go(request),
            Some(queue) if !full && queue.waiting.len() < self.limits.waiting_per_aor_max => {
                queue.waiting.push_back(request);
                self.pending += 1;
                self.counters.waited += 1;
                return Admission::Waits;
            }
            Some(_) => {}
        }
        self.counters.refused += 1;
        Admission::Busy(request)
    }

    /// Notes that a change is on its way to the store. From now on REGISTERs for its address of record wait. The order of
    /// an operator takes its turn like a REGISTER and has no reply.
    pub fn begin(&mut self, change: LocationChange, reply: Option<RegisterReply>, request: T) {
        let aor = change.aor.clone();
        let storing = Storing {
            change,
            reply,
            request,
        };
        let queue = self.queues.entry(aor).or_insert_with(|| Queue {
            storing: None,
            waiting: VecDeque::new(),
        });
        queue.storing = Some(storing);
        self.pending += 1;
    }

    /// The store is done with the change of `aor`. The caller publishes it and sends the reply, or answers
    /// [`RegisterReply::store_failed`] and forgets it; then it calls [`Self::next`] until that returns `None`.
    pub fn finish(
        &mut self,
        aor: &AddressOfRecord,
    ) -> Option<(LocationChange, Option<RegisterReply>, T)> {
        let storing = self.queues.get_mut(aor.as_bytes())?.storing.take()?;
        self.pending = self.pending.saturating_sub(1);
        Some((storing.change, storing.reply, storing.request))
    }

    /// The next REGISTER for `aor` to judge; `None` while a change is with the store, or when none waits.
    pub fn next(&mut self, aor: &AddressOfRecord) -> Option<T> {
        let queue = self.queues.get_mut(aor.as_bytes())?;
        if queue.storing.is_some() {
            return None;
        }
        let Some(request) = queue.waiting.pop_front() else {
            self.queues.remove(aor.as_bytes());
            return None;
        };
        self.pending = self.pending.saturating_sub(1);
        Some(request)
    }

    /// A connection is gone: bindings that are being stored and depend on it will appear as lost.
    pub fn flow_closed(&mut self, flow: &Flow) {
        if flow.stream.is_none() {
            return;
        }
        for queue in self.queues.values_mut() {
            if let Some(storing) = &mut queue.storing {
                storing.change.mark_flow_lost(flow);
            }
        }
    }

    /// The REGISTERs that are with the store or wait behind another.
    pub fn requests_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.queues.values_mut().flat_map(|queue| {
            let storing = queue.storing.iter_mut();
            storing
                .map(|storing| &mut storing.request)
                .chain(queue.waiting.iter_mut())
        })
    }

    /// True if `fits` a REGISTER for `aor` that is with the store or waits.
    pub fn any(&self, aor: &AddressOfRecord, fits: impl Fn(&T) -> bool) -> bool {
        self.queues.get(aor.as_bytes()).is_some_and(|queue| {
            let storing = queue.storing.iter().map(|storing| &storing.request);
            storing.chain(&queue.waiting).any(fits)
        })
    }

    /// The change of `aor` that is with the store.
    pub fn storing(&self, aor: &AddressOfRecord) -> Option<&LocationChange> {
        Some(&self.queues.get(aor.as_bytes())?.storing.as_ref()?.change)
    }

    /// Pending REGISTERs.
    pub fn len(&self) -> usize {
        self.pending
    }
    /// True if nothing is pending.
    pub fn is_empty(&self) -> bool {
        self.pending == 0
    }
    /// The counters as they are now.
    pub fn counters(&self) -> PendingCounters {
        PendingCounters {
            pending: self.pending as u64,
            ..self.counters.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::Cause;
    use smallvec::SmallVec;
    use strowger_sip::{Now, StatusCode};

    fn aor() -> AddressOfRecord {
        AddressOfRecord::new(b"alice", "example.test")
    }

    fn begin(pending: &mut PendingRegistrations<u32>, request: u32) {
        let change = LocationChange {
            aor: aor(),
            now: Now::default(),
            steps: SmallVec::new(),
        };
        pending.begin(
            change,
            Some(RegisterReply::refuse_plainly(
                StatusCode::OK,
                Cause::Changed,
            )),
            request,
        );
    }

    #[test]
    fn registers_for_one_aor_are_judged_in_the_order_received() {
        let mut pending = PendingRegistrations::new(PendingLimits::default(), 1);
        assert_eq!(pending.admit(&aor(), 1), Admission::Go(1));
        begin(&mut pending, 1);
        assert_eq!(pending.admit(&aor(), 2), Admission::Waits);
        assert_eq!(pending.admit(&aor(), 3), Admission::Waits);
        assert_eq!(pending.next(&aor()), None, "the first is with the store");
        assert_eq!(pending.finish(&aor()).map(|done| done.2), Some(1));
        assert_eq!(pending.next(&aor()), Some(2));
        begin(&mut pending, 2);
        assert_eq!(pending.next(&aor()), None);
        assert_eq!(pending.finish(&aor()).map(|done| done.2), Some(2));
        assert_eq!(pending.next(&aor()), Some(3));
        assert_eq!(pending.next(&aor()), None);
        assert!(pending.is_empty());
        assert_eq!(pending.admit(&aor(), 4), Admission::Go(4));
    }

    #[test]
    fn a_register_that_arrives_between_two_waits_its_turn() {
        let mut pending = PendingRegistrations::new(PendingLimits::default(), 1);
        begin(&mut pending, 1);
        pending.admit(&aor(), 2);
        assert!(pending.any(&aor(), |it| *it == 1) && pending.any(&aor(), |it| *it == 2));
        pending.finish(&aor());
        assert!(!pending.any(&aor(), |it| *it == 1));
        assert_eq!(pending.admit(&aor(), 3), Admission::Waits);
        assert_eq!(pending.next(&aor()), Some(2));
        assert_eq!(pending.next(&aor()), Some(3));
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut pending = PendingRegistrations::new(
            PendingLimits {
                waiting_per_aor_max: 2,
                pending_max: 4,
            },
            1,
        );
        begin(&mut pending, 0);
        pending.admit(&aor(), 1);
        pending.admit(&aor(), 2);
        assert_eq!(pending.admit(&aor(), 3), Admission::Busy(3));
        let other = AddressOfRecord::new(b"bob", "example.test");
        assert_eq!(pending.admit(&other, 4), Admission::Go(4));
        assert_eq!(
            pending.counters(),
            PendingCounters {
                pending: 3,
                waited: 2,
                refused: 1
            }
        );
    }

    #[test]
    fn a_connection_that_closes_while_its_binding_is_stored_is_remembered() {
        use crate::binding::{Binding, BindingParts};
        use crate::change::BindingChange;
        use strowger_sip::{Time, Transport};
        use strowger_transaction::{ListenerId, StreamId};
        let flow = Flow {
            transport: Transport::Tcp,
            listener: ListenerId(0),
            remote: ([192, 0, 2, 1], 9).into(),
            stream: Some(StreamId {
                worker: 0,
                slot: 1,
                generation: 1,
            }),
        };
        let binding = Binding::new(&BindingParts {
            contact: b"sip:a@192.0.2.1",
            params: b"",
            q: None,
            expires_at: Time::from_secs(60),
            updated_at: Time::ZERO,
            call_id: b"c",
            cseq: 1,
            path: b"",
            user_agent: b"",
            flow,
            behind_nat: false,
            flow_lost: false,
            outbound: false,
            branch_hash: 0,
        })
        .expect("fits");
        let step = BindingChange::Put {
            binding,
            replaced: None,
        };
        let change = LocationChange {
            aor: aor(),
            now: Now::default(),
            steps: [step].into_iter().collect(),
        };
        let mut pending = PendingRegistrations::new(PendingLimits::default(), 1);
        pending.begin(
            change,
            Some(RegisterReply::refuse_plainly(
                StatusCode::OK,
                Cause::Changed,
            )),
            1,
        );
        pending.flow_closed(&flow);
        let (change, ..) = pending.finish(&aor()).expect("stored");
        assert!(
            matches!(change.steps.first(), Some(BindingChange::Put { binding, .. }) if binding.flow_lost())
        );
    }
}
