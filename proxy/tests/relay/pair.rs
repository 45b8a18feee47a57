//! Two proxies between which requests share a connection.
#![allow(dead_code)]

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::backend::{Backend, Served};
use crate::harness::{Client, Relay};
use crate::mesh::{Certified, endpoint_of, inbound, outbound};
use crate::stand_in::authority::Authority;
use crate::stand_in::{ControlPlane, Stream};

pub const GET: &str = "GET /a HTTP/1.1\r\nHOST: world\r\nX-Odd:  1\r\n\r\n";
/// One that is not to be sent again.
pub const POST: &str = "POST /a HTTP/1.1\r\nHost: world\r\nContent-Length: 2\r\n\r\nhi";
/// Without a reason phrase.
pub const OK: &str = "HTTP/1.1 200 \r\nCONTENT-length: 2\r\n\r\nhi";

/// A pair of proxies between which streams have begun.
pub struct Pair {
    pub hello: Relay,
    pub world: Relay,
}

impl Pair {
    pub fn before(application: SocketAddr, variables: &[(&str, &str)]) -> Self {
        let authority = Authority::new();
        let world = inbound(&authority, "world", application, variables);
        let hello = outbound(&authority, world.address, "world", &[]);
        Self { hello, world }
    }

    /// The same, with these variables for both.
    pub fn with(application: SocketAddr, variables: &[(&str, &str)]) -> Self {
        let authority = Authority::new();
        let world = inbound(&authority, "world", application, variables);
        let hello = outbound(&authority, world.address, "world", variables);
        Self { hello, world }
    }

    /// A first request begins them.
    pub fn of(application: &Backend) -> Self {
        let pair = Self::before(application.address, &[]);
        let mut client = pair.hello.connect();
        client.send(GET);
        let mut server = application.accept();
        server.until("\r\n\r\n");
        server.send(OK);
        client.until("hi");
        // The next one is not to go by the same connection to the application.
        drop(server);
        pair
    }

    pub fn connections(&self) -> f64 {
        self.world.metric("mesh_tcp_open_connections", &["peer=\"src\"", "tls=\"true\""])
    }

    pub fn connections_so_far(&self) -> f64 {
        self.world.metric("mesh_tcp_open_total", &["peer=\"src\"", "tls=\"true\""])
    }

    /// A request under way, and the application's end of it.
    pub fn request(&self, application: &Backend, request: &str) -> (Client, Client) {
        let mut client = self.hello.connect();
        client.send(request);
        let mut server = application.accept();
        server.until("\r\n\r\n");
        (client, server)
    }
}

/// How many connections a proxy has to an address, also such as are being made.
pub fn connections_of(relay: &Relay, address: SocketAddr) -> usize {
    let table = fs::read_to_string(format!("/proc/{}/net/tcp", relay.proxy.child.id())).unwrap();
    let remote = format!("{:08X}:{:04X}", u32::from_le_bytes(ip_of(address)), address.port());
    let established = |line: &&str| line.split_whitespace().skip(2).take(2).eq([remote.as_str(), "01"]);
    table.lines().filter(established).count()
}

fn ip_of(address: SocketAddr) -> [u8; 4] {
    match address.ip() {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(_) => unreachable!("the tests use 127.0.0.1"),
    }
}

pub fn answering() -> Served {
    Backend::answering(|_| OK.to_owned())
}

/// A proxy of hello whose control plane a test speaks for.
pub struct Told {
    pub hello: Relay,
    stream: Stream,
    _control_plane: ControlPlane,
}

impl Told {
    /// It knows of one endpoint of the service `world`, which had a request.
    pub async fn of(authority: &Arc<Authority>, endpoint: SocketAddr) -> Self {
        let (mut control_plane, secured) = ControlPlane::start_with(authority);
        let certified = Certified::new(authority, secured, "hello");
        let hello = Relay::outbound_of(secured, &certified.variables(&[]));
        let mut stream = control_plane.next_stream().await;
        stream.introduction().await;
        stream.trust().await;
        let mut first = hello.connect();
        first.send("HEAD / HTTP/1.1\r\nHost: world\r\n\r\n");
        assert_eq!(stream.subscription().await, "world");
        let told = Self { hello, stream, _control_plane: control_plane };
        told.stream.snapshot_of("world", vec![endpoint_of(endpoint, "world")]).await;
        told
    }

    /// From now on there are these.
    pub async fn endpoints(&self, endpoints: &[SocketAddr]) {
        let endpoints = endpoints.iter().map(|endpoint| endpoint_of(*endpoint, "world")).collect();
        self.stream.snapshot_of("world", endpoints).await;
    }
}
