//! What goes over a connection that requests share arrives as it was sent.

use std::io::Write;
use std::thread;

use crate::backend::Backend;
use crate::pair::{GET, OK, POST, Pair, answering};

/// Requests and responses, which arrive byte for byte.
const MESSAGES: [(&str, &str); 8] = [
    (GET, OK),
    (GET, "HTTP/1.1 204 no  content\r\nX-oDD:\tb \r\n\r\n"),
    (
        "POST / HTTP/1.1\r\nHost: world\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2;a=b\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\nx-trailer: 2\r\n\r\n",
    ),
    ("HEAD / HTTP/1.1\r\nHost: world\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
    (GET, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    (GET, "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
    (
        "DELETE /%2e/?a=%00 HTTP/1.1\r\nHost: world\r\nA: \x7e\r\n\r\n",
        "HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n",
    ),
    ("OPTIONS * HTTP/1.1\r\nHost: world\r\nX: \r\n\r\n", OK),
];

#[test]
fn messages_of_all_kinds() {
    let application = Backend::start();
    let pair = Pair::of(&application);
    let mut client = pair.hello.connect();
    client.send(GET);
    let mut server = application.accept();
    server.expect(GET);
    server.send(OK);
    client.expect(OK);
    for (request, response) in MESSAGES {
        client.send(request);
        server.expect(request);
        server.send(response);
        client.expect(response);
    }
    assert_eq!(pair.connections_so_far(), 1.0);
}

#[test]
fn requests_that_are_sent_ahead_are_answered_in_order() {
    let application = answering();
    let pair = Pair::before(application.address, &[]);
    let mut client = pair.hello.connect();
    client.send(GET.repeat(20));
    for _ in 0..20 {
        client.expect(OK);
    }
    client.send([GET, POST].concat());
    client.expect(OK);
    assert_eq!(pair.connections_so_far(), 1.0);
}

#[test]
fn a_body_waits_until_it_is_asked_for() {
    let application = Backend::start();
    let pair = Pair::of(&application);
    let head = "PUT / HTTP/1.1\r\nHost: world\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    let (mut client, mut server) = pair.request(&application, head);
    server.send("HTTP/1.1 100 Continue\r\n\r\n");
    client.expect("HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body");
    server.expect("body");
    server.send(OK);
    client.expect(OK);
    assert_eq!(pair.connections_so_far(), 1.0);
}

#[test]
fn an_answer_before_the_end_of_a_large_body_arrives() {
    let application = Backend::start();
    let pair = Pair::of(&application);
    let (mut other, mut other_server) = pair.request(&application, GET);
    let head = "POST / HTTP/1.1\r\nHost: world\r\nContent-Length: 30000000\r\n\r\n";
    let (mut client, mut server) = pair.request(&application, head);
    let mut sending = client.0.try_clone().unwrap();
    let sender = thread::spawn(move || {
        // Nobody takes all of it.
        let _ = sending.write_all(&vec![7; 30_000_000]);
    });
    server.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
    let answer = client.until("no");
    assert!(answer.starts_with("HTTP/1.1 413 Too Large\r\n"), "{answer}");
    drop(server);
    drop(client);
    sender.join().unwrap();
    other_server.send(OK);
    assert_eq!(other.until("hi"), OK);
    assert_eq!(pair.connections_so_far(), 1.0);
}

#[test]
fn a_head_that_is_too_large_is_refused_and_nothing_else() {
    let application = Backend::start();
    let pair = Pair::of(&application);
    let (mut other, mut other_server) = pair.request(&application, GET);
    let large = format!("GET / HTTP/1.1\r\nHost: world\r\nX: {}\r\n\r\n", "x".repeat(70_000));
    assert!(pair.hello.answer_to(large.as_bytes()).starts_with("HTTP/1.1 431 "));
    let (mut client, mut server) = pair.request(&application, GET);
    server.send(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(70_000)));
    assert!(client.until("\r\n\r\n").contains("mesh-proxy-error: bad-response"));
    other_server.send(OK);
    assert_eq!(other.until("hi"), OK);
    assert_eq!(pair.connections_so_far(), 1.0);
}

#[test]
fn a_proxy_in_strict_mode_serves_it() {
    let application = answering();
    let pair = Pair::before(application.address, &[("MESH_PROXY_INBOUND_TLS", "strict")]);
    for _ in 0..2 {
        let mut clients: Vec<_> = (0..4).map(|_| pair.hello.connect()).collect();
        for client in &mut clients {
            client.send(GET);
        }
        for client in &mut clients {
            assert_eq!(client.until("hi"), OK);
        }
    }
    assert_eq!(pair.connections_so_far(), 1.0);
    let mut plain = pair.world.connect();
    plain.send(GET);
    assert!(plain.until("\r\n\r\n").starts_with("HTTP/1.1 403 "));
}
