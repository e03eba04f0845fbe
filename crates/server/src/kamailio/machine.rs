//! What the translation asks of this machine: its network interfaces, the addresses of names, files.

use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;

/// Octets of one configuration file (4 MiB).
pub const FILE_OCTETS_MAX: u64 = 4 << 20;

/// The machine.
pub trait Machine {
    /// Addresses of a network interface; `None` if there is none of this name.
    fn interface(&self, name: &str) -> Option<Vec<IpAddr>>;
    /// Addresses of a host name.
    fn resolve(&self, name: &str) -> Vec<IpAddr>;
    /// Processors.
    fn processors(&self) -> usize;
    /// True if the file is there.
    fn has_file(&self, path: &Path) -> bool;
}

/// This machine.
#[derive(Copy, Clone, Debug)]
pub struct ThisMachine;

impl Machine for ThisMachine {
    fn interface(&self, name: &str) -> Option<Vec<IpAddr>> {
        let all = strowger_net::interface_addresses().ok()?;
        let mut own = all.iter().filter(|one| one.interface == name).peekable();
        own.peek()?;
        let usable = own.filter(|one| !one.is_link_local());
        Some(usable.map(|one| one.address.ip()).collect())
    }

    fn resolve(&self, name: &str) -> Vec<IpAddr> {
        let found = (name, 0).to_socket_addrs();
        let mut addresses: Vec<IpAddr> = found
            .into_iter()
            .flatten()
            .map(|address| address.ip())
            .collect();
        addresses.dedup();
        addresses
    }

    fn processors(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    fn has_file(&self, path: &Path) -> bool {
        path.is_file()
    }
}

/// The text of a configuration file, or why it cannot be read.
///
/// # Errors
/// It is not there, too long, or cannot be read.
pub fn read_file(path: &Path) -> std::io::Result<String> {
    let octets = std::fs::metadata(path)?.len();
    if octets > FILE_OCTETS_MAX {
        let text = format!("the file has more than {FILE_OCTETS_MAX} octets");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, text));
    }
    Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned())
}
