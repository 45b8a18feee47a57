//! Keys that change while a connection is open (RFC 8446, section 4.6.3), by peers that are not our proxy.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use rustls::{ServerConnection, StreamOwned};

use crate::backend::Backend;
use crate::mesh::{inbound, outbound};
use crate::peers::{client_of, server_config};
use crate::stand_in::authority::{Authority, identity};

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: world\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
const ROUNDS: usize = 5;

#[test]
fn a_client_may_change_its_keys_and_ask_for_others() {
    let authority = Authority::new();
    let application = Backend::answering(|_| OK.to_owned());
    let world = inbound(&authority, "world", application.address, &[]);
    let mut client = client_of(&authority, &[&identity("hello")], TcpStream::connect(world.address).unwrap());
    for _ in 0..ROUNDS {
        client.write_all(REQUEST.as_bytes()).unwrap();
        expect(&mut client, OK);
        client.conn.refresh_traffic_keys().unwrap();
    }
    assert_eq!(application.connections(), 1);
}

#[test]
fn a_server_may_change_its_keys_and_ask_for_others() {
    let authority = Authority::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = server_config(&authority, &[&identity("world")]);
    let server = thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        let mut server = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
        for _ in 0..ROUNDS {
            expect(&mut server, REQUEST);
            server.conn.refresh_traffic_keys().unwrap();
            server.write_all(OK.as_bytes()).unwrap();
        }
    });
    let hello = outbound(&authority, address, "world", &[]);
    let mut client = hello.connect();
    for _ in 0..ROUNDS {
        client.send(REQUEST);
        client.until("hi");
    }
    server.join().unwrap();
}

fn expect(stream: &mut impl Read, expected: &str) {
    let mut received = vec![0; expected.len()];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(String::from_utf8_lossy(&received), expected);
}
