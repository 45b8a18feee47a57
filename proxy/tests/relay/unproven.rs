//! Peers that do not prove who they are, or want no proof.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use crate::backend::Backend;
use crate::harness::{Client, Relay};
use crate::mesh::{Certified, handshakes, inbound, outbound};
use crate::peers::{client_of, server_config};
use crate::stand_in::authority::{Authority, front_as, identity};
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

/// What a server says that knows nothing newer: a hello that takes TLS 1.2, and a fatal alert for the version.
const TLS_1_2: [&[u8]; 2] = [
    &[
        22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
        7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0xc0, 0x2f, 0,
    ],
    &[21, 3, 3, 0, 2, 2, 70],
];

#[test]
fn an_endpoint_that_can_do_no_more_than_tls_1_2_gets_nothing() {
    let authority = Authority::new();
    let application = Backend::start();
    let hello = outbound(&authority, application.address, "world", &[]);
    for answer in TLS_1_2 {
        let mut client = hello.connect();
        client.send(REQUEST);
        let mut server = application.accept();
        server.expect_bytes(&[22, 3]);
        server.send(answer);
        let answer = client.rest();
        assert!(answer.contains("502") && answer.contains("mesh-proxy-error: identity-failed"), "{answer}");
    }
}

#[test]
fn a_certificate_with_two_names_proves_neither() {
    let authority = Authority::new();
    let application = Backend::start();
    let (own, other) = (identity("world"), identity("admin"));
    let names = [own.as_str(), &other];

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = server_config(&authority, &names);
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let server = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let _ = rustls::StreamOwned::new(server, socket.unwrap()).read(&mut [0]);
        }
    });
    let hello = outbound(&authority, address, "world", &[]);
    assert_identity_fails(&hello, &application);

    let world = inbound(&authority, "world", application.address, &[]);
    let mut client = client_of(&authority, &names, TcpStream::connect(world.address).unwrap());
    let _ = client.write_all(REQUEST).and_then(|()| client.read_to_end(&mut Vec::new()));
    eventually("counted", || handshakes(&world, "inbound", "identity-failed") >= 1.0);
    assert!(application.was_left_alone());
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
    eventually("both are counted", || {
        world.metric("mesh_tcp_close_total", &[r#"peer="src""#, r#"reason="denied""#]) == 2.0
    });
    assert!(application.was_left_alone());
}

#[test]
fn in_strict_mode_tls_passes_to_an_application_that_secures_its_port_itself() {
    let authority = Authority::new();
    let application = Backend::start();
    let port = application.address.port().to_string();
    let own = [("MESH_PROXY_INBOUND_TLS", "strict"), ("MESH_PROXY_TLS_PORTS", port.as_str())];
    let world = inbound(&authority, "world", application.address, &own);
    let hello = client_hello(Some("world"), 0);
    let mut client = world.connect();
    client.send(&hello);
    let mut server = application.accept();
    server.expect_bytes(&hello);
    server.send("hello");
    client.expect("hello");
    assert!(world.answer_to(REQUEST).contains("mesh-proxy-error: identity-required"));
    let mut opaque = world.connect();
    opaque.send("EHLO example\r\n");
    assert!(opaque.is_closed());
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
    drop(Client::new(TcpStream::connect(hello.address).unwrap()));
}
