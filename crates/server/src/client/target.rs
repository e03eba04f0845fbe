//! SIP URIs of the command line, and the addresses behind them.

use std::net::{SocketAddr, ToSocketAddrs};

use strowger_sip::{Host, Scheme, Transport, Uri};

use crate::exit::{Exit, Failure};

/// A sip URI that was given on the command line.
#[derive(Clone, Debug)]
pub struct SipUri {
    text: String,
}

impl SipUri {
    /// Reads a URI; `sip:` may be left out.
    pub fn parse(text: &str) -> Result<SipUri, Failure> {
        let has_scheme = ["sip:", "sips:", "tel:"].iter().any(|scheme| {
            text.get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        });
        let text = if has_scheme {
            text.to_owned()
        } else {
            format!("sip:{text}")
        };
        let usage =
            |message: String| Failure::new(Exit::Usage, message).fix("sip:1001@127.0.0.1:5060");
        match Uri::parse(text.as_bytes()).map(|uri| (uri.scheme, uri.transport())) {
            Ok((Scheme::Sip, None | Some(Transport::Udp | Transport::Tcp))) => {}
            Ok((Scheme::Sip, _)) => {
                return Err(usage(format!(
                    "`{text}`: only transport=udp and transport=tcp can be used"
                )));
            }
            Ok((Scheme::Sips, _)) => {
                return Err(usage(format!(
                    "`{text}`: sips needs TLS, which is not there yet"
                )));
            }
            Ok(_) => return Err(usage(format!("`{text}` is no sip URI"))),
            Err(error) => {
                return Err(usage(format!(
                    "`{}` is no SIP URI: {error}",
                    text.escape_debug()
                )));
            }
        }
        Ok(SipUri { text })
    }

    /// As text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// In its parts.
    pub fn uri(&self) -> Uri<'_> {
        match Uri::parse(self.text.as_bytes()) {
            Ok(uri) => uri,
            // It was read before and is read the same way again.
            Err(_) => unreachable!("{} was a URI", self.text),
        }
    }

    /// As a Request-URI: without what only a name-addr may have (RFC 3261 §19.1.1).
    pub fn request_uri(&self) -> String {
        self.text.split('?').next().unwrap_or_default().to_owned()
    }

    /// What From and To name: no port, no parameters (RFC 3261 §19.1.1).
    pub fn address_of_record(&self) -> String {
        let mut octets = Vec::with_capacity(self.text.len());
        self.uri().write_address_of_record(&mut octets);
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// The Request-URI of a REGISTER for this address: its domain (RFC 3261 §10.2).
    pub fn registrar(&self) -> String {
        let text = self.request_uri();
        match text.split_once('@') {
            Some((_, host)) => format!("sip:{host}"),
            None => text,
        }
    }
}

/// Where a request is sent.
#[derive(Clone, Debug)]
pub struct NextHop {
    /// How.
    pub transport: Transport,
    /// The addresses to try in turn.
    pub addresses: Vec<SocketAddr>,
    /// The URI said which transport.
    explicit: bool,
}

impl NextHop {
    /// Resolves a URI's host with the system's resolver.
    pub fn of(target: &SipUri) -> Result<NextHop, Failure> {
        let uri = target.uri();
        let host = uri.maddr().unwrap_or(uri.host);
        let port = uri.port_or_default();
        let (name, addresses) = match (host, host.ip()) {
            (_, Some(ip)) => (ip.to_string(), vec![SocketAddr::new(ip, port)]),
            (Host::Name(name), None) => {
                let name = String::from_utf8_lossy(name).into_owned();
                let found = (name.as_str(), port)
                    .to_socket_addrs()
                    .map(Iterator::collect)
                    .unwrap_or_default();
                (name, found)
            }
            (_, None) => (String::new(), Vec::new()),
        };
        if addresses.is_empty() {
            let name = crate::commands::printable(&name);
            return Err(
                Failure::new(Exit::Failed, format!("the name {name} has no address"))
                    .fix("check the spelling, or say where to send with `--server sip:ADDRESS`"),
            );
        }
        let explicit = uri.transport();
        Ok(NextHop {
            transport: explicit.unwrap_or(Transport::Udp),
            addresses,
            explicit: explicit.is_some(),
        })
    }

    /// Use TCP, unless the URI said otherwise.
    pub fn prefer_stream(&mut self) {
        if !self.explicit {
            self.transport = Transport::Tcp;
        }
    }
}
