//! What the proxy takes on, and what is beyond.

use crate::backend::Backend;
use crate::harness::Relay;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// How often a limit was reached.
fn reached(relay: &Relay, limit: &str) -> f64 {
    relay.metric("mesh_limit_reached_total", &[&format!("limit=\"{limit}\"")])
}

#[test]
fn a_head_has_as_many_fields_and_bytes_as_is_configured() {
    let backend = Backend::answering(|head| match head.contains("/many") {
        true => format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{}\r\n", "a: b\r\n".repeat(300)),
        false => OK.to_owned(),
    });
    let with = |fields: usize| format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "a: b\r\n".repeat(fields - 1));
    let variables = [("MESH_PROXY_MAX_HEADER_FIELDS", "300"), ("MESH_PROXY_MAX_HEADER_BYTES", "4096")];
    let relay = Relay::inbound(backend.address, &variables);
    let mut client = relay.connect();
    client.send(with(300));
    client.expect(OK);
    assert_eq!(backend.heads(), [with(300)]);

    let too_many = relay.answer_to(with(301).as_bytes());
    assert!(too_many.starts_with("HTTP/1.1 431 ") && too_many.contains("header-too-large"), "{too_many}");
    assert_eq!((reached(&relay, "header-fields"), reached(&relay, "header-bytes")), (1.0, 0.0));
    let too_long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(4096));
    assert!(relay.answer_to(too_long.as_bytes()).starts_with("HTTP/1.1 431 "));
    assert_eq!(reached(&relay, "header-bytes"), 1.0);

    client.send("GET /many HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(client.until("bad-response\n").starts_with("HTTP/1.1 502 "), "301 fields come back");
    assert_eq!(reached(&relay, "header-fields"), 2.0);
    assert_eq!(backend.heads().len(), 2);
}

#[test]
fn timeouts_of_clients_are_counted() {
    let backend = Backend::start();
    let variables = [("MESH_PROXY_HEADER_TIMEOUT", "50ms"), ("MESH_PROXY_IDLE_TIMEOUT", "100ms")];
    let relay = Relay::outbound(&[("x", &[backend.address])], &variables);
    assert!(relay.answer_to(b"GET / HT").starts_with("HTTP/1.1 408 "));
    assert_eq!((reached(&relay, "header-timeout"), reached(&relay, "idle-timeout")), (1.0, 0.0));
    assert!(relay.connect().is_closed());
    assert_eq!((reached(&relay, "header-timeout"), reached(&relay, "idle-timeout")), (1.0, 1.0));
}
