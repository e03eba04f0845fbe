//! Which Host header fields the HTTP listener answers to: a page in somebody's browser must not reach it under a name of
//! its own that resolves to a loopback address (DNS rebinding).

use std::net::{IpAddr, SocketAddr};

/// The hosts that are answered.
#[derive(Clone, Debug)]
pub struct AllowedHosts {
    address: SocketAddr,
    names: Vec<String>,
}

impl AllowedHosts {
    /// The listening address, any address if that is a wildcard, `localhost`, and these names.
    pub fn new(address: SocketAddr, names: &[String]) -> AllowedHosts {
        AllowedHosts {
            address,
            names: names.iter().map(|name| name.to_ascii_lowercase()).collect(),
        }
    }

    /// True if a request with this Host header field may be answered.
    pub fn allows(&self, host: &str) -> bool {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.to_ascii_lowercase();
        let bare = name
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(&name);
        match bare.parse::<IpAddr>() {
            Ok(ip) => {
                ip == self.address.ip() || self.address.ip().is_unspecified() || ip.is_loopback()
            }
            Err(_) => name == "localhost" || self.names.contains(&name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_names_are_refused() {
        let hosts = AllowedHosts::new(
            ([127, 0, 0, 1], 8060).into(),
            &["pbx.example.test".to_owned()],
        );
        for good in [
            "127.0.0.1:8060",
            "127.0.0.1",
            "localhost:8060",
            "[::1]:8060",
            "PBX.example.test:8060",
        ] {
            assert!(hosts.allows(good), "{good}");
        }
        for bad in [
            "evil.test:8060",
            "evil.test",
            "192.0.2.1:8060",
            "",
            "localhost.evil.test",
        ] {
            assert!(!hosts.allows(bad), "{bad}");
        }
    }
}
