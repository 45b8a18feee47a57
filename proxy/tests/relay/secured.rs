//! Two proxies with certificates, and everything between them secured.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::backend::Backend;
use crate::harness::{Client, Relay};
use crate::mesh::{handshakes, inbound, outbound};
use crate::stand_in::authority::Authority;
use crate::stand_in::proxy::eventually;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

#[test]
fn a_request_goes_the_whole_way_secured_as_it_was_sent() {
    let authority = Authority::new();
    let application = Backend::answering(|_| OK.to_owned());
    let world = inbound(&authority, "world", application.address, &[]);
    let hello = outbound(&authority, world.address, "world", &[]);

    let mut client = hello.connect();
    for _ in 0..3 {
        client.send("GET /a HTTP/1.1\r\nHOST: world\r\nX-Odd:  1\r\n\r\n");
        assert_eq!(client.until("hi"), OK);
    }
    assert!(
        application.heads().iter().all(|head| head == "GET /a HTTP/1.1\r\nHOST: world\r\nX-Odd:  1\r\n\r\n")
    );
    assert_eq!(application.connections(), 1);
    for (relay, direction) in [(&hello, "outbound"), (&world, "inbound")] {
        assert_eq!(handshakes(relay, direction, "full"), 1.0);
        let labels = [format!("direction=\"{direction}\""), "tls=\"true\"".to_owned()];
        let labels = [labels[0].as_str(), &labels[1]];
        assert_eq!(relay.metric("mesh_requests_total", &labels), 3.0, "{direction}");
        assert_eq!(relay.metric("mesh_requests_total", &["tls=\"false\""]), 0.0, "{direction}");
    }
    assert_eq!(world.metric("mesh_tcp_open_total", &["peer=\"src\"", "tls=\"true\""]), 1.0);
    assert_eq!(world.metric("mesh_tcp_open_total", &["peer=\"src\"", "tls=\"false\""]), 0.0);
    assert!(world.proxy.metric("mesh_identity_certificate_end_timestamp_seconds") > 1.7e9);
}

#[test]
fn a_tunnel_is_secured_and_each_side_ends_for_itself() {
    let authority = Authority::new();
    let application = Backend::start();
    let world = inbound(&authority, "world", application.address, &[]);
    let hello = outbound(&authority, world.address, "world", &[]);

    let mut client = connect(&hello);
    let mut server = application.accept();
    server.send("first");
    client.expect("first");
    let many: Vec<u8> = (0..3_000_000_u32).map(|number| ((number * 31) >> 8) as u8).collect();
    let sent = many.clone();
    let mut sending = client.0.try_clone().unwrap();
    let sender = std::thread::spawn(move || std::io::Write::write_all(&mut sending, &sent).unwrap());
    server.expect_bytes(&many);
    sender.join().unwrap();
    client.finish();
    assert!(server.is_closed(), "the end arrives");
    server.send("still here");
    client.expect("still here");
    drop(server);
    assert!(client.ends_in_order());
    assert_eq!(world.metric("mesh_tcp_read_bytes_total", &["peer=\"src\"", "tls=\"true\""]), 3e6);
}

#[test]
fn a_connection_that_is_cut_between_the_proxies_is_no_end() {
    let authority = Authority::new();
    let application = Backend::start();
    let world = inbound(&authority, "world", application.address, &[]);
    let middle = Middle::before(world.address);
    let hello = outbound(&authority, middle.address, "world", &[]);

    let mut tunnel = connect(&hello);
    let mut server = application.accept();
    server.send("some");
    tunnel.expect("some");
    let mut reader = hello.connect();
    reader.send("GET / HTTP/1.0\r\nHost: world\r\n\r\n");
    let mut answering = application.accept();
    answering.send("HTTP/1.0 200 OK\r\n\r\nhalf");
    assert!(reader.until("half").contains("200"));

    middle.cut();
    assert!(!tunnel.ends_in_order());
    assert!(!reader.ends_in_order());
}

#[test]
fn later_connections_resume_the_first_ones_session() {
    let authority = Authority::new();
    let application = Backend::answering(|_| OK.to_owned());
    let world = inbound(&authority, "world", application.address, &[]);
    let hello = outbound(&authority, world.address, "world", &[]);
    for _ in 0..3 {
        // The answer brings the ticket.
        let mut tunnel = connect(&hello);
        tunnel.send("GET / HTTP/1.1\r\nHost: world\r\n\r\n");
        assert_eq!(tunnel.until("hi"), OK);
    }
    for (relay, direction) in [(&hello, "outbound"), (&world, "inbound")] {
        assert_eq!(handshakes(relay, direction, "full"), 1.0, "{direction}");
        assert_eq!(handshakes(relay, direction, "resumed"), 2.0, "{direction}");
    }
}

#[test]
fn a_certificate_is_renewed_under_open_connections() {
    let authority = Authority::new();
    authority.change(|terms| {
        terms.lifetime = Duration::from_secs(10);
        terms.renew_in = Duration::from_secs(1);
    });
    let application = Backend::start();
    let world = inbound(&authority, "world", application.address, &[]);
    let hello = outbound(&authority, world.address, "world", &[]);
    let mut tunnel = connect(&hello);
    let mut server = application.accept();
    let is_renewed = |relay: &Relay| relay.proxy.metric("mesh_identity_refreshes_total") >= 3.0;
    eventually("renewed", || is_renewed(&hello) && is_renewed(&world));
    tunnel.send("on");
    server.expect("on");
    let mut another = connect(&hello);
    another.send("new");
    application.accept().expect("new");
}

/// A tunnel to the service.
pub fn connect(hello: &Relay) -> Client {
    let mut client = hello.connect();
    client.send("CONNECT world:80 HTTP/1.1\r\nHost: world:80\r\n\r\n");
    client.until("\r\n\r\n");
    client
}

/// Something between two proxies that can end their connections without their doing.
pub struct Middle {
    pub address: SocketAddr,
    sockets: Arc<Mutex<Vec<TcpStream>>>,
}

impl Middle {
    fn before(target: SocketAddr) -> Self {
        Self::slow(target, Duration::ZERO)
    }

    /// One that passes on what comes after so long.
    pub fn slow(target: SocketAddr, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sockets = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&sockets);
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let (near, far) = (near.unwrap(), TcpStream::connect(target).unwrap());
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || pass_on(&mut from, &mut to, delay));
                }
                all.lock().unwrap().extend([near, far]);
            }
        });
        Self { address, sockets }
    }

    /// Ends every connection, in order as far as TCP is concerned.
    fn cut(&self) {
        for socket in self.sockets.lock().unwrap().drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

fn pass_on(from: &mut TcpStream, to: &mut TcpStream, delay: Duration) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(length) = from.read(&mut bytes) {
        std::thread::sleep(delay);
        if length == 0 || to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
