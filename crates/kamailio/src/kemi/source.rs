//! A run as the place that pseudo-variables are read from and written to.

use std::borrow::Cow;

use strowger_routing::{DraftTarget, StoredMessage};
use strowger_sip::{HeaderName, Message, Time};

use super::kept::Kept;
use super::run::{KemiRun, RoutePlace};
use crate::pv::{
    AddressPart, Flags, LocalTag, Named, PvBranch, PvFlow, PvSink, PvSource, PvTransaction,
    PvValue, StoreKey, Stored, TableItem, UriText,
};

impl PvSource for KemiRun {
    fn message(&self) -> &Message {
        self.context.message()
    }

    fn flow(&self) -> Option<PvFlow<'_>> {
        let source = self.context.source();
        Some(PvFlow {
            source: source.remote,
            transport: source.transport,
            received_on: source.received_on,
            socket_name: None,
            advertised: source
                .advertised
                .map(|(host, port)| (host.as_bytes(), port)),
            connection: source.connection,
        })
    }

    fn request_uri(&self) -> Option<&[u8]> {
        self.context
            .message()
            .is_request()
            .then(|| self.context.request_uri())
    }

    fn destination_uri(&self) -> Option<&[u8]> {
        let destination = &self.context.draft().target.destination;
        (!destination.is_empty()).then_some(destination)
    }

    fn branch(&self, index: usize) -> Option<PvBranch<'_>> {
        let branch = self.context.draft().branches.get(index)?;
        let some = |octets: &'_ [u8]| !octets.is_empty();
        Some(PvBranch {
            uri: &branch.uri,
            destination_uri: Some(&*branch.destination).filter(|one| some(one)),
            path: Some(&*branch.path).filter(|one| some(one)),
            q: branch.q,
            flags: branch.flags,
            socket: None,
        })
    }

    fn flags(&self, which: Flags) -> u32 {
        let draft = self.context.draft();
        match which {
            Flags::Message => draft.flags,
            Flags::Branch => draft.target.flags,
            Flags::Script => draft.script_flags,
        }
    }

    fn transaction(&self) -> PvTransaction<'_> {
        let view = self.context.transaction();
        let reply = self.context.stored(StoredMessage::Reply);
        PvTransaction {
            reply_code: view.reply_code,
            reply_reason: reply
                .filter(|reply| reply.is_response())
                .map(Message::reason),
            reply_ruid: None,
            branch_index: match self.place {
                RoutePlace::Reply if !view.exists => -1,
                _ => i64::from(view.branch_index),
            },
            id_index: view.exists.then_some(i64::from(view.id_index)),
            id_label: view.exists.then_some(i64::from(view.id_label)),
        }
    }

    fn stored(&self, which: Stored) -> Option<&Message> {
        if !self.context.transaction().exists {
            return None;
        }
        self.context.stored(match which {
            Stored::Request => StoredMessage::Request,
            Stored::Reply => StoredMessage::Reply,
            Stored::Invite => StoredMessage::Invite,
        })
    }

    fn stored_value(&self, key: &StoreKey<'_>) -> PvValue<'_> {
        let now = self.context.now().monotonic;
        match *key {
            StoreKey::Variable(name) => self.shard.variables.get(name),
            StoreKey::Avp(name, place) => {
                Kept::get(&*self.context).map_or(PvValue::Null, |kept| kept.avps.get(name, place))
            }
            StoreKey::Xavp {
                family,
                root,
                place,
                field,
            } => Kept::get(&*self.context).map_or(PvValue::Null, |kept| {
                kept.xavps.get(family, root, place, field)
            }),
            StoreKey::Shared(name) => super::rows::stores::shared_value(self, name),
            StoreKey::Dialog(name) => super::rows::dialog_variable(self, name),
            StoreKey::Table { item, table, key } => {
                super::rows::stores::table_value(self, item, table, key, now)
            }
        }
    }

    fn named(&self, what: Named, name: &[u8]) -> PvValue<'_> {
        let Ok(name) = core::str::from_utf8(name) else {
            return PvValue::Null;
        };
        let door = &self.shard.door;
        match what {
            Named::Definition => door
                .definitions
                .get(name)
                .map_or(PvValue::Null, |text| PvValue::from(text.as_str())),
            Named::Environment => door
                .environment
                .get(name)
                .map_or(PvValue::Null, |text| PvValue::from(text.as_str())),
            Named::CustomVariable => {
                let Some((group, name)) = name.split_once('.') else {
                    return PvValue::Null;
                };
                let found = match group {
                    "core" => door.globals.get(name),
                    _ => door.custom.get(&(group.to_owned(), name.to_owned())),
                };
                match found.map(|value| (value.integer(), value.text())) {
                    Some((_, Some(text))) => PvValue::owned(text.as_bytes().to_vec()),
                    Some((Some(number), None)) => PvValue::Int(number),
                    _ => PvValue::Null,
                }
            }
            Named::Statistic => super::rows::stores::statistic(self, name),
            Named::IteratorKey => super::rows::iterator_key(self, name.as_bytes()),
            Named::IteratorValue => super::rows::iterator_value(self, name.as_bytes()),
        }
    }

    fn return_code(&self) -> i64 {
        self.return_code
    }

    fn verified_credentials(&self) -> Option<usize> {
        self.context.verified_credentials()
    }
    fn message_id(&self) -> i64 {
        i64::try_from(self.context.message_id()).unwrap_or(i64::MAX)
    }

    fn random(&self) -> i64 {
        self.shard.random()
    }

    fn wall(&self) -> Time {
        self.context.now().wall
    }

    fn local_tag(&self, which: LocalTag) -> Option<Cow<'_, [u8]>> {
        let has_transaction = self.context.transaction().exists;
        let stateless = match which {
            LocalTag::Stateless => true,
            LocalTag::Transaction if has_transaction => false,
            LocalTag::Transaction => return None,
            LocalTag::Either => !has_transaction,
        };
        let tag = self.context.local_tag(stateless)?;
        Some(Cow::Owned(tag.into_vec()))
    }

    fn process_id(&self) -> i64 {
        i64::from(self.shard.door.process_id)
    }

    fn server_id(&self) -> i64 {
        self.shard
            .door
            .globals
            .get("server_id")
            .and_then(crate::cfg::Value::integer)
            .unwrap_or(0)
    }
}

impl PvSink for KemiRun {
    fn set_request_uri(&mut self, uri: &[u8]) -> bool {
        let sound = !uri.is_empty()
            && !uri
                .iter()
                .any(|octet| octet.is_ascii_whitespace() || octet.is_ascii_control());
        if !self.is_request() || !sound {
            return false;
        }
        self.context.draft_mut().set_request_uri(uri);
        true
    }

    fn set_destination_uri(&mut self, uri: Option<&[u8]>) -> bool {
        if uri.is_some_and(|uri| UriText::parse(uri).is_none()) {
            return false;
        }
        self.context.draft_mut().set_destination(uri);
        true
    }

    fn set_stored_value(&mut self, key: &StoreKey<'_>, value: PvValue<'_>) -> bool {
        match *key {
            StoreKey::Variable(name) => self.shard.variables.set(name, value),
            StoreKey::Avp(name, place) => self.kept().avps.set(name, place, value),
            StoreKey::Xavp {
                family,
                root,
                place,
                field,
            } => self.kept().xavps.set(family, root, place, field, value),
            StoreKey::Shared(name) => super::rows::stores::set_shared(self, name, value),
            StoreKey::Dialog(name) => super::rows::set_dialog_variable(self, name, &value),
            StoreKey::Table {
                item: TableItem::Value | TableItem::Expires,
                ..
            } => super::rows::stores::set_table(self, key, value),
            StoreKey::Table { .. } => false,
        }
    }

    fn set_send_socket(&mut self, socket: &[u8], is_name: bool) -> bool {
        if is_name {
            return false;
        }
        let Some(number) = super::rows::stores::listener_named(&*self.context, socket) else {
            return false;
        };
        self.context.draft_mut().target.listener = Some(number);
        true
    }

    fn set_address(&mut self, is_from: bool, part: AddressPart, value: &[u8]) -> bool {
        let mut done = false;
        self.context.edit(&mut |message, draft| {
            let address = if is_from {
                message.from()
            } else {
                message.to()
            };
            let range = match part {
                AddressPart::Uri => address.uri_range(),
                AddressPart::User | AddressPart::Host => {
                    let Some(uri) = UriText::parse(address.uri) else {
                        return;
                    };
                    let changed = match part {
                        AddressPart::User => UriText {
                            user: (!value.is_empty()).then_some(value),
                            ..uri
                        },
                        _ => UriText { host: value, ..uri },
                    };
                    let mut text = Vec::new();
                    changed.write(&mut text);
                    draft.edits.replace_range(address.uri_range(), &text);
                    done = true;
                    return;
                }
                AddressPart::DisplayName => {
                    let start = address.range.start;
                    let name = if is_from {
                        HeaderName::From
                    } else {
                        HeaderName::To
                    };
                    // `name-addr` needs its brackets; an `addr-spec` has none to stand before.
                    let bracketed = message
                        .header(name)
                        .is_some_and(|header| header.value.contains(&b'<'));
                    if !bracketed {
                        return;
                    }
                    start..address.uri_range().start.saturating_sub(1)
                }
            };
            let mut text = value.to_vec();
            if part == AddressPart::DisplayName && !text.is_empty() {
                text.push(b' ');
            }
            draft.edits.replace_range(range, &text);
            done = true;
        });
        done
    }

    fn set_branch(&mut self, uri: Option<&[u8]>) -> bool {
        let draft = self.context.draft_mut();
        match uri {
            None => {
                draft.branches.clear();
                true
            }
            Some(uri) => match draft.branches.first_mut() {
                Some(first) => {
                    first.uri = uri.into();
                    true
                }
                None => draft.add_branch(DraftTarget {
                    uri: uri.into(),
                    ..DraftTarget::default()
                }),
            },
        }
    }

    fn set_body(&mut self, body: &[u8]) -> bool {
        self.context.edit(&mut |message, draft| {
            let kind = message
                .header(HeaderName::ContentType)
                .map_or(&b"text/plain"[..], |header| header.value)
                .to_vec();
            draft.edits.set_body(message, &kind, body);
            draft.body_replaced = true;
        });
        true
    }

    fn set_flags(&mut self, which: Flags, flags: u32) -> bool {
        let draft = self.context.draft_mut();
        match which {
            Flags::Message => draft.flags = flags,
            Flags::Branch => draft.target.flags = flags,
            Flags::Script => draft.script_flags = flags,
        }
        true
    }
}
