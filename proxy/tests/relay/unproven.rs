//! Peers that do not prove who they are, or want no proof.

use std::io::Read;
use std::sync::Arc;

use crate::backend::Backend;
use crate::harness::{Client, Relay};
use crate::mesh::{Certified, handshakes, inbound, outbound};
use crate::stand_in::authority::{Authority, front_as};
use crate::stand_in::hello::{client_hello, client_hello_of};
use crate::stand_in::{ControlPlane, proxy::eventually};

const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nHost: world\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";

/// The request fails for an identity, and not a byte of it reaches the application.
fn assert_identity_fails(hello: &Relay, application: &Backend) {
    let answer = hello.answer_to(REQUEST);
    assert!(answer.contains("502") && answer.contains("mesh-proxy-error: identity-failed"), "{answer}");
    assert!(application.was_left_alone());
    assert!(handshakes(hello, "outbound", "identity-failed") >= 1.0);
}

#[test]
fn an_endpoint_that_is_somebody_else_gets_nothing() {
    let authority = Authority::new();
    let application = Backend::start();
    let world = inbound(&authority, "imposter", application.address, &[]);
    let hello = outbound(&authority, world.address, "world", &[]);
    assert_identity_fails(&hello, &application);
    assert_eq!(handshakes(&world, "inbound", "identity-failed"), 1.0);
}

#[test]
fn an_endpoint_whose_certificate_has_ended_gets_nothing() {
    let authority = Authority::new();
    let application = Backend::start();
    authority.change(|terms| terms.has_ended = true);
    let world = inbound(&authority, "world", application.address, &[]);
    authority.change(|terms| terms.has_ended = false);
    let hello = outbound(&authority, world.address, "world", &[]);
    assert_identity_fails(&hello, &application);
}

#[test]
fn an_endpoint_of_another_root_gets_nothing() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let application = Backend::start();
    let world = inbound(&theirs, "world", application.address, &[]);
    let hello = outbound(&ours, world.address, "world", &[]);
    assert_identity_fails(&hello, &application);
}

#[test]
fn an_endpoint_that_speaks_plain_text_gets_nothing() {
    let authority = Authority::new();
    let application = Backend::start();
    let hello = outbound(&authority, application.address, "world", &[]);
    let mut client = hello.connect();
    client.send(REQUEST);
    let mut server = application.accept();
    server.expect_bytes(&[22, 3]);
    server.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    let answer = client.rest();
    assert!(answer.contains("502") && answer.contains("mesh-proxy-error: identity-failed"), "{answer}");
}

#[test]
fn a_client_that_the_endpoint_does_not_believe_is_told_so() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let application = Backend::start();
    let world = inbound(&theirs, "world", application.address, &[]);
    ours.change(|terms| terms.more_roots = vec![theirs.root()]);
    let hello = outbound(&ours, world.address, "world", &[]);
    assert_identity_fails(&hello, &application);
    assert_eq!(handshakes(&world, "inbound", "identity-failed"), 1.0);
}

#[test]
fn a_client_of_another_trust_domain_is_refused() {
    let authority = Authority::new();
    let application = Backend::start();
    let world = inbound(&authority, "spiffe://elsewhere/ns/default/sa/world", application.address, &[]);
    let hello = outbound(&authority, world.address, "spiffe://elsewhere/ns/default/sa/world", &[]);
    assert!(hello.answer_to(REQUEST).contains("502 "));
    assert!(application.was_left_alone());
}

#[test]
fn a_client_that_can_do_no_more_than_tls_1_2_is_refused() {
    let authority = Authority::new();
    let application = Backend::start();
    let world = inbound(&authority, "world", application.address, &[]);
    let mut client = world.connect();
    client.send(client_hello_of(&["mesh/1"]));
    let mut alert = [0; 7];
    client.0.read_exact(&mut alert).unwrap();
    // A fatal alert.
    assert_eq!((alert[0], alert[5]), (21, 2));
    client.finish();
    assert!(client.is_closed());
    assert!(application.was_left_alone());
}

#[test]
fn a_handshake_that_does_not_go_on_ends() {
    let authority = Authority::new();
    let application = Backend::start();
    let world = inbound(&authority, "world", application.address, &[("MESH_PROXY_INBOUND_TLS", "strict")]);
    let hello = client_hello_of(&["mesh/1"]);
    let mut half = world.connect();
    half.send(&hello[..hello.len() / 2]);
    let mut silent = world.connect();
    // The server has said all of its part.
    let mut answered = world.connect();
    answered.send(hello_of_a_proxy(&authority));
    answered.expect_bytes(&[22, 3]);
    assert!(half.is_closed());
    assert!(silent.is_closed());
    answered.rest();
    assert_eq!(handshakes(&world, "inbound", "broken"), 1.0);
    assert!(application.was_left_alone());
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

#[test]
fn in_strict_mode_plain_text_is_refused() {
    let authority = Authority::new();
    let application = Backend::start();
    let strict = [("MESH_PROXY_INBOUND_TLS", "strict"), ("MESH_PROXY_OPAQUE_PORTS", "1-2")];
    let world = inbound(&authority, "world", application.address, &strict);
    let answer = world.answer_to(REQUEST);
    assert!(answer.contains("403") && answer.contains("mesh-proxy-error: identity-required"), "{answer}");
    for opening in [b"EHLO example\r\n".to_vec(), client_hello(Some("world"), 0)] {
        let mut client = world.connect();
        client.send(opening);
        assert!(client.is_closed());
    }
    assert!(application.was_left_alone());
}

#[test]
fn in_permissive_mode_plain_text_and_the_applications_own_tls_pass() {
    let authority = Authority::new();
    let application = Backend::start();
    let world = inbound(&authority, "world", application.address, &[]);
    let mut client = world.connect();
    client.send("GET / HTTP/1.1\r\nHost: world\r\n\r\n");
    let mut server = application.accept();
    server.until("\r\n\r\n");
    server.send(OK);
    client.until("hi");
    for hello in [client_hello(Some("world"), 0), client_hello_of(&["h2", "mesh/1"])] {
        let mut client = world.connect();
        client.send(&hello);
        application.accept().expect_bytes(&hello);
    }
    assert_eq!(world.metric("mesh_tcp_open_total", &["peer=\"src\"", "tls=\"false\""]), 3.0);
}

#[test]
fn a_secured_port_may_be_opaque() {
    let authority = Authority::new();
    let application = Backend::start();
    let port = application.address.port().to_string();
    let world =
        inbound(&authority, "world", application.address, &[("MESH_PROXY_OPAQUE_PORTS", port.as_str())]);
    let hello = outbound(&authority, world.address, "world", &[]);
    let mut client = hello.connect();
    client.send("CONNECT world:80 HTTP/1.1\r\nHost: world:80\r\n\r\n");
    client.until("\r\n\r\n");
    let mut server = application.accept();
    server.send("220 ready\r\n");
    client.expect("220 ready\r\n");
    client.send("GET no request\r\n");
    server.expect("GET no request\r\n");
    let mut plain = world.connect();
    application.accept().send("220 ready\r\n");
    plain.expect("220 ready\r\n");
}

#[test]
fn a_control_plane_that_is_somebody_else_is_not_believed() {
    let authority = Authority::new();
    let (control_plane, _) = ControlPlane::start_with(&authority);
    let (chain, key) = authority.certify("spiffe://mesh.local/ns/default/sa/mesh-control-plane");
    let imposter = front_as(chain, key, control_plane.address);
    let certified = Certified::new(&authority, imposter, "hello");
    let hello = Relay::outbound_of(imposter, &certified.variables(&[]));
    eventually("tried", || hello.proxy.metric("mesh_identity_refresh_failures_total") >= 2.0);
    let (status, reason) = hello.proxy.admin("GET", "/ready");
    assert_eq!((status, reason.contains("certified")), (503, true), "{reason}");
    drop(Client::new(std::net::TcpStream::connect(hello.address).unwrap()));
}
