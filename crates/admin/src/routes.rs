//! The two route tables: everything for the socket, read-only for TCP.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::control::{Control, ControlError, NewUser, Page, WatchFilter};
use crate::host::AllowedHosts;
use crate::metrics::{SampleKind, write_metrics};
use crate::watch::watch_channel;

/// Octets of a request's body: an import of a million accounts fits.
const BODY_OCTETS_MAX: usize = 256 << 20;

/// Octets of a call over TCP.
const RPC_OCTETS_MAX: usize = 1 << 20;

type Shared = Arc<dyn Control>;

/// Everything, for the socket that only the server's own user can open.
pub(crate) fn socket(control: Shared) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/stats", get(stats))
        .route("/v1/users", get(users).post(add_user).put(change_user))
        .route("/v1/users/{user}", get(user).delete(delete_user))
        .route("/v1/import", post(import))
        .route("/v1/registrations", get(registrations))
        .route("/v1/registrations/{user}", delete(drop_registrations))
        .route("/v1/reload", post(reload))
        .route("/v1/watch", get(watch))
        .route("/rpc", post(rpc))
        .merge(observation())
        .layer(DefaultBodyLimit::max(BODY_OCTETS_MAX))
        .with_state(control)
}

/// What can be read over TCP.
pub(crate) fn http(control: Shared, hosts: AllowedHosts, with_rpc: bool) -> Router {
    let hosts = Arc::new(hosts);
    let rpc = match with_rpc {
        true => Router::new().route("/rpc", post(rpc_over_http)),
        false => Router::new(),
    };
    Router::new()
        .merge(rpc.layer(DefaultBodyLimit::max(RPC_OCTETS_MAX)))
        .route("/", get(index))
        .route("/v1/status", get(status))
        .merge(observation())
        .layer(middleware::from_fn(
            move |headers: HeaderMap, request: axum::extract::Request, next: Next| {
                let hosts = hosts.clone();
                async move {
                    let host = headers
                        .get(header::HOST)
                        .and_then(|value| value.to_str().ok())
                        .unwrap_or_default();
                    if hosts.allows(host) {
                        next.run(request).await
                    } else {
                        refusal(
                            StatusCode::FORBIDDEN,
                            "this host name is not served here; see `hosts` in [admin]",
                        )
                    }
                }
            },
        ))
        .layer(DefaultBodyLimit::max(1_024))
        .with_state(control)
}

fn observation() -> Router<Shared> {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(health))
        .route("/ready", get(ready))
}

async fn index() -> &'static str {
    "Strowger\n/metrics\n/health\n/ready\n/v1/status\n"
}

/// Runs a call that may take a while on a thread that may.
async fn blocking<T: Send + 'static>(
    control: Shared,
    call: impl FnOnce(&dyn Control) -> T + Send + 'static,
) -> Result<T, Response> {
    tokio::task::spawn_blocking(move || call(&*control))
        .await
        .map_err(|_| {
            refusal(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the order failed; the server's log says why",
            )
        })
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": message }))).into_response()
}

fn answer<T: serde::Serialize>(result: Result<Result<T, ControlError>, Response>) -> Response {
    match result {
        Ok(Ok(value)) => Json(value).into_response(),
        Ok(Err(error)) => {
            let status =
                StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            refusal(status, error.message())
        }
        Err(response) => response,
    }
}

async fn status(State(control): State<Shared>) -> Response {
    answer(blocking(control, |control| Ok(control.status())).await)
}

async fn stats(State(control): State<Shared>) -> Response {
    let samples = blocking(control, |control| control.samples()).await;
    answer(samples.map(|samples| {
        let rows = samples.into_iter().map(|sample| {
            let kind = if sample.kind == SampleKind::Counter {
                "counter"
            } else {
                "gauge"
            };
            json!({ "name": sample.name, "value": sample.value, "kind": kind, "help": sample.help })
        });
        Ok(rows.collect::<Vec<_>>())
    }))
}

async fn metrics(State(control): State<Shared>) -> Response {
    match blocking(control, |control| write_metrics(&control.samples())).await {
        Ok(text) => (
            [(
                header::CONTENT_TYPE,
                "text/plain; version=0.0.4; charset=utf-8",
            )],
            text,
        )
            .into_response(),
        Err(response) => response,
    }
}

async fn health() -> Json<serde_json::Value> {
    Json(json!({ "ok": true }))
}

async fn ready(State(control): State<Shared>) -> Response {
    match blocking(control, |control| control.ready()).await {
        Ok(Ok(())) => Json(json!({ "ready": true })).into_response(),
        Ok(Err(reason)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(json!({ "ready": false, "reason": reason })),
        )
            .into_response(),
        Err(response) => response,
    }
}

async fn users(State(control): State<Shared>, Query(page): Query<Page>) -> Response {
    answer(blocking(control, move |control| control.users(&page)).await)
}

async fn user(State(control): State<Shared>, Path(user): Path<String>) -> Response {
    answer(blocking(control, move |control| control.user(&user)).await)
}

async fn add_user(State(control): State<Shared>, Json(user): Json<NewUser>) -> Response {
    answer(blocking(control, move |control| control.add_user(user)).await)
}

async fn change_user(State(control): State<Shared>, Json(user): Json<NewUser>) -> Response {
    answer(blocking(control, move |control| control.change_user(user)).await)
}

async fn delete_user(State(control): State<Shared>, Path(user): Path<String>) -> Response {
    answer(blocking(control, move |control| control.delete_user(&user)).await)
}

#[derive(Deserialize)]
struct Import {
    users: Vec<NewUser>,
    #[serde(default)]
    replace: bool,
}

async fn import(State(control): State<Shared>, Json(import): Json<Import>) -> Response {
    answer(
        blocking(control, move |control| {
            control.import_users(import.users, import.replace)
        })
        .await,
    )
}

async fn registrations(State(control): State<Shared>, Query(page): Query<Page>) -> Response {
    answer(blocking(control, move |control| control.registrations(&page)).await)
}

async fn drop_registrations(State(control): State<Shared>, Path(user): Path<String>) -> Response {
    let dropped = blocking(control, move |control| control.drop_registrations(&user)).await;
    answer(dropped.map(|result| result.map(|count| json!({ "dropped": count }))))
}

async fn reload(State(control): State<Shared>) -> Response {
    answer(blocking(control, |control| control.reload()).await)
}

/// A body that a page in somebody's browser could send is refused: it cannot set this content type without being asked.
async fn rpc_over_http(control: State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let plain = kind.split(';').next().unwrap_or_default().trim();
    if !plain.eq_ignore_ascii_case("application/json") || headers.contains_key(header::ORIGIN) {
        let message = "calls come with Content-Type: application/json, and not from web pages";
        return refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    }
    rpc(control, body).await
}

async fn rpc(State(control): State<Shared>, body: Bytes) -> Response {
    let answered = blocking(control, move |control| {
        let call = |name: &str, params: &[serde_json::Value]| control.rpc(name, params);
        crate::rpc::answer(&call, &body)
    });
    match answered.await {
        Ok(Some(value)) => Json(value).into_response(),
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(response) => response,
    }
}

async fn watch(State(control): State<Shared>, Query(filter): Query<WatchFilter>) -> Response {
    let (sender, body) = watch_channel();
    control.watch(filter, sender);
    (
        [(header::CONTENT_TYPE, "application/x-ndjson")],
        Body::new(body),
    )
        .into_response()
}
