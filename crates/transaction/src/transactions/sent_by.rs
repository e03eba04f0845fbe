//! Hashes of our own sent-by texts. A response repeats the Via that we wrote, nearly always octet by octet: then its
//! sent-by need not be read to be compared (RFC 3261 §18.1.2).

use strowger_sip::{Host, Message};

use crate::request_key::KeyMaker;

/// What was hashed of late; there are few of us.
#[derive(Debug, Default)]
pub(super) struct SentByHashes {
    /// Protocol, transport and sent-by of a Via as it stands, and the hash.
    texts: Vec<(Box<[u8]>, u32)>,
    next: usize,
}

impl SentByHashes {
    /// Texts that are remembered: one for each listener of most servers.
    const TEXTS_MAX: usize = 8;

    /// The hash of the sent-by of a response's topmost Via; nothing is remembered yet.
    pub(super) fn of(&self, response: &Message, keys: &KeyMaker) -> u32 {
        let text = response.via_up_to_sent_by();
        match self.texts.iter().find(|(known, _)| **known == *text) {
            Some((_, hash)) => *hash,
            None => {
                let via = response.via();
                keys.sent_by(&via.host(), via.port)
            }
        }
    }

    /// Remembers the sent-by of a response that has proved to be ours.
    pub(super) fn remember(&mut self, response: &Message, hash: u32) {
        let text = response.via_up_to_sent_by();
        if self.texts.iter().any(|(known, _)| **known == *text) {
            return;
        }
        if self.texts.len() < Self::TEXTS_MAX {
            self.texts.push((text.into(), hash));
        } else if let Some(place) = self.texts.get_mut(self.next % Self::TEXTS_MAX) {
            *place = (text.into(), hash);
            self.next = self.next.wrapping_add(1);
        }
    }
}

/// The hash of the sent-by that was written last: the same again and again.
#[derive(Debug, Default)]
pub(super) struct WrittenSentBy(Option<(core::net::IpAddr, Option<u16>, u32)>);

impl WrittenSentBy {
    /// The hash of a sent-by that we write.
    pub(super) fn of(&mut self, host: &Host<'_>, port: Option<u16>, keys: &KeyMaker) -> u32 {
        let Some(address) = host.ip() else {
            return keys.sent_by(host, port);
        };
        match self.0 {
            Some((known, known_port, hash)) if known == address && known_port == port => hash,
            _ => {
                let hash = keys.sent_by(host, port);
                self.0 = Some((address, port, hash));
                hash
            }
        }
    }
}
