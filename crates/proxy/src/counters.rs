//! Counters of the proxy.

use crate::validate::Refusal;

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $field:ident $help:literal,)*) => {
        /// What the proxy of one shard has counted.
        #[derive(Default, Clone, Debug, PartialEq, Eq)]
        pub struct ProxyCounters {
            $(
                #[doc = $help]
                pub $field: u64,
            )*
        }

        impl ProxyCounters {
            /// Calls `f` with name, help text and value of each counter.
            pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
                $(f(concat!("proxy_", stringify!($field)), $help, self.$field);)*
            }
        }
    };
}

counters! {
    refused_scheme "Requests refused for the scheme of their URI (416)",
    refused_bad "Requests refused for a malformed field that routing needs (400)",
    refused_hops "Requests refused because Max-Forwards was used up (483)",
    refused_loops "Requests refused because they had looped (482)",
    refused_extensions "Requests refused for their Proxy-Require (420)",
    refused_breadth "Requests refused because Max-Breadth was used up (440)",
    branches_started "Branches handed to a client transaction",
    branches_limited "Branches not made because of the limit per request",
    branches_cancelled "Branches cancelled",
    branches_abandoned "Branches given up before anything was sent",
    branches_timed_out "Branches without a final response in time",
    branches_failed "Branches that failed in transport or in finding the next hop",
    timer_c_fired "Branches ended by timer C",
    cancels_ignored "Cancelled branches whose final response never came",
    ring_limit_fired "Requests ended by the limit of the ringing time",
    finals_suppressed "Final responses not sent because a non-INVITE request gets no 408",
    successes_repeated "2xx responses to INVITE forwarded after the first final response",
    targets_limited "Targets left out because of the limit per request",
    redirects_followed "Contacts of 3xx responses added to a target set",
}

impl ProxyCounters {
    /// Counts a refusal.
    pub fn count_refusal(&mut self, refusal: Refusal) {
        let counter = match refusal {
            Refusal::UnsupportedScheme => &mut self.refused_scheme,
            Refusal::BadRequestUri
            | Refusal::BadMaxForwards
            | Refusal::BadMaxBreadth
            | Refusal::BadRoute => &mut self.refused_bad,
            Refusal::TooManyHops => &mut self.refused_hops,
            Refusal::Loop => &mut self.refused_loops,
            Refusal::BadExtension => &mut self.refused_extensions,
            Refusal::MaxBreadthExceeded => &mut self.refused_breadth,
        };
        *counter += 1;
    }
}
