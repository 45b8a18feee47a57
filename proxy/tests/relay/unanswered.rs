//! Requests that an application may have seen but did not begin to answer before its connection ended.

use std::net::SocketAddr;

use crate::backend::{Backend, Served};
use crate::harness::{GET, Relay, nobody};
use crate::unreached::caller;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A server that reads requests and closes their connections.
fn breaking() -> Served {
    Backend::answering(|_| String::new())
}

fn serving() -> Served {
    Backend::answering(|_| OK.to_owned())
}

fn request(method: &str) -> String {
    format!("{method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n\r\n")
}

/// Calls `exchange` until a request has met `backend`.
fn until_met(backend: &Served, mut exchange: impl FnMut()) {
    let before = backend.heads().len();
    for _ in 0..500 {
        exchange();
        if backend.heads().len() > before {
            return;
        }
    }
    panic!("no request met the server that breaks its connections");
}

/// What a client on a connection of its own is answered.
fn answer(relay: &Relay, bytes: &str, ending: &str) -> String {
    let mut client = relay.connect();
    client.send(bytes);
    client.until(ending)
}

fn retries(relay: &Relay, reason: &str) -> f64 {
    relay.metric("mesh_retries_total", &[&format!("reason=\"{reason}\"")])
}

#[tokio::test]
async fn one_that_is_idempotent_goes_from_a_proxy_to_another_endpoint() {
    let (breaking, serving) = (breaking(), serving());
    let proxies = [&breaking, &serving].map(|backend| Relay::inbound(backend.address, &[]));
    let (relay, _client, _control_plane, _stream) =
        caller(&proxies.each_ref().map(|proxy| proxy.address)).await;
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        until_met(&breaking, || {
            assert!(answer(&relay, &request(method), "ok").starts_with("HTTP/1.1 200 "), "{method}");
        });
    }
    assert!(retries(&relay, "unanswered") >= 4.0);
}

#[test]
fn one_that_is_idempotent_goes_from_an_endpoint_without_a_proxy_to_another() {
    let (breaking, serving) = (breaking(), serving());
    let relay = Relay::outbound(&[("x", &[breaking.address, serving.address])], &[]);
    until_met(&breaking, || {
        assert!(answer(&relay, &request("PUT"), "ok").starts_with("HTTP/1.1 200 "));
    });
    assert!(retries(&relay, "reset") >= 1.0);
}

#[tokio::test]
async fn any_other_is_not_sent_again() {
    let (breaking, serving) = (breaking(), serving());
    let proxies = [&breaking, &serving].map(|backend| Relay::inbound(backend.address, &[]));
    let (meshed, _client, _control_plane, _stream) =
        caller(&proxies.each_ref().map(|proxy| proxy.address)).await;
    let plain = Relay::outbound(&[("x", &[breaking.address, serving.address])], &[]);
    for relay in [&meshed, &plain] {
        let seen = || ["unanswered", "reset"].map(|reason| retries(relay, reason));
        let before = seen();
        for method in ["POST", "PATCH", "WHATEVER"] {
            let mut last = String::new();
            until_met(&breaking, || last = answer(relay, &request(method), "\r\n\r\n"));
            assert!(last.starts_with("HTTP/1.1 502 "), "{method} {last}");
            assert!(last.contains("mesh-proxy-error: upstream-reset\r\n"), "{method} {last}");
        }
        assert_eq!(seen(), before);
    }
}

#[test]
fn one_of_which_a_part_is_gone_is_not_sent_again() {
    let breaking = breaking();
    let relay = Relay::outbound(&[("x", &[breaking.address, nobody()])], &[]);
    let mut last = String::new();
    until_met(&breaking, || {
        let mut client = relay.connect();
        client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\npart");
        last = client.until("\r\n\r\n");
    });
    assert!(last.contains("mesh-proxy-error: upstream-reset\r\n"), "{last}");
}

#[test]
fn one_to_which_an_answer_had_begun_is_not_sent_again() {
    let beginning = Backend::answering(|_| "HTTP/1.1 200 OK\r\nConnection: close\r\nConten".to_owned());
    let serving = serving();
    let relay = Relay::outbound(&[("x", &[beginning.address, serving.address])], &[]);
    let mut last = String::new();
    until_met(&beginning, || last = answer(&relay, &request("GET"), "\r\n\r\n"));
    assert!(last.contains("mesh-proxy-error: bad-response\r\n"), "{last}");
}

#[test]
fn nothing_is_sent_again_when_there_is_nobody_else() {
    let breaking = breaking();
    let relay = Relay::outbound(&[("x", &[breaking.address])], &[]);
    assert!(answer(&relay, &request("GET"), "upstream-reset\n").starts_with("HTTP/1.1 502 "));
    assert_eq!(breaking.heads().len(), 1);
}

#[test]
fn a_service_that_fails_as_a_whole_gets_little_more_than_was_asked() {
    let breaking: Vec<_> = (0..3).map(|_| breaking()).collect();
    let addresses: Vec<SocketAddr> = breaking.iter().map(|backend| backend.address).collect();
    let relay = Relay::outbound(&[("x", &addresses)], &[]);
    let mut client = relay.connect();
    let met = || breaking.iter().map(|backend| backend.heads().len()).sum::<usize>();
    let mut ask = |times| {
        for _ in 0..times {
            client.send(GET);
            assert!(client.until("upstream-reset\n").starts_with("HTTP/1.1 502 "));
        }
    };
    ask(1);
    assert_eq!(met(), 3, "as many endpoints are tried as there may be");
    ask(120);
    let (before, refused) = (met(), limit_reached(&relay));
    assert!(refused > 0.0);
    ask(20);
    assert!(met() - before <= 25, "a fifth more, not {} for 20", met() - before);
    assert!(limit_reached(&relay) > refused);
}

fn limit_reached(relay: &Relay) -> f64 {
    relay.metric("mesh_limit_reached_total", &["limit=\"retry-budget\""])
}

#[test]
fn a_proxy_says_that_an_application_may_have_seen_what_ended_it() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    client.send(GET);
    let mut application = backend.accept();
    application.until("\r\n\r\n");
    application.send(OK);
    client.expect(OK);
    client.send(GET);
    application.until("\r\n\r\n");
    drop(backend);
    drop(application);
    let answer = client.until("\r\n\r\n");
    assert!(answer.contains("mesh-proxy-error: upstream-reset\r\n"), "{answer}");
}

#[tokio::test]
async fn that_nobody_saw_it_is_not_passed_on_when_another_may_have() {
    let breaking = breaking();
    let proxies = [breaking.address, nobody()].map(|application| Relay::inbound(application, &[]));
    let (relay, _client, _control_plane, _stream) =
        caller(&proxies.each_ref().map(|proxy| proxy.address)).await;
    for _ in 0..20 {
        let before = breaking.heads().len();
        let last = answer(&relay, &request("GET"), "\r\n\r\n");
        let was_seen = breaking.heads().len() > before;
        assert_eq!(last.contains("mesh-proxy-error: upstream-reset\r\n"), was_seen, "{last}");
    }
}
