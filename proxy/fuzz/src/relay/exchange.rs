//! One case from the first byte to the end of every connection.

use std::cell::RefCell;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::{spawn_local, yield_now};

use super::backend::{self, Backend, Connection};
use super::case::Case;
use super::client;
use super::proxy;

/// Nothing in a case takes a second, even on a busy machine; what takes longer than this hangs.
const DEADLINE: Duration = Duration::from_secs(20);
/// So often everybody has their turn in a pause: enough for a request to get its response.
const TURNS: usize = 12;

/// The listeners of this thread; the ports of the system would run out if each case had its own.
struct Listeners {
    proxy: TcpListener,
    backends: [TcpListener; 2],
}

thread_local! {
    static LISTENERS: Listeners = Listeners { proxy: listener(), backends: [listener(), listener()] };
}

fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap_or_else(|error| panic!("no port: {error}"));
    listener.set_nonblocking(true).unwrap_or_else(|error| panic!("{error}"));
    listener
}

/// What each side saw.
#[derive(Debug)]
pub struct Exchange {
    /// What the proxy sent to the client.
    pub received: Vec<u8>,
    /// The proxy broke the client's connection rather than closing it.
    pub was_reset: bool,
    /// In the order in which they were opened.
    pub connections: Vec<Connection>,
}

/// Runs a case.
///
/// # Panics
/// When it does not come to an end.
pub fn run(case: &Case) -> Exchange {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    let connections = Rc::new(RefCell::new(Vec::new()));
    let (received, was_reset) = LISTENERS.with(|listeners| {
        runtime.block_on(async {
            let running = relay(case, listeners, &connections);
            let ended = tokio::time::timeout(DEADLINE, running).await;
            ended.unwrap_or_else(|_| panic!("it hangs; at the backend: {connections:?}"))
        })
    });
    let connections = connections.take();
    Exchange { received, was_reset, connections }
}

async fn relay(
    case: &Case,
    listeners: &Listeners,
    connections: &Rc<RefCell<Vec<Connection>>>,
) -> (Vec<u8>, bool) {
    let backends = listeners.backends.each_ref().map(tokio_listener);
    let addresses = backends.each_ref().map(address);
    let backend = Rc::new(Backend::new(case.answers.clone(), Rc::clone(connections)));
    let accepting = backends.map(|listener| spawn_local(backend::serve(Rc::clone(&backend), listener)));

    let listener = tokio_listener(&listeners.proxy);
    let proxy_address = address(&listener);
    let worker = proxy::start(case.side, listener, addresses);
    let received = client::run(case, proxy_address).await;
    worker.drain.begin();
    worker.drain.finished().await;
    drop(worker);
    // What the proxy said last, and that it has closed its idle connections, is still to be heard.
    backend.idle().await;
    accepting.iter().for_each(tokio::task::JoinHandle::abort);
    received
}

fn tokio_listener(listener: &TcpListener) -> tokio::net::TcpListener {
    listener
        .try_clone()
        .and_then(tokio::net::TcpListener::from_std)
        .unwrap_or_else(|error| panic!("no listener: {error}"))
}

fn address(listener: &tokio::net::TcpListener) -> std::net::SocketAddr {
    listener.local_addr().unwrap_or_else(|error| panic!("no address: {error}"))
}

/// Lets everybody else do what they can.
pub async fn pause() {
    for _ in 0..TURNS {
        yield_now().await;
    }
}

/// Sends the segments with pauses between them. False when the peer takes no more.
pub async fn send(sink: &mut (impl AsyncWriteExt + Unpin), segments: &[Vec<u8>]) -> bool {
    for (number, segment) in segments.iter().enumerate() {
        if number > 0 {
            pause().await;
        }
        if sink.write_all(segment).await.is_err() {
            return false;
        }
    }
    true
}
