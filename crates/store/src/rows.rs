//! Bindings as rows: how a `LocationChange` is written and how a row becomes a binding again.
//!
//! Text columns hold octets as they came, which need not be UTF-8. Monotonic times become wall times by the two
//! clocks of the change, and monotonic ones again by those of the start.

use std::net::SocketAddr;

use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, Row, ToSql, params};
use strowger_registrar::{AddressOfRecord, Binding, BindingChange, BindingParts, LocationChange};
use strowger_sip::{Now, Time, Transport};
use strowger_transaction::{Flow, ListenerId, StreamId};

/// The columns of `binding`, in the order used by all statements here.
pub(crate) const BINDING_COLUMNS: &str = "aor, contact, instance, params, q, expires_at, updated_at, call_id, cseq, \
     branch_hash, path, user_agent, transport, remote, listener, behind_nat";
/// How many columns those are.
pub(crate) const BINDING_COLUMN_COUNT: usize = 16;

const PUT: &str = "INSERT OR REPLACE INTO binding (aor, contact, instance, params, q, expires_at, updated_at, \
     call_id, cseq, branch_hash, path, user_agent, transport, remote, listener, behind_nat) \
     VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)";
const REMOVE: &str = "DELETE FROM binding WHERE aor = ?1 AND contact = ?2 AND instance = ?3";
const REMOVE_ALL: &str = "DELETE FROM binding WHERE aor = ?1";
const OF_AOR: &str = "SELECT aor, contact, instance, params, q, expires_at, updated_at, call_id, cseq, branch_hash, \
     path, user_agent, transport, remote, listener, behind_nat FROM binding WHERE aor = ?1";

/// A stream that no worker ever has: requests for a binding that was reached over a stream before the restart must
/// not find another one.
const STREAM_BEFORE_RESTART: StreamId = StreamId {
    worker: u16::MAX,
    slot: u32::MAX,
    generation: u32::MAX,
};

/// The listeners of this process by index, so that a row can name one in a way that outlives the configuration.
#[derive(Clone, Debug, Default)]
pub struct ListenerNames(Vec<(Transport, SocketAddr)>);

impl ListenerNames {
    /// The listeners in the order of their ids.
    pub fn new(listeners: impl IntoIterator<Item = (Transport, SocketAddr)>) -> ListenerNames {
        ListenerNames(listeners.into_iter().collect())
    }

    fn name_of(&self, id: ListenerId) -> String {
        match self.0.get(usize::from(id.0)) {
            Some((transport, address)) => format!("{}:{address}", transport.as_param()),
            None => String::new(),
        }
    }

    /// The listener of that name; else one that can reach the address.
    fn find(&self, name: &[u8], transport: Transport, remote: SocketAddr) -> Option<ListenerId> {
        let all = || {
            (0u16..)
                .zip(&self.0)
                .map(|(index, entry)| (ListenerId(index), entry))
        };
        let fits = |entry: &(Transport, SocketAddr)| {
            entry.0 == transport && entry.1.is_ipv4() == remote.is_ipv4()
        };
        all()
            .find(|(id, entry)| fits(entry) && self.name_of(*id).as_bytes() == name)
            .or_else(|| all().find(|(_, entry)| fits(entry)))
            .map(|(id, _)| id)
    }
}

/// What the rows of an address of record were before a change.
#[derive(Debug)]
pub(crate) struct Before {
    aor: AddressOfRecord,
    rows: Vec<Vec<Cell>>,
}

/// Writes changes within the caller's transaction.
pub(crate) struct RowWriter {
    listeners: ListenerNames,
    instance: Vec<u8>,
}

impl RowWriter {
    pub(crate) fn new(listeners: ListenerNames) -> RowWriter {
        RowWriter {
            listeners,
            instance: Vec::new(),
        }
    }

    /// Apply a change; returns what was there before.
    pub(crate) fn apply(
        &mut self,
        connection: &Connection,
        change: &LocationChange,
    ) -> rusqlite::Result<Before> {
        let before = read_before(connection, &change.aor)?;
        for step in &change.steps {
            match step {
                BindingChange::Put { binding, replaced } => {
                    if let Some(old) = replaced.as_ref().filter(|old| !old.same_key(binding)) {
                        self.remove(connection, &change.aor, old)?;
                    }
                    self.put(connection, &change.aor, change.now, binding)?;
                }
                BindingChange::Remove(binding) => self.remove(connection, &change.aor, binding)?,
            }
        }
        Ok(before)
    }

    fn put(
        &mut self,
        connection: &Connection,
        aor: &AddressOfRecord,
        now: Now,
        binding: &Binding,
    ) -> rusqlite::Result<()> {
        self.set_instance(binding);
        let flow = binding.flow();
        let values = params![
            Octets(aor.as_bytes()),
            Octets(binding.contact()),
            Octets(&self.instance),
            Octets(binding.params()),
            binding.q_given(),
            wall_millis(binding.expires_at(), now),
            wall_millis(binding.updated_at(), now),
            Octets(binding.call_id()),
            binding.cseq(),
            binding.branch_hash().cast_signed(),
            Octets(binding.path()),
            Octets(binding.user_agent()),
            flow.transport.as_str(),
            flow.remote.to_string(),
            self.listeners.name_of(flow.listener),
            binding.behind_nat(),
        ];
        connection.prepare_cached(PUT)?.execute(values).map(drop)
    }

    fn remove(
        &mut self,
        connection: &Connection,
        aor: &AddressOfRecord,
        binding: &Binding,
    ) -> rusqlite::Result<()> {
        self.set_instance(binding);
        let key = params![
            Octets(aor.as_bytes()),
            Octets(binding.contact()),
            Octets(&self.instance)
        ];
        connection.prepare_cached(REMOVE)?.execute(key).map(drop)
    }

    /// The third part of the key: empty, or what identifies an outbound binding.
    fn set_instance(&mut self, binding: &Binding) {
        self.instance.clear();
        if binding.is_outbound() {
            self.instance
                .extend_from_slice(binding.reg_id().unwrap_or(0).to_string().as_bytes());
            self.instance.push(b' ');
            self.instance
                .extend_from_slice(binding.instance().unwrap_or_default());
        }
    }
}

fn read_before(connection: &Connection, aor: &AddressOfRecord) -> rusqlite::Result<Before> {
    let mut select: CachedStatement<'_> = connection.prepare_cached(OF_AOR)?;
    let rows = select
        .query_map([Octets(aor.as_bytes())], |row| {
            (0..BINDING_COLUMN_COUNT)
                .map(|column| row.get(column))
                .collect()
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Before {
        aor: aor.clone(),
        rows,
    })
}

/// Put the rows back as they were; the changes are given in the order in which they were made.
pub(crate) fn restore(connection: &Connection, changes: &[Before]) -> rusqlite::Result<()> {
    for before in changes.iter().rev() {
        connection
            .prepare_cached(REMOVE_ALL)?
            .execute([Octets(before.aor.as_bytes())])?;
        for row in &before.rows {
            connection
                .prepare_cached(PUT)?
                .execute(rusqlite::params_from_iter(row))?;
        }
    }
    Ok(())
}

/// A row of [`BINDING_COLUMNS`] as a binding; `None` if it has expired or does not hold one.
pub(crate) fn binding_of(
    row: &Row<'_>,
    now: Now,
    listeners: &ListenerNames,
) -> rusqlite::Result<Option<(AddressOfRecord, Binding)>> {
    let expires_at = row.get::<_, i64>(5)?;
    let now_wall = i64::try_from(now.wall.as_millis()).unwrap_or(i64::MAX);
    if expires_at <= now_wall {
        return Ok(None);
    }
    let octets = |column: usize| {
        row.get_ref(column)?
            .as_bytes()
            .map_err(rusqlite::Error::from)
    };
    let instance = octets(2)?;
    let (Some(transport), Some(remote)) = (Transport::from_token(octets(12)?), text(octets(13)?))
    else {
        return Ok(None);
    };
    let found = listeners.find(octets(14)?, transport, remote);
    let is_stream = transport.is_reliable();
    let flow = Flow {
        transport,
        listener: found.unwrap_or(ListenerId(0)),
        remote,
        stream: is_stream.then_some(STREAM_BEFORE_RESTART),
    };
    let parts = BindingParts {
        contact: octets(1)?,
        params: octets(3)?,
        q: row.get(4)?,
        expires_at: monotonic(expires_at, now),
        updated_at: monotonic(row.get(6)?, now),
        call_id: octets(7)?,
        cseq: row.get(8)?,
        branch_hash: row.get::<_, i64>(9)?.cast_unsigned(),
        path: octets(10)?,
        user_agent: octets(11)?,
        flow,
        behind_nat: row.get(15)?,
        flow_lost: is_stream || found.is_none(),
        outbound: !instance.is_empty(),
    };
    let aor = AddressOfRecord::from_canonical(octets(0)?);
    Ok(Binding::new(&parts).map(|binding| (aor, binding)))
}

/// Octets bound as text without a check of their encoding.
struct Octets<'a>(&'a [u8]);

impl ToSql for Octets<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(self.0)))
    }
}

/// A value as it stands in a row. Unlike `rusqlite`'s it takes text of any encoding.
#[derive(Debug)]
pub(crate) enum Cell {
    Text(Box<[u8]>),
    Other(Value),
}

impl FromSql for Cell {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Cell> {
        match value {
            ValueRef::Text(octets) => Ok(Cell::Text(octets.into())),
            other => Value::column_result(other).map(Cell::Other),
        }
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Cell::Text(octets) => Ok(ToSqlOutput::Borrowed(ValueRef::Text(octets))),
            Cell::Other(value) => value.to_sql(),
        }
    }
}

fn text<T: std::str::FromStr>(octets: &[u8]) -> Option<T> {
    std::str::from_utf8(octets).ok()?.parse().ok()
}

/// A monotonic time as milliseconds of the wall clock.
fn wall_millis(time: Time, now: Now) -> i64 {
    let signed = |time: Time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    signed(now.wall).saturating_add(signed(time).saturating_sub(signed(now.monotonic)))
}

/// Milliseconds of the wall clock as a monotonic time; zero if that was before the process started.
fn monotonic(wall_millis: i64, now: Now) -> Time {
    let signed = |time: Time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let millis = signed(now.monotonic).saturating_add(wall_millis.saturating_sub(signed(now.wall)));
    Time::from_millis(u64::try_from(millis).unwrap_or(0))
}
