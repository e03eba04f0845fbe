//! Settings of the proxy, with their limits.

/// The order in which a target set is tried (RFC 3261 §16.6).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Fork {
    /// From the highest q to the lowest, those of equal q in parallel.
    #[default]
    ByQ,
    /// All at once.
    Parallel,
}

/// Settings of the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySettings {
    /// Timer C: how long a branch of an INVITE may go without a final response or a new provisional one
    /// (RFC 3261 §16.6 step 11). Over 180; default 185.
    pub timer_c_seconds: u32,
    /// Limit of the whole ringing time; then all branches are cancelled. Default none.
    pub ring_seconds_max: Option<u32>,
    /// How long a cancelled branch may take for its final response: 64*T1 (RFC 3261 §9.1). Default 32,000.
    pub cancel_millis_max: u32,
    /// Accept requests from foreign domains to local users. Default false.
    pub accept_foreign: bool,
    /// Serial or parallel forking. Default by q.
    pub fork: Fork,
    /// Try the contacts of a 3xx response instead of passing it on. Default false.
    pub recurse_on_3xx: bool,
    /// Stay in the path of dialogs. Default true.
    pub record_route: bool,
    /// Max-Breadth of requests that bring none, and the most that one may bring (RFC 5393 §5.3.3). Default 60.
    pub max_breadth: u32,
    /// Branches of one request, over all groups and attempts. Default 32.
    pub branches_max: usize,
    /// Targets of one request. Default 32.
    pub targets_max: usize,
    /// A request other than INVITE whose branches all time out is answered 408, which RFC 4320 §4.2 forbids. Default false.
    pub non_invite_408: bool,
    /// Provisional responses of a cancelled branch are not passed on. Default false.
    pub quiet_after_cancel: bool,
    /// Option tags accepted in Proxy-Require (RFC 3261 §16.3 step 5). Default none.
    pub proxy_require: Vec<Box<str>>,
}

impl Default for ProxySettings {
    fn default() -> ProxySettings {
        ProxySettings {
            timer_c_seconds: 185,
            ring_seconds_max: None,
            cancel_millis_max: 32_000,
            accept_foreign: false,
            fork: Fork::ByQ,
            recurse_on_3xx: false,
            record_route: true,
            max_breadth: 60,
            branches_max: 32,
            targets_max: 32,
            non_invite_408: false,
            quiet_after_cancel: false,
            proxy_require: Vec::new(),
        }
    }
}
