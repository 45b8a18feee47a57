//! What stands behind the proxy.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::harness::{Client, GET, Relay};
use crate::stand_in::DEADLINE;

/// A server whose connections a test takes one by one.
pub struct Backend {
    pub address: SocketAddr,
    listener: TcpListener,
}

impl Backend {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { address: listener.local_addr().unwrap(), listener }
    }

    /// The next connection.
    pub fn accept(&self) -> Client {
        let (sender, receiver) = channel();
        let listener = self.listener.try_clone().unwrap();
        thread::spawn(move || {
            let _ = sender.send(listener.accept().unwrap().0);
        });
        Client::new(receiver.recv_timeout(DEADLINE).expect("a connection comes"))
    }

    /// A client of `relay` that has sent a [`GET`], and this end of the connection on which it arrived.
    pub fn request_under_way(&self, relay: &Relay) -> (Client, Client) {
        let mut client = relay.connect();
        client.send(GET);
        let mut application = self.accept();
        application.until("\r\n\r\n");
        (client, application)
    }

    /// The next connection, however long it takes to come.
    pub fn accept_whenever(&self) -> TcpStream {
        self.listener.accept().unwrap().0
    }

    /// Whether a connection, and be it a byte of one, was made that nobody took.
    pub fn was_left_alone(&self) -> bool {
        self.listener.set_nonblocking(true).unwrap();
        let left_alone = self.listener.accept().is_err();
        self.listener.set_nonblocking(false).unwrap();
        left_alone
    }

    /// Answers each request without a body by what `answer` makes of its head, on any number of connections. Where that is
    /// nothing, the connection is closed.
    pub fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Served {
        let backend = Self::start();
        let address = backend.address;
        let answer = Arc::new(answer);
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (opened, connections) = channel();
        let seen = Arc::clone(&heads);
        thread::spawn(move || accept_all(&backend, &answer, &seen, &opened));
        Served { address, heads, connections: Mutex::new(connections) }
    }
}

/// A server that answers by itself.
pub struct Served {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Mutex<Receiver<()>>,
}

impl Served {
    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// How many connections were opened since this was last asked.
    pub fn connections(&self) -> usize {
        self.connections.lock().unwrap().try_iter().count()
    }
}

type Heads = Arc<Mutex<Vec<String>>>;

fn accept_all<A>(backend: &Backend, answer: &Arc<A>, heads: &Heads, opened: &Sender<()>)
where
    A: Fn(&str) -> String + Send + Sync + 'static,
{
    while let Ok((socket, _)) = backend.listener.accept() {
        let _ = opened.send(());
        let (answer, heads) = (Arc::clone(answer), Arc::clone(heads));
        thread::spawn(move || {
            let mut peer = Peer(Client::new(socket));
            while let Some(head) = peer.head() {
                heads.lock().unwrap().push(head.clone());
                if !peer.answer(&answer(&head)) {
                    return;
                }
            }
        });
    }
}

struct Peer(Client);

impl Peer {
    fn head(&mut self) -> Option<String> {
        use std::io::Read;
        self.0.0.set_read_timeout(None).unwrap();
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(b"\r\n\r\n") {
            match self.0.0.read(&mut byte) {
                Ok(1) => bytes.push(byte[0]),
                _ => return None,
            }
        }
        Some(String::from_utf8(bytes).unwrap())
    }

    /// False when the connection is closed after the answer.
    fn answer(&mut self, answer: &str) -> bool {
        use std::io::Write;
        let is_kept = !answer.is_empty() && !answer.contains("Connection: close");
        self.0.0.write_all(answer.as_bytes()).is_ok() && is_kept
    }
}
