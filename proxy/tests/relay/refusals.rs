//! What the proxy refuses, and how it says so.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::backend::Backend;
use crate::harness::{Client, Relay, nobody};
use crate::stand_in::hello::client_hello;

fn assert_refused(answer: &str, status: u16, reason: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer:?}");
    assert!(answer.contains(&format!("\r\nmesh-proxy-error: {reason}\r\n")), "{answer:?}");
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

/// Requests that two implementations could read two ways.
const AMBIGUOUS: [&str; 34] = [
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding\r\n: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5 \x0c\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: x\r\nX: a\r\n Content-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: x\r\nX: a\rContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: x\r\nX: a\nContent-Length: 5\r\n\r\nhello",
    "GET / HTTP/1.1\nHost: x\n\n",
    "GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x, y\r\n Z: b\r\n\r\n",
    "GET http://u@x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a\nb\r\nhello\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nX : a\r\n\r\n",
];

#[test]
fn an_ambiguous_request_is_refused_and_nothing_of_it_or_after_it_is_relayed() {
    let backend = Backend::answering(|_| "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned());
    let inbound = Relay::inbound(backend.address, &[]);
    let outbound = Relay::outbound(&[("x", &[backend.address])], &[]);
    for request in AMBIGUOUS {
        for relay in [&inbound, &outbound] {
            // A first line that ends like no HTTP line is opaque to the inbound side only when it names no version.
            let answer = relay.answer_to(format!("{request}{SMUGGLED}").as_bytes());
            assert_refused(&answer, 400, "bad-request");
            assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{request:?}: {answer:?}");
        }
    }
    assert_eq!(backend.heads(), Vec::<String>::new());
    let refused = inbound.metric("mesh_responses_total", &["proxy_error=\"bad-request\""]);
    assert_eq!(refused, AMBIGUOUS.len() as f64);
}

#[test]
fn a_head_request_that_is_refused_gets_a_head_alone() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let answer = relay.answer_to(b"HEAD / HTTP/1.1\r\nHost: no host\r\n\r\n");
    assert_refused(&answer, 400, "bad-request");
    assert!(answer.ends_with("\r\n\r\n"), "{answer:?}");
    assert!(
        relay
            .answer_to(b"GET / HTTP/1.1\r\nHost: no host\r\n\r\n")
            .ends_with("\r\n\r\nmesh-proxy: bad-request\n")
    );
}

#[test]
fn an_ambiguous_response_is_not_relayed() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "220 mail.example\r\n",
    ] {
        let backend = Backend::start();
        let relay = Relay::inbound(backend.address, &[]);
        let mut client = relay.connect();
        client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut application = backend.accept();
        application.until("\r\n\r\n");
        application.send(response);
        assert!(application.is_closed(), "{response:?}");
        assert_refused(&client.until("bad-response\n"), 502, "bad-response");
        assert_eq!(relay.metric("mesh_responses_total", &["status_code=\"502\"", "bad-response"]), 1.0);
    }
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let backend = Backend::start();
    for relay in [Relay::inbound(backend.address, &[]), Relay::outbound(&[], &[])] {
        let mut client = relay.connect();
        // The proxy may stop reading when it has seen enough.
        let _ = client
            .0
            .write_all(format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1 << 20)).as_bytes());
        assert_refused(&client.rest(), 414, "target-too-long");
        let fields = "A: b\r\n".repeat(200);
        let answer = relay.answer_to(format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n").as_bytes());
        assert_refused(&answer, 431, "header-too-large");
    }
    assert!(backend.was_left_alone());
}

#[test]
fn what_is_not_http_1_is_refused_by_a_proxy_that_has_to_route_it() {
    let relay = Relay::outbound(&[], &[]);
    assert_refused(&relay.answer_to(b"GET / HTTP/2.0\r\n\r\n"), 505, "version-not-supported");
    assert_refused(&relay.answer_to(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"), 400, "bad-request");
    assert_refused(&relay.answer_to(&client_hello(None, 0)), 400, "not-routable");
    assert_refused(&relay.answer_to(&client_hello(Some("nowhere"), 0)), 404, "no-such-service");
    assert_refused(&relay.answer_to(b"SSH-2.0-OpenSSH\r\n"), 400, "bad-request");
    assert_refused(&relay.answer_to(b"GET / HTTP/1.0\r\n\r\n"), 400, "not-routable");
}

#[test]
fn a_request_without_an_endpoint_is_told_why_and_its_connection_is_kept() {
    let refusing = nobody();
    let variables = [("MESH_PROXY_PENDING_TIMEOUT", "300ms")];
    let relay = Relay::outbound(&[("empty", &[]), ("refusing", &[refusing])], &variables);
    let mut client = relay.connect();
    for (authority, status, reason) in [
        ("nowhere", 404, "no-such-service"),
        ("empty", 503, "no-endpoints"),
        ("refusing", 502, "connect-refused"),
        ("nowhere", 404, "no-such-service"),
    ] {
        client.send(format!("POST / HTTP/1.1\r\nHost: {authority}\r\nContent-Length: 5\r\n\r\nhello"));
        assert_refused(&client.until(&format!("mesh-proxy: {reason}\n")), status, reason);
        client.send(format!("HEAD / HTTP/1.1\r\nHost: {authority}\r\n\r\n"));
        assert_refused(&client.until("\r\n\r\n"), status, reason);
        client.send(format!("HEAD / HTTP/1.0\r\nHost: {authority}\r\nConnection: keep-alive\r\n\r\n"));
        assert!(client.until("\r\n\r\n").contains("\r\nconnection: keep-alive\r\n"));
        assert!(relay.metric("mesh_responses_total", &[&format!("proxy_error=\"{reason}\"")]) >= 2.0);
    }
}

#[test]
fn a_client_that_takes_too_long_for_a_head_is_told_so_and_harms_nobody() {
    let backend = Backend::answering(|_| "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned());
    for relay in [
        Relay::inbound(backend.address, &[("MESH_PROXY_HEADER_TIMEOUT", "500ms")]),
        Relay::outbound(&[("x", &[backend.address])], &[("MESH_PROXY_HEADER_TIMEOUT", "500ms")]),
    ] {
        let mut slow = relay.connect();
        let mut other = relay.connect();
        let start = Instant::now();
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\nA: this would take far too long\r\n\r\n" {
            if slow.0.write_all(&[*byte]).is_err() || start.elapsed() > Duration::from_millis(1500) {
                break;
            }
            other.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
            other.expect("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_refused(&slow.rest(), 408, "header-timeout");
    }
}

#[test]
fn idle_connections_are_closed_after_the_idle_timeout() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[("MESH_PROXY_IDLE_TIMEOUT", "300ms")]);
    let mut client = relay.connect();
    client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut application: Client = backend.accept();
    application.until("\r\n\r\n");
    application.send("HTTP/1.1 204 No Content\r\n\r\n");
    client.expect("HTTP/1.1 204 No Content\r\n\r\n");
    assert!(client.is_closed());
    assert!(application.is_closed());
    assert_eq!(relay.metric("mesh_tcp_close_total", &["reason=\"idle\""]), 2.0);
}

#[test]
fn a_client_that_is_silent_before_it_is_slow_is_told_so() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[("MESH_PROXY_HEADER_TIMEOUT", "500ms")]);
    let mut client = relay.connect();
    // The proxy connects when nobody has spoken for a while.
    let _application = backend.accept();
    client.send("GET / HT");
    assert_refused(&client.until("header-timeout\n"), 408, "header-timeout");
}
