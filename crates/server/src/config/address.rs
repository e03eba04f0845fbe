//! Addresses and names as they are written in a configuration: listeners, domains, networks, user names.

use std::net::{IpAddr, SocketAddr};

use strowger_sip::Transport;

/// Why a text was refused, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What is wrong.
    pub reason: String,
    /// What to write.
    pub fix: String,
}

impl Refused {
    /// From a text that gives its advice after a semicolon, as the store's errors do.
    pub fn from_text(text: &str) -> Refused {
        let (reason, fix) = text.split_once("; ").unwrap_or((text, ""));
        Refused {
            reason: reason.to_owned(),
            fix: fix.to_owned(),
        }
    }
}

fn refused<T>(reason: impl Into<String>, fix: impl Into<String>) -> Result<T, Refused> {
    Err(Refused {
        reason: reason.into(),
        fix: fix.into(),
    })
}

/// A listening address, `udp:127.0.0.1:5060`.
pub fn listener(text: &str) -> Result<(Transport, SocketAddr), Refused> {
    let Some((token, rest)) = text
        .split_once(':')
        .filter(|(token, _)| token.bytes().all(|b| b.is_ascii_alphabetic()))
    else {
        return refused(
            format!("listening address `{text}` names no transport"),
            format!("write \"udp:{text}\""),
        );
    };
    let transport = match Transport::from_token(token.as_bytes()) {
        Some(transport @ (Transport::Udp | Transport::Tcp)) => transport,
        Some(other) => {
            return refused(
                format!("{} listeners are not supported yet", other.as_str()),
                "use udp or tcp",
            );
        }
        None => return refused(format!("unknown transport `{token}`"), "use udp or tcp"),
    };
    let name = transport.as_param();
    let bracketed = rest.starts_with('[') || rest.matches(':').count() <= 1;
    match address(rest, transport.default_port()).filter(|_| bracketed) {
        Some(address) if address.port() == 0 => refused(
            "port 0 is no listening port",
            format!("write \"{name}:{}\"", SocketAddr::new(address.ip(), 5060)),
        ),
        Some(address) => Ok((transport, address)),
        None if rest.starts_with('*') || (bracketed && rest.starts_with(':')) => refused(
            format!("`{rest}` is no address"),
            format!("write \"{name}:0.0.0.0:5060\" for all addresses"),
        ),
        None if !bracketed => refused(
            format!("`{rest}` is no address"),
            format!("write IPv6 in brackets: \"{name}:[::1]:5060\""),
        ),
        None => refused(
            format!("`{rest}` is no address and port"),
            format!("write an address of this machine, as in \"{name}:127.0.0.1:5060\""),
        ),
    }
}

/// `ADDRESS` or `ADDRESS:PORT`, IPv6 in brackets when a port follows.
pub fn address(text: &str, default_port: u16) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address);
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    bare.parse::<IpAddr>()
        .ok()
        .map(|ip| SocketAddr::new(ip, default_port))
}

/// A host to advertise, with an optional port.
pub fn advertised(text: &str) -> Result<(Box<str>, Option<u16>), Refused> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok((host_text(address.ip()), Some(address.port())));
    }
    if let Some(address) = address(text, 0) {
        return Ok((host_text(address.ip()), None));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => match port.parse::<u16>() {
            Ok(port) if port > 0 => (host, Some(port)),
            _ => {
                return refused(
                    format!("`{port}` is no port"),
                    "write host:port, as in \"sip.example.test:5060\"",
                );
            }
        },
        None => (text, None),
    };
    Ok((domain(host)?.into(), port))
}

/// An address as it stands in a URI: IPv6 in brackets.
pub fn host_text(ip: IpAddr) -> Box<str> {
    match ip {
        IpAddr::V4(v4) => v4.to_string().into(),
        IpAddr::V6(v6) => format!("[{v6}]").into(),
    }
}

/// A domain, returned in lower case (RFC 3261 §25.1, hostname).
pub fn domain(text: &str) -> Result<String, Refused> {
    let lower = text.to_ascii_lowercase();
    if address(&lower, 0).is_some_and(|address| address.port() == 0) {
        let ip = address(&lower, 0).map(|address| host_text(address.ip()).into_string());
        return Ok(ip.unwrap_or(lower));
    }
    if text.is_empty() {
        return refused("a domain is empty", "write a name such as \"example.test\"");
    }
    if let Some(rest) = ["sip:", "sips:"]
        .iter()
        .find_map(|scheme| lower.strip_prefix(scheme))
    {
        return refused(
            format!("domain `{text}` has a scheme"),
            format!("write \"{rest}\""),
        );
    }
    if let Some((_, host)) = lower.rsplit_once('@') {
        return refused(
            format!("domain `{text}` has a user"),
            format!("write \"{host}\""),
        );
    }
    if let Some((host, _)) = lower.split_once(':') {
        return refused(
            format!("domain `{text}` has a port"),
            format!("write \"{host}\""),
        );
    }
    if let Some(rest) = lower.strip_suffix('.') {
        return refused(
            format!("domain `{text}` ends with a dot"),
            format!("write \"{rest}\""),
        );
    }
    if let Some(bad) = lower
        .chars()
        .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.')))
    {
        let fixed: String = lower
            .chars()
            .map(|c| if c == '_' || c == ' ' { '-' } else { c })
            .collect();
        let fix = if fixed != lower && domain(&fixed).is_ok() {
            format!("write \"{fixed}\"")
        } else {
            "use letters, digits, - and .".into()
        };
        return refused(
            format!("domain `{text}` holds `{}`", bad.escape_debug()),
            fix,
        );
    }
    let label_is_bad = |label: &str| {
        label.is_empty() || label.len() > 63 || label.starts_with('-') || label.ends_with('-')
    };
    if lower.len() > 253 || lower.split('.').any(label_is_bad) {
        return refused(
            format!("domain `{text}` is no host name"),
            "labels are 1 to 63 letters, digits or -, and neither begin nor end with -",
        );
    }
    if lower
        .rsplit('.')
        .next()
        .is_some_and(|top| top.starts_with(|c: char| c.is_ascii_digit()))
    {
        return refused(
            format!("domain `{text}` is neither a name nor an address"),
            "the last label must begin with a letter",
        );
    }
    Ok(lower)
}

/// A network, `192.0.2.0/24`, or one address: the address and the number of bits that count.
pub fn prefix(text: &str) -> Result<(IpAddr, u8), Refused> {
    let (host, bits) = match text.split_once('/') {
        Some((host, bits)) => (host, Some(bits)),
        None => (text, None),
    };
    let Ok(address) = host.parse::<IpAddr>() else {
        return refused(
            format!("`{text}` is no network"),
            "write an address or a network such as \"192.0.2.0/24\"",
        );
    };
    let widest = if address.is_ipv4() { 32 } else { 128 };
    match bits.map(str::parse::<u8>) {
        None => Ok((address, widest)),
        Some(Ok(bits)) if bits <= widest => Ok((address, bits)),
        Some(_) => refused(
            format!("`{text}` has no such prefix length"),
            format!("the length is 0 to {widest}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read() {
        assert_eq!(
            listener("udp:127.0.0.1:5060"),
            Ok((Transport::Udp, ([127, 0, 0, 1], 5060).into()))
        );
        assert_eq!(
            listener("tcp:[::1]"),
            Ok((Transport::Tcp, "[::1]:5060".parse().expect("an address")))
        );
        for bad in [
            "127.0.0.1:5060",
            "udp:localhost:5060",
            "tls:127.0.0.1:5061",
            "udp:*:5060",
            "udp:::1:5060",
            "udp:1.2.3.4:0",
        ] {
            assert!(listener(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn domains_are_host_names() {
        assert_eq!(domain("Example.TEST").as_deref(), Ok("example.test"));
        assert_eq!(domain("127.0.0.1").as_deref(), Ok("127.0.0.1"));
        assert_eq!(domain("::1").as_deref(), Ok("[::1]"));
        for bad in [
            "",
            "a b",
            "exa_mple.test",
            "sip:example.test",
            "example.test:5060",
            "-a.test",
            "a/b.test",
            "m\u{fc}nchen.test",
            "a..b",
            "example.test.",
            "1.2.3",
        ] {
            assert!(domain(bad).is_err(), "{bad}");
        }
        assert_eq!(
            domain("my_pbx.test").map_err(|refused| refused.fix),
            Err("write \"my-pbx.test\"".to_owned())
        );
    }

    #[test]
    fn networks_have_a_length_of_their_family() {
        assert!(prefix("192.0.2.0/33").is_err());
        assert_eq!(prefix("2001:db8::/32").map(|prefix| prefix.1), Ok(32));
        assert_eq!(prefix("192.0.2.1").map(|prefix| prefix.1), Ok(32));
    }
}
