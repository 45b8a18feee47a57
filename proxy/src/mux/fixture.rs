//! Connections of streams in plain text, for tests.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::connection::Connection;
use super::driver::Driver;
use super::frame::{Frame, HEADER, Kind};
use super::serving::Serving;
use crate::relay::Peer;
use crate::worker::Worker;

/// Whatever takes longer fails the test.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub fn connection() -> Rc<Connection> {
    Connection::new("spiffe://mesh.local/ns/default/sa/peer".into(), Weak::new(), &Rc::default())
}

/// Counts how often it was woken.
#[derive(Default)]
pub struct Woken(AtomicUsize);

impl Woken {
    pub fn waker(self: &Arc<Self>) -> Waker {
        Arc::clone(self).into()
    }

    pub fn times(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Both ends of a connection, between which the system keeps little.
pub async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let near = socket.connect(listener.local_addr().unwrap()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    socket2::SockRef::from(&far).set_send_buffer_size(4096).unwrap();
    (near, far)
}

/// The other end of a connection, which does what a test says.
pub struct Raw(pub TcpStream);

impl Raw {
    pub async fn send(&mut self, stream: u32, kind: Kind, content: &[u8]) {
        let frame = Frame { stream, kind, length: content.len() };
        self.0.write_all(&[&frame.bytes(), content].concat()).await.unwrap();
    }

    /// The next frame; none at the end of the connection.
    pub async fn next(&mut self) -> Option<(Frame, Vec<u8>)> {
        tokio::time::timeout(DEADLINE, async {
            let mut header = [0; HEADER];
            self.0.read_exact(&mut header).await.ok()?;
            let frame = Frame::read(&header).unwrap()?;
            let mut content = vec![0; frame.content()];
            self.0.read_exact(&mut content).await.ok()?;
            Some((frame, content))
        })
        .await
        .expect("a frame comes, or the end")
    }

    /// What a stream brings up to its end.
    pub async fn rest_of(&mut self, stream: u32) -> Vec<u8> {
        let mut rest = Vec::new();
        while let Some((frame, content)) = self.next().await {
            if frame.stream == stream && matches!(frame.kind, Kind::Close | Kind::Finish) {
                return rest;
            }
            if frame.stream == stream {
                rest.extend(content);
            }
        }
        panic!("the connection ended before the stream, after {} bytes", rest.len());
    }
}

/// What a worker serves, seen from the client.
pub async fn served(worker: &Rc<Worker>, application: SocketAddr) -> Raw {
    let (near, far) = sockets().await;
    let peer = Peer::new(far, Arc::clone(&worker.inbound.tcp));
    let side = Serving::before(application, worker);
    tokio::task::spawn_local(Driver::new(peer, connection(), side, worker.sweep.watch()).run());
    Raw(near)
}

/// Waits until something holds.
pub async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let held = tokio::time::timeout(DEADLINE, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    held.await.expect(what);
}

/// An application that answers the first request of each connection by these bytes, and closes it.
pub async fn application(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 4096]).await;
            let _ = socket.write_all(&answer).await;
        }
    });
    address
}
