//! The loop that accepts.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use crate::drain::Hold;
use crate::metrics::{Limit, Place};
use crate::worker::Worker;

/// How long to wait when the system has no descriptor left: one may be closed meanwhile, and trying at once would spin.
const PAUSE: Duration = Duration::from_millis(50);
/// What goes on for long is logged this often.
const LOG_INTERVAL: Duration = Duration::from_secs(5);

/// A connection that was accepted.
pub struct Accepted {
    pub socket: TcpStream,
    /// The client's. One of IPv4 is that too when the listener takes both families.
    pub address: SocketAddr,
    /// The drain waits for it until this is dropped.
    pub hold: Hold,
    /// None when the proxy serves as many connections as it may.
    pub place: Option<Place>,
}

/// Calls `serve` with each connection until the drain begins, and then with those that the system had taken for us before.
/// Connections that wait for a request are then woken, to close.
pub async fn each(worker: &Rc<Worker>, listener: TcpListener, mut serve: impl FnMut(Accepted)) {
    // The worker does not end before the last connections were taken.
    let hold = worker.drain.hold();
    let mut warnings = Warnings::default();
    let mut admit = |socket, address: SocketAddr| {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let place = place(worker);
        if place.is_none() {
            warnings.warn(|| tracing::warn!("as many connections as are allowed; more are refused"));
        }
        serve(Accepted { socket, address, hold: worker.drain.hold(), place });
    };
    tokio::select! {
        () = worker.drain.started() => {}
        () = accept_all(worker, &listener, &mut admit) => {}
    }
    take_backlog(listener, &mut admit);
    worker.sweep.wake_all();
    drop(hold);
}

/// A place for one more connection; none, which is counted, when the proxy serves as many as it may.
pub fn place(worker: &Worker) -> Option<Place> {
    let place = worker.limits().connections.take(worker.config.limits.connections);
    if place.is_none() {
        worker.limits().reached(Limit::Connections);
    }
    place
}

async fn accept_all(worker: &Worker, listener: &TcpListener, admit: &mut impl FnMut(TcpStream, SocketAddr)) {
    let mut warnings = Warnings::default();
    loop {
        match listener.accept().await {
            Ok((socket, address)) => admit(socket, address),
            Err(error) if concerns_one_connection(&error) => {}
            Err(error) => {
                worker.limits().reached(Limit::Descriptors);
                warnings.warn(|| tracing::warn!(%error, "accepting pauses"));
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Takes the connections whose clients believe that they are connected; closing the listener would reset them.
fn take_backlog(listener: TcpListener, admit: &mut impl FnMut(TcpStream, SocketAddr)) {
    let Ok(listener) = listener.into_std() else { return };
    loop {
        match listener.accept() {
            Ok((socket, address)) => {
                let socket = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket));
                if let Ok(socket) = socket {
                    admit(socket, address);
                }
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(_) => return,
        }
    }
}

/// Whether the connection that was to be accepted is broken already, and the next may not be.
fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}

#[derive(Default)]
struct Warnings {
    last: Option<Instant>,
}

impl Warnings {
    /// Calls `log` unless that was done just before.
    fn warn(&mut self, log: impl FnOnce()) {
        let now = Instant::now();
        if self.last.is_none_or(|last| now - last >= LOG_INTERVAL) {
            self.last = Some(now);
            log();
        }
    }
}
