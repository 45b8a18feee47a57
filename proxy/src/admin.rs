//! The admin server: metrics, liveness, readiness and shutdown.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use crate::accept::accept;
use crate::discovery::Status;
use crate::identity::{Current, GivenRoots};
use crate::metrics::{Registry, render};
use crate::runtime::Shutdown;
use crate::tap::Observers;

/// A client that takes longer to send a request, or is idle for longer, is disconnected.
const HEADER_TIMEOUT: Duration = Duration::from_secs(120);
const PLAIN_TEXT: &str = "text/plain; charset=utf-8";
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the admin server shows and does.
pub(crate) struct Admin {
    pub registry: Arc<Registry>,
    pub status: Arc<Status>,
    pub observers: Arc<Observers>,
    pub readiness: Rc<Readiness>,
    pub shutdown: Shutdown,
}

/// Whether the proxy should be given traffic.
pub(crate) struct Readiness {
    status: Arc<Status>,
    /// None where the proxy needs no certificate.
    proofs: Option<Proofs>,
    is_draining: Cell<bool>,
}

/// What a proxy needs to prove itself and to believe others.
pub(crate) struct Proofs {
    pub roots: GivenRoots,
    pub credentials: Current,
}

impl Proofs {
    fn missing(&self) -> Option<&'static str> {
        if self.credentials.borrow().is_some() {
            None
        } else if self.roots.borrow().is_none() {
            Some("there are no roots to trust yet")
        } else {
            Some("the control plane has not certified the proxy yet")
        }
    }
}

impl Readiness {
    pub fn new(status: Arc<Status>, proofs: Option<Proofs>) -> Self {
        Self { status, proofs, is_draining: Cell::new(false) }
    }

    /// From now on the proxy is not ready.
    pub fn begin_drain(&self) {
        self.is_draining.set(true);
    }

    /// Why the proxy is not ready; none when it is.
    fn obstacle(&self) -> Option<&'static str> {
        let missing = self.proofs.as_ref().and_then(Proofs::missing);
        if self.is_draining.get() {
            Some("draining")
        } else if missing.is_some() {
            missing
        } else if !self.status.was_ever_connected() {
            Some("the control plane has not been reached yet")
        } else {
            None
        }
    }
}

/// Serves the admin listener for as long as the proxy lives.
pub(crate) async fn serve(listener: TcpListener, admin: Rc<Admin>) {
    loop {
        let (connection, peer) = accept(&listener).await;
        spawn_local(serve_connection(connection, peer.ip().to_canonical(), Rc::clone(&admin)));
    }
}

async fn serve_connection(connection: TcpStream, client: IpAddr, admin: Rc<Admin>) {
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let response = admin.answer(request.method(), request.uri().path(), client);
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(connection), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "admin connection failed");
    }
}

type Body = UnsyncBoxBody<Bytes, Infallible>;
type Answer = Response<Body>;

impl Admin {
    /// Everybody may read; the proxy is ended by its own host alone, for nobody has to prove anything here.
    fn answer(&self, method: &Method, path: &str, client: IpAddr) -> Answer {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        match path {
            "/metrics" | "/live" | "/ready" if !is_read => not_allowed("GET, HEAD"),
            "/metrics" => self.metrics(),
            "/live" => text(StatusCode::OK, "live\n"),
            "/ready" => self.ready(),
            "/shutdown" if !client.is_loopback() => {
                text(StatusCode::FORBIDDEN, "the proxy is ended from its own host (pod) alone\n")
            }
            "/shutdown" if *method != Method::POST => not_allowed("POST"),
            "/shutdown" => {
                self.shutdown.request("POST /shutdown");
                text(StatusCode::OK, "draining\n")
            }
            _ => text(StatusCode::NOT_FOUND, "there are /metrics, /live, /ready and /shutdown (POST)\n"),
        }
    }

    fn metrics(&self) -> Answer {
        let (reader, pieces) = mpsc::channel(1);
        let (registry, status) = (Arc::clone(&self.registry), Arc::clone(&self.status));
        let observers = Arc::clone(&self.observers);
        spawn_local(async move { render(&registry, &status, &observers, reader).await });
        let pieces = ReceiverStream::new(pieces).map(|piece| Ok(Frame::data(piece)));
        answer(StatusCode::OK, PROMETHEUS_TEXT, StreamBody::new(pieces).boxed_unsync())
    }

    fn ready(&self) -> Answer {
        match self.readiness.obstacle() {
            None => text(StatusCode::OK, "ready\n"),
            Some(obstacle) => text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {obstacle}\n")),
        }
    }
}

fn not_allowed(methods: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, format!("allowed: {methods}\n"));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    answer
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    answer(status, PLAIN_TEXT, Full::new(body.into()).boxed_unsync())
}

fn answer(status: StatusCode, content_type: &'static str, body: Body) -> Answer {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
