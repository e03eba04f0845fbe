//! The trial: what `strowger` does without a command. Loopback listeners, a data folder here, two accounts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

use crate::config::{Config, Source};
use crate::exit::{Exit, Failure};
use crate::kamailio::Findings;
use crate::locate::{Located, refused};
use crate::origin::Origin;

/// The trial's data folder, in the working directory.
pub const FOLDER: &str = "strowger-data";
/// The trial's only domain; phones that register at a listening address belong to it.
pub const DOMAIN: &str = "localhost";
/// The two accounts.
pub const USERS: [&str; 2] = ["1001", "1002"];
/// The port that phones use unless told otherwise.
const PORT: u16 = 5060;
/// Ports tried when that is taken.
const PORTS_TRIED: u16 = 20;

/// The trial's configuration for commands that speak to its server; the port does not matter to them.
///
/// # Errors
/// None that are known.
pub fn located() -> Result<Located, Failure> {
    with_port(PORT, has_ipv6())
}

/// The trial's configuration for starting it: the first port that is free on all its addresses.
///
/// # Errors
/// No port is free.
pub fn with_free_port() -> Result<(Located, u16), Failure> {
    let ipv6 = has_ipv6();
    for port in (0..PORTS_TRIED).map(|step| PORT + 2 * step) {
        if is_free(port, ipv6) {
            return Ok((with_port(port, ipv6)?, port));
        }
    }
    let last = PORT + 2 * (PORTS_TRIED - 1);
    Err(Failure::new(Exit::Failed, format!("no port from {PORT} to {last} is free on 127.0.0.1"))
        .fix("end what uses them, or write a configuration with `strowger init --listen udp:127.0.0.1:PORT`"))
}

/// True if this port was asked for by default.
pub fn is_default(port: u16) -> bool {
    port == PORT
}

fn with_port(port: u16, ipv6: bool) -> Result<Located, Failure> {
    let listen: Vec<String> = addresses(ipv6)
        .into_iter()
        .flat_map(|ip| {
            ["udp", "tcp"].map(|transport| format!("\"{transport}:{}\"", SocketAddr::new(ip, port)))
        })
        .collect();
    let text = format!(
        "domains = [\"{DOMAIN}\"]\nlisten = [{}]\ndata = \"./{FOLDER}\"\n",
        listen.join(", ")
    );
    let (config, report) = Config::parse(Source::new("the trial".into(), text), Path::new(""));
    match config {
        Some(mut config) => {
            config.file = String::new();
            Ok(Located {
                config,
                origin: Origin::Trial,
                report: Findings::File(report),
            })
        }
        None => Err(refused(&Findings::File(report))),
    }
}

/// A configuration that says nothing but its data folder, for what has a form of its own. Relative paths begin at `folder`.
pub fn defaults(folder: &Path) -> Config {
    let source = Source::new(
        "the defaults".into(),
        format!(
            "domains = [\"{DOMAIN}\"]\nlisten = [\"udp:127.0.0.1:{PORT}\"]\ndata = \"./{FOLDER}\"\n"
        ),
    );
    match Config::parse(source, folder) {
        (Some(config), _) => config,
        (None, report) => unreachable!("the defaults are good: {report}"),
    }
}

fn addresses(ipv6: bool) -> Vec<IpAddr> {
    let mut addresses = vec![IpAddr::V4(Ipv4Addr::LOCALHOST)];
    addresses.extend(ipv6.then_some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    addresses
}

fn has_ipv6() -> bool {
    UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

fn is_free(port: u16, ipv6: bool) -> bool {
    addresses(ipv6)
        .into_iter()
        .all(|ip| UdpSocket::bind((ip, port)).is_ok() && TcpListener::bind((ip, port)).is_ok())
}
