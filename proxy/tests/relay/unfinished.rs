//! Handshakes that are begun and never finished.

use std::sync::Arc;

use crate::backend::Backend;
use crate::harness::Relay;
use crate::mesh::{handshakes, inbound, outbound};
use crate::stand_in::authority::Authority;
use crate::stand_in::hello::client_hello_of;
use crate::stand_in::proxy::eventually;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: world\r\nConnection: close\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";

#[test]
fn a_handshake_that_does_not_go_on_ends_and_gives_back_what_it_held() {
    let authority = Authority::new();
    let application = Backend::start();
    let variables = [("MESH_PROXY_INBOUND_TLS", "strict"), ("MESH_PROXY_MAX_CONNECTIONS", "3")];
    let world = inbound(&authority, "world", application.address, &variables);
    let descriptors = world.proxy.metric("process_open_fds");
    let hello = client_hello_of(&["mesh/1"]);
    let mut half = world.connect();
    half.send(&hello[..hello.len() / 2]);
    let mut silent = world.connect();
    // The server has said all of its part.
    let mut answered = world.connect();
    answered.send(hello_of_a_proxy(&authority));
    answered.expect_bytes(&[22, 3]);
    assert!(world.answer_to(REQUEST).contains("mesh-proxy-error: overloaded"));

    assert!(half.is_closed());
    assert!(silent.is_closed());
    answered.rest();
    assert_eq!(handshakes(&world, "inbound", "broken"), 1.0);
    assert!(application.was_left_alone());
    eventually("given back", || world.proxy.metric("process_open_fds") <= descriptors);
    assert_is_served(&outbound(&authority, world.address, "world", &[]), &application);
}

fn assert_is_served(hello: &Relay, application: &Backend) {
    let mut client = hello.connect();
    client.send(REQUEST);
    let mut server = application.accept();
    server.until("\r\n\r\n");
    server.send(OK);
    client.until("hi");
}

/// The first message of a client that could go on to a whole handshake.
fn hello_of_a_proxy(authority: &Authority) -> Vec<u8> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.root()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"mesh/1".to_vec()];
    let mut client = rustls::ClientConnection::new(Arc::new(config), "world".try_into().unwrap()).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}
