//! Peers that break their connections, and what becomes of the requests.

use crate::backend::Backend;
use crate::harness::{GET, Relay, nobody};
use crate::stand_in::proxy::eventually;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn a_client_can_tell_that_a_response_broke_off() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    for part in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n0\r\n",
    ] {
        let (mut client, mut application) = backend.request_under_way(&relay);
        application.send(part);
        client.expect(part);
        drop(application);
        assert_eq!(client.rest(), "");
    }
}

#[test]
fn a_reset_is_not_taken_for_the_end_of_a_response() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let (mut client, mut application) = backend.request_under_way(&relay);
    application.send("HTTP/1.1 200 OK\r\n\r\npart");
    client.until("part");
    application.reset();
    let end = std::io::Read::read(&mut client.0, &mut [0]);
    assert_eq!(end.map_err(|error| error.kind()), Err(std::io::ErrorKind::ConnectionReset));
}

#[test]
fn a_broken_chunk_of_a_response_is_not_relayed_as_its_end() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let (mut client, mut application) = backend.request_under_way(&relay);
    application.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
    client.until("part\r\n");
    application.send("x\r\n0\r\n\r\n");
    assert_eq!(client.rest(), "");
    assert!(application.is_closed());
}

#[test]
fn an_endpoint_that_breaks_the_connection_before_a_response_is_reported() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    let mut application = backend.accept();
    application.until("hi");
    application.reset();
    assert!(client.until("upstream-reset\n").starts_with("HTTP/1.1 502 "));
    assert_eq!(relay.metric("mesh_responses_total", &["proxy_error=\"upstream-reset\""]), 1.0);
}

#[test]
fn the_endpoint_hears_of_a_client_that_leaves() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\npart");
    let mut application = backend.accept();
    application.until("part");
    drop(client);
    assert!(application.is_closed(), "in the middle of a request");

    let (client, mut application) = backend.request_under_way(&relay);
    client.reset();
    assert!(application.is_closed(), "by a reset while it waits");

    let (mut client, mut application) = backend.request_under_way(&relay);
    application.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    client.until("\r\n\r\n");
    client.reset();
    while std::io::Write::write_all(&mut application.0, &[b'x'; 4096]).is_ok() {}
}

#[test]
fn a_client_that_resets_what_it_had_half_closed_or_sent_ahead_of_an_answer_holds_no_endpoint() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    client.send(GET);
    client.finish();
    let mut application = backend.accept();
    application.until("\r\n\r\n");
    client.reset();
    assert!(application.is_closed(), "after it had said that it would send no more");

    let mut client = relay.connect();
    client.send([GET, GET].concat());
    let mut application = backend.accept();
    application.until("\r\n\r\n");
    client.reset();
    assert!(application.is_closed(), "while another request waits");

    let mut client = relay.connect();
    client.send("\x01");
    client.finish();
    let mut application = backend.accept();
    application.expect("\x01");
    client.reset();
    assert_eq!(application.rest(), "", "of a tunnel it is only heard that the client sends no more");
    let open = || relay.metric("mesh_tcp_open_connections", &[]);
    eventually("no descriptor is held", || open() == 0.0);
}

#[test]
fn a_request_on_a_connection_that_the_server_has_closed_goes_to_another() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let (mut client, mut application) = backend.request_under_way(&relay);
    application.send(OK);
    client.expect(OK);

    // The server takes the request on the kept connection and closes without a word.
    client.send(GET);
    application.until("\r\n\r\n");
    drop(application);
    let mut application = backend.accept();
    application.until("\r\n\r\n");
    application.send(OK);
    client.expect(OK);

    // What may have had an effect is not repeated.
    client.send("POST / HTTP/1.1\r\nHost: x\r\n\r\n");
    application.until("\r\n\r\n");
    drop(application);
    assert!(client.until("upstream-reset\n").starts_with("HTTP/1.1 502 "));

    // A connection that is seen to be closed is not used at all.
    client.send(GET);
    let mut application = backend.accept();
    application.until("\r\n\r\n");
    application.send(OK);
    client.expect(OK);
    drop(application);
    let open = || relay.metric("mesh_tcp_open_connections", &["peer=\"dst\""]);
    eventually("the proxy closes what its server has closed", || open() == 0.0);
    client.send("POST / HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut application = backend.accept();
    application.until("\r\n\r\n");
    application.send(OK);
    client.expect(OK);
    assert_eq!(relay.metric("mesh_requests_total", &[]), 5.0);
}

#[test]
fn an_endpoint_that_takes_no_connection_is_passed_over() {
    let backend = Backend::answering(|_| OK.to_owned());
    let relay = Relay::outbound(&[("x", &[nobody(), backend.address, nobody()])], &[]);
    for _ in 0..20 {
        let mut client = relay.connect();
        client.send(GET);
        client.expect(OK);
    }
}

#[test]
fn a_drain_closes_idle_connections_and_finishes_what_is_in_flight() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut idle = relay.connect();
    idle.send(GET);
    let mut application = backend.accept();
    application.until("\r\n\r\n");
    application.send(OK);
    idle.expect(OK);
    let mut busy = relay.connect();
    busy.send(GET);
    application.until("\r\n\r\n");
    let mut opaque = relay.connect();
    opaque.send("\x01");
    let mut opaque_application = backend.accept();
    opaque_application.expect("\x01");

    relay.proxy.signal("TERM");
    assert!(idle.is_closed());
    application.send(OK);
    assert_eq!(busy.rest(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    opaque_application.send("still here");
    opaque.expect("still here");
    drop((opaque, opaque_application));
    assert_eq!(relay.proxy.wait().0, Some(0));
}

#[test]
fn very_many_idle_connections_that_a_server_closed_cost_no_request() {
    const MANY: usize = 200;
    let backend = Backend::start();
    let relay = Relay::outbound(&[("x", &[backend.address])], &[]);
    let mut clients: Vec<_> = (0..MANY).map(|_| relay.connect()).collect();
    let mut connections = Vec::new();
    for client in &mut clients {
        client.send(GET);
        connections.push(backend.accept());
    }
    for connection in &mut connections {
        connection.until("\r\n\r\n");
        connection.send(OK);
    }
    clients.iter_mut().for_each(|client| client.expect(OK));
    drop(connections);
    clients[0].send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    let mut application = backend.accept();
    application.until("hi");
    application.send(OK);
    clients[0].expect(OK);
}

#[test]
fn an_endpoint_is_not_blamed_for_broken_bodies_of_requests() {
    let backend = Backend::start();
    let relay = Relay::outbound(&[("x", &[backend.address])], &[]);
    for _ in 0..6 {
        let mut client = relay.connect();
        client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
        let mut application = backend.accept();
        application.until("abc\r\n");
        application.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.until("\r\n\r\n");
        client.send("broken");
        assert!(application.is_closed() && client.is_closed());
    }
    relay.proxy.signal("TERM");
    let (_, log) = relay.proxy.wait();
    assert!(!log.contains("ejected"), "{log}");
}

#[test]
fn connections_that_were_made_before_a_drain_are_served() {
    let backend = Backend::answering(|_| OK.to_owned());
    let relay = Relay::inbound(backend.address, &[]);
    // While the proxy stands still, the system takes connections for it.
    relay.proxy.signal("STOP");
    let mut clients: Vec<_> = (0..50).map(|_| relay.connect()).collect();
    for client in &mut clients {
        client.send(GET);
    }
    relay.proxy.signal("TERM");
    relay.proxy.signal("CONT");
    for client in &mut clients {
        let answer = client.rest();
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("Connection: close"),
            "{answer}"
        );
    }
    assert_eq!(relay.proxy.wait().0, Some(0));
}

#[test]
fn a_request_that_was_on_its_way_when_a_drain_began_is_served() {
    let backend = Backend::answering(|_| OK.to_owned());
    let relay = Relay::inbound(backend.address, &[]);
    let mut clients: Vec<_> = (0..50).map(|_| relay.connect()).collect();
    for client in &mut clients {
        client.send(GET);
        client.expect(OK);
    }
    relay.proxy.signal("STOP");
    relay.proxy.signal("TERM");
    for client in &mut clients {
        client.send("POST / HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    relay.proxy.signal("CONT");
    for client in &mut clients {
        let answer = client.rest();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("Connection: close"), "{answer}");
    }
    assert_eq!(relay.proxy.wait().0, Some(0));
}
