//! The gRPC server that observers call.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use super::guard::Guard;
use super::observers::{Events, Observers};
use crate::accept::accept;
use crate::proto::tap_server::{Tap, TapServer};
use crate::proto::{ObserveRequest, TapEvent};

/// Serves the tap listener for as long as the proxy lives: whom `guard` lets in, or everybody in plain text.
pub(crate) async fn serve(listener: TcpListener, observers: Arc<Observers>, guard: Option<Guard>) {
    let server = Server::builder().add_service(TapServer::new(Service { observers }));
    let served = match guard {
        Some(guard) => server.serve_with_incoming(guard.connections(listener)).await,
        None => server.serve_with_incoming(connections(listener)).await,
    };
    if let Err(error) = served {
        tracing::error!(%error, "tap server failed");
    }
}

fn connections(listener: TcpListener) -> impl Stream<Item = io::Result<TcpStream>> {
    let (sender, connections) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let (connection, _) = accept(&listener).await;
            if sender.send(Ok(connection)).await.is_err() {
                return;
            }
        }
    });
    ReceiverStream::new(connections)
}

struct Service {
    observers: Arc<Observers>,
}

#[tonic::async_trait]
impl Tap for Service {
    type ObserveStream = EventStream;

    async fn observe(&self, request: Request<ObserveRequest>) -> Result<Response<EventStream>, Status> {
        let ObserveRequest { r#match, max_rps } = request.into_inner();
        let events = self.observers.add(r#match.unwrap_or_default(), max_rps);
        Ok(Response::new(EventStream { events }))
    }
}

/// An observer's events as a stream; dropped when the observer leaves.
pub(crate) struct EventStream {
    events: Events,
}

impl Stream for EventStream {
    type Item = Result<TapEvent, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.events.queue.poll_recv(context).map(|event| event.map(Ok))
    }
}
