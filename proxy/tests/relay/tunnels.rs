//! Bytes that the proxy does not understand.

use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

use mesh_proxy::proto::ObserveRequest;
use mesh_proxy::proto::tap_client::TapClient;
use mesh_proxy::proto::tap_event::Event;

use crate::backend::Backend;
use crate::harness::{Client, GET, Relay};
use crate::stand_in::DEADLINE;
use crate::stand_in::hello::client_hello;

/// Both sides speak, then each finishes in its turn.
fn assert_is_a_tunnel(client: &mut Client, server: &mut Client) {
    client.send("\0 from the client");
    server.expect("\0 from the client");
    server.send("from the server");
    client.expect("from the server");
    client.finish();
    assert!(server.is_closed());
    server.send("the rest");
    server.finish();
    assert_eq!(client.rest(), "the rest");
}

#[test]
fn an_upgrade_makes_a_tunnel() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    let request = "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    client.send(format!("{request}early"));
    let mut application = backend.accept();
    application.expect(request);
    let response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    application.send(format!("{response}hello"));
    client.expect(format!("{response}hello"));
    application.expect("early");
    assert_is_a_tunnel(&mut client, &mut application);
    assert_eq!(relay.metric("mesh_responses_total", &["status_code=\"101\""]), 1.0);
}

#[tokio::test]
async fn tap_tells_of_the_end_of_an_upgraded_connection() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut tap = TapClient::connect(format!("http://{}", relay.proxy.field("tap"))).await.unwrap();
    let mut events = tap.observe(ObserveRequest::default()).await.unwrap().into_inner();
    let mut client = relay.connect();
    client.send("GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nearly");
    let mut application = backend.accept();
    application.until("\r\n\r\n");
    application.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    client.until("\r\n\r\n");
    application.expect("early");
    assert_is_a_tunnel(&mut client, &mut application);
    let mut told = Vec::new();
    while !matches!(told.last(), Some(Event::End(_))) {
        let event = tokio::time::timeout(DEADLINE, events.message()).await.unwrap();
        told.push(event.unwrap().unwrap().event.unwrap());
    }
    let [Event::Request(_), Event::Response(response), Event::End(end)] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(response.status, 101);
    let there = "early".len() + "\0 from the client".len();
    let back = "from the server".len() + "the rest".len();
    assert_eq!((end.request_bytes, end.response_bytes), (there as u64, back as u64));
    assert_eq!(end.error, "");
}

#[test]
fn an_upgrade_that_is_declined_leaves_http() {
    let backend = Backend::answering(|_| "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned());
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        client.expect("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
}

#[test]
fn connect_makes_a_tunnel_to_the_service_that_it_names() {
    let backend = Backend::start();
    let relay = Relay::outbound(&[("db:5432", &[backend.address])], &[]);
    let mut client = relay.connect();
    client.send("CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\nearly");
    client.expect("HTTP/1.1 200 OK\r\n\r\n");
    let mut server = backend.accept();
    server.expect("early");
    assert_is_a_tunnel(&mut client, &mut server);

    let mut client = relay.connect();
    client.send("CONNECT nowhere:1 HTTP/1.1\r\nHost: nowhere:1\r\n\r\n");
    assert!(client.until("no-such-service\n").starts_with("HTTP/1.1 404 "));
}

#[test]
fn what_is_not_http_reaches_the_application_as_it_is() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    for first in ["\x16\x03\x01\x02", "PRI * HTTP/2.0\r\nHost: x\r\n\r\n", "EHLO example\r\n", "GET key\r\n"]
    {
        let mut client = relay.connect();
        client.send(first);
        let mut application = backend.accept();
        application.expect(first);
        assert_is_a_tunnel(&mut client, &mut application);
    }
}

#[test]
fn a_server_may_speak_first() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    let mut application = backend.accept();
    application.send("220 ready\r\n");
    client.expect("220 ready\r\n");
    assert_is_a_tunnel(&mut client, &mut application);
}

#[test]
fn a_client_that_is_silent_at_first_may_speak_http() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    let mut application = backend.accept();
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n");
        application.expect(GET);
        application.send("HTTP/1.1 204 No Content\r\n\r\n");
        client.expect("HTTP/1.1 204 No Content\r\n\r\n");
    }
}

#[test]
fn a_client_that_has_finished_still_gets_its_response() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    client.finish();
    let mut application = backend.accept();
    application.until("hi");
    application.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha");
    client.expect("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha");
    application.send("ha");
    assert_eq!(client.rest(), "ha");
}

#[test]
fn the_last_words_of_a_server_that_reads_no_more_arrive() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    for _ in 0..20 {
        let mut client = relay.connect();
        client.send("EHLO example\r\n");
        let mut application = backend.accept();
        application.until("\r\n");
        client.send(vec![b'x'; 200_000]);
        application.send("554 go away\r\n");
        // Bytes that were not read turn its end into a reset.
        drop(application);
        assert_eq!(client.rest(), "554 go away\r\n");
    }
}

#[test]
fn tls_that_is_sent_to_the_proxy_itself_goes_to_the_service_that_it_names() {
    let backend = Backend::start();
    let relay = Relay::outbound(&[("x:443", &[backend.address])], &[]);
    let hello = client_hello(Some("x"), 0);
    for split in [1, 5, 40, hello.len()] {
        let mut client = relay.connect();
        client.send(&hello[..split]);
        std::thread::sleep(std::time::Duration::from_millis(5));
        client.send(&hello[split..]);
        let mut application = backend.accept();
        application.expect_bytes(&hello);
        application.send("back");
        client.expect("back");
    }
    assert_eq!(relay.metric("mesh_tls_connections_total", &["routed_by=\"server-name\""]), 4.0);
}

#[test]
fn a_server_that_resets_a_tunnel_does_not_seem_to_have_finished() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    client.send("\0");
    let mut application = backend.accept();
    application.send("a part");
    client.expect("a part");
    // The application reads nothing, so that the proxy learns of the reset when it writes.
    client.0.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    while client.0.write(&[0; 65536]).is_ok() {}
    application.reset();
    assert_eq!(client.0.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
}
