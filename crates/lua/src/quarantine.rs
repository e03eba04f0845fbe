//! Routes that overrun again and again are not run for a while.
//!
//! A route may overrun so many times within the window; while that many overruns are younger than the window, calls are
//! answered without running. As the oldest leaves the window, one call runs again: a route that is still bad costs so
//! many budgets per window and no more.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use strowger_sip::Time;

/// What is called: the entry, and what the caller adds to tell routes of one entry apart.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RouteKey {
    pub entry: u32,
    pub key: u64,
}

#[derive(Debug)]
pub(crate) struct Quarantine {
    allowed: usize,
    window: Duration,
    routes_max: usize,
    routes: BTreeMap<RouteKey, VecDeque<Time>>,
}

impl Quarantine {
    pub fn new(allowed: usize, window: Duration, routes_max: usize) -> Self {
        Quarantine {
            allowed,
            window,
            routes_max,
            routes: BTreeMap::new(),
        }
    }

    /// True if no route overran lately.
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// True if the route must not run.
    pub fn holds(&mut self, route: RouteKey, now: Time) -> bool {
        let Some(overruns) = self.routes.get_mut(&route) else {
            return false;
        };
        forget(overruns, now, self.window);
        if overruns.is_empty() {
            self.routes.remove(&route);
            return false;
        }
        overruns.len() >= self.allowed
    }

    /// Remembers an overrun.
    pub fn count(&mut self, route: RouteKey, now: Time) {
        if self.allowed == 0 {
            return;
        }
        if self.routes.len() >= self.routes_max && !self.routes.contains_key(&route) {
            let window = self.window;
            self.routes.retain(|_, overruns| {
                forget(overruns, now, window);
                !overruns.is_empty()
            });
            if self.routes.len() >= self.routes_max {
                return;
            }
        }
        let overruns = self.routes.entry(route).or_default();
        forget(overruns, now, self.window);
        overruns.push_back(now);
    }

    /// Forgets all: the script was replaced.
    pub fn clear(&mut self) {
        self.routes.clear();
    }
}

fn forget(overruns: &mut VecDeque<Time>, now: Time, window: Duration) {
    while overruns
        .front()
        .is_some_and(|at| now.saturating_since(*at) >= window)
    {
        overruns.pop_front();
    }
}
