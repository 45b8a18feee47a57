//! A client that is a proxy of the mesh with a connection of streams.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Weak;
use std::time::{Duration, Instant};

use super::PREFACE;
use super::connection::Connection;
use super::driver::{Driver, Side};
use super::frame::Malformed;
use super::stream::Stream;
use crate::destination::Endpoint;
use crate::listener;
use crate::metrics::{CloseReason, Limit};
use crate::relay::{self, Client, Peer};
use crate::worker::Worker;

/// How long a client that was told to go has, and how long after its last stream, before its connection is closed.
const LAST_CALL: Duration = Duration::from_secs(2);

/// Serves streams until the connection ends, which begins with the preface.
pub async fn serve(client: Box<Client>) {
    drive(client, false).await;
}

/// Answers by an error what a client has begun, for there is no place for its connection, and tells it to open no more streams.
pub async fn turn_away(client: Box<Client>) {
    drive(client, true).await;
}

async fn drive(client: Box<Client>, is_beyond: bool) {
    let Client { worker, side: relay::Side::Inbound(application), mut peer, address, watch, .. } = *client
    else {
        return;
    };
    let Some(identity) = peer.identity().cloned() else { return };
    peer.received.consume(PREFACE.len());
    let connection = Connection::new(identity, Weak::new(), &worker.drain);
    let side = Serving { worker, application, address, is_beyond, told: None };
    Driver::new(peer, connection, side, watch).run().await;
}

/// The side that serves streams.
pub(super) struct Serving {
    worker: Rc<Worker>,
    application: Rc<Endpoint>,
    address: SocketAddr,
    /// There is no place for the connection.
    is_beyond: bool,
    /// When the client was told to open no more streams.
    told: Option<Instant>,
}

impl Side for Serving {
    /// The client closes it, or the last call is over.
    const LEAVES: bool = false;

    fn opened(&mut self, stream: Stream) -> Result<(), Malformed> {
        let client = Box::new(Client {
            worker: Rc::clone(&self.worker),
            side: relay::Side::Inbound(Rc::clone(&self.application)),
            peer: Peer::of_stream(stream),
            address: self.address,
            watch: self.worker.sweep.watch_call(Some(self.application.address().port())),
            grant: None,
            idle_since: Instant::now(),
        });
        match self.is_beyond {
            true => listener::refuse_stream(client),
            false => listener::serve_stream(client),
        }
        Ok(())
    }

    fn is_hurried(&self) -> bool {
        self.told.is_none() && (self.is_beyond || self.worker.drain.has_started())
    }

    fn attend(&mut self, now: Instant, connection: &Connection) -> Option<Duration> {
        let idle_for = connection.idle_since().map(|since| now.saturating_duration_since(since));
        let idle = self.worker.config.timeouts.idle;
        if self.told.is_none()
            && let Some(reason) = self.reason_to_go(idle_for)
        {
            connection.send_away(reason);
            self.told = Some(now);
        }
        // It closes the connection as soon as it has the last answer.
        let is_over = self.is_beyond
            || (idle_for.is_some_and(|time| time >= LAST_CALL) && !connection.has_more_to_write());
        match self.told {
            Some(told) if is_over && now - told >= LAST_CALL => None,
            Some(_) => Some(LAST_CALL),
            None => Some(idle.saturating_sub(idle_for.unwrap_or_default())),
        }
    }
}

impl Serving {
    fn reason_to_go(&self, idle_for: Option<Duration>) -> Option<CloseReason> {
        if self.is_beyond {
            return Some(CloseReason::Overload);
        }
        if self.worker.drain.has_started() {
            return Some(CloseReason::Drain);
        }
        let is_idle = idle_for.is_some_and(|time| time >= self.worker.config.timeouts.idle);
        is_idle.then(|| {
            self.worker.limits().reached(Limit::IdleTimeout);
            CloseReason::Idle
        })
    }
}

#[cfg(test)]
impl Serving {
    /// For clients that mean `application`.
    pub(super) fn before(application: SocketAddr, worker: &Rc<Worker>) -> Self {
        Self {
            worker: Rc::clone(worker),
            application: worker.application(application),
            address: application,
            is_beyond: false,
            told: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::LocalSet;

    use super::*;
    use crate::fixture::worker;
    use crate::mux::fixture::{application, eventually, served};
    use crate::mux::frame::{Frame, Kind};

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_drain_waits_until_the_last_answer_is_taken() {
        let drained = async {
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n";
            let application = application([&head[..], &[7; 40_000]].concat()).await;
            let worker = worker(&[], &[]);
            let mut client = served(&worker, application).await;
            client.send(1, Kind::Data, GET).await;
            client.0.peek(&mut [0]).await.unwrap();
            eventually("it is answered", || worker.limits().connections.taken() == 0).await;
            worker.drain.begin();
            worker.sweep.wake_all();
            tokio::time::sleep(2 * LAST_CALL).await;
            assert!(client.rest_of(1).await.ends_with(&[7; 40_000]));
        };
        LocalSet::new().run_until(drained).await;
    }

    #[tokio::test]
    async fn a_client_that_is_late_gets_its_last_answer_whatever_it_says_meanwhile() {
        let drained = async {
            // The end of it waits with the system, for the client has not read it.
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5500\r\n\r\n";
            let application = application([&head[..], &[7; 5500]].concat()).await;
            // Deadlines are looked at often.
            let worker = worker(&[("MESH_PROXY_HEADER_TIMEOUT", "400ms")], &[]);
            let mut client = served(&worker, application).await;
            client.send(1, Kind::Data, GET).await;
            client.0.peek(&mut [0]).await.unwrap();
            eventually("it is answered", || worker.limits().connections.taken() == 0).await;
            worker.drain.begin();
            worker.sweep.wake_all();
            tokio::time::sleep(LAST_CALL + Duration::from_millis(400)).await;
            client.send(0, Kind::Ping, &[]).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(client.rest_of(1).await.ends_with(&[7; 5500]));
        };
        LocalSet::new().run_until(drained).await;
    }

    #[tokio::test]
    async fn an_idle_client_is_told_to_go_before_its_connection_is_closed() {
        let idle = async {
            let worker = worker(&[("MESH_PROXY_IDLE_TIMEOUT", "100ms")], &[]);
            let mut client = served(&worker, SocketAddr::from(([127, 0, 0, 1], 1))).await;
            assert_eq!(client.next().await, Some((Frame::of(0, Kind::GoAway), Vec::new())));
            assert_eq!(client.next().await, None);
        };
        LocalSet::new().run_until(idle).await;
    }

    #[tokio::test]
    async fn a_stream_takes_the_place_of_a_connection() {
        let limited = async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let worker = worker(&[("MESH_PROXY_MAX_CONNECTIONS", "1")], &[]);
            let mut client = served(&worker, listener.local_addr().unwrap()).await;
            client.send(1, Kind::Data, GET).await;
            let (request, _) = listener.accept().await.unwrap();
            client.send(2, Kind::Data, GET).await;
            let answer = String::from_utf8(client.rest_of(2).await).unwrap();
            assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("overloaded"), "{answer}");
            drop(request);
            client.rest_of(1).await;
            eventually("there is a place again", || worker.limits().connections.taken() == 0).await;
            client.send(3, Kind::Data, GET).await;
            let (_request, _) = listener.accept().await.unwrap();
        };
        LocalSet::new().run_until(limited).await;
    }

    #[tokio::test]
    async fn a_stream_is_no_connection_of_http2() {
        let refused = async {
            let worker = worker(&[], &[]);
            let mut client = served(&worker, SocketAddr::from(([127, 0, 0, 1], 1))).await;
            client.send(1, Kind::Data, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
            let answer = String::from_utf8_lossy(&client.rest_of(1).await).into_owned();
            assert!(answer.starts_with("HTTP/1.1 505 "), "{answer:?}");
        };
        LocalSet::new().run_until(refused).await;
    }
}
