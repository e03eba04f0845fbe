//! The keys of a configuration file: one documented table from which files are checked, `strowger init` writes its
//! commented file, and `docs/configuration.md` is made.

/// What values a key takes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Flag,
    /// A whole number within bounds.
    Number {
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// A string; what it may say is checked where it is read.
    Text,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// A list of strings.
    Texts,
    /// A list of these strings, in order of preference.
    Choices(&'static [&'static str]),
    /// A table with keys of its own, listed under `section.name`.
    Table,
    /// Tables by module, each with parameters of any name.
    Parameters,
}

/// What applies where a key is absent.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Preset {
    /// The key must be there.
    Required,
    /// This value, as it would be written.
    Value(&'static str),
    /// Nothing is set; the words say what happens then.
    Unset(&'static str),
}

/// One key.
#[derive(Copy, Clone, Debug)]
pub struct Key {
    /// The table it stands in; empty for the top.
    pub section: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What values it takes.
    pub kind: Kind,
    /// What applies without it.
    pub preset: Preset,
    /// What it does.
    pub meaning: &'static str,
}

/// One table of the file.
#[derive(Copy, Clone, Debug)]
pub struct Section {
    /// Its name; empty for the top.
    pub name: &'static str,
    /// What it is about.
    pub meaning: &'static str,
}

/// Tables that may stand in the file several times, written in double brackets.
pub const LISTS: &[&str] = &["realm", "user"];

/// The tables, in the order of the documentation.
pub const SECTIONS: &[Section] = &[
    Section {
        name: "",
        meaning: "Where the server listens, for whom, and where it keeps its data.",
    },
    Section {
        name: "auth",
        meaning: "Digest authentication (RFC 3261 §22, RFC 8760).",
    },
    Section {
        name: "registrar",
        meaning: "Registrations (RFC 3261 §10).",
    },
    Section {
        name: "registrar.expires_seconds",
        meaning: "How long a binding lives.",
    },
    Section {
        name: "routing",
        meaning: "What happens to a request for a registered user.",
    },
    Section {
        name: "kamailio",
        meaning: "A Kamailio KEMI script in Lua decides about requests, in the place of `[routing]`.",
    },
    Section {
        name: "proxy",
        meaning: "Forwarding (RFC 3261 §16).",
    },
    Section {
        name: "timers",
        meaning: "Transaction timers (RFC 3261 §17, table 4).",
    },
    Section {
        name: "limits",
        meaning: "Bounds that keep one sender from hurting the others.",
    },
    Section {
        name: "dns",
        meaning: "Name servers for finding the next hop (RFC 3263).",
    },
    Section {
        name: "admin",
        meaning: "Administration: the command line's socket and the HTTP listener for metrics.",
    },
    Section {
        name: "log",
        meaning: "Log lines, written to standard error.",
    },
    Section {
        name: "realm",
        meaning: "Domains whose digest settings differ from `[auth]`. Repeat `[[realm]]` for each.",
    },
    Section {
        name: "user",
        meaning: "Accounts kept in this file. Repeat `[[user]]` for each; others are kept by `strowger user`.",
    },
];

const fn key(
    section: &'static str,
    name: &'static str,
    kind: Kind,
    preset: Preset,
    meaning: &'static str,
) -> Key {
    Key {
        section,
        name,
        kind,
        preset,
        meaning,
    }
}

const fn number(min: i64, max: i64) -> Kind {
    Kind::Number { min, max }
}

use Kind::{Choice, Choices, Flag, Parameters, Table, Text, Texts};
use Preset::{Required, Unset, Value};

/// Digest algorithms by their registered names.
pub const ALGORITHMS: &[&str] = &["MD5", "SHA-256"];

/// Every key, by section, in the order of the documentation.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("", "domains", Texts, Required,
        "The domains this server is responsible for. The first is the default: a user name without a domain belongs to it, and so does a phone that registers at one of the listening addresses."),
    key("", "listen", Texts, Required,
        "Listening addresses, `udp:ADDRESS:PORT` or `tcp:ADDRESS:PORT`; IPv6 in brackets: `udp:[::1]:5060`. `0.0.0.0` and `[::]` stand for all addresses of the machine at start."),
    key("", "advertise", Text, Unset("the listening address itself"),
        "Host or `host:port` to write into Via and Record-Route instead of the listening address, for a server behind a port forwarding."),
    key("", "data", Text, Value("\"./strowger-data\""),
        "Folder for accounts, registrations and secrets, or `\"memory\"` to keep nothing. A relative path begins at the folder of this file."),
    key("", "durability", Choice(&["memory", "process", "disk"]), Value("\"process\""),
        "When a registration is confirmed: `memory` at once (registrations are lost at a restart, accounts are kept), `process` when the operating system has it (a crash of the server loses nothing), `disk` when it is on the disk."),
    key("", "workers", number(1, 64), Unset("one per processor, at most 16"),
        "Threads that read and write the network."),
    key("", "shards", number(1, 256), Unset("four per worker; one for one worker"),
        "Independent parts the server's state is divided into. Fixed while the server runs."),
    key("", "server_header", Text, Unset("no Server header field"),
        "Value of the Server header field in own responses."),

    key("auth", "required", Flag, Value("true"),
        "Challenge every request from a local identity. With `false` anybody may register and call as anybody: for a laboratory only."),
    key("auth", "algorithms", Choices(ALGORITHMS), Value("[\"MD5\"]"),
        "Digest algorithms to offer, in order. Several phones in wide use fail when SHA-256 is offered at all; add it where all phones can."),
    key("auth", "nonce_seconds", number(10, 86_400), Value("300"),
        "How long a challenge may be answered; later answers get a fresh challenge with `stale=true`."),

    key("registrar", "expires_seconds", Table, Unset("see below"),
        "Bounds for the life of a binding."),
    key("registrar", "bindings_per_aor_max", number(1, 100), Value("10"),
        "Contacts one address of record may have at a time."),
    key("registrar.expires_seconds", "min", number(1, 86_400), Value("60"),
        "Shorter requests are answered with 423 (Interval Too Brief)."),
    key("registrar.expires_seconds", "default", number(1, 604_800), Value("3600"),
        "Used where the phone asks for nothing."),
    key("registrar.expires_seconds", "max", number(1, 604_800), Value("7200"),
        "Longer requests get this."),

    key("routing", "mode", Choice(&["proxy", "redirect"]), Value("\"proxy\""),
        "`proxy` forwards requests for registered users, `redirect` answers 302 with their contacts."),

    key("kamailio", "script", Text, Required,
        "The Lua file. A relative path begins at the folder of this file; the script reads nothing outside of its own folder."),
    key("kamailio", "define", Texts, Value("[]"),
        "Words for `KSR.kx.ifdef`, as in `[\"WITH_AUTH\", \"FLT_ACC=1\"]`."),
    key("kamailio", "modules", Texts, Unset("all that there are"),
        "Modules that the script sees; `KSR.x` of another is nil."),
    key("kamailio", "log_level", Choice(&["error", "warn", "notice", "info", "debug"]), Value("\"notice\""),
        "The quietest lines of the script that are written to the log; `[log] level` has to let them through."),
    key("kamailio", "modparam", Parameters, Unset("no parameters"),
        "Module parameters, as in `[kamailio.modparam.htable]` with `htable = [\"ipban=>size=8;autoexpire=300\"]`; a list gives a parameter several times."),

    key("proxy", "timer_c_seconds", number(181, 3_600), Value("185"),
        "How long a branch may ring without any provisional response (timer C, RFC 3261 §16.6 step 11). Must be over 180."),
    key("proxy", "ring_seconds_max", number(1, 3_600), Unset("no limit but timer C"),
        "How long a call may ring in all; then the branches are cancelled and the caller gets 408 or 480."),
    key("proxy", "accept_foreign", Flag, Value("false"),
        "Forward requests of other domains to local users. Requests between two foreign domains are never relayed."),
    key("proxy", "fork", Choice(&["by-q", "parallel"]), Value("\"by-q\""),
        "`by-q` tries contacts of higher q first and rings those of equal q together; `parallel` rings all at once."),
    key("proxy", "recurse", Flag, Value("false"),
        "Follow a 3xx response of a called phone instead of passing it to the caller."),

    key("timers", "t1_ms", number(10, 5_000), Value("500"),
        "Estimate of the round-trip time (T1)."),
    key("timers", "t2_ms", number(100, 60_000), Value("4000"),
        "Longest interval between retransmissions (T2)."),
    key("timers", "t4_ms", number(100, 60_000), Value("5000"),
        "How long a message may stay in the network (T4)."),

    key("limits", "trusted_sources", Texts, Value("[]"),
        "Networks exempt from the limits per source: trunks, load generators. `192.0.2.0/24`, `2001:db8::/32` or one address."),
    key("limits", "messages_per_second", number(0, 1_000_000), Value("2000"),
        "Messages per second one source may send; what is over is dropped without an answer. 0 switches the limit off."),
    key("limits", "burst_messages", number(1, 1_000_000), Value("8000"),
        "Messages a quiet source may send at once."),
    key("limits", "message_octets_max", number(1_024, 1_048_576), Value("65535"),
        "Longest message."),
    key("limits", "headers_max", number(16, 2_000), Value("200"),
        "Most header fields in a message."),
    key("limits", "header_octets_max", number(256, 65_535), Value("8192"),
        "Longest header field."),
    key("limits", "transactions_max", number(100, 100_000_000), Value("2000000"),
        "Transactions of each kind, server and client, that the whole server holds at a time; from nine tenths on, new requests outside of calls get 503."),
    key("limits", "queue_delay_ms_max", number(0, 60_000), Value("250"),
        "How long a message may have waited, or a turn of a worker take: beyond it, or when the kernel drops messages, the server is overloaded, and more and more of the new requests outside of calls get 503. 0 never refuses."),
    key("limits", "retry_after_seconds", number(1, 3_600), Value("5"),
        "Retry-After of those 503; what is said lies between this and twice as much."),
    key("limits", "drain_seconds", number(0, 3_600), Value("30"),
        "How long requests that have begun, ringing calls among them, may go on after SIGTERM while new ones get 503; a second signal ends the server at once."),
    key("limits", "answer_excess_octets", number(0, 1_000_000), Value("8192"),
        "Octets that refusals over UDP to one source may exceed one and a half times its requests, regained in a minute; then OPTIONS get a shorter answer and others none. 0 switches the limit off."),
    key("limits", "connections_max", number(1, 1_000_000), Value("16384"),
        "TCP connections the whole server holds at a time."),
    key("limits", "connections_per_source_max", number(1, 1_000_000), Value("64"),
        "TCP connections one address may hold; trusted sources are exempt."),
    key("limits", "connection_idle_seconds", number(10, 86_400), Value("7500"),
        "A TCP connection without a message in either direction for so long is closed. Longer than the longest registration: a phone behind NAT is reached over nothing else."),
    key("limits", "connect_timeout_ms", number(100, 60_000), Value("2000"),
        "How long opening a TCP connection may take."),
    key("limits", "message_timeout_ms", number(500, 120_000), Value("10000"),
        "How long a message on a TCP connection may take to arrive once it has begun."),

    key("dns", "servers", Texts, Unset("those of /etc/resolv.conf"),
        "Name servers, `ADDRESS` or `ADDRESS:PORT`."),
    key("dns", "timeout_ms", number(50, 30_000), Value("3000"),
        "How long one question may take, retries included."),

    key("admin", "listen", Text, Unset("no HTTP listener"),
        "`ADDRESS:PORT` for /metrics, /health, /ready and /v1/status (read only). Loopback addresses only, unless `allow_remote` is set."),
    key("admin", "rpc", Flag, Value("false"),
        "Answer Kamailio's RPC methods (`POST /rpc`) on `listen` too. They can change state, and there is no authentication: loopback addresses only. The command line's socket answers them always."),
    key("admin", "allow_remote", Flag, Value("false"),
        "Accept other than loopback addresses in `listen`. There is no authentication: whoever reaches the port can read."),
    key("admin", "hosts", Texts, Value("[]"),
        "Further names that may stand in the Host header field of a request to `listen`, beside the address itself and `localhost`."),
    key("admin", "socket", Text, Unset("`admin.sock` in the data folder"),
        "Path of the socket that the command line uses. Only the server's own user may open it."),

    key("log", "level", Choice(&["error", "warn", "info", "debug", "trace"]), Value("\"info\""),
        "What is logged: failures, changes of state and call ends at `info`; every request at `debug`."),
    key("log", "refusals_per_second_max", number(0, 1_000_000), Value("100"),
        "Lines per second about refusals of one kind (same event, same status); what is more is counted in one line. 0 switches the limit off."),
    key("log", "format", Choice(&["text", "json"]), Value("\"text\""),
        "`text` for people, `json` with one object per line for log stores."),

    key("realm", "name", Text, Required,
        "One of `domains`; a domain is the realm of its users."),
    key("realm", "algorithms", Choices(ALGORITHMS), Required,
        "Digest algorithms this realm offers, in order, instead of those of `[auth]`."),

    key("user", "name", Text, Required,
        "The user's name, as in `sip:NAME@DOMAIN`."),
    key("user", "domain", Text, Unset("the first of `domains`"),
        "One of `domains`."),
    key("user", "password", Text, Unset("give `ha1_md5` or `ha1_sha256` instead"),
        "The password. Only its digest is kept in memory; who can read this file can read the password."),
    key("user", "ha1_md5", Text, Unset("-"),
        "MD5 of `name:domain:password` in hexadecimal, instead of the password."),
    key("user", "ha1_sha256", Text, Unset("-"),
        "SHA-256 of `name:domain:password` in hexadecimal, instead of the password."),
    key("user", "algorithms", Choices(ALGORITHMS), Unset("all that the password or the digests serve"),
        "Digest algorithms by which this user may log in. What is offered depends on the realm alone; an answer with another algorithm is treated as a wrong password."),
];

/// The keys of one section, in order.
pub fn keys_of(section: &str) -> impl Iterator<Item = &'static Key> + use<> {
    let section = section.to_owned();
    KEYS.iter().filter(move |key| key.section == section)
}

/// A section as it is written in the file.
pub fn place(section: &str) -> String {
    match section {
        "" => "the top of the file".to_owned(),
        list if LISTS.contains(&list) => format!("[[{list}]]"),
        other => format!("[{other}]"),
    }
}

/// Where a key stands, to end a sentence.
pub fn located(section: &str) -> String {
    let preposition = if section.is_empty() { "at" } else { "in" };
    format!("{preposition} {}", place(section))
}

/// The limits and times of the configuration with their defaults, as `section.key`; `-` where there is none.
#[cfg(test)]
pub fn documented_numbers() -> Vec<(String, &'static str)> {
    let sections = [
        "limits",
        "auth",
        "registrar",
        "registrar.expires_seconds",
        "proxy",
        "dns",
        "log",
    ];
    let numbers = KEYS
        .iter()
        .filter(|key| sections.contains(&key.section) && matches!(key.kind, Kind::Number { .. }));
    numbers
        .map(|key| {
            let default = match key.preset {
                Value(value) => value,
                _ => "-",
            };
            (format!("{}.{}", key.section, key.name), default)
        })
        .collect()
}
