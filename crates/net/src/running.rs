//! Starts the workers and ends them.

use core::time::Duration;
use std::io;
use std::sync::mpsc;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use mio::{Poll, Waker};

use crate::bind::Bound;
use crate::clock::Clock;
use crate::driver::Driver;
use crate::shard::{Ingress, Services, ShardFactory};
use crate::worker::{WAKE, Worker};
use crate::worker_handle::WorkerHandle;

/// Running workers. Dropping this ends them without waiting for buffers.
#[derive(Debug)]
pub struct Running {
    driver: Arc<Driver>,
    threads: Vec<JoinHandle<()>>,
}

impl Bound {
    /// Builds the shards and starts the workers. `services` gets what its threads need to deliver answers.
    pub fn start(
        self,
        ingress: Arc<dyn Ingress>,
        factory: Arc<dyn ShardFactory>,
        services: impl FnOnce(&Weak<Driver>) -> Arc<dyn Services>,
    ) -> io::Result<Running> {
        let Bound {
            settings,
            listeners,
            connections_max,
        } = self;
        let polls: Vec<Poll> = (0..settings.workers)
            .map(|_| Poll::new())
            .collect::<io::Result<_>>()?;
        let handles = polls
            .iter()
            .map(|poll| Waker::new(poll.registry(), WAKE).map(WorkerHandle::new))
            .collect::<io::Result<_>>()?;
        let driver = Arc::new_cyclic(|weak| {
            let clock = Clock::new();
            let services = services(weak);
            Driver::new(
                settings,
                clock,
                ingress,
                services,
                factory,
                listeners,
                handles,
                connections_max,
            )
        });
        let mut running = Running {
            driver,
            threads: Vec::new(),
        };
        let (started, outcomes) = mpsc::channel();
        for (index, poll) in (0u16..).zip(polls) {
            let driver = Arc::clone(&running.driver);
            let started = started.clone();
            let thread = thread::Builder::new()
                .name(format!("strowger-net-{index}"))
                .spawn(move || {
                    // Built here because its buffers belong to this thread.
                    match Worker::new(index, driver, poll) {
                        Ok(worker) => {
                            let _ = started.send(Ok(()));
                            worker.run();
                        }
                        Err(error) => drop(started.send(Err(error))),
                    }
                })?;
            running.threads.push(thread);
        }
        drop(started);
        for outcome in outcomes.iter().take(running.threads.len()) {
            outcome?;
        }
        Ok(running)
    }
}

impl Running {
    /// The driver, for deliveries and counters.
    pub fn driver(&self) -> &Arc<Driver> {
        &self.driver
    }

    /// Stops accepting, writes what connections have buffered for at most `drain`, and ends the workers.
    pub fn shutdown(mut self, drain: Duration) {
        self.end(drain);
    }

    fn end(&mut self, drain: Duration) {
        let at = self.driver.now().monotonic + drain;
        self.driver.stop(at.as_nanos().min(u64::MAX - 1));
        for thread in self.threads.drain(..) {
            // A worker catches its panics; one that ended by one has been reported already.
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(Duration::ZERO);
    }
}
