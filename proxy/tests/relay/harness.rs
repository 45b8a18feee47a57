//! A proxy under test, and what its client does.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use tokio::net::TcpSocket;

use crate::stand_in::proxy::Proxy;
use crate::stand_in::{ControlPlane, DEADLINE};

/// A whole request.
pub const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// A proxy with one listener for traffic.
pub struct Relay {
    pub proxy: Proxy,
    pub address: SocketAddr,
}

impl Relay {
    /// One before `application`.
    pub fn inbound(application: SocketAddr, variables: &[(&str, &str)]) -> Self {
        let pair = format!("0={application}");
        let proxy = Proxy::start(&[&[("MESH_PROXY_INBOUND", pair.as_str())], variables].concat());
        let inbound = proxy.field("inbound");
        let address = inbound.split_once('=').unwrap().0.parse().unwrap();
        Self { proxy, address }
    }

    /// One that knows these services.
    pub fn outbound(services: &[(&str, &[SocketAddr])], variables: &[(&str, &str)]) -> Self {
        let control_plane = ControlPlane::start();
        let discovery = control_plane.address;
        let services: HashMap<_, _> =
            services.iter().map(|(name, endpoints)| ((*name).to_owned(), endpoints.to_vec())).collect();
        std::thread::spawn(move || control_plane.serve(services));
        Self::outbound_of(discovery, variables)
    }

    /// One that asks this control plane.
    pub fn outbound_of(control_plane: SocketAddr, variables: &[(&str, &str)]) -> Self {
        let discovery = control_plane.to_string();
        let proxy = Proxy::start(&[&[("MESH_PROXY_CONTROL_PLANE", discovery.as_str())], variables].concat());
        let address = proxy.field("outbound").parse().unwrap();
        Self { proxy, address }
    }

    pub fn connect(&self) -> Client {
        Client::new(TcpStream::connect(self.address).unwrap())
    }

    /// All that the proxy sends to a client that sends `bytes`, up to the end of the connection.
    pub fn answer_to(&self, bytes: &[u8]) -> String {
        let mut client = self.connect();
        client.send(bytes);
        client.rest()
    }

    /// The sum of a metric over all series that have these labels.
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let (_, page) = self.proxy.admin("GET", "/metrics");
        page.lines()
            .filter(|line| {
                line.starts_with(&format!("{name}{{")) && labels.iter().all(|label| line.contains(label))
            })
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}

/// One end of a connection. Whatever takes too long fails the test.
pub struct Client(pub TcpStream);

impl Client {
    pub fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.set_write_timeout(Some(DEADLINE)).unwrap();
        Self(socket)
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).unwrap();
    }

    /// Says that nothing more will be sent.
    pub fn finish(&self) {
        self.0.shutdown(Shutdown::Write).unwrap();
    }

    /// What comes up to and with `ending`.
    pub fn until(&mut self, ending: &str) -> String {
        let mut bytes = Vec::new();
        let mut byte = [0];
        while !bytes.ends_with(ending.as_bytes()) {
            match self.0.read(&mut byte) {
                Ok(1) => bytes.push(byte[0]),
                other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&bytes)),
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    /// The next bytes, as many as `expected` has, which they must equal.
    pub fn expect(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let mut bytes = vec![0; expected.len()];
        self.0.read_exact(&mut bytes).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(expected));
    }

    /// The same, for bytes that are no text.
    pub fn expect_bytes(&mut self, expected: &[u8]) {
        let mut bytes = vec![0; expected.len()];
        self.0.read_exact(&mut bytes).unwrap();
        assert!(bytes == expected, "{}", bytes.escape_ascii());
    }

    /// What comes until the connection ends, be it in order or by a reset.
    pub fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        if let Err(error) = self.0.read_to_end(&mut bytes) {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether the connection is closed within the deadline, with nothing more to read.
    pub fn is_closed(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(length) => length == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }

    /// Whether the connection ends, with nothing more to read, in order and not by a reset.
    pub fn ends_in_order(&mut self) -> bool {
        match self.0.read(&mut [0]) {
            Ok(length) => length == 0,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Breaks the connection.
    pub fn reset(self) {
        socket2::SockRef::from(&self.0).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }
}

/// An address at which nobody listens, nor begins to while the tests run: a socket that does not listen holds it.
pub fn nobody() -> SocketAddr {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = socket.local_addr().unwrap();
    std::mem::forget(socket);
    address
}
