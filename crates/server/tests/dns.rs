//! Finding the next hop with name servers of the configuration: SRV, then A (RFC 3263), over a name server of this test.

mod support;

use std::net::UdpSocket;
use std::time::Duration;

use support::{Place, configuration, free_port};

/// The name in a question and its octets, type included.
fn question(message: &[u8]) -> Option<(String, u16, &[u8])> {
    let mut at = 12;
    let mut name = String::new();
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        name.push_str(&String::from_utf8_lossy(message.get(at..at + length)?).to_lowercase());
        name.push('.');
        at += length;
    }
    let kind = u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]);
    Some((name, kind, message.get(12..at + 4)?))
}

/// Answers SRV and A questions about `peer.test` until the process ends.
fn serve_names(socket: UdpSocket, port: u16) {
    const A: u16 = 1;
    const SRV: u16 = 33;
    let mut buffer = [0; 1024];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
        let Some((name, kind, asked)) = question(&buffer[..length]) else {
            continue;
        };
        let data: Option<Vec<u8>> = match (name.as_str(), kind) {
            ("_sip._udp.peer.test.", SRV) => {
                let mut data = vec![0, 1, 0, 1];
                data.extend(port.to_be_bytes());
                data.extend(b"\x04host\x04peer\x04test\x00");
                Some(data)
            }
            ("host.peer.test.", A) => Some(vec![127, 0, 0, 1]),
            _ => None,
        };
        let mut answer = buffer[..2].to_vec();
        answer.extend([0x85, 0x80, 0, 1, 0, u8::from(data.is_some()), 0, 0, 0, 0]);
        answer.extend_from_slice(asked);
        if let Some(data) = data {
            answer.extend([0xc0, 12]);
            answer.extend(kind.to_be_bytes());
            answer.extend([0, 1, 0, 0, 0, 60]);
            answer.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
            answer.extend(data);
        }
        let _ = socket.send_to(&answer, peer);
    }
}

#[test]
fn a_foreign_domain_is_found_by_srv() {
    let (place, port) = (Place::new(), free_port());
    let phone = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let peer = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let names = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for socket in [&phone, &peer] {
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a limit");
    }
    let own = phone.local_addr().expect("an address");
    let peer_port = peer.local_addr().expect("an address").port();
    let server = names.local_addr().expect("an address");
    std::thread::spawn(move || serve_names(names, peer_port));
    place.write(
        "strowger.toml",
        &format!(
            "{}[auth]\nrequired = false\n[dns]\nservers = [\"{server}\"]\n",
            configuration(port)
        ),
    );
    let _server = place.start(&["run"]);
    let request = format!(
        "MESSAGE sip:bob@peer.test SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKdns\r\nMax-Forwards: 70\r\n\
         From: <sip:alice@example.test>;tag=1\r\nTo: <sip:bob@peer.test>\r\nCall-ID: dns\r\nCSeq: 1 MESSAGE\r\n\
         Content-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi"
    );
    phone
        .send_to(request.as_bytes(), ("127.0.0.1", port))
        .expect("sent");
    let mut buffer = [0; 4096];
    let length = peer
        .recv(&mut buffer)
        .expect("the request reaches its domain");
    let received = String::from_utf8_lossy(&buffer[..length]);
    assert!(
        received.starts_with("MESSAGE sip:bob@peer.test SIP/2.0\r\n"),
        "{received}"
    );
}
