//! SQL statements of scripts, on a thread of their own: SQLite files alone, one statement after the other.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, InterruptHandle};
use strowger_routing::{ErrandAnswer, SqlRequest, SqlRows};

/// Statements that wait for the thread (1,024); more fail at once.
const STATEMENTS_WAITING_MAX: usize = 1_024;
/// Rows of one answer that are kept (10,000).
const ROWS_MAX: usize = 10_000;
/// Octets of one answer that are kept (4 MiB).
const ROWS_OCTETS_MAX: usize = 4 << 20;
/// How long a statement waits for a file that another process writes.
const BUSY: Duration = Duration::from_secs(2);
/// How long a statement may run (5 s); its run has been told by then, and others wait.
const STATEMENT_SECONDS_MAX: Duration = Duration::from_secs(5);

/// Connections by name: the SQLite file, or why there is none.
pub type Connections = BTreeMap<String, Result<PathBuf, String>>;

/// Reads the values of `sqlcon`: `name=>sqlite:///path`.
pub fn connections<'a>(values: impl IntoIterator<Item = &'a str>) -> Connections {
    let read = |value: &'a str| {
        let (name, url) = value.split_once("=>")?;
        let url = url.trim();
        let file = match url.split_once("://") {
            Some(("sqlite" | "sqlite3", path)) if !path.is_empty() => Ok(PathBuf::from(path)),
            Some((kind, _)) => Err(format!("there is no driver for {kind}, only for sqlite")),
            None => Err("its URL is none".to_owned()),
        };
        Some((name.trim().to_owned(), file))
    };
    values.into_iter().filter_map(read).collect()
}

/// A statement and who is told.
pub struct Order {
    pub request: SqlRequest,
    pub done: Box<dyn FnOnce(ErrandAnswer) + Send>,
}

/// The way to the thread, which ends when this is gone.
pub struct SqlThread {
    orders: Option<SyncSender<Order>>,
}

impl SqlThread {
    /// Starts the thread, if there is a connection to use.
    pub fn start(connections: Connections) -> SqlThread {
        let (orders, taken) = sync_channel(STATEMENTS_WAITING_MAX);
        let spawned = std::thread::Builder::new()
            .name("strowger-sql".to_owned())
            .spawn(move || work(&taken, &connections));
        if let Err(error) = &spawned {
            tracing::error!("cannot start the thread for SQL: {error}");
        }
        SqlThread {
            orders: spawned.is_ok().then_some(orders),
        }
    }

    /// Hands a statement over.
    pub fn submit(&self, order: Order) {
        let refused = match &self.orders {
            None => Some(order),
            Some(orders) => match orders.try_send(order) {
                Ok(()) => None,
                Err(TrySendError::Full(order) | TrySendError::Disconnected(order)) => Some(order),
            },
        };
        if let Some(order) = refused {
            (order.done)(ErrandAnswer::Failed("too many statements wait".into()));
        }
    }
}

fn work(orders: &Receiver<Order>, connections: &Connections) {
    let mut open: HashMap<String, Connection> = HashMap::new();
    let running = Arc::new(Running::default());
    watch(&running);
    while let Ok(Order { request, done }) = orders.recv() {
        let answer = execute(&request, connections, &mut open, &running);
        done(answer.unwrap_or_else(|reason| ErrandAnswer::Failed(reason.into())));
    }
}

fn execute(
    request: &SqlRequest,
    connections: &Connections,
    open: &mut HashMap<String, Connection>,
    running: &Running,
) -> Result<ErrandAnswer, String> {
    let name = String::from_utf8_lossy(&request.connection).into_owned();
    if !open.contains_key(&name) {
        let file = match connections.get(&name) {
            None => return Err(format!("there is no connection `{name}`")),
            Some(Err(reason)) => return Err(format!("the connection `{name}`: {reason}")),
            Some(Ok(file)) => file,
        };
        let connection = Connection::open(file)
            .and_then(|connection| connection.busy_timeout(BUSY).map(|()| connection))
            .map_err(|error| format!("cannot open {}: {error}", file.display()))?;
        open.insert(name.clone(), connection);
    }
    let Some(connection) = open.get(&name) else {
        return Err(format!("there is no connection `{name}`"));
    };
    let statement = String::from_utf8_lossy(&request.statement);
    running.set(Some((Instant::now(), connection.get_interrupt_handle())));
    let answer = rows(connection, &statement);
    running.set(None);
    answer
        .map(ErrandAnswer::Rows)
        .map_err(|error| error.to_string())
}

/// The statement that runs, and since when.
#[derive(Default)]
struct Running(Mutex<Option<(Instant, InterruptHandle)>>);

impl Running {
    fn set(&self, statement: Option<(Instant, InterruptHandle)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = statement;
    }

    fn interrupt_if_late(&self) {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, handle)) = running.as_ref()
            && since.elapsed() > STATEMENT_SECONDS_MAX
        {
            handle.interrupt();
        }
    }
}

/// Interrupts a statement that takes too long: it would stop all that come after it.
fn watch(running: &Arc<Running>) {
    let running = Arc::downgrade(running);
    let look = move || {
        while let Some(running) = running.upgrade() {
            running.interrupt_if_late();
            drop(running);
            std::thread::sleep(Duration::from_millis(250));
        }
    };
    // Without the thread statements are only given up, not stopped.
    let _ = std::thread::Builder::new()
        .name("sql-watch".into())
        .spawn(look);
}

fn rows(connection: &Connection, statement: &str) -> rusqlite::Result<SqlRows> {
    let mut statement = connection.prepare(statement)?;
    let mut out = SqlRows {
        columns: statement
            .column_names()
            .map(|name| name.as_bytes().into())
            .collect(),
        ..SqlRows::default()
    };
    if out.columns.is_empty() {
        out.affected = statement.execute([])? as u64;
        return Ok(out);
    }
    let mut octets = 0;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let mut values = Vec::with_capacity(out.columns.len());
        for at in 0..out.columns.len() {
            let value = text(row.get_ref(at)?);
            octets += value.as_ref().map_or(0, |text| text.len());
            values.push(value);
        }
        out.rows.push(values);
        if out.rows.len() >= ROWS_MAX || octets >= ROWS_OCTETS_MAX {
            break;
        }
    }
    Ok(out)
}

fn text(value: ValueRef<'_>) -> Option<Box<[u8]>> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string().into_bytes().into()),
        ValueRef::Real(number) => Some(number.to_string().into_bytes().into()),
        ValueRef::Text(octets) | ValueRef::Blob(octets) => Some(octets.into()),
    }
}
