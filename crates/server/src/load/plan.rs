//! A run as it was asked for: everything that can be wrong with the command line is found here.

use std::net::SocketAddr;
use std::time::Duration;

use strowger_load::{Amount, Pace, Phase, Scenario, Settings, phases};

use super::args::LoadArgs;
use super::{accounts, target};
use crate::exit::{Exit, Failure};

/// Operations in flight where neither window nor rate is given.
const WINDOW: u32 = 64;
/// How long operations begin where neither number nor duration is given.
const DURATION: Duration = Duration::from_secs(10);

/// The run.
#[derive(Debug)]
pub struct Plan {
    /// What the machine is told.
    pub settings: Settings,
    /// How fast.
    pub pace: Pace,
    /// Source ports.
    pub ports: usize,
    amount: Amount,
    warm: u64,
    keep: bool,
}

impl Plan {
    /// Reads the command line.
    ///
    /// # Errors
    /// It makes no sense, the target may not be loaded, or a file cannot be read.
    pub fn of(args: &LoadArgs) -> Result<Plan, Failure> {
        let scenario = Scenario::from_name(&args.scenario).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("`{}` is no scenario", args.scenario))
        })?;
        let target = target::parse(&args.target)?;
        target::permit(target, &args.i_may_load_this_host)?;
        let users = accounts::users(args, scenario)?;
        let has_passwords = args.accounts.is_some();
        let password = accounts::password(args)?;
        if scenario == Scenario::RegisterAuth && password.is_none() && !has_passwords {
            return Err(Failure::new(Exit::Usage, "register-auth needs the users' password")
                .fix("STROWGER_PASSWORD=… strowger load register-auth …, --password-file FILE or --accounts FILE"));
        }
        let version = env!("CARGO_PKG_VERSION");
        let settings = Settings {
            domain: domain(args, target)?,
            from: args.from.as_deref().map(caller).transpose()?,
            password,
            expires_seconds: args.expires,
            hold: args.hold,
            answer_timeout: args.timeout.max(Duration::from_millis(1)),
            expected_status: args.expect,
            record_route: !args.no_record_route,
            failures_max: (args.limit_failures > 0).then_some(args.limit_failures),
            user_agent: format!("strowger-load/{version}"),
            ..Settings::new(scenario, target, users)
        };
        Ok(Plan {
            settings,
            pace: match args.rate {
                Some(per_second) => Pace::Open { per_second },
                None => Pace::Closed {
                    window: args.window.unwrap_or(WINDOW),
                },
            },
            ports: usize::from(args.ports),
            amount: match (args.ops, args.duration) {
                (Some(count), _) => Amount::Operations(count),
                (None, duration) => Amount::Duration(duration.unwrap_or(DURATION)),
            },
            warm: args.warm,
            keep: args.keep,
        })
    }

    /// Its parts in their order.
    pub fn phases(&self) -> Vec<Phase> {
        phases(&self.settings, self.amount, self.warm, self.pace, self.keep)
    }
}

/// Host part of the users' addresses.
fn domain(args: &LoadArgs, target: SocketAddr) -> Result<String, Failure> {
    let Some(text) = &args.domain else {
        return Ok(target.to_string());
    };
    let uri = format!("sip:{text}");
    let sound = strowger_sip::Uri::parse(uri.as_bytes())
        .is_ok_and(|uri| uri.user.is_none() && uri.parameters.is_empty() && uri.headers.is_empty());
    match sound {
        true => Ok(text.clone()),
        false => Err(Failure::new(
            Exit::Usage,
            format!("`{}` is no domain", text.escape_debug()),
        )
        .fix("--domain example.test")),
    }
}

/// The URI of who calls.
fn caller(text: &str) -> Result<String, Failure> {
    let with_scheme = match text.starts_with("sip:") {
        true => text.to_owned(),
        false => format!("sip:{text}"),
    };
    // The machine marks the places of its templates with braces, which no URI holds.
    let parsed = strowger_sip::Uri::parse(with_scheme.as_bytes()).map(|uri| uri.user.is_some());
    match parsed {
        Ok(true) if !with_scheme.contains(['{', '}']) => Ok(with_scheme),
        _ => Err(Failure::new(
            Exit::Usage,
            format!("`{}` is no SIP URI of a user", text.escape_debug()),
        )
        .fix("--from sip:1001@example.test")),
    }
}
