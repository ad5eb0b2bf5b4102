//! HTTP for operators: the admin server (reference/zookeeper.md section 5.3) and the metrics (5.4).
//!
//! Both are off unless the configuration switches them on. A question is answered from the core's view
//! and the shell's counters; nothing here waits, so the turn loop is held up for the length of one
//! answer only.

use crate::config::{Admin, Host};
use crate::measure::exposition;
use crate::shell::{Shell, bind};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use zabra_core::admin::{Command, Need, Needs, Refusal};

/// Connections of operators at once; more wait.
const CONNECTIONS: usize = 32;
/// How long a request's head may take.
const HEAD: Duration = Duration::from_secs(10);
/// How long one connection may last.
const LIFE: Duration = Duration::from_secs(60);

type Answer = Response<Full<Bytes>>;

/// What a port serves.
#[derive(Clone, Debug)]
pub enum Pages {
    Admin(Admin),
    Metrics,
}

/// Binds a port and serves it; a port that is in use is said, and stops no server.
pub async fn serve(shell: Arc<Shell>, host: Host, pages: Pages) {
    let what = match &pages {
        Pages::Admin(_) => "admin",
        Pages::Metrics => "metrics",
    };
    let listener = match bind(&host, false).await {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("{what} port {host} cannot be bound: {error}"),
    };
    tracing::info!("{what} port: {host}");
    let pages = Arc::new(pages);
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection to the {what} port could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (shell, pages) = (Arc::clone(&shell), Arc::clone(&pages));
        let connection = async move {
            let service = service_fn(|request| {
                let answer = answer(&shell, &pages, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(64 << 10);
            // How it ended is the operator's concern: an answer is whole, or its length says that it is not.
            drop(tokio::time::timeout(LIFE, server.serve_connection(TokioIo::new(stream), service)).await);
            drop(place);
        };
        drop(tokio::spawn(connection));
    }
}

fn answer(shell: &Arc<Shell>, pages: &Pages, request: &Request<Incoming>) -> Answer {
    let path = request.uri().path();
    match pages {
        Pages::Metrics if path == "/metrics" && request.method() == Method::GET => {
            let text = shell.answer(Needs::of_metrics(), |stats, now, server, around| {
                (exposition(stats, now, server, around), None)
            });
            reply(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
        }
        Pages::Admin(admin) if [Method::GET, Method::POST].contains(request.method()) => {
            match path.strip_prefix(admin.url.as_str()) {
                Some("" | "/") => reply(StatusCode::OK, "text/html; charset=utf-8", links(&admin.url)),
                Some(rest) if rest.starts_with('/') => command(shell, request, &rest[1..]),
                Some(_) | None => reply(StatusCode::NOT_FOUND, "text/plain", "not found\n".into()),
            }
        }
        Pages::Metrics | Pages::Admin(_) => reply(StatusCode::NOT_FOUND, "text/plain", "not found\n".into()),
    }
}

/// A page with every command.
fn links(url: &str) -> String {
    let mut page = String::new();
    for name in Command::all() {
        writeln!(page, "<a href=\"{url}/{name}\">{name}</a>\n<br/>").expect("a String takes everything");
    }
    page
}

fn command(shell: &Arc<Shell>, request: &Request<Incoming>, name: &str) -> Answer {
    let response = match Command::named(name) {
        None => Command::unknown(name),
        Some(command) if command.need == Need::Root => {
            let names_somebody = request.headers().contains_key(AUTHORIZATION);
            command.refuse(if names_somebody { Refusal::NotOffered } else { Refusal::NobodyNamed })
        }
        Some(command) => shell.answer(command.needs(), |_, _, server, around| {
            let response = command.answer(mask(request.uri().query()), server, around);
            let effect = response.effect;
            (response, effect)
        }),
    };
    let status = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    reply(status, "application/json", response.body.to_json())
}

/// The argument `traceMask` of a question.
fn mask(query: Option<&str>) -> Option<&str> {
    query?.split('&').find_map(|pair| pair.strip_prefix("traceMask="))
}

fn reply(status: StatusCode, kind: &'static str, text: String) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
