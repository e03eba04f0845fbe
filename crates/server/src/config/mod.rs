//! The configuration file: typed values, read whole or not at all, with every error at once.

mod address;
mod algorithms;
mod diagnostic;
mod document;
mod keys;
mod nearest;
mod pages;
mod read;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use strowger_sip::Transport;

use crate::kamailio::Script;

pub use address::{address, domain, host_text, prefix};
pub use algorithms::Algorithms;
pub use diagnostic::{Report, Source};
pub use document::Table;
pub use keys::ALGORITHMS;
#[cfg(test)]
pub use keys::documented_numbers;
pub use nearest::nearest;
pub use pages::template;

/// Where data is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// Nowhere.
    Memory,
    /// In this folder.
    Folder(PathBuf),
}

/// When a registration is confirmed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Durability {
    /// At once.
    Memory,
    /// When the operating system has it.
    Process,
    /// When it is on the disk.
    Disk,
}

/// A password or what stands for it. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The password.
    Password(String),
    /// Its digests in lower-case hexadecimal.
    Ha1 {
        /// MD5 of `name:domain:password`.
        md5: Option<String>,
        /// SHA-256 of the same.
        sha256: Option<String>,
    },
}

impl Secret {
    /// What it can be used with.
    pub fn algorithms(&self) -> Algorithms {
        match self {
            Secret::Password(_) => Algorithms::ALL,
            Secret::Ha1 { md5, sha256 } => Algorithms {
                md5: md5.is_some(),
                sha256: sha256.is_some(),
            },
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `[[realm]]`: a domain that does not offer what `[auth]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm {
    /// One of the domains.
    pub name: Box<str>,
    /// Registered names, in order.
    pub algorithms: Vec<String>,
}

/// An account written in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User part.
    pub name: String,
    /// One of the domains.
    pub domain: Box<str>,
    /// How it proves itself.
    pub secret: Secret,
    /// By which it may log in.
    pub algorithms: Algorithms,
    /// Line of the file, for messages.
    pub line: usize,
    /// Where its name stands, for warnings.
    pub span: Range<usize>,
}

/// `[[listen]]` entries as written; wildcards are expanded at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Transport.
    pub transport: Transport,
    /// Address, possibly a wildcard.
    pub address: SocketAddr,
    /// What Via and Record-Route say instead, if it differs from `advertise`.
    pub advertised: Option<(Box<str>, Option<u16>)>,
    /// As written.
    pub text: String,
    /// Line and column of the file, for errors when it is bound.
    pub position: (usize, usize),
}

/// `[auth]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    pub required: bool,
    /// Registered names, in order.
    pub algorithms: Vec<String>,
    /// Realms with algorithms of their own.
    pub realms: Vec<Realm>,
    pub nonce_seconds: u32,
}

impl Auth {
    /// What a domain offers, in order.
    pub fn offered(&self, domain: &str) -> &[String] {
        let own = self.realms.iter().find(|realm| *realm.name == *domain);
        own.map_or(&self.algorithms, |realm| &realm.algorithms)
    }
}

/// `[registrar]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registrar {
    pub expires_min: u32,
    pub expires_default: u32,
    pub expires_max: u32,
    pub bindings_per_aor_max: usize,
}

/// `[proxy]` and `[routing]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    pub redirect: bool,
    pub timer_c_seconds: u32,
    pub ring_seconds_max: Option<u32>,
    pub accept_foreign: bool,
    pub parallel: bool,
    pub recurse: bool,
}

/// `[timers]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timers {
    pub t1_ms: u32,
    pub t2_ms: u32,
    pub t4_ms: u32,
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Networks: address and bits that count.
    pub trusted_sources: Vec<(IpAddr, u8)>,
    pub messages_per_second: u32,
    pub burst_messages: u32,
    pub message_octets_max: usize,
    pub headers_max: usize,
    pub header_octets_max: usize,
    pub transactions_max: usize,
    pub queue_delay_ms_max: u32,
    pub retry_after_seconds: u32,
    pub drain_seconds: u32,
    pub answer_excess_octets: u32,
    pub connections_max: usize,
    pub connections_per_source_max: usize,
    pub connection_idle_seconds: u32,
    pub connect_timeout_ms: u32,
    pub message_timeout_ms: u32,
}

/// `[dns]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    pub servers: Vec<SocketAddr>,
    pub timeout_ms: u32,
}

/// `[admin]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    pub listen: Option<SocketAddr>,
    pub hosts: Vec<String>,
    pub socket: Option<PathBuf>,
    pub rpc: bool,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub level: &'static str,
    pub refusals_per_second_max: u32,
    pub json: bool,
}

/// A whole configuration. Every value has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub domains: Vec<Box<str>>,
    pub listen: Vec<Listen>,
    pub advertise: Option<(Box<str>, Option<u16>)>,
    pub data: Data,
    pub durability: Durability,
    pub workers: Option<u16>,
    pub shards: Option<u16>,
    pub server_header: Option<Box<str>>,
    pub auth: Auth,
    pub registrar: Registrar,
    pub proxy: Proxy,
    pub timers: Timers,
    pub limits: Limits,
    pub dns: Dns,
    pub admin: Admin,
    pub log: Log,
    pub users: Vec<User>,
    /// Decides about requests in the place of the native policy.
    pub script: Option<Arc<Script>>,
    /// The file's name as given; empty for the trial.
    pub file: String,
}

impl Config {
    /// Reads and checks a file. The report holds warnings even where the configuration is good.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load(path: &Path) -> Result<(Option<Config>, Report), std::io::Error> {
        let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
        let source = Source::new(path.display().to_string(), text);
        let folder = path.parent().unwrap_or(Path::new(""));
        let (config, mut report) = Config::parse(source, folder);
        read::warn_of_readable_passwords(path, config.as_ref(), &mut report);
        Ok((config, report))
    }

    /// Reads and checks a text. Relative paths begin at `folder`.
    pub fn parse(source: Source, folder: &Path) -> (Option<Config>, Report) {
        let text = source.text.clone();
        let mut report = Report::new(source);
        let document = document::parse(&text, &mut report);
        let config = if report.errors() == 0 {
            document::check(document.get_ref(), &mut report);
            Some(read::config(
                document::Table::top(document.get_ref()),
                folder,
                &mut report,
            ))
        } else {
            None
        };
        report.sort();
        (config.filter(|_| report.errors() == 0), report)
    }

    /// Path of the socket of the command line.
    pub fn admin_socket(&self) -> PathBuf {
        if let Some(socket) = &self.admin.socket {
            return socket.clone();
        }
        match &self.data {
            Data::Folder(folder) => folder.join("admin.sock"),
            Data::Memory => {
                let name = self.listen.first().map_or_else(String::new, |one| {
                    one.text.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
                });
                let user = nix::unistd::geteuid();
                std::env::temp_dir()
                    .join(format!("strowger-{user}"))
                    .join(format!("{name}.sock"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
