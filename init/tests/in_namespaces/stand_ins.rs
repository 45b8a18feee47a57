//! What listens and what connects: every listener answers with one line that says who it is, and the proxy's stand-in
//! puts what it saw before the answer of where it connects on to. So an answer is the way that a connection took.

use crate::network::{APPLICATION, Namespace, POD, PROXY, User, at};
use socket2::SockRef;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Generous: it only ends what would never end.
const LIMIT: Duration = Duration::from_secs(10);

/// A listener that answers every connection, until it is dropped.
pub struct Listener {
    socket: Arc<TcpListener>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens inside `namespace` and gives each connection to `answer`.
    fn start(
        namespace: &Namespace,
        user: User,
        address: SocketAddr,
        answer: impl Fn(&TcpStream) -> String + Clone + Send + 'static,
    ) -> Self {
        let bound = namespace.run_as(user, || TcpListener::bind(address));
        let socket = Arc::new(bound.unwrap_or_else(|error| panic!("{address}: {error}")));
        let listening = Arc::clone(&socket);
        let thread = thread::spawn(move || {
            while let Ok((mut stream, _)) = listening.accept() {
                let answer = answer.clone();
                thread::spawn(move || {
                    let line = answer(&stream);
                    let _ = stream.write_all(line.as_bytes());
                });
            }
        });
        Self { socket, thread: Some(thread) }
    }

    /// An application that answers with its name.
    pub fn application(namespace: &Namespace, address: SocketAddr, name: &'static str) -> Self {
        const ROOT: User = User { uid: 0, gid: 0 };
        Self::start(namespace, ROOT, address, move |_| name.to_owned())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Wakes the thread that accepts.
        let _ = SockRef::from(&*self.socket).shutdown(Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Opens a connection inside `namespace` and reads the answer; the error's kind when there is none.
pub fn ask(namespace: &Namespace, address: SocketAddr) -> String {
    ask_as(namespace, APPLICATION, address)
}

/// The same as another user.
pub fn ask_as(namespace: &Namespace, user: User, address: SocketAddr) -> String {
    let answer = namespace.run_as(user, || -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    });
    answer.unwrap_or_else(|error| format!("{:?}", error.kind()))
}

/// The proxy's stand-in: connects, as the proxy's user, to where each connection was meant to go.
pub struct Proxy {
    _listeners: Vec<Listener>,
}

impl Proxy {
    /// Listens on the ports that the proxy has by default.
    pub fn start(pod: &Arc<Namespace>) -> Self {
        Self::with_services(pod, HashMap::new())
    }

    /// The same, where connections to a service go to an endpoint.
    pub fn with_services(pod: &Arc<Namespace>, services: HashMap<SocketAddr, SocketAddr>) -> Self {
        Self::listening(pod, &[("127.0.0.1", POD[0]), ("::1", POD[1])], services)
    }

    /// A proxy that does not listen for IPv6.
    pub fn without_ipv6(pod: &Arc<Namespace>) -> Self {
        Self::listening(pod, &[("127.0.0.1", POD[0])], HashMap::new())
    }

    fn listening(
        pod: &Arc<Namespace>,
        addresses: &[(&str, &str)],
        services: HashMap<SocketAddr, SocketAddr>,
    ) -> Self {
        let relayed = Arc::new(AtomicUsize::new(0));
        let listen = |(direction, address): (&'static str, SocketAddr)| {
            let (pod, services, relayed) = (Arc::clone(pod), services.clone(), Arc::clone(&relayed));
            Listener::start(&Arc::clone(&pod), PROXY, address, move |stream| {
                // A redirection of what the proxy itself sends would go round for ever.
                if relayed.fetch_add(1, Ordering::Relaxed) > 100 {
                    return "loop".to_owned();
                }
                let Some(meant) = original_destination(stream).filter(|meant| *meant != address) else {
                    return format!("{direction} itself");
                };
                let target = services.get(&meant).copied().unwrap_or(meant);
                format!("{direction} {meant} > {}", ask_as(&pod, PROXY, target))
            })
        };
        Self {
            _listeners: addresses
                .iter()
                .flat_map(|(loopback, own)| [("outbound", at(loopback, 4140)), ("inbound", at(own, 4143))])
                .map(listen)
                .collect(),
        }
    }
}

fn original_destination(stream: &TcpStream) -> Option<SocketAddr> {
    let socket = SockRef::from(stream);
    let address =
        if stream.local_addr().ok()?.is_ipv4() { socket.original_dst_v4() } else { socket.original_dst_v6() };
    address.ok()?.as_socket()
}
