//! A client that speaks HTTP/2.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::application::whole;
use super::stand_in::DEADLINE;

/// One connection.
pub struct Client {
    pub requests: SendRequest<Bytes>,
    /// How it ends.
    pub connection: JoinHandle<Result<(), h2::Error>>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self::with(&Builder::new(), address).await
    }

    /// One with settings of its own.
    pub async fn with(settings: &Builder, address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let (requests, connection) = settings.handshake(socket).await.unwrap();
        Self { requests, connection: tokio::spawn(connection) }
    }

    /// Begins a request whose body is yet to come.
    pub async fn begin(&self, request: Request<()>) -> (ResponseFuture, SendStream<Bytes>) {
        let mut requests = self.requests.clone().ready().await.unwrap();
        requests.send_request(request, false).unwrap()
    }

    /// The head of the answer to a request without a body, or why there is none.
    pub async fn head(&self, request: Request<()>) -> Result<Response<RecvStream>, h2::Error> {
        let mut requests = self.requests.clone().ready().await?;
        let (response, _) = requests.send_request(request, true)?;
        within(response).await
    }

    /// Status, fields and body of the answer to a request with this body.
    pub async fn ask(&self, request: Request<()>, body: impl Into<Bytes>) -> Answer {
        self.try_ask(request, body).await.unwrap()
    }

    pub async fn try_ask(&self, request: Request<()>, body: impl Into<Bytes>) -> Result<Answer, h2::Error> {
        let mut requests = self.requests.clone().ready().await?;
        let body = body.into();
        let (response, mut sink) = requests.send_request(request, body.is_empty())?;
        if !body.is_empty() {
            tokio::spawn(async move {
                if super::application::send(&mut sink, body).await.is_some() {
                    let _ = sink.send_data(Bytes::new(), true);
                }
            });
        }
        let (head, source) = within(response).await?.into_parts();
        let (body, trailers) = within(whole(source)).await?;
        Ok(Answer { status: head.status.as_u16(), fields: head.headers, body, trailers })
    }
}

/// A whole response.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub fields: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A request of a service.
pub fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

pub fn post(uri: &str) -> Request<()> {
    Request::post(uri).body(()).unwrap()
}

/// What takes too long fails the test.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("it comes in time")
}
