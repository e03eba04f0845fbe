//! The command line of `strowger load`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use strowger_load::{IN_FLIGHT_MAX, RATE_PER_SECOND_MAX, Scenario, USERS_MAX};

/// `load`
#[derive(Debug, Args)]
#[command(after_help = "Scenarios:
  options        OPTIONS to the server, 200
  invite-404     INVITE to a user who does not exist, 404, ACK
  register       REGISTER without credentials: every user once, then refreshes
  register-auth  REGISTER, 401, REGISTER with digest credentials, 200
  message        MESSAGE through the server to a contact that this program registered
  call           INVITE, 180, 200, ACK, BYE, 200 through the server, both ends in this program

Exit codes: 0 every message was as it must be, 1 not, or the run failed, 2 usage")]
pub struct LoadArgs {
    /// What to do over and over
    #[arg(value_parser = PossibleValuesParser::new(Scenario::ALL.map(Scenario::name)))]
    pub scenario: String,
    /// The server
    #[arg(long, value_name = "ADDRESS", default_value = "udp:127.0.0.1:5060")]
    pub target: String,
    /// Closed loop: so many operations in flight, the next begins when one ends [default: 64]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=i64::from(IN_FLIGHT_MAX)))]
    pub window: Option<u32>,
    /// Open loop: so many operations begin per second; latency counts from when one was due
    #[arg(long, value_name = "NUMBER", conflicts_with = "window", value_parser = rate)]
    pub rate: Option<f64>,
    /// End after so many operations
    #[arg(long, value_name = "NUMBER", conflicts_with = "duration")]
    pub ops: Option<u64>,
    /// Begin operations for so long, such as 30s or 5m [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Operations before those that are measured
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub warm: u64,
    /// How many users take part [default: 100]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=USERS_MAX as i64))]
    pub users: Option<u32>,
    /// Number of the first user; zeros in front keep their width [default: 1001]
    #[arg(long, value_name = "DIGITS", value_parser = digits)]
    pub from_number: Option<String>,
    /// What stands before the number in a user's name [default: nothing; in invite-404 `nobody`]
    #[arg(long, value_name = "TEXT")]
    pub prefix: Option<String>,
    /// Users from a file instead, one `name,password` or `name;password` a line; sipp's `SEQUENTIAL` is passed over
    #[arg(long, value_name = "FILE", conflicts_with_all = ["users", "from_number", "prefix"])]
    pub accounts: Option<PathBuf>,
    /// Read the password of all users from this file, first line; STROWGER_PASSWORD does the same
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    pub password_file: Option<PathBuf>,
    /// Read the password of all users from standard input, one line
    #[arg(long)]
    pub password_stdin: bool,
    /// Domain of the users [default: address and port of the target]
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Option<String>,
    /// Who calls [default: the users each other; `load@DOMAIN` in invite-404, a stranger in options]
    #[arg(long, value_name = "URI")]
    pub from: Option<String>,
    /// How long a call stands before its BYE, such as 100ms
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = duration)]
    pub hold: Duration,
    /// Seconds for which contacts are registered
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = clap::value_parser!(u32).range(1..))]
    pub expires: u32,
    /// Leave the contacts registered at the end
    #[arg(long)]
    pub keep: bool,
    /// The final status that is good, instead of 2xx (404 in invite-404)
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(200..=699))]
    pub expect: Option<u16>,
    /// The server is a proxy that does not record-route: do not miss Record-Route
    #[arg(long)]
    pub no_record_route: bool,
    /// How long a request waits for its final response
    #[arg(long, value_name = "TIME", default_value = "32s", value_parser = duration)]
    pub timeout: Duration,
    /// End after so many failed operations and faulty messages; 0 for never
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    pub limit_failures: u64,
    /// Source ports; a server with a socket per thread needs several to be loaded evenly
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub ports: u16,
    /// Process of the server: show what it and its children consume; repeat for more
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub pid: Vec<u32>,
    /// Load this address although it is neither loopback nor private; repeat for more
    #[arg(long, value_name = "ADDRESS")]
    pub i_may_load_this_host: Vec<std::net::IpAddr>,
}

/// `30s`, `500ms`, `2m`, `1h`; a number alone is seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        _ => return Err(format!("`{unit}` is no unit; write 100ms, 30s, 5m or 1h")),
    };
    let number: f64 = number
        .parse()
        .map_err(|_| "write a number and a unit, such as 100ms, 30s, 5m or 1h".to_owned())?;
    Duration::try_from_secs_f64(number * factor)
        .ok()
        .filter(|duration| *duration <= Duration::from_secs(7 * 86_400))
        .ok_or_else(|| "more than a week".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text
        .parse()
        .map_err(|_| "write a number, operations per second".to_owned())?;
    match rate >= 0.1 && rate <= f64::from(RATE_PER_SECOND_MAX) {
        true => Ok(rate),
        false => Err(format!(
            "a rate is 0.1 to {RATE_PER_SECOND_MAX} operations per second"
        )),
    }
}

fn digits(text: &str) -> Result<String, String> {
    match text.len() <= 18 && !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => Err("write 1 to 18 digits, such as 1001 or 0001".to_owned()),
    }
}
