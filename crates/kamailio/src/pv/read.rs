//! Evaluates a pseudo-variable.

use std::io::Write as _;

use strowger_sip::{HeaderName, Message, Method};

use super::item::{MessagePart, Pv, PvIndex, TransactionPart, Unset};
use super::source::{Alone, Place, PvSource, StoreKey};
use super::spec::PvSpec;
use super::value::PvValue;
use super::{clock, read_address, read_flow, read_header};

impl PvSpec {
    /// The value.
    pub fn read<'s>(&'s self, source: &'s dyn PvSource) -> PvValue<'s> {
        let mut value = self.untransformed(source);
        for transform in &self.transforms {
            value = transform.apply(value, source);
        }
        value
    }

    fn untransformed<'s>(&'s self, source: &'s dyn PvSource) -> PvValue<'s> {
        let message = source.message();
        match &self.item {
            Pv::Dollar => PvValue::octets(b"$"),
            Pv::Null | Pv::Absent => PvValue::Null,
            Pv::Message(part) => message_part(*part, source),
            Pv::Uri(of, part) => read_address::uri(*of, *part, source),
            Pv::Field(of, part) => read_address::field(*of, *part, message),
            Pv::FromAddressOfRecord => read_address::from_address_of_record(message),
            Pv::ContactUri => read_address::contact_uri(message),
            Pv::ContactIsStar => read_address::contact_is_star(message),
            Pv::Header(name, part) => {
                let place = self.index.place(source);
                read_header::fields(message, &name.text(source), *part, place)
            }
            Pv::NamedHeader(name) => {
                PvValue::maybe(message.header(*name).map(|header| header.value))
            }
            Pv::Credential(part) => {
                read_header::credential(message, source.verified_credentials(), *part)
            }
            Pv::Via(place, part) => read_header::via(message, *place, part),
            Pv::Selected(inner, zero_is_nothing) => match selected(inner.read(source)) {
                PvValue::Str(text) if *zero_is_nothing && *text == *b"0" => PvValue::Null,
                value => value,
            },
            Pv::SelectedVia(place, part) => selected(
                read_header::via_at(message, *place).map_or(PvValue::Null, |place| {
                    read_header::via(message, place, part)
                }),
            ),
            Pv::SelectedViaParam(place, name) => read_header::via_at(message, *place)
                .map_or(PvValue::Null, |place| {
                    read_header::via_param(message, place, name)
                }),
            Pv::Random => PvValue::Int(source.random()),
            Pv::Socket(of, part) => read_flow::socket(*of, *part, source),
            Pv::Transport => read_flow::transport(source),
            Pv::TransportId => read_flow::transport_id(source),
            Pv::Connection => {
                let connection = source.flow().and_then(|flow| flow.connection);
                connection.map_or(PvValue::Null, |number| {
                    PvValue::Int(i64::try_from(number).unwrap_or(i64::MAX))
                })
            }
            Pv::SendSocket => PvValue::maybe(source.send_socket()),
            Pv::SendSocketName => PvValue::maybe(source.send_socket_name()),
            Pv::DestinationSet => read_flow::destination_set(source),
            Pv::Branch(part) => read_flow::branch(*part, self.index.place(source), source),
            Pv::Flags(which, hexadecimal) => {
                let flags = source.flags(*which);
                if *hexadecimal {
                    text(format!("{flags:08X}"))
                } else {
                    PvValue::Int(i64::from(flags))
                }
            }
            Pv::Transaction(part) => transaction_part(*part, source),
            Pv::Through(stored, inner) => match source.stored(*stored) {
                Some(message) => inner.read(&Alone(message)).into_owned(),
                None => PvValue::Null,
            },
            Pv::Named(what, name) => source.named(*what, &name.text(source)).into_owned(),
            Pv::ReturnCode => PvValue::Int(source.return_code()),
            Pv::Clock(part) => clock::read(part, source),
            Pv::LocalTag(which) => source.local_tag(*which).map_or(PvValue::Null, PvValue::Str),
            Pv::Server(full) => PvValue::from(source.version(*full)),
            Pv::ProcessId => PvValue::Int(source.process_id()),
            Pv::ServerId => PvValue::Int(source.server_id()),
            Pv::Format(format) => PvValue::Str(format.text(source)),
            Pv::Count(inner) => inner.count(source),
            Pv::Variable(_, unset) => {
                let value = self.stored_value(source);
                match (value.is_null(), unset) {
                    (true, Unset::Zero) => PvValue::Int(0),
                    _ => value,
                }
            }
            Pv::Shared(_) => match self.stored_value(source) {
                PvValue::Null => PvValue::Int(0),
                value => value,
            },
            Pv::Avp(_)
            | Pv::Xavp(..)
            | Pv::XavpField(..)
            | Pv::Table(..)
            | Pv::DialogVariable(_) => self.stored_value(source),
        }
    }

    fn stored_value<'s>(&'s self, source: &'s dyn PvSource) -> PvValue<'s> {
        let mut value = PvValue::Null;
        self.with_key(source, &mut |key| {
            value = source.stored_value(key).into_owned()
        });
        value
    }

    /// Calls `then` with the key of a value that scripts keep; not at all for other pseudo-variables.
    pub(crate) fn with_key(&self, source: &dyn PvSource, then: &mut dyn FnMut(&StoreKey<'_>)) {
        let outer = self.index.place(source);
        match &self.item {
            Pv::Variable(name, _) => then(&StoreKey::Variable(&name.text(source))),
            Pv::Avp(name) => then(&StoreKey::Avp(&name.text(source), outer)),
            Pv::Shared(name) => then(&StoreKey::Shared(&name.text(source))),
            Pv::DialogVariable(name) => then(&StoreKey::Dialog(&name.text(source))),
            Pv::Table(item, table, key) => then(&StoreKey::Table {
                item: *item,
                table: &table.text(source),
                key: &key.text(source),
            }),
            Pv::Xavp(family, root, index) => then(&StoreKey::Xavp {
                family: *family,
                root: &root.text(source),
                place: if matches!(index, PvIndex::None) {
                    outer
                } else {
                    index.place(source)
                },
                field: None,
            }),
            Pv::XavpField(family, root, index, field, field_index) => then(&StoreKey::Xavp {
                family: *family,
                root: &root.text(source),
                place: index.place(source),
                field: Some((&field.text(source), field_index.place(source))),
            }),
            _ => {}
        }
    }

    /// How many values a stack has; null for all that is no stack.
    fn count(&self, source: &dyn PvSource) -> PvValue<'static> {
        let Pv::Avp(name) = &self.item else {
            return PvValue::Null;
        };
        let name = name.text(source);
        let is_there = |index: &i64| {
            !source
                .stored_value(&StoreKey::Avp(&name, Place::At(*index)))
                .is_null()
        };
        size((0..).take_while(is_there).count())
    }
}

impl PvIndex {
    pub(crate) fn place(&self, source: &dyn PvSource) -> Place {
        match self {
            PvIndex::None => Place::Newest,
            PvIndex::All => Place::All,
            PvIndex::At(number) => Place::At(*number),
            PvIndex::From(spec) => spec.read(source).int().map_or(Place::Newest, Place::At),
        }
    }
}

/// A value as a select has it: always a text, never an empty one.
fn selected(value: PvValue<'_>) -> PvValue<'_> {
    match value.text() {
        Some(text) if !text.is_empty() => PvValue::owned(text.into_owned()),
        _ => PvValue::Null,
    }
}

fn text<'s>(text: String) -> PvValue<'s> {
    PvValue::owned(text.into_bytes())
}

fn size(octets: usize) -> PvValue<'static> {
    PvValue::Int(i64::try_from(octets).unwrap_or(i64::MAX))
}

fn message_part(part: MessagePart, source: &dyn PvSource) -> PvValue<'_> {
    let message = source.message();
    match part {
        MessagePart::CallId => PvValue::octets(message.call_id()),
        MessagePart::CSeqNumber => {
            let body = message
                .header(HeaderName::CSeq)
                .map(|header| header.value)
                .unwrap_or_default();
            let digits = body
                .iter()
                .take_while(|octet| octet.is_ascii_digit())
                .count();
            PvValue::maybe(body.get(..digits))
        }
        MessagePart::CSeqBody => {
            PvValue::maybe(message.header(HeaderName::CSeq).map(|header| header.value))
        }
        MessagePart::Method => PvValue::octets(message.method().as_bytes()),
        MessagePart::MethodId => method_id(message),
        MessagePart::Status => message.status().map_or(PvValue::Null, |status| {
            PvValue::Int(i64::from(status.get()))
        }),
        MessagePart::Reason => PvValue::maybe(message.is_response().then(|| message.reason())),
        MessagePart::Body => PvValue::octets(message.body()),
        MessagePart::BodySize => size(message.body().len()),
        MessagePart::ContentLength => message.content_length().map_or(PvValue::Null, size),
        MessagePart::Length => size(message.len()),
        MessagePart::Buffer => PvValue::octets(message.as_bytes()),
        MessagePart::HeaderSection => {
            let section = message
                .as_bytes()
                .get(message.header_start()..message.header_end());
            PvValue::maybe(section.map(|section| section.strip_suffix(b"\r\n").unwrap_or(section)))
        }
        MessagePart::AfterFirstLine => {
            PvValue::maybe(message.as_bytes().get(message.header_start()..))
        }
        MessagePart::Kind => PvValue::Int(if message.is_request() { 1 } else { 2 }),
        MessagePart::Id => PvValue::Int(source.message_id()),
        MessagePart::Version => PvValue::octets(b"SIP/2.0"),
    }
}

/// One bit for each method that Kamailio numbers, and one for all others.
fn method_id(message: &Message) -> PvValue<'static> {
    PvValue::Int(match message.method() {
        Method::Invite => 1,
        Method::Cancel => 2,
        Method::Ack => 4,
        Method::Bye => 8,
        Method::Info => 16,
        Method::Register => 32,
        Method::Subscribe => 64,
        Method::Notify => 128,
        Method::Message => 256,
        Method::Options => 512,
        Method::Prack => 1_024,
        Method::Update => 2_048,
        Method::Refer => 4_096,
        Method::Publish => 8_192,
        Method::Extension(_) => 524_288,
    })
}

fn transaction_part(part: TransactionPart, source: &dyn PvSource) -> PvValue<'_> {
    let transaction = source.transaction();
    let number = |number: Option<i64>| number.map_or(PvValue::Null, PvValue::Int);
    match part {
        TransactionPart::ReplyCode => match source.message().status() {
            Some(status) if transaction.reply_code == 0 => PvValue::Int(i64::from(status.get())),
            _ => PvValue::Int(i64::from(transaction.reply_code)),
        },
        TransactionPart::ReplyReason => PvValue::maybe(transaction.reply_reason),
        TransactionPart::ReplyRuid => PvValue::maybe(transaction.reply_ruid),
        TransactionPart::BranchIndex => PvValue::Int(transaction.branch_index),
        TransactionPart::IdIndex => number(transaction.id_index),
        TransactionPart::IdLabel => number(transaction.id_label),
    }
}

/// A value written by a closure into a buffer of its own.
pub(crate) fn written<'s>(write: impl FnOnce(&mut Vec<u8>)) -> PvValue<'s> {
    let mut out = Vec::new();
    write(&mut out);
    PvValue::owned(out)
}

/// A number in decimal, appended.
pub(crate) fn push_number(out: &mut Vec<u8>, number: impl std::fmt::Display) {
    let _ = write!(out, "{number}");
}
