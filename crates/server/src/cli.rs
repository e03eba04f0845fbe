//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

/// SIP registrar, proxy and redirect server.
///
/// Without a command it starts a trial: loopback listeners, a data folder here, two accounts.
#[derive(Debug, Parser)]
#[command(
    name = "strowger",
    version,
    max_term_width = 100,
    subcommand_value_name = "COMMAND"
)]
#[command(after_help = "Exit codes: 0 ok, 1 failed, 2 usage, 3 configuration, 4 not running")]
pub struct Cli {
    /// Configuration file (`.toml`, or a `kamailio.cfg`), or the data folder of a running server [default:
    /// ./strowger.toml, /etc/strowger/strowger.toml, or the trial in ./strowger-data]
    #[arg(short, long = "config", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Define a word for the preprocessor of a `kamailio.cfg`, or for `KSR.kx.ifdef`; repeat for more
    #[arg(short = 'A', long, value_name = "NAME[=VALUE]", global = true)]
    pub define: Vec<String>,
    /// Write results as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented configuration file for real use
    Init(InitArgs),
    /// Run the server
    Run(SourceArgs),
    /// Check the configuration and its script, show all errors and warnings
    Check(SourceArgs),
    /// Show how the server stands
    Status,
    /// Manage accounts, with or without a running server
    #[command(subcommand)]
    User(UserCommand),
    /// Show or drop registrations
    #[command(subcommand)]
    Reg(RegCommand),
    /// Show counters
    Stats(StatsArgs),
    /// Call one of Kamailio's RPC methods on the running server
    Rpc(RpcArgs),
    /// Take over the changed configuration, all of it or nothing
    Reload,
    /// Show requests live, in plain words
    Watch(WatchArgs),
    /// Send OPTIONS and show who answers
    Ping(crate::client::PingArgs),
    /// Register as a phone would
    Register(crate::client::RegisterArgs),
    /// Send a MESSAGE
    Message(crate::client::MessageArgs),
    /// Put load on a SIP server, check every message, show what it costs
    Load(Box<crate::load::LoadArgs>),
    /// Show the version
    Version,
    /// Write completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// `init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Domain to serve [default: this machine's name]
    #[arg(long)]
    pub domain: Option<String>,
    /// Listening address, `udp:ADDRESS:PORT` or `tcp:ADDRESS:PORT`; repeat for more [default: udp and tcp on all addresses]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<String>,
    /// Data folder
    #[arg(long, value_name = "FOLDER", default_value = "./strowger-data")]
    pub data: String,
    /// Replace an existing file
    #[arg(long)]
    pub force: bool,
}

/// `user`
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add accounts; without --password-stdin a random password is made and shown once
    Add {
        /// `name` (in the first domain) or `name@domain`
        #[arg(required = true, value_name = "USER")]
        users: Vec<String>,
        #[command(flatten)]
        password: PasswordArgs,
        /// Digest algorithms by which they may log in, `SHA-256` or `MD5,SHA-256` [default: both]
        #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = ["MD5", "SHA-256"])]
        algorithms: Vec<String>,
    },
    /// Delete accounts and their registrations
    Del {
        /// `name` or `name@domain`
        #[arg(required = true, value_name = "USER")]
        users: Vec<String>,
    },
    /// Set a new password; without an option it is asked for
    Passwd {
        /// `name` or `name@domain`
        user: String,
        #[command(flatten)]
        password: PasswordArgs,
        /// Make a random password and show it once
        #[arg(long, conflicts_with = "password_stdin")]
        random: bool,
        /// Digest algorithms by which the user may log in [default: those of before]
        #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = ["MD5", "SHA-256"])]
        algorithms: Vec<String>,
    },
    /// List accounts
    List {
        /// Only users whose name contains this
        #[arg(value_name = "TEXT")]
        contains: Option<String>,
    },
    /// Import accounts from a CSV file: name,password[,domain], all lines or none
    Import {
        /// The file; `-` for standard input
        file: PathBuf,
        /// Replace accounts that exist
        #[arg(long)]
        replace: bool,
    },
}

/// Where a password comes from. Never from the command line itself, which others can see.
#[derive(Debug, Args)]
pub struct PasswordArgs {
    /// Read the password from standard input, one line
    #[arg(long)]
    pub password_stdin: bool,
}

/// `reg`
#[derive(Debug, Subcommand)]
pub enum RegCommand {
    /// List registrations
    List {
        /// Only users whose name contains this
        #[arg(value_name = "TEXT")]
        contains: Option<String>,
        /// Show only so many and say how many more there are
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
        limit: Option<u32>,
    },
    /// Drop all registrations of a user
    Drop {
        /// `name` or `name@domain`
        user: String,
    },
}

/// `stats`
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// Only names that contain this; `sl`, `tm` and `usrloc` show these groups under Kamailio's names
    #[arg(value_name = "TEXT")]
    pub contains: Option<String>,
    /// Also counters that are zero
    #[arg(long)]
    pub all: bool,
}

/// What `run` and `check` take in the place of a `strowger.toml`
#[derive(Debug, Args)]
pub struct SourceArgs {
    /// A `kamailio.cfg` with `cfgengine "lua"`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["config", "kemi"])]
    pub kamailio: Option<PathBuf>,
    /// A KEMI script in Lua; without -c it listens on loopback addresses, as the trial does
    #[arg(long, value_name = "FILE")]
    pub kemi: Option<PathBuf>,
    /// Accepted as Kamailio's own command line has it: this server never leaves the foreground
    #[arg(short = 'D', action = clap::ArgAction::Count, hide = true)]
    pub foreground: u8,
}

/// `rpc`
#[derive(Debug, Args)]
pub struct RpcArgs {
    /// The method, `system.listMethods` shows all
    #[arg(value_name = "METHOD")]
    pub method: String,
    /// Its parameters: numbers and `true` are taken as such, `s:TEXT` is always a string
    #[arg(value_name = "PARAMETER", allow_hyphen_values = true)]
    pub parameters: Vec<String>,
}

/// `watch`
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Only lines that contain this: a user, an address, a Call-ID
    #[arg(value_name = "TEXT")]
    pub contains: Option<String>,
    /// Failures only
    #[arg(long)]
    pub failures: bool,
}
