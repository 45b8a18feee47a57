//! Accepting connections, and telling what their clients speak.

mod accept;
mod detect;
mod original;
mod overload;
mod policy;
mod secure;
mod serve;
mod tls;

pub use detect::Protocol;
pub(crate) use detect::begins_http2;
pub(crate) use serve::serve_named;
pub use tls::{Hello, server_name};

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;

use self::accept::Accepted;
use crate::destination::Endpoint;
use crate::direction::Direction;
use crate::drain::Hold;
use crate::metrics::{CloseReason, Place};
use crate::relay::{Client, Original, Peer, Side};
use crate::worker::Worker;

/// Serves what the application sends, to us or redirected here, until the drain begins.
pub async fn serve_outbound(worker: Rc<Worker>, listener: TcpListener) {
    accept::each(&worker, listener, |accepted| match original::destination(&accepted.socket) {
        None => serve(&worker, Side::Outbound, accepted, Client::serve),
        Some(original) => {
            let side = Side::Redirected(Original::new(original));
            serve(&worker, side, accepted, move |client| serve::serve(client, original.port()));
        }
    })
    .await;
}

/// Serves what others send to the application, which is the one endpoint of this listener, until the drain begins.
pub async fn serve_inbound(worker: Rc<Worker>, listener: TcpListener, application: Rc<Endpoint>) {
    policy::known(&worker).await;
    accept::each(&worker, listener, |accepted| {
        serve_application(&worker, Rc::clone(&application), accepted);
    })
    .await;
}

/// Serves what others send to the application and is redirected here, until the drain begins.
pub async fn serve_redirected(worker: Rc<Worker>, listener: TcpListener) {
    policy::known(&worker).await;
    accept::each(&worker, listener, |accepted| match original::destination(&accepted.socket) {
        Some(original) => serve_application(&worker, worker.application_at(original), accepted),
        // Whoever means the listener itself means no application; sent on, it would come back here.
        None => tracing::debug!(client = %accepted.address, "connection that was not redirected is closed"),
    })
    .await;
}

fn serve_application(worker: &Rc<Worker>, application: Rc<Endpoint>, accepted: Accepted) {
    let port = application.address().port();
    serve(worker, Side::Inbound(application), accepted, move |client| serve::serve(client, port));
}

/// Serves a connection by `serve`, or refuses it when there is no place for it.
fn serve<F: Future<Output = ()>>(
    worker: &Rc<Worker>,
    side: Side,
    accepted: Accepted,
    serve: impl FnOnce(Box<Client>) -> F + 'static,
) {
    let Accepted { socket, address, hold, place } = accepted;
    admit(client(worker, side, socket, address), hold, place, serve);
}

/// Serves a stream of a connection between proxies as a connection of its own.
pub(crate) fn serve_stream(client: Box<Client>) {
    let (place, hold) = (accept::place(&client.worker), client.worker.drain.hold());
    admit(client, hold, place, Client::serve);
}

/// Answers a stream of a connection for which there is no place.
pub(crate) fn refuse_stream(client: Box<Client>) {
    let hold = client.worker.drain.hold();
    admit(client, hold, None, Client::serve);
}

fn admit<F: Future<Output = ()>>(
    mut client: Box<Client>,
    hold: Hold,
    place: Option<Place>,
    serve: impl FnOnce(Box<Client>) -> F + 'static,
) {
    if let Some(place) = place {
        // The future is made inside of the task: brought along, it would be there twice.
        spawn_local(async move {
            serve(client).await;
            drop((place, hold));
        });
    } else if let Some(answering) = client.worker.refusals.take(overload::MAX_ANSWERED) {
        spawn_local(async move {
            overload::refuse(client).await;
            drop((answering, hold));
        });
    } else if client.peer.is_stream() {
        // Closed without a word, it took no request.
        client.peer.ends(CloseReason::Overload);
    } else {
        client.peer.reset_when_closed(CloseReason::Overload);
    }
}

fn client(worker: &Rc<Worker>, side: Side, socket: TcpStream, address: SocketAddr) -> Box<Client> {
    let metrics = match side.direction() {
        Direction::Outbound => &worker.outbound,
        Direction::Inbound => &worker.inbound,
    };
    let tcp = Arc::clone(&metrics.tcp);
    let may_be_secured = matches!(side, Side::Inbound(_)) && worker.config.trust_roots.is_some();
    Box::new(Client {
        worker: Rc::clone(worker),
        peer: if may_be_secured { Peer::uncounted(socket, tcp) } else { Peer::new(socket, tcp) },
        watch: worker.sweep.watch_call(side.port()),
        side,
        address,
        grant: None,
        idle_since: Instant::now(),
    })
}
