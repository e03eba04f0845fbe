//! What the shards ask of the world: DNS, the journal, a place for events.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use strowger_element::{Answer, Command, Event, Input, Query, QueryId};
use strowger_net::{Driver, PanicReport, Services};
use strowger_resolve::{Answer as DnsAnswer, Question};
use strowger_store::Journal;
use tokio::sync::mpsc;

use super::dns::{Ask, DnsCounters};
use super::errands::ErrandDesk;
use super::hub::Hub;
use super::overload::Overload;
use super::panics::PanicBox;

/// Which run waits for a change to be durable.
pub type Waiter = (u16, QueryId);

/// The services of a running server.
pub struct Outside {
    driver: Weak<Driver>,
    questions: mpsc::Sender<Ask>,
    dns: Arc<DnsCounters>,
    errands: ErrandDesk<Waiter>,
    /// Set before the first REGISTER can arrive; stays empty where nothing is kept.
    journal: Arc<OnceLock<Journal<Waiter>>>,
    hub: Arc<Hub>,
    panics: PanicBox,
    overload: Overload,
    journal_refused: AtomicU64,
}

impl Outside {
    /// The services; answers go to `driver`.
    pub fn new(
        driver: Weak<Driver>,
        questions: mpsc::Sender<Ask>,
        dns: Arc<DnsCounters>,
        errands: ErrandDesk<Waiter>,
        journal: Arc<OnceLock<Journal<Waiter>>>,
        hub: Arc<Hub>,
        panics: PanicBox,
    ) -> Outside {
        Outside {
            driver,
            questions,
            dns,
            errands,
            journal,
            hub,
            panics,
            overload: Overload::default(),
            journal_refused: AtomicU64::new(0),
        }
    }

    fn deliver(&self, shard: u16, input: Input) {
        if let Some(driver) = self.driver.upgrade() {
            driver.deliver(shard, input);
        }
    }
}

impl Services for Outside {
    fn resolve(&self, shard: u16, query: QueryId, question: Question) {
        if self
            .questions
            .try_send(Ask {
                shard,
                query,
                question,
            })
            .is_err()
        {
            self.dns.refuse();
            self.deliver(
                shard,
                Input::Resolved {
                    query,
                    answer: DnsAnswer::Failed,
                },
            );
        }
    }

    fn query(&self, shard: u16, query: QueryId, request: Query) {
        let change = match request {
            Query::Journal(change) => change,
            Query::Errand(errand) => {
                if let Some(refusal) = self.errands.submit((shard, query), errand) {
                    let answer = Answer::Errand(refusal);
                    self.deliver(shard, Input::Completed { query, answer });
                }
                return;
            }
        };
        let answer = match self.journal.get() {
            None => Some(Answer::Journaled),
            Some(journal) => match journal.submit((shard, query), change) {
                Ok(()) => None,
                Err(_) => {
                    self.journal_refused.fetch_add(1, Ordering::Relaxed);
                    Some(Answer::Failed)
                }
            },
        };
        if let Some(answer) = answer {
            self.deliver(shard, Input::Completed { query, answer });
        }
    }

    fn event(&self, _shard: u16, event: Event) {
        self.hub.take(event);
    }

    fn shard_panicked(&self, shard: u16, report: PanicReport) {
        self.panics.keep(shard, &report);
        // The new shard was made with the present settings; it still has to learn who watches.
        self.deliver(
            shard,
            Input::Command(Command::SetInterest(self.hub.interest().0)),
        );
    }

    fn shard_rests(&self, shard: u16, rest: Duration) {
        PanicBox::tell_rest(shard, rest);
    }

    fn overloaded(&self) {
        self.overload.note(Instant::now());
    }
}
