//! A server that speaks HTTP/2 and does with each stream what a test wants.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server that goes when it is dropped, and its connections with it.
pub struct Application {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Application {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Application {
    /// One that calls `serve` with each stream.
    pub async fn serving<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::with(Builder::new().enable_connect_protocol().clone(), serve).await
    }

    /// The same with settings of its own.
    pub async fn with<F: Future<Output = ()> + Send + 'static>(
        settings: Builder,
        serve: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::connected(settings, move |mut connection| {
            let serve = serve.clone();
            async move {
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(serve(request, respond));
                }
            }
        })
        .await
    }

    /// One that calls `serve` with each connection.
    pub async fn connected<F: Future<Output = ()> + Send + 'static>(
        settings: Builder,
        serve: impl Fn(Connection<TcpStream, Bytes>) -> F + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let accepted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            let mut tasks = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                accepted.fetch_add(1, SeqCst);
                let (settings, serve) = (settings.clone(), serve.clone());
                tasks.spawn(async move {
                    if let Ok(connection) = settings.handshake(socket).await {
                        serve(connection).await;
                    }
                });
            }
        });
        Self { address, connections, task }
    }

    /// One that answers every request with its name.
    pub async fn named(name: &'static str) -> Self {
        Self::serving(move |_, mut respond| async move {
            let mut body = respond.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(name.as_bytes()), true).unwrap();
        })
        .await
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

/// Sends back what comes, as it comes, with trailers after it.
pub async fn echo(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let mut source = request.into_body();
    let mut sink = respond.send_response(Response::new(()), false).unwrap();
    while let Some(Ok(data)) = source.data().await {
        let length = data.len();
        if send(&mut sink, data).await.is_none() {
            return;
        }
        source.flow_control().release_capacity(length).unwrap();
    }
    let trailers = source.trailers().await.ok().flatten().unwrap_or_default();
    let _ = sink.send_trailers(trailers);
}

/// Sends data as the window opens. None when the stream was reset.
pub async fn send(sink: &mut SendStream<Bytes>, mut data: Bytes) -> Option<()> {
    while !data.is_empty() {
        sink.reserve_capacity(data.len());
        let room = std::future::poll_fn(|cx| sink.poll_capacity(cx)).await?.ok()?;
        sink.send_data(data.split_to(room.min(data.len())), false).ok()?;
    }
    Some(())
}

/// The whole of a body, and its trailers.
pub async fn whole(mut source: RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut body = Vec::new();
    while let Some(data) = source.data().await {
        let data = data?;
        source.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    Ok((body, source.trailers().await?))
}
