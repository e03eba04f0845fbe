//! Errands of scripts: HTTP requests, SQL statements and sleeping, done beside the event loop. Each is answered once,
//! whatever happens to it, and no worker waits for any.

mod http;
mod sql;

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use strowger_routing::{Errand, ErrandAnswer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

pub use sql::{Connections, connections};
use sql::{Order, SqlThread};

/// Errands of all kinds at a time, those that sleep included (16,384); more fail at once.
pub const ERRANDS_MAX: usize = 16_384;
/// HTTP requests on their way at a time (256); others wait for their turn within their time limit.
const HTTP_MAX: usize = 256;

/// An errand, who waits for it, and its place among all.
pub type Asked<W> = (W, Errand, OwnedSemaphorePermit);

/// What was done.
#[derive(Debug, Default)]
pub struct ErrandCounters {
    http: AtomicU64,
    sql: AtomicU64,
    sleeps: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
}

impl ErrandCounters {
    /// Shows every counter.
    pub fn visit(&self, f: &mut dyn FnMut(&'static str, &'static str, u64)) {
        let counters = [
            ("errands_http", "HTTP requests of scripts", &self.http),
            ("errands_sql", "SQL statements of scripts", &self.sql),
            ("errands_sleep", "Times that scripts slept", &self.sleeps),
            (
                "errands_failed",
                "Errands of scripts that failed",
                &self.failed,
            ),
            (
                "errands_refused",
                "Errands of scripts refused because there were too many",
                &self.refused,
            ),
        ];
        for (name, help, counter) in counters {
            f(name, help, counter.load(Ordering::Relaxed));
        }
    }

    fn note(&self, counter: &AtomicU64, answer: &ErrandAnswer) {
        counter.fetch_add(1, Ordering::Relaxed);
        if let ErrandAnswer::Failed(_) = answer {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Takes errands from the workers; never waits.
#[derive(Debug)]
pub struct ErrandDesk<W> {
    places: Arc<Semaphore>,
    sender: mpsc::Sender<Asked<W>>,
    counters: Arc<ErrandCounters>,
}

impl<W: Send + 'static> ErrandDesk<W> {
    /// A desk, and what [`serve`] takes from it.
    pub fn new(counters: Arc<ErrandCounters>) -> (ErrandDesk<W>, mpsc::Receiver<Asked<W>>) {
        let (sender, receiver) = mpsc::channel(ERRANDS_MAX);
        let places = Arc::new(Semaphore::new(ERRANDS_MAX));
        let desk = ErrandDesk {
            places,
            sender,
            counters,
        };
        (desk, receiver)
    }

    /// Hands an errand over; the answer if it cannot be taken.
    pub fn submit(&self, who: W, errand: Errand) -> Option<ErrandAnswer> {
        let place = self.places.clone().try_acquire_owned().ok();
        let taken = place.and_then(|place| self.sender.try_send((who, errand, place)).ok());
        if taken.is_some() {
            return None;
        }
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
        Some(ErrandAnswer::Failed("too many errands at a time".into()))
    }
}

/// Does errands until the desk is gone. `answer` is called once for each.
pub async fn serve<W: Send + 'static>(
    mut asked: mpsc::Receiver<Asked<W>>,
    connections: Connections,
    counters: Arc<ErrandCounters>,
    answer: Arc<dyn Fn(W, ErrandAnswer) + Send + Sync>,
) {
    let requests = Arc::new(Semaphore::new(HTTP_MAX));
    let statements = SqlThread::start(connections);
    while let Some((who, errand, place)) = asked.recv().await {
        let (counters, answer) = (counters.clone(), answer.clone());
        match errand {
            Errand::Sleep(time) => {
                tokio::spawn(async move {
                    tokio::time::sleep(time).await;
                    drop(place);
                    counters.note(&counters.sleeps, &ErrandAnswer::Slept);
                    answer(who, ErrandAnswer::Slept);
                });
            }
            Errand::Http(request) => {
                let requests = requests.clone();
                tokio::spawn(async move {
                    let told = http::ask(&request, &requests).await;
                    drop(place);
                    counters.note(&counters.http, &told);
                    answer(who, told);
                });
            }
            Errand::Sql(request) => {
                let done = Box::new(move |told: ErrandAnswer| {
                    drop(place);
                    counters.note(&counters.sql, &told);
                    answer(who, told);
                });
                statements.submit(Order { request, done });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use strowger_routing::{HttpRequest, SqlRequest};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Does these errands and returns their answers by number.
    fn answers(errands: Vec<Errand>, connections: Connections) -> Vec<ErrandAnswer> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let counters = Arc::<ErrandCounters>::default();
            let (desk, asked) = ErrandDesk::<usize>::new(counters.clone());
            let (told, mut heard) = mpsc::unbounded_channel();
            let count = errands.len();
            for (who, errand) in errands.into_iter().enumerate() {
                assert_eq!(desk.submit(who, errand), None);
            }
            let answer = Arc::new(move |who: usize, answer| {
                let _ = told.send((who, answer));
            });
            tokio::spawn(serve(asked, connections, counters, answer));
            let mut all = Vec::new();
            for _ in 0..count {
                all.push(heard.recv().await.expect("an answer"));
            }
            all.sort_by_key(|(who, _)| *who);
            all.into_iter().map(|(_, answer)| answer).collect()
        })
    }

    fn get(url: &str) -> Errand {
        Errand::Http(HttpRequest {
            url: url.as_bytes().into(),
            method: Box::default(),
            headers: b"X-Test: yes\r\n".as_slice().into(),
            body: Box::default(),
            timeout: Duration::from_secs(2),
        })
    }

    /// A web server of one answer, on a thread of its own; its address, and what it was asked.
    fn web_server(answer: &'static str) -> (String, std::sync::mpsc::Receiver<String>) {
        let (told, heard) = std::sync::mpsc::channel();
        let (bound, address) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
                let _ = bound.send(listener.local_addr().expect("an address"));
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut octets = vec![0; 4_096];
                let count = stream.read(&mut octets).await.expect("a request");
                let _ = told.send(String::from_utf8_lossy(&octets[..count]).into_owned());
                stream.write_all(answer.as_bytes()).await.expect("sent");
            });
        });
        let address = address.recv().expect("an address");
        (format!("http://{address}"), heard)
    }

    #[test]
    fn a_request_is_answered_with_status_and_body() {
        let (server, heard) = web_server("HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\ngone");
        let told = answers(vec![get(&format!("{server}/a?b=c"))], Connections::new());
        let body = b"gone".as_slice().into();
        assert_eq!(told, [ErrandAnswer::Http { status: 404, body }]);
        let request = heard.recv().expect("a request");
        assert!(request.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("x-test: yes\r\n"), "{request}");
        assert!(request.contains("host: 127.0.0.1:"), "{request}");
    }

    #[test]
    fn what_cannot_be_asked_says_why() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("an address");
        let errands = vec![
            get("https://127.0.0.1/"),
            get("ftp://127.0.0.1/"),
            get(&format!("http://{closed}/")),
        ];
        for answer in answers(errands, Connections::new()) {
            assert!(matches!(answer, ErrandAnswer::Failed(_)), "{answer:?}");
        }
    }

    #[test]
    fn statements_are_executed_in_their_order() {
        let path = std::env::temp_dir().join(format!("strowger-sql-{}.db", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let url = format!("cb=>sqlite://{}", path.display());
        let statement = |connection: &str, text: &str| {
            Errand::Sql(SqlRequest {
                connection: connection.as_bytes().into(),
                statement: text.as_bytes().into(),
            })
        };
        let told = answers(
            vec![
                statement("cb", "create table t (a text, b integer)"),
                statement("cb", "insert into t values ('x', 1), (null, 2)"),
                statement("cb", "select a, b, 1.5 from t order by b"),
                statement("cb", "selekt"),
                statement("ca", "select 1"),
                Errand::Sleep(Duration::from_millis(1)),
            ],
            connections([url.as_str()]),
        );
        let _ = std::fs::remove_file(&path);
        let ErrandAnswer::Rows(rows) = &told[2] else {
            panic!("{told:?}");
        };
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let shown: Vec<Vec<Option<String>>> = rows
            .rows
            .iter()
            .map(|row| row.iter().map(|one| one.as_deref().map(text)).collect())
            .collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            shown,
            [
                [some("x"), some("1"), some("1.5")],
                [None, some("2"), some("1.5")]
            ]
        );
        assert!(matches!(&told[1], ErrandAnswer::Rows(rows) if rows.affected == 2));
        assert!(matches!(&told[3], ErrandAnswer::Failed(text) if text.contains("selekt")));
        assert!(matches!(&told[4], ErrandAnswer::Failed(text) if text.contains("`ca`")));
        assert_eq!(told[5], ErrandAnswer::Slept);
    }
}
