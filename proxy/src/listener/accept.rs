//! The loop that accepts.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use crate::worker::Worker;

/// How long to wait when the system has no descriptor left: one may be closed meanwhile, and trying at once would spin.
const PAUSE: Duration = Duration::from_millis(50);

/// Calls `serve` with each connection until the drain begins. Connections that wait for a request are then woken, to close.
pub async fn each(worker: &Worker, listener: &TcpListener, mut serve: impl FnMut(TcpStream, SocketAddr)) {
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((socket, address)) => serve(socket, address),
                Err(error) => {
                    tracing::warn!(%error, "accepting pauses");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = worker.drain.started() => worker.sweep.wake_all(),
        () = accepting => {}
    }
}
