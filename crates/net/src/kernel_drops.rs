//! How many datagrams the kernel dropped because nobody read them in time, and how much waits to be read.

use std::collections::HashSet;
use std::fs::read_to_string;
use std::io;
use std::net::UdpSocket;

use nix::sys::stat::fstat;

use crate::lateness::Queue;

/// The field of a row that names the socket.
const INODE: usize = 9;

/// What the kernel keeps for the reader of these sockets, and how much it has dropped, summed.
pub(crate) fn kernel_queue<'a>(sockets: impl Iterator<Item = &'a UdpSocket>) -> io::Result<Queue> {
    let mut inodes = [HashSet::new(), HashSet::new()];
    for socket in sockets {
        let of_family = &mut inodes[usize::from(!socket.local_addr()?.is_ipv4())];
        of_family.insert(fstat(socket)?.st_ino);
    }
    let mut sum = Queue::default();
    for (table, inodes) in ["/proc/net/udp", "/proc/net/udp6"].iter().zip(&inodes) {
        if !inodes.is_empty() {
            let queue = queue_in(&read_to_string(table)?, inodes);
            sum.octets += queue.octets;
            sum.dropped += queue.dropped;
        }
    }
    Ok(sum)
}

fn queue_in(table: &str, inodes: &HashSet<u64>) -> Queue {
    const QUEUES: usize = 4;
    let mut sum = Queue::default();
    for row in table.lines().skip(1) {
        let fields: Vec<&str> = row.split_ascii_whitespace().collect();
        let inode = fields.get(INODE).and_then(|field| field.parse().ok());
        if !inode.is_some_and(|inode| inodes.contains(&inode)) {
            continue;
        }
        let received = fields
            .get(QUEUES)
            .and_then(|queues| queues.split_once(':'))
            .and_then(|(_, received)| u64::from_str_radix(received, 16).ok());
        let dropped = fields.last().and_then(|field| field.parse::<u64>().ok());
        sum.octets += received.unwrap_or(0);
        sum.dropped += dropped.unwrap_or(0);
    }
    sum
}

/// The sum of the drop counters of `sockets`.
pub(crate) fn kernel_drops<'a>(sockets: impl Iterator<Item = &'a UdpSocket>) -> io::Result<u64> {
    let inodes: HashSet<u64> = sockets
        .filter_map(|socket| fstat(socket).ok())
        .map(|stat| stat.st_ino)
        .collect();
    let mut sum = 0;
    for table in ["/proc/net/udp", "/proc/net/udp6"] {
        match read_to_string(table) {
            Ok(text) => sum += drops_in(&text, &inodes),
            // A kernel without IPv6 has no such table.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sum)
}

fn drops_in(table: &str, inodes: &HashSet<u64>) -> u64 {
    let rows = table
        .lines()
        .skip(1)
        .map(|line| line.split_ascii_whitespace());
    rows.filter_map(|fields| {
        let fields: Vec<&str> = fields.collect();
        let inode: u64 = fields.get(INODE)?.parse().ok()?;
        let drops: u64 = fields.last()?.parse().ok()?;
        inodes.contains(&inode).then_some(drops)
    })
    .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_the_drops_of_our_sockets() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            1: 0100007F:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 5\n\
            2: 0100007F:13C5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 7\n";
        assert_eq!(drops_in(table, &HashSet::from([4711])), 5);
        assert_eq!(drops_in(table, &HashSet::from([4711, 4712])), 12);
    }

    #[test]
    fn what_waits_in_a_socket_is_seen() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
            1: 0100007F:13C4 00000000:0000 07 00000001:00000A00 00:00000000 00000000     0        0 4711 2 0000000000000000 5\n";
        let queue = Queue {
            octets: 2_560,
            dropped: 5,
        };
        assert_eq!(queue_in(table, &HashSet::from([4711])), queue);
        assert_eq!(queue_in(table, &HashSet::from([4712])), Queue::default());
        let twice = format!("{table}{}", table.lines().last().unwrap_or_default());
        let both = queue_in(&twice, &HashSet::from([4711, 4712]));
        assert_eq!(both.octets, 2 * queue.octets, "of all sockets");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let waits = || kernel_queue([&socket].into_iter()).expect("the kernel's table");
        assert_eq!(waits(), Queue::default());
        let to = socket.local_addr().expect("an address");
        socket.send_to(b"x", to).expect("sent");
        assert!(waits().octets > 0);
    }

    #[test]
    fn a_fresh_socket_has_no_drops() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        assert_eq!(
            kernel_drops(core::iter::once(&socket)).expect("the kernel's table"),
            0
        );
    }
}
