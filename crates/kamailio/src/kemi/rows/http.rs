//! `http_client`: requests over HTTP for which the run waits. They answer the HTTP status, or -1.

use core::time::Duration;

use strowger_lua::{Args, Class, Parameter, Ret, Returns, Row, Value, Wait};
use strowger_routing::{Errand, ErrandAnswer, HttpRequest};

use crate::kemi::door::LogLevel;
use crate::kemi::run::KemiRun;
use crate::pv::{PvValue, WriteOutcome};

/// Octets of the body and of the header lines of a request (64 KiB).
pub const HTTP_REQUEST_OCTETS_MAX: usize = 64 * 1_024;
/// Seconds that a run waits for an answer at most, whatever is configured (60).
pub const HTTP_SECONDS_MAX: u64 = 60;
/// Seconds that it waits if nothing is configured, as in Kamailio (4).
const HTTP_SECONDS: u64 = 4;

const fn f(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    call: fn(&mut KemiRun, Args<'_>) -> Ret,
) -> Row<KemiRun> {
    Row::new("http_client", name, parameters, Returns::Int, doc, call).waiting()
}

pub(super) static ROWS: &[Row<KemiRun>] = &[
    f(
        "query",
        &[
            Parameter::text("url"),
            Parameter::text("post"),
            Parameter::text("dst").or_none(),
        ],
        "GET, or with three arguments POST; the body of the answer goes to the last, a pseudo-variable",
        |run, args| match args.optional_text(2) {
            Some(dst) => Query::of(args.text(0)).post(args.text(1)).begin(run, dst),
            None => Query::of(args.text(0)).begin(run, args.text(1)),
        },
    ),
    f(
        "query_post",
        &[
            Parameter::text("url"),
            Parameter::text("post"),
            Parameter::text("dst"),
        ],
        "POST",
        |run, args| Query::of(args.text(0)).post(args.text(1)).begin(run, args.text(2)),
    ),
    f(
        "query_post_hdrs",
        &[
            Parameter::text("url"),
            Parameter::text("post"),
            Parameter::text("headers"),
            Parameter::text("dst"),
        ],
        "POST with header lines",
        |run, args| {
            let query = Query::of(args.text(0)).post(args.text(1));
            query.lines(args.text(2)).begin(run, args.text(3))
        },
    ),
    f(
        "get",
        &[
            Parameter::text("url"),
            Parameter::text("headers"),
            Parameter::text("dst"),
        ],
        "GET with header lines",
        |run, args| Query::of(args.text(0)).lines(args.text(1)).begin(run, args.text(2)),
    ),
    f(
        "curl_connect",
        &[
            Parameter::text("connection"),
            Parameter::text("path"),
            Parameter::text("dst"),
        ],
        "GET of a path below the URL of the connection (parameter httpcon)",
        |run, args| match url_of(run, args.text(0), args.text(1)) {
            Some(url) => Query::of(&url).begin(run, args.text(2)),
            None => Ret::Int(-1),
        },
    ),
    f(
        "curl_connect_post",
        &[
            Parameter::text("connection"),
            Parameter::text("path"),
            Parameter::text("type"),
            Parameter::text("post"),
            Parameter::text("dst"),
        ],
        "POST to a path below the URL of the connection",
        |run, args| {
            let Some(url) = url_of(run, args.text(0), args.text(1)) else {
                return Ret::Int(-1);
            };
            let kind = [b"Content-Type: ", args.text(2)].concat();
            let query = Query::of(&url).post(args.text(3));
            query.lines(&kind).begin(run, args.text(4))
        },
    ),
    Row::new(
        "http_async_client",
        "query",
        &[Parameter::text("url"), Parameter::text("function")],
        Returns::Int,
        "a request whose answer a function gets later; use http_client, which waits without stopping others",
        |run, _| {
            super::without_engine(
                run,
                "http_async_client",
                "use http_client: a run that waits stops no other",
            )
        },
    )
    .of_class(Class::WithoutEngine),
];

/// A request that is being put together.
struct Query<'a> {
    url: &'a [u8],
    method: &'static [u8],
    lines: Vec<u8>,
    body: &'a [u8],
}

impl<'a> Query<'a> {
    fn of(url: &'a [u8]) -> Query<'a> {
        Query {
            url,
            method: b"GET",
            lines: Vec::new(),
            body: b"",
        }
    }

    fn post(self, body: &'a [u8]) -> Query<'a> {
        Query {
            method: b"POST",
            body,
            ..self
        }
    }

    /// Takes lines as scripts write them: separated by any line end, perhaps without one at the end.
    fn lines(mut self, lines: &[u8]) -> Query<'a> {
        for line in lines.split(|octet| matches!(octet, b'\r' | b'\n')) {
            if line.contains(&b':') {
                self.lines.extend_from_slice(line.trim_ascii());
                self.lines.extend_from_slice(b"\r\n");
            }
        }
        self
    }

    /// Begins it, and lets the run wait.
    fn begin(self, run: &mut KemiRun, dst: &[u8]) -> Ret {
        let is_url = !self.url.is_empty()
            && self
                .url
                .iter()
                .all(|octet| octet.is_ascii_graphic() || *octet >= 0x80);
        let fits = self.body.len().max(self.lines.len()) <= HTTP_REQUEST_OCTETS_MAX;
        if !is_url || !fits || run.shard.spec(dst).is_none() {
            run.log(LogLevel::Error, b"http_client: that is no request");
            return Ret::Int(-1);
        }
        let configured = run.shard.door.int("http_client", "connection_timeout");
        let seconds = configured
            .and_then(|seconds| u64::try_from(seconds).ok())
            .filter(|seconds| *seconds > 0)
            .unwrap_or(HTTP_SECONDS)
            .min(HTTP_SECONDS_MAX);
        let timeout = Duration::from_secs(seconds);
        run.kept().awaited = dst.to_vec();
        run.context.begin_errand(Errand::Http(HttpRequest {
            url: self.url.into(),
            method: self.method.into(),
            headers: self.lines.into(),
            body: self.body.into(),
            timeout,
        }));
        run.resumption = Some(finish);
        Ret::Wait(Wait {
            deadline: run.context.now().monotonic + timeout,
            at_deadline: vec![Value::Int(-1)],
        })
    }
}

/// The URL of a path below that of a connection: `httpcon` is `name=>url[;options]`.
fn url_of(run: &KemiRun, connection: &[u8], path: &[u8]) -> Option<Vec<u8>> {
    let connection = core::str::from_utf8(connection).ok()?;
    let values = run.shard.door.values("http_client", "httpcon").iter();
    let base = values
        .filter_map(|value| value.text()?.split_once("=>"))
        .find(|(name, _)| name.trim() == connection)
        .map(|(_, rest)| rest.split(';').next().unwrap_or_default().trim());
    let Some(base) = base else {
        run.log(
            LogLevel::Error,
            b"http_client: there is no connection of that name",
        );
        return None;
    };
    if path.is_empty() {
        return Some(base.as_bytes().to_vec());
    }
    Some(
        [
            base.trim_end_matches('/').as_bytes(),
            b"/",
            path.trim_ascii_start(),
        ]
        .concat(),
    )
}

/// Writes the body to the pseudo-variable that was named, and answers the status.
fn finish(run: &mut KemiRun, answer: Option<ErrandAnswer>) -> Vec<Value> {
    let dst = core::mem::take(&mut run.kept().awaited);
    let (status, body) = match answer {
        Some(ErrandAnswer::Http { status, body }) => (status, body),
        Some(ErrandAnswer::Failed(why)) => {
            run.log(LogLevel::Error, format!("http_client: {why}").as_bytes());
            return vec![Value::Int(-1)];
        }
        _ => {
            run.log(LogLevel::Error, b"http_client: no answer in time");
            return vec![Value::Int(-1)];
        }
    };
    if let Some(spec) = run.shard.spec(&dst) {
        let written = spec.write(run, PvValue::octets(&body));
        if written != WriteOutcome::Written {
            run.log(
                LogLevel::Error,
                b"http_client: the answer could not be written where it should",
            );
        }
    }
    vec![Value::Int(i64::from(status))]
}
