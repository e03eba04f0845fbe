//! One HTTP request (RFC 9112) over a connection of its own.

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use strowger_routing::{ErrandAnswer, HTTP_ANSWER_OCTETS_MAX, HttpRequest};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

const OWN_NAME: &str = concat!("Strowger/", env!("CARGO_PKG_VERSION"));

/// Asks within the request's time limit, the wait for a turn included.
pub async fn ask(request: &HttpRequest, turns: &Semaphore) -> ErrandAnswer {
    let answered = async {
        let _turn = turns
            .acquire()
            .await
            .map_err(|_| "the server ends".to_owned())?;
        exchange(request).await
    };
    match tokio::time::timeout(request.timeout, answered).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(reason)) => ErrandAnswer::Failed(reason.into()),
        Err(_) => ErrandAnswer::Failed("no answer in time".into()),
    }
}

async fn exchange(request: &HttpRequest) -> Result<ErrandAnswer, String> {
    let (host, port, message) = prepared(request)?;
    let stream = TcpStream::connect((host.as_str(), port))
        .await
        .map_err(|error| format!("cannot connect to {host}:{port}: {error}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    // The connection moves octets only while somebody polls it; both end together.
    let exchanged = async {
        let response = sender
            .send_request(message)
            .await
            .map_err(|error| error.to_string())?;
        read(response).await
    };
    tokio::pin!(connection, exchanged);
    tokio::select! {
        answer = &mut exchanged => answer,
        ended = &mut connection => match ended {
            // What was received before the peer closed may still complete the answer.
            Ok(()) => exchanged.await,
            Err(error) => Err(error.to_string()),
        },
    }
}

/// The peer, and the request as it is sent.
fn prepared(request: &HttpRequest) -> Result<(String, u16, Request<Full<Bytes>>), String> {
    let uri = Uri::try_from(&*request.url).map_err(|error| format!("the URL is none: {error}"))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => return Err("https is not spoken yet, only http".to_owned()),
        _ => return Err("the URL does not begin with http://".to_owned()),
    }
    let authority = uri.authority().ok_or("the URL names no host")?.clone();
    let host = authority.host().trim_matches(['[', ']']).to_owned();
    let port = authority.port_u16().unwrap_or(80);
    let named = match authority.port_u16() {
        Some(port) => format!("{}:{port}", authority.host()),
        None => authority.host().to_owned(),
    };
    let method = match (&*request.method, request.body.is_empty()) {
        (b"", true) => Method::GET,
        (b"", false) => Method::POST,
        (name, _) => Method::from_bytes(name).map_err(|_| "the method is none".to_owned())?,
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut message = Request::builder()
        .method(method)
        .uri(path)
        .body(Full::new(Bytes::copy_from_slice(&request.body)))
        .map_err(|error| error.to_string())?;
    let headers = message.headers_mut();
    let named = HeaderValue::from_str(&named).map_err(|error| error.to_string())?;
    headers.insert(USER_AGENT, HeaderValue::from_static(OWN_NAME));
    for line in request.headers.split(|octet| *octet == b'\n') {
        let line = line.trim_ascii();
        let Some(colon) = line.iter().position(|octet| *octet == b':') else {
            continue;
        };
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name.trim_ascii());
        let value = HeaderValue::from_bytes(value.get(1..).unwrap_or_default().trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers.insert(HOST, named);
    Ok((host, port, message))
}

/// Status and body, of which no more is read than is kept.
async fn read(response: Response<Incoming>) -> Result<ErrandAnswer, String> {
    let status = response.status().as_u16();
    let mut incoming = response.into_body();
    let mut body = Vec::new();
    while body.len() < HTTP_ANSWER_OCTETS_MAX {
        let Some(frame) = incoming.frame().await else {
            break;
        };
        let frame = frame.map_err(|error| error.to_string())?;
        if let Some(octets) = frame.data_ref() {
            let room = HTTP_ANSWER_OCTETS_MAX - body.len();
            body.extend_from_slice(octets.get(..room).unwrap_or(octets));
        }
    }
    let body = body.into();
    Ok(ErrandAnswer::Http { status, body })
}
