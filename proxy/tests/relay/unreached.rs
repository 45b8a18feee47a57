//! Requests that reached no application, as the proxy of the endpoint says; and answers that only claim it.

use std::net::SocketAddr;

use crate::backend::Backend;
use crate::harness::{Client, GET, Relay, nobody};
use crate::stand_in::{ControlPlane, Stream};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

/// A proxy whose service `x` has these meshed endpoints. The other values only have to live.
pub async fn caller(endpoints: &[SocketAddr]) -> (Relay, Client, ControlPlane, Stream) {
    let mut control_plane = ControlPlane::start();
    let relay = Relay::outbound_of(control_plane.address, &[]);
    let mut stream = control_plane.next_stream().await;
    stream.introduction().await;
    let mut client = relay.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(stream.subscription().await, "x");
    stream.meshed_snapshot("x", endpoints).await;
    client.until("\r\n\r\n");
    (relay, client, control_plane, stream)
}

/// Requests that the proxy of an endpoint has taken.
fn taken(relay: &Relay) -> f64 {
    relay.metric("mesh_requests_total", &["direction=\"inbound\""])
}

/// Calls `exchange` until the refusing proxy has taken a request.
fn until_refused(refusing: &Relay, mut exchange: impl FnMut()) {
    let before = taken(refusing);
    for _ in 0..500 {
        exchange();
        if taken(refusing) > before {
            return;
        }
    }
    panic!("no request met the proxy that refuses");
}

#[tokio::test]
async fn whatever_its_method_it_goes_to_another_endpoint() {
    let backend = Backend::answering(|_| OK.to_owned());
    let refusing = Relay::inbound(nobody(), &[]);
    let serving = Relay::inbound(backend.address, &[]);
    let (_relay, mut client, _control_plane, _stream) = caller(&[refusing.address, serving.address]).await;
    until_refused(&refusing, || {
        client.send("POST / HTTP/1.1\r\nHost: x\r\n\r\n");
        client.expect(OK);
    });
}

#[tokio::test]
async fn a_body_that_waits_to_be_asked_for_goes_with_it() {
    let backend = Backend::answering(|head| match head.contains("100-continue") {
        true => CONTINUE.to_owned(),
        false => OK.to_owned(),
    });
    let refusing = Relay::inbound(nobody(), &[]);
    let serving = Relay::inbound(backend.address, &[]);
    let (_relay, mut client, _control_plane, _stream) = caller(&[refusing.address, serving.address]).await;
    until_refused(&refusing, || {
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n");
        client.expect(CONTINUE);
        client.send("hi\r\n\r\n");
        client.expect(OK);
    });
}

#[tokio::test]
async fn a_request_that_was_sent_on_in_part_is_not_sent_again() {
    let backend = Backend::answering(|_| OK.to_owned());
    let refusing = Relay::inbound(nobody(), &[]);
    let serving = Relay::inbound(backend.address, &[]);
    let (relay, _client, _control_plane, _stream) = caller(&[refusing.address, serving.address]).await;
    let mut answer = String::new();
    until_refused(&refusing, || {
        let mut client = relay.connect();
        client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\npart");
        answer = client.until("\r\n\r\n");
    });
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.contains("mesh-proxy-error: connect-refused\r\n"), "{answer}");
}

#[tokio::test]
async fn an_endpoint_with_too_many_connections_is_passed_over() {
    let backend = Backend::answering(|_| OK.to_owned());
    let full = Relay::inbound(backend.address, &[("MESH_PROXY_MAX_CONNECTIONS", "1")]);
    let mut only = full.connect();
    only.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    only.expect(OK);
    let serving = Relay::inbound(backend.address, &[]);
    let (_relay, mut client, _control_plane, _stream) = caller(&[full.address, serving.address]).await;
    let refusals = || full.metric("mesh_limit_reached_total", &["limit=\"connections\""]);
    for _ in 0..500 {
        client.send("POST / HTTP/1.1\r\nHost: x\r\n\r\n");
        client.expect(OK);
        if refusals() > 0.0 {
            return;
        }
    }
    panic!("no request met the proxy that is full");
}

#[tokio::test]
async fn an_application_cannot_claim_it() {
    const CLAIM: &str = "HTTP/1.1 502 Bad\r\nMesh-Proxy-Error: connect-refused\r\nContent-Length: 0\r\n\r\n";
    const TOLD: &str = "HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n";
    let backend = Backend::answering(|_| CLAIM.to_owned());
    let serving = Relay::inbound(backend.address, &[]);
    let (_relay, mut client, _control_plane, _stream) = caller(&[serving.address, nobody()]).await;
    let before = backend.heads().len();
    client.send(GET);
    client.expect(TOLD);
    assert_eq!(backend.heads().len(), before + 1, "the request is not sent again");

    let relay = Relay::outbound(&[("x", &[backend.address])], &[]);
    let mut client = relay.connect();
    client.send(GET);
    client.expect(TOLD);
}
