//! Accepting connections, and telling what their clients speak.

mod accept;
mod detect;
mod inbound;

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

use crate::destination::Endpoint;
use crate::relay::{Client, Peer, Side};
use crate::worker::{ClientMetrics, Worker};

/// Serves what the application sends, until the drain begins.
pub async fn serve_outbound(worker: Rc<Worker>, listener: TcpListener) {
    accept::each(&worker, &listener, |socket, address| {
        let client = client(&worker, Side::Outbound, &worker.outbound, socket, address);
        let hold = worker.drain.hold();
        spawn_local(async move {
            client.serve().await;
            drop(hold);
        });
    })
    .await;
}

/// Serves what others send to the application, which is the one endpoint of this listener, until the drain begins.
pub async fn serve_inbound(worker: Rc<Worker>, listener: TcpListener, application: Rc<Endpoint>) {
    accept::each(&worker, &listener, |socket, address| {
        let side = Side::Inbound(Rc::clone(&application));
        let client = client(&worker, side, &worker.inbound, socket, address);
        let application = Rc::clone(&application);
        let hold = worker.drain.hold();
        spawn_local(async move {
            inbound::serve(client, application).await;
            drop(hold);
        });
    })
    .await;
}

fn client(
    worker: &Rc<Worker>,
    side: Side,
    metrics: &ClientMetrics,
    socket: TcpStream,
    address: SocketAddr,
) -> Client {
    Client {
        worker: Rc::clone(worker),
        side,
        peer: Peer::new(socket, Arc::clone(&metrics.tcp)),
        address,
        watch: worker.sweep.watch(),
        idle_since: Instant::now(),
    }
}
