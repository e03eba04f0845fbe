//! The addresses of `listen` and `alias`.

use strowger_sip::Transport;

use super::lexer::{Lexer, Token};
use super::source::Span;

/// A socket to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The transport; `None` means UDP and TCP, and TLS where that is enabled.
    pub transport: Option<Transport>,
    /// IP addresses, host names or names of network interfaces; `*` is every address.
    pub hosts: Vec<String>,
    /// The port; `None` means the global `port`, or the transport's own.
    pub port: Option<u16>,
    /// What Via, Record-Route and Contact say instead.
    pub advertise: Option<(String, Option<u16>)>,
    /// The name by which scripts choose the socket.
    pub name: Option<String>,
    /// The address may appear later (`virtual`).
    pub is_virtual: bool,
    /// Where it stands.
    pub span: Span,
}

/// A host that is this server too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The transport; `None` means any.
    pub transport: Option<Transport>,
    /// The host.
    pub host: String,
    /// The port; `None` means any.
    pub port: Option<u16>,
    /// Where it stands.
    pub span: Span,
}

/// `[transport:]host[:port]`, or several hosts in parentheses.
struct Address {
    transport: Option<Transport>,
    hosts: Vec<String>,
    port: Option<u16>,
    span: Span,
}

impl Lexer<'_> {
    /// Reads what follows `listen=`; `None` if it is no address, which was told.
    pub(crate) fn listen(&mut self) -> Option<Listen> {
        let address = self.address()?;
        let mut listen = Listen {
            transport: address.transport,
            hosts: address.hosts,
            port: address.port,
            advertise: None,
            name: None,
            is_virtual: false,
            span: address.span,
        };
        if matches!(listen.transport, Some(Transport::Ws | Transport::Wss)) {
            let fix = "listen on tcp or tls";
            self.diagnostics
                .error(address.span, "WebSocket has no socket of its own", fix);
            return None;
        }
        loop {
            match self.peek_word().as_str() {
                "virtual" => {
                    self.next();
                    listen.is_virtual = true;
                }
                "advertise" if listen.advertise.is_none() && listen.name.is_none() => {
                    self.next();
                    let address = self.address()?;
                    let host = address.hosts.into_iter().next().unwrap_or_default();
                    listen.advertise = Some((host, address.port));
                }
                "name" | "agname" if listen.name.is_none() => {
                    self.next();
                    let lexed = self.next();
                    let Token::Text(name) = lexed.token else {
                        self.diagnostics.error(
                            lexed.span,
                            "the name of a socket stands in quotes",
                            "",
                        );
                        return None;
                    };
                    listen.name = Some(name);
                }
                _ => return Some(listen),
            }
        }
    }

    /// Reads the addresses after `alias=`: as many as follow on the line.
    pub(crate) fn aliases(&mut self, out: &mut Vec<Alias>) {
        loop {
            let Some(address) = self.address() else {
                return;
            };
            let (transport, port, span) = (address.transport, address.port, address.span);
            out.extend(address.hosts.into_iter().map(|host| Alias {
                transport,
                host,
                port,
                span,
            }));
            let rest = self.rest().trim_start_matches([' ', '\t']);
            let more = |c: char| c.is_ascii_alphanumeric() || matches!(c, '"' | '\'' | '[');
            if !rest.starts_with(more) {
                return;
            }
        }
    }

    fn address(&mut self) -> Option<Address> {
        let (mut host, mut span) = self.host()?;
        let mut transport = None;
        if self.rest().starts_with(':')
            && let Some(named) = transport_of(&host)
        {
            self.advance(1);
            let Ok(named) = named else {
                self.diagnostics
                    .error(span, format!("the transport {host} is not supported"), "");
                self.host();
                self.port();
                return None;
            };
            transport = Some(named);
            let (next, place) = self.host()?;
            host = next;
            span = span.to(place);
        }
        let hosts = if host.is_empty() {
            self.host_list()?
        } else {
            vec![host]
        };
        let port = self.port()?;
        let span = span.to(self.here(0));
        Some(Address {
            transport,
            hosts,
            port,
            span,
        })
    }

    /// A host, in quotes or bare; empty before a list.
    fn host(&mut self) -> Option<(String, Span)> {
        self.skip_space();
        let rest = self.rest();
        if rest.starts_with('(') {
            return Some((String::new(), self.here(1)));
        }
        if rest.starts_with('*') {
            let span = self.here(1);
            self.advance(1);
            return Some(("*".into(), span));
        }
        if rest.starts_with(['"', '\'']) {
            let lexed = self.next();
            let Token::Text(text) = lexed.token else {
                return None;
            };
            while self.rest().is_empty() && self.leave_definition() {}
            return Some((text, lexed.span));
        }
        let (word, span) = self.address_word();
        // A definition may hold a string.
        if word.is_empty() && self.rest().starts_with(['"', '\'']) {
            return self.host();
        }
        if word.is_empty() {
            let message = "an IP address, an interface or a host name is expected";
            self.diagnostics.error(self.here(1), message, "");
            return None;
        }
        Some((word, span))
    }

    fn host_list(&mut self) -> Option<Vec<String>> {
        let mut hosts = Vec::new();
        self.advance(1);
        loop {
            hosts.push(self.host()?.0);
            let lexed = self.next();
            match lexed.token {
                Token::Sign(',') => {}
                Token::Sign(')') => return Some(hosts),
                _ => {
                    self.diagnostics
                        .error(lexed.span, "`,` or `)` is expected", "");
                    return None;
                }
            }
        }
    }

    /// `:port` if it follows at once; `:*` is any port.
    fn port(&mut self) -> Option<Option<u16>> {
        if !self.rest().starts_with(':') {
            return Some(None);
        }
        self.advance(1);
        if self.rest().starts_with('*') {
            self.advance(1);
            return Some(None);
        }
        let lexed = self.next();
        let port = match lexed.token {
            Token::Integer(number) => u16::try_from(number).ok().filter(|port| *port > 0),
            _ => None,
        };
        if port.is_none() {
            self.diagnostics
                .error(lexed.span, "a port from 1 to 65535 is expected", "");
        }
        port.map(Some)
    }

    /// The bare word that comes next, without reading it.
    fn peek_word(&mut self) -> String {
        self.skip_space();
        let rest = self.rest();
        rest.get(..super::scan::word_octets(rest))
            .unwrap_or_default()
            .to_owned()
    }
}

/// The transport that a word names; `Err` for one that is not spoken here.
fn transport_of(word: &str) -> Option<Result<Transport, ()>> {
    if word.eq_ignore_ascii_case("sctp") {
        return Some(Err(()));
    }
    Transport::from_token(word.as_bytes()).map(Ok)
}
