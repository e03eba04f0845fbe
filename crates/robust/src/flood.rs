//! One kind of request over and over at a rate, or as fast as it goes, from one source or many; counts every answer of
//! each request, to show that a stranger gets one at most (RFC 3261 §17 is for those who have a transaction).

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use nix::{cmsg_space, libc};
use serde_json::json;

use crate::options::Options;
use crate::receive::{find, udp};

/// Datagrams of one call, all from one source.
const BATCH: usize = 32;
/// Digits of a request's number.
const DIGITS: usize = 10;
/// Where the number stands in a template.
const PLACE: &str = "##########";
/// What precedes it in the branch.
const MARK: &[u8] = b"z9hG4bK-flood-";
/// Longest wait before looking at the clock again.
const NAP: Duration = Duration::from_micros(200);

/// A request with places for its number.
struct Template {
    octets: Vec<u8>,
    places: Vec<usize>,
}

impl Template {
    fn new(text: String) -> Template {
        let places = text.match_indices(PLACE).map(|(at, _)| at).collect();
        Template {
            octets: text.into_bytes(),
            places,
        }
    }

    fn write(&self, number: u64, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.octets);
        let digits = format!("{number:010}");
        for at in &self.places {
            if let Some(place) = out.get_mut(*at..*at + DIGITS) {
                place.copy_from_slice(digits.as_bytes());
            }
        }
    }
}

fn template(kind: &str, domain: &str, source: SocketAddrV4) -> Result<Template, String> {
    let (method, uri, to, more) = match kind {
        "register" => (
            "REGISTER",
            format!("sip:{domain}"),
            format!("sip:u{PLACE}@{domain}"),
            format!("Contact: <sip:u@{source}>\r\nExpires: 3600\r\n"),
        ),
        "options" => (
            "OPTIONS",
            format!("sip:{domain}"),
            format!("sip:{domain}"),
            String::new(),
        ),
        "invite" | "message" => (
            if kind == "invite" {
                "INVITE"
            } else {
                "MESSAGE"
            },
            format!("sip:alice@{domain}"),
            format!("sip:alice@{domain}"),
            format!("Contact: <sip:u@{source}>\r\n"),
        ),
        "junk" => return Ok(Template::new(format!("{PLACE} is no SIP message\r\n\r\n"))),
        _ => return Err(format!("--kind {kind}: no such kind")),
    };
    let mark = String::from_utf8_lossy(MARK);
    Ok(Template::new(format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {source};branch={mark}{PLACE};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:u{PLACE}@{domain}>;tag={PLACE}\r\nTo: <{to}>\r\nCall-ID: flood-{PLACE}\r\nCSeq: 1 {method}\r\n\
         {more}Content-Length: 0\r\n\r\n"
    )))
}

/// What came back.
#[derive(Default)]
struct Answers {
    done: AtomicBool,
    octets: AtomicU64,
    count: AtomicU64,
    foreign: AtomicU64,
    /// Requests that were answered twice or more.
    repeated: AtomicU64,
    last_ms: AtomicU64,
}

/// Floods the target.
pub fn run(options: &Options) -> Result<serde_json::Value, String> {
    let target = options.target()?;
    let domain: String = options.required("domain")?;
    let count: u64 = options.required("count")?;
    let rate: u64 = options.or("rate", 0)?;
    let first: Ipv4Addr = options.or("from", Ipv4Addr::new(127, 0, 0, 2))?;
    let sources: u32 = options.or("sources", 1)?;
    let kind: String = options.or("kind", "register".to_owned())?;
    let linger = Duration::from_secs(options.or("linger", 3)?);
    // Of one wildcard port all sources are served: each datagram names its own.
    let socket = udp(SocketAddr::from(([0, 0, 0, 0], options.or("port", 0)?)))?;
    let port = socket
        .local_addr()
        .map_err(|error| error.to_string())?
        .port();
    let kinds: &[&str] = match kind.as_str() {
        "mixed" => &["register", "options", "invite", "message", "junk"],
        one => &[one],
    };
    let mut templates = Vec::new();
    for number in 0..sources.max(1) {
        let source = Ipv4Addr::from(u32::from(first).wrapping_add(number));
        if !source.is_loopback() {
            return Err(format!("{source} is not in 127.0.0.0/8"));
        }
        let kind = kinds
            .get(number as usize % kinds.len())
            .copied()
            .unwrap_or("options");
        let address = SocketAddrV4::new(source, port);
        templates.push((source, template(kind, &domain, address)?));
        if sources == 1 {
            for other in kinds.iter().skip(1) {
                templates.push((source, template(other, &domain, address)?));
            }
        }
    }

    let begun = Instant::now();
    let answers = Arc::new(Answers::default());
    let listener = {
        let (answers, socket) = (
            Arc::clone(&answers),
            socket.try_clone().map_err(|error| error.to_string())?,
        );
        std::thread::spawn(move || listen(&socket, &answers, count, begun))
    };
    let sent = send_all(&socket, target, &templates, count, rate, begun)?;
    let seconds = begun.elapsed().as_secs_f64();
    std::thread::sleep(linger);
    answers.done.store(true, Ordering::Relaxed);
    let seen = listener
        .join()
        .map_err(|_| "the listener failed".to_owned())?;
    let load = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
    Ok(json!({
        "sent": sent.datagrams,
        "octets_sent": sent.octets,
        "seconds": seconds,
        "rate": sent.datagrams as f64 / seconds.max(1e-9),
        "send_buffer_full": sent.full,
        "answered": seen.iter().filter(|times| **times > 0).count(),
        "answers": load(&answers.count),
        "answered_more_than_once": load(&answers.repeated),
        "foreign": load(&answers.foreign),
        "octets_received": load(&answers.octets),
        "last_answer_ms_after_end": load(&answers.last_ms).saturating_sub((seconds * 1e3) as u64),
    }))
}

#[derive(Default)]
struct Sent {
    datagrams: u64,
    octets: u64,
    full: u64,
}

fn send_all(
    socket: &UdpSocket,
    target: SocketAddr,
    templates: &[(Ipv4Addr, Template)],
    count: u64,
    rate: u64,
    begun: Instant,
) -> Result<Sent, String> {
    let mut headers: MultiHeaders<SockaddrStorage> =
        MultiHeaders::preallocate(BATCH, Some(cmsg_space!(libc::in_pktinfo)));
    let mut buffers: Vec<Vec<u8>> = vec![Vec::new(); BATCH];
    let remotes = [Some(SockaddrStorage::from(target)); BATCH];
    let mut sent = Sent::default();
    let mut turn = 0_usize;
    while sent.datagrams < count {
        let mut room = (count - sent.datagrams).min(BATCH as u64);
        if rate > 0 {
            let due = (begun.elapsed().as_secs_f64() * rate as f64) as u64;
            if due <= sent.datagrams {
                std::thread::sleep(NAP);
                continue;
            }
            room = room.min(due - sent.datagrams);
        }
        let Some((source, template)) = templates.get(turn % templates.len()) else {
            return Err("nothing to send".to_owned());
        };
        turn += 1;
        let room = room as usize;
        for (number, buffer) in (sent.datagrams..).zip(buffers.iter_mut().take(room)) {
            template.write(number, buffer);
        }
        let slices: Vec<[IoSlice<'_>; 1]> = buffers
            .iter()
            .take(room)
            .map(|octets| [IoSlice::new(octets)])
            .collect();
        let from = libc::in_pktinfo {
            ipi_ifindex: 0,
            ipi_spec_dst: libc::in_addr {
                s_addr: u32::from_ne_bytes(source.octets()),
            },
            ipi_addr: libc::in_addr { s_addr: 0 },
        };
        let control = [ControlMessage::Ipv4PacketInfo(&from)];
        let outcome = sendmmsg(
            socket.as_raw_fd(),
            &mut headers,
            &slices,
            remotes.get(..room).unwrap_or_default(),
            control,
            MsgFlags::empty(),
        );
        match outcome {
            Ok(results) => {
                let done = results.count();
                sent.datagrams += done as u64;
                sent.octets += buffers.iter().take(done).map(Vec::len).sum::<usize>() as u64;
            }
            Err(Errno::EAGAIN | Errno::ENOBUFS) => {
                sent.full += 1;
                std::thread::sleep(NAP);
            }
            // The report of an ICMP error for an earlier one.
            Err(Errno::ECONNREFUSED | Errno::EINTR) => {}
            Err(error) => return Err(format!("sending failed: {error}")),
        }
    }
    Ok(sent)
}

/// Counts answers until told to end; how often each request was answered.
fn listen(socket: &UdpSocket, answers: &Answers, count: u64, begun: Instant) -> Vec<u8> {
    let mut seen = vec![0_u8; usize::try_from(count).unwrap_or(0)];
    let mut buffer = vec![0; 65_536];
    // The sender shares this socket, and its calls ask for no waiting of their own.
    _ = socket.set_read_timeout(Some(Duration::from_millis(50)));
    while !answers.done.load(Ordering::Relaxed) {
        let Ok((length, _)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let octets = buffer.get(..length).unwrap_or_default();
        answers.count.fetch_add(1, Ordering::Relaxed);
        answers.octets.fetch_add(length as u64, Ordering::Relaxed);
        let now = begun.elapsed().as_millis() as u64;
        answers.last_ms.store(now, Ordering::Relaxed);
        match number_of(octets).and_then(|number| seen.get_mut(number)) {
            Some(times) => {
                *times = times.saturating_add(1);
                // A 100 and a final answer are two as well: strangers get neither twice nor both.
                if *times == 2 {
                    answers.repeated.fetch_add(1, Ordering::Relaxed);
                }
            }
            None => _ = answers.foreign.fetch_add(1, Ordering::Relaxed),
        }
    }
    seen
}

/// The number of the request that an answer belongs to.
fn number_of(octets: &[u8]) -> Option<usize> {
    let head = octets.get(..octets.len().min(300))?;
    let at = find(head, MARK)? + MARK.len();
    std::str::from_utf8(head.get(at..at + DIGITS)?)
        .ok()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_its_number_and_an_answer_tells_it() {
        let source = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, 2), 5070);
        let template = template("register", "example.test", source).expect("a kind");
        let mut octets = Vec::new();
        template.write(123, &mut octets);
        assert_eq!(number_of(&octets), Some(123));
        assert!(find(&octets, PLACE.as_bytes()).is_none());
    }
}
