//! One message of a world on its way: a datagram, or a message on a connection.

use std::net::SocketAddr;
use std::rc::Rc;

use strowger_sip::{Limits, Message};

use crate::stream::StreamNumber;

/// A message on its way. Copies share octets and message.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Where it comes from.
    pub from: SocketAddr,
    /// Where it goes to.
    pub to: SocketAddr,
    /// The octets.
    pub octets: Rc<[u8]>,
    /// What they say, if they can be parsed.
    pub message: Option<Rc<Message>>,
    /// The connection it travels on; none for a datagram.
    pub stream: Option<StreamNumber>,
    /// How often the shard that sent it had begun anew; none for agents.
    pub epoch: Option<u32>,
}

impl Packet {
    /// A datagram; parsed once, for all who see it.
    pub fn new(from: SocketAddr, to: SocketAddr, octets: &[u8]) -> Packet {
        let message = Message::parse(octets.to_vec(), &Limits::default())
            .ok()
            .map(Rc::new);
        Packet {
            from,
            to,
            octets: octets.into(),
            message,
            stream: None,
            epoch: None,
        }
    }

    /// The same on a connection.
    pub fn on(self, stream: StreamNumber) -> Packet {
        Packet {
            stream: Some(stream),
            ..self
        }
    }

    /// The start line, as text.
    pub fn line(&self) -> String {
        let end = self
            .octets
            .iter()
            .position(|octet| matches!(octet, b'\r' | b'\n'))
            .unwrap_or(self.octets.len());
        String::from_utf8_lossy(self.octets.get(..end).unwrap_or_default()).into_owned()
    }

    /// One line that tells what it is.
    pub fn describe(&self) -> String {
        let mut text = format!("{} -> {}  {}", self.from, self.to, self.line());
        if let Some(message) = &self.message {
            let call_id = String::from_utf8_lossy(message.call_id());
            let branch = String::from_utf8_lossy(message.via().branch().unwrap_or_default());
            let cseq = message.cseq();
            text += &format!(
                "  [{} {} {} tag={} via={}]",
                cseq.number,
                cseq.method,
                call_id,
                String::from_utf8_lossy(message.to_tag().unwrap_or_default()),
                branch
            );
        }
        text
    }
}
