//! Messages arrive as they were sent, but for what the next hop needs.

use crate::backend::Backend;
use crate::harness::{GET, Relay};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers with the request's path.
fn path_of(head: &str) -> String {
    let path = head.split(' ').nth(1).unwrap();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len())
}

#[test]
fn pipelined_requests_are_answered_in_order_over_one_connection() {
    let backend = Backend::answering(path_of);
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    let requests: String = (0..500).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    client.send(requests);
    for n in 0..500 {
        client.expect(path_of(&format!("GET /{n} HTTP/1.1")));
    }
    assert_eq!(backend.connections(), 1);
    assert_eq!(relay.metric("mesh_requests_total", &["direction=\"inbound\""]), 500.0);
}

#[test]
fn connections_to_the_application_are_used_again() {
    let backend = Backend::answering(path_of);
    let relay = Relay::inbound(backend.address, &[]);
    for _ in 0..5 {
        let answer = relay.answer_to(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_eq!(answer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n/a");
    }
    assert_eq!(backend.connections(), 1);
}

#[test]
fn chunks_extensions_and_trailers_pass_both_ways() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    let request = "POST / HTTP/1.1\r\nhOsT: x\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                   5;a=b\r\nhello\r\n00\r\nX-Sum: 1\r\n\r\n";
    let response = "HTTP/1.1 200 Fine\r\nTRANSFER-encoding: Chunked\r\n\r\n\
                    3\r\nabc\r\nA;q=\"z\"\r\n0123456789\r\n0\r\nx-Trailer:  v \r\n\r\n";
    for _ in 0..2 {
        client.send(request);
    }
    let mut application = backend.accept();
    for _ in 0..2 {
        application.expect(request);
        application.send(response);
        client.expect(response);
    }
}

#[test]
fn responses_without_a_body_end_with_their_head() {
    let backend = Backend::answering(|head| match head.split(' ').nth(1).unwrap() {
        "/204" => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        "/304" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n".to_owned(),
        "/head" => "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n".to_owned(),
        "/chunked" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
        _ => OK.to_owned(),
    });
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    for (request, response) in [
        ("GET /204", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET /304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"),
        ("HEAD /head", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"),
        ("HEAD /chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("GET /", OK),
    ] {
        client.send(format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n"));
        client.expect(response);
    }
    assert_eq!(backend.connections(), 1);
}

#[test]
fn a_client_waits_for_100_continue_and_gets_it() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    let head = "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    client.send(head);
    let mut application = backend.accept();
    application.expect(head);
    application.send("HTTP/1.1 100 Continue\r\n\r\n");
    client.expect("HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body");
    application.expect("body");
    application.send(format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{OK}"));
    client.expect(format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{OK}"));
}

#[test]
fn a_client_of_http_1_0_gets_what_it_understands() {
    let backend = Backend::answering(|head| {
        assert!(head.contains(" HTTP/1.1\r\n") && head.contains("Host: "), "{head}");
        match head.split(' ').nth(1).unwrap() {
            "/interim" => format!("HTTP/1.1 103 Early Hints\r\n\r\n{OK}"),
            "/chunked" => {
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\nX: y\r\n\r\n"
                    .to_owned()
            }
            _ => OK.to_owned(),
        }
    });
    let relay = Relay::inbound(backend.address, &[]);
    let closed = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    assert_eq!(relay.answer_to(b"GET / HTTP/1.0\r\n\r\n"), closed);
    assert_eq!(relay.answer_to(b"GET /interim HTTP/1.0\r\nHost: x\r\n\r\n"), closed);
    assert_eq!(
        relay.answer_to(b"GET /chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\nhello"
    );
    let mut client = relay.connect();
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        client.expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
    }
}

#[test]
fn a_response_without_a_length_ends_with_the_connection() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    for version in ["1.0", "1.1"] {
        let mut client = relay.connect();
        client.send(GET);
        let mut application = backend.accept();
        application.until("\r\n\r\n");
        application.send(format!("HTTP/{version} 200 OK\r\nA: b\r\n\r\nsome"));
        client.expect("HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\nsome");
        application.send(" text");
        drop(application);
        assert_eq!(client.rest(), " text");
    }
}

#[test]
fn services_are_reached_by_host_by_whole_uri_and_by_the_asterisk() {
    let one = Backend::answering(|_| OK.to_owned());
    let two = Backend::answering(|_| OK.to_owned());
    let relay = Relay::outbound(&[("one", &[one.address]), ("two:80", &[two.address])], &[]);
    let mut client = relay.connect();
    for request in [
        "GET /a HTTP/1.1\r\nHost: one\r\n\r\n",
        "GET http://two:80/b?c HTTP/1.1\r\nA: b\r\nHost: one\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: ONE\r\n\r\n",
        "GET http://one HTTP/1.1\r\nHost: one\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: x\r\n\r\n",
    ] {
        client.send(request);
        client.expect(OK);
    }
    assert_eq!(
        one.heads(),
        [
            "GET /a HTTP/1.1\r\nHost: one\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: ONE\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: one\r\n\r\n"
        ]
    );
    assert_eq!(two.heads(), ["GET /b?c HTTP/1.1\r\nA: b\r\nHost: two:80\r\n\r\n"]);
}

#[test]
fn fields_of_one_connection_do_not_reach_the_next() {
    let backend = Backend::answering(|_| {
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nX-End: 2\r\n\
         Content-Length: 0\r\n\r\n"
            .to_owned()
    });
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    client.send(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: x-own\r\nX-Own: 1\r\nX-End: 2\r\nTE: trailers\r\n\r\n",
    );
    client.expect("HTTP/1.1 200 OK\r\nX-End: 2\r\nContent-Length: 0\r\n\r\n");
    let head = "GET / HTTP/1.1\r\nHost: x\r\nX-End: 2\r\nTE: trailers\r\nConnection: TE\r\n\r\n";
    assert_eq!(backend.heads(), [head]);
}
