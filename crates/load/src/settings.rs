//! What a run is told before it begins.

use core::time::Duration;
use std::net::SocketAddr;

use crate::scenario::Scenario;
use crate::users::Users;

/// Settings of a run; fixed while it lasts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is done.
    pub scenario: Scenario,
    /// The server: requests go there, and only from there come responses.
    pub target: SocketAddr,
    /// Host part of the users' addresses, and of the Request-URI of REGISTER and OPTIONS.
    pub domain: String,
    /// Who calls: a SIP URI. `None`: in `message` and `call` the users each other, in `invite-404` the user `load` of the
    /// domain, in `options` a stranger.
    pub from: Option<String>,
    /// Who registers and is called.
    pub users: Users,
    /// Password of users who have none of their own.
    pub password: Option<String>,
    /// Seconds for which contacts are registered.
    pub expires_seconds: u32,
    /// How long a call stands before its BYE.
    pub hold: Duration,
    /// How long a request waits for its final response: timers B and F, 64*T1 by default.
    pub answer_timeout: Duration,
    /// The final status that makes an operation good; `None`: any 2xx, or 404 in `invite-404`.
    pub expected_status: Option<u16>,
    /// The server is a proxy that record-routes: Record-Route is missed where it is absent.
    pub record_route: bool,
    /// Failed operations and faulty messages after which a run ends; `None`: never.
    pub failures_max: Option<u64>,
    /// Name of the program in User-Agent.
    pub user_agent: String,
}

impl Settings {
    /// The usual settings of a scenario.
    pub fn new(scenario: Scenario, target: SocketAddr, users: Users) -> Settings {
        Settings {
            scenario,
            target,
            domain: target.to_string(),
            from: None,
            users,
            password: None,
            expires_seconds: 3_600,
            hold: Duration::ZERO,
            answer_timeout: Duration::from_secs(32),
            expected_status: None,
            record_route: true,
            failures_max: None,
            user_agent: "strowger-load".to_owned(),
        }
    }

    /// True if a final status makes the operation good.
    pub(crate) fn is_expected(&self, status: u16) -> bool {
        match (self.expected_status, self.scenario) {
            (Some(expected), _) => status == expected,
            (None, Scenario::Invite404) => status == 404,
            (None, _) => (200..300).contains(&status),
        }
    }
}
