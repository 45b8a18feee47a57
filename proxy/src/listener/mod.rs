//! Accepting connections, and telling what their clients speak.

mod accept;
mod detect;
mod original;
mod serve;
mod tls;

pub use detect::Protocol;
pub use tls::{Hello, server_name};

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

use crate::destination::Endpoint;
use crate::relay::{Client, Original, Peer, Side};
use crate::worker::{ClientMetrics, Worker};

/// Serves what the application sends, to us or redirected here, until the drain begins.
pub async fn serve_outbound(worker: Rc<Worker>, listener: TcpListener) {
    accept::each(&worker, &listener, |socket, address| {
        let hold = worker.drain.hold();
        match original::destination(&socket) {
            None => {
                let client = client(&worker, Side::Outbound, &worker.outbound, socket, address);
                spawn_local(async move {
                    client.serve().await;
                    drop(hold);
                });
            }
            Some(original) => {
                let side = Side::Redirected(Original::new(original));
                let client = client(&worker, side, &worker.outbound, socket, address);
                spawn_local(async move {
                    serve::serve(client, original.port()).await;
                    drop(hold);
                });
            }
        }
    })
    .await;
}

/// Serves what others send to the application, which is the one endpoint of this listener, until the drain begins.
pub async fn serve_inbound(worker: Rc<Worker>, listener: TcpListener, application: Rc<Endpoint>) {
    accept::each(&worker, &listener, |socket, address| {
        serve_application(&worker, Rc::clone(&application), socket, address);
    })
    .await;
}

/// Serves what others send to the application and is redirected here, until the drain begins.
pub async fn serve_redirected(worker: Rc<Worker>, listener: TcpListener) {
    accept::each(&worker, &listener, |socket, address| match original::destination(&socket) {
        Some(original) => serve_application(&worker, worker.application_at(original), socket, address),
        // Whoever means the listener itself means no application; sent on, it would come back here.
        None => tracing::debug!(client = %address, "connection that was not redirected is closed"),
    })
    .await;
}

fn serve_application(worker: &Rc<Worker>, application: Rc<Endpoint>, socket: TcpStream, address: SocketAddr) {
    let port = application.address.port();
    let client = client(worker, Side::Inbound(application), &worker.inbound, socket, address);
    let hold = worker.drain.hold();
    spawn_local(async move {
        serve::serve(client, port).await;
        drop(hold);
    });
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
