//! Accepting connections.

use std::rc::Rc;

use tokio::net::TcpListener;

use crate::destination::Endpoint;
use crate::worker::Worker;

/// Serves what the application sends, until the drain begins.
pub async fn serve_outbound(worker: Rc<Worker>, listener: TcpListener) {
    accept(&worker, &listener).await;
}

/// Serves what others send to the application, which is the one endpoint of this listener, until the drain begins.
pub async fn serve_inbound(worker: Rc<Worker>, listener: TcpListener, application: Rc<Endpoint>) {
    let _ = application;
    accept(&worker, &listener).await;
}

async fn accept(worker: &Worker, listener: &TcpListener) {
    tokio::select! {
        () = worker.drain.started() => {}
        () = async { while let Ok((_connection, _)) = listener.accept().await {} } => {}
    }
}
