//! A client that is answered, and not served.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use super::answer;
use super::serving::settings;
use super::traffic::Traffic;
use super::wire::Wire;
use crate::error::ProxyError;
use crate::grpc::{self, GrpcStatus};
use crate::metrics::{CloseReason, Protocol};
use crate::relay::{Client, Record};

/// How long it may take to answer the client, and to hear that it has gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answers by an error what a client asks before it hears that it is to go.
pub async fn turn_away(client: Box<Client>, error: ProxyError, reason: CloseReason) {
    let _ = tokio::time::timeout(PATIENCE, Box::pin(answer_all(*client, error, reason))).await;
}

async fn answer_all(client: Client, error: ProxyError, reason: CloseReason) -> Result<(), h2::Error> {
    let Client { worker, side, peer, .. } = client;
    let clients = worker.clients(side.direction(), peer.identity());
    let traffic = Rc::new(Traffic::default());
    traffic.ends(reason);
    let wire = Wire::of_client(peer, Rc::clone(&traffic));
    let mut connection = settings(&worker).handshake::<_, Bytes>(wire).await?;
    while let Some(accepted) = connection.accept().await {
        let (request, mut respond) = accepted?;
        if traffic.is_flooded() {
            break;
        }
        let is_grpc = grpc::is_grpc(request.headers());
        let protocol = if is_grpc { Protocol::Grpc } else { Protocol::Http2 };
        clients.http.request(protocol);
        match is_grpc {
            true => answer::grpc(&mut respond, error, error.told()),
            false => answer::plain(&mut respond, error, &error.told(), request.method() != Method::HEAD),
        }
        let grpc_status = is_grpc.then(|| GrpcStatus::of_error(error));
        Record::new(protocol).refused(&clients.http, error, grpc_status, 0);
        connection.graceful_shutdown();
    }
    Ok(())
}
