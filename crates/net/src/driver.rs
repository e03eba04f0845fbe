//! The driver: shards, sockets and connections of a process, used by all its threads at once.
//!
//! Whoever has an input locks the shard, runs it to completion, gathers what it wants sent and done, unlocks, and
//! only then makes system calls and calls services. Messages for connections are put into their output buffers
//! while the lock is held, so that one shard's messages on a connection keep their order.

use core::cell::{Cell, RefCell};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};

use strowger_sip::{Now, Transport};
use strowger_transaction::{Flow, ListenerId};

use crate::blocklist::Blocklist;
use crate::clock::Clock;
use crate::counters::{Meter, NetCounters};
use crate::directory::Directory;
use crate::seam::Input;
use crate::settings::NetSettings;
use crate::shard::{Ingress, PanicReport, Services, ShardFactory};
use crate::shard_cell::{Job, ShardCell};
use crate::turn::Turn;
use crate::worker_handle::{Task, WorkerHandle};

mod admission;
mod outputs;

/// Rounds of inputs that come of outputs (a connection that is open already, an answer given at once), before the
/// rest is left to the shard's own worker.
const ROUNDS_MAX: usize = 64;

/// The sockets of one listener.
pub(crate) enum ListenerSockets {
    /// One per worker.
    Datagram(Vec<UdpSocket>),
    /// One, minded by one worker, which takes it while it runs.
    Stream(Mutex<Option<TcpListener>>),
}

/// One listener.
pub(crate) struct BoundListener {
    pub(crate) transport: Transport,
    pub(crate) address: SocketAddr,
    pub(crate) sockets: ListenerSockets,
}

/// Drives the shards of a process. Shared by its workers and by every thread that has an answer for a shard.
pub struct Driver {
    pub(crate) settings: NetSettings,
    pub(crate) clock: Clock,
    pub(crate) ingress: Arc<dyn Ingress>,
    services: Arc<dyn Services>,
    factory: Arc<dyn ShardFactory>,
    shards: Vec<ShardCell>,
    pub(crate) listeners: Vec<BoundListener>,
    pub(crate) directory: Directory,
    pub(crate) workers: Vec<WorkerHandle>,
    /// Counters of threads that are no workers.
    visitors: Meter,
    segmentation: AtomicBool,
    pub(crate) blocklist: Blocklist,
    /// True once nothing new is let in any more.
    draining: AtomicBool,
    /// Nanoseconds at which workers end even if something is still to be written; `u64::MAX` while running.
    stop_at: AtomicU64,
}

thread_local! {
    /// The driver that this thread works for at the moment (its address), 0 for none.
    static WORKING_FOR: Cell<usize> = const { Cell::new(0) };
    /// Inputs delivered while this thread was already at work.
    static DELIVERED: RefCell<VecDeque<(u16, Input)>> = const { RefCell::new(VecDeque::new()) };
    /// The turn of a thread that is no worker, kept for the next time.
    static SPARE_TURN: Cell<Option<Box<Turn>>> = const { Cell::new(None) };
}

/// Marks this thread as working for a driver until dropped.
pub(crate) struct AtWork {
    before: usize,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        WORKING_FOR.set(self.before);
    }
}

impl Driver {
    #[allow(clippy::too_many_arguments)] // Called once.
    pub(crate) fn new(
        settings: NetSettings,
        clock: Clock,
        ingress: Arc<dyn Ingress>,
        services: Arc<dyn Services>,
        factory: Arc<dyn ShardFactory>,
        listeners: Vec<BoundListener>,
        workers: Vec<WorkerHandle>,
        connections_max: usize,
    ) -> Driver {
        let shards = (0..settings.shards)
            .map(|shard| ShardCell::new(factory.build(shard)))
            .collect();
        let per_source_max = settings.streams.connections_per_source_max;
        Driver {
            directory: Directory::new(settings.workers, connections_max, per_source_max),
            segmentation: AtomicBool::new(settings.segmentation),
            settings,
            clock,
            ingress,
            services,
            factory,
            shards,
            listeners,
            workers,
            visitors: Meter::default(),
            blocklist: Blocklist::default(),
            draining: AtomicBool::new(false),
            stop_at: AtomicU64::new(u64::MAX),
        }
    }

    /// Hands `input` to a shard and does what it asks for. May be called by any thread; from inside a call of
    /// [`Services`] it returns at once, and the input follows when that call has returned.
    pub fn deliver(&self, shard: u16, input: Input) {
        if WORKING_FOR.get() == self.id() {
            DELIVERED.with_borrow_mut(|queue| queue.push_back((shard, input)));
            return;
        }
        let _at_work = self.begin_work();
        let mut turn = SPARE_TURN.take().unwrap_or_else(|| Box::new(Turn::new()));
        self.run_one(shard, self.now(), input, &mut turn, None);
        self.finish(&mut turn, None);
        SPARE_TURN.set(Some(turn));
    }

    /// Hands an input to every shard.
    pub fn deliver_to_all(&self, mut input: impl FnMut(u16) -> Input) {
        for shard in 0..self.shard_count() {
            self.deliver(shard, input(shard));
        }
    }

    /// Both clocks, as the shards see them.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> u16 {
        self.settings.shards
    }

    /// The addresses bound, in `ListenerId` order.
    pub fn addresses(&self) -> impl Iterator<Item = (Transport, SocketAddr)> + '_ {
        self.listeners
            .iter()
            .map(|listener| (listener.transport, listener.address))
    }

    /// Connections that are open or being opened.
    pub fn connection_count(&self) -> usize {
        self.directory.count()
    }

    /// The sum of all counters.
    pub fn counters(&self) -> NetCounters {
        let mut sum = NetCounters::default();
        self.visitors.add_to(&mut sum);
        for worker in &self.workers {
            worker.meter.add_to(&mut sum);
        }
        sum
    }

    /// Calls `f` with the counters of every shard in turn; a name comes once per shard.
    pub fn visit_shard_counters(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        for cell in &self.shards {
            cell.visit_counters(f);
        }
    }

    /// Datagrams that the kernel dropped because a receive buffer was full. Reads a file of the kernel.
    pub fn kernel_drops(&self) -> io::Result<u64> {
        let sockets = self
            .listeners
            .iter()
            .filter_map(|listener| match &listener.sockets {
                ListenerSockets::Datagram(sockets) => Some(sockets.iter()),
                ListenerSockets::Stream(_) => None,
            });
        crate::kernel_drops::kernel_drops(sockets.flatten())
    }

    /// Marks this thread as working for this driver: deliveries made meanwhile wait for [`Driver::finish`].
    pub(crate) fn begin_work(&self) -> AtWork {
        AtWork {
            before: WORKING_FOR.replace(self.id()),
        }
    }

    /// Runs a shard for one input that is no message.
    pub(crate) fn run_one(
        &self,
        shard: u16,
        now: Now,
        input: Input,
        turn: &mut Turn,
        worker: Option<u16>,
    ) {
        let input = &mut Some(input);
        let job = Job::Input { input, octets: &[] };
        self.run(shard, now, core::iter::once(job), turn, worker);
    }

    /// Runs a shard; what it wants done is left in `turn`.
    pub(crate) fn run<'a>(
        &self,
        shard: u16,
        now: Now,
        jobs: impl Iterator<Item = Job<'a>>,
        turn: &mut Turn,
        worker: Option<u16>,
    ) {
        let Some(cell) = self.shards.get(usize::from(shard)) else {
            self.meter(worker).messages_unroutable.one();
            return;
        };
        let deadline = cell.run(shard, now, jobs, self.factory.as_ref(), turn, |turn| {
            self.buffer_stream_messages(shard, now, turn, worker);
        });
        let home = self.home(shard);
        if worker != Some(home)
            && let Some(handle) = self.workers.get(usize::from(home))
        {
            handle.wake_before(deadline);
        }
    }

    /// Sends and does what was gathered, and what comes of it.
    pub(crate) fn finish(&self, turn: &mut Turn, worker: Option<u16>) {
        for _ in 0..ROUNDS_MAX {
            self.report_panics(turn, worker);
            self.transmit(turn, worker);
            self.dispatch(turn, worker);
            DELIVERED.with_borrow_mut(|queue| turn.pending.append(queue));
            if turn.pending.is_empty() {
                return;
            }
            let now = self.now();
            let mut inputs = core::mem::take(&mut turn.pending);
            for (shard, input) in inputs.drain(..) {
                self.run_one(shard, now, input, turn, worker);
            }
            inputs.append(&mut turn.pending);
            turn.pending = inputs;
        }
        self.report_panics(turn, worker);
        self.transmit(turn, worker);
        self.dispatch(turn, worker);
        DELIVERED.with_borrow_mut(|queue| turn.pending.append(queue));
        for (shard, input) in turn.pending.drain(..) {
            self.meter(worker).deliveries_deferred.one();
            if let Some(handle) = self.workers.get(usize::from(self.home(shard))) {
                handle.post(Task::Deliver(shard, Box::new(input)));
            }
        }
    }

    /// The worker that runs a shard's timers.
    pub(crate) fn home(&self, shard: u16) -> u16 {
        shard % self.settings.workers.max(1)
    }

    /// The next deadline among the shards at home with `worker`, in nanoseconds.
    pub(crate) fn next_deadline(&self, worker: u16) -> u64 {
        self.shards_of(worker)
            .map(|(_, cell)| cell.deadline())
            .min()
            .unwrap_or(u64::MAX)
    }

    /// Runs the timers that are due of the shards at home with `worker`.
    pub(crate) fn run_timers(&self, worker: u16, now: Now, turn: &mut Turn) -> bool {
        let mut ran = false;
        for (shard, cell) in self.shards_of(worker) {
            if cell.deadline() <= now.monotonic.as_nanos() {
                self.meter(Some(worker)).timer_runs.one();
                self.run(
                    shard,
                    now,
                    core::iter::once(Job::Timeout),
                    turn,
                    Some(worker),
                );
                ran = true;
            }
        }
        ran
    }

    /// Tells every shard that a flow has ended. The first shard, which marks the bindings of all, hears of it last: what
    /// another publishes meanwhile was either told that the flow is gone, or is marked.
    pub(crate) fn flow_closed(&self, flow: Flow, turn: &mut Turn) {
        turn.pending.extend(
            (0..self.shard_count())
                .rev()
                .map(|shard| (shard, Input::FlowClosed { flow })),
        );
    }

    /// A worker's socket of a UDP listener.
    pub(crate) fn datagram_socket(&self, listener: ListenerId, worker: u16) -> Option<&UdpSocket> {
        match &self.listeners.get(usize::from(listener.0))?.sockets {
            ListenerSockets::Datagram(sockets) => sockets.get(usize::from(worker)),
            ListenerSockets::Stream(_) => None,
        }
    }

    pub(crate) fn meter(&self, worker: Option<u16>) -> &Meter {
        let handle = worker.and_then(|worker| self.workers.get(usize::from(worker)));
        handle.map_or(&self.visitors, |handle| &handle.meter)
    }

    pub(crate) fn stop_at(&self) -> u64 {
        self.stop_at.load(Ordering::SeqCst)
    }

    /// Requests that the shards have not done with.
    pub fn in_progress(&self) -> usize {
        self.shards.iter().map(ShardCell::in_progress).sum()
    }

    /// Makes all workers end: at once if nothing is to be written, else at `nanos` at the latest.
    pub(crate) fn stop(&self, nanos: u64) {
        self.stop_at.store(nanos, Ordering::SeqCst);
        for worker in &self.workers {
            worker.wake_before(0);
        }
    }

    fn shards_of(&self, worker: u16) -> impl Iterator<Item = (u16, &ShardCell)> {
        let step = usize::from(self.settings.workers.max(1));
        (0u16..)
            .zip(&self.shards)
            .skip(usize::from(worker))
            .step_by(step)
    }

    fn id(&self) -> usize {
        core::ptr::from_ref(self).addr()
    }

    fn report_panics(&self, turn: &mut Turn, worker: Option<u16>) {
        for (shard, report) in core::mem::take(&mut turn.panics) {
            self.meter(worker).shard_panics.one();
            self.block(&report);
            self.services.shard_panicked(shard, report);
            self.tell_admission(shard, turn);
        }
        for (shard, rest) in turn.rests.drain(..) {
            self.meter(worker).shard_rests.one();
            self.services.shard_rests(shard, rest);
        }
        if !turn.unserved.is_empty() {
            crate::unserved::answer(self, turn, worker);
        }
    }

    /// Tells of a panic outside the shards: in the parser, or in the loop itself.
    pub(crate) fn worker_panicked(&self, worker: u16, report: PanicReport) {
        self.meter(Some(worker)).worker_panics.one();
        self.block(&report);
        self.services.worker_panicked(worker, report);
    }

    /// Keeps the message of a panic from doing it again.
    fn block(&self, report: &PanicReport) {
        if !report.octets.is_empty() {
            self.blocklist.block(&report.octets, self.clock.monotonic());
        }
    }
}

impl core::fmt::Debug for Driver {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Driver")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Locks, whatever happened to the last holder.
pub(crate) fn take_listener(slot: &Mutex<Option<TcpListener>>) -> Option<TcpListener> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}
