//! Proxies of the mesh that find no place at an endpoint's proxy.

use std::io::{Read, Write};

use crate::harness::{Client, GET as PLAIN, Relay};
use crate::mesh::{handshakes, inbound, outbound};
use crate::pair::{GET, OK, POST, Told, answering};
use crate::peers::client_of;
use crate::stand_in::authority::{Authority, identity};
use crate::stand_in::proxy::eventually;

const ONE: [(&str, &str); 1] = [("MESH_PROXY_MAX_CONNECTIONS", "1")];

/// Takes the one place of a proxy.
fn occupy(relay: &Relay) -> Client {
    let mut client = relay.connect();
    client.send(PLAIN);
    client.until("hi");
    assert_eq!(relay.proxy.metric("mesh_served_connections"), 1.0);
    client
}

fn closed_for_overload(relay: &Relay) -> f64 {
    relay.metric("mesh_tcp_close_total", &["reason=\"overload\"", "tls=\"true\""])
}

#[test]
fn their_requests_are_told_so_and_go_on_when_there_is_a_place() {
    let application = answering();
    let authority = Authority::new();
    let world = inbound(&authority, "world", application.address, &[("MESH_PROXY_MAX_CONNECTIONS", "3")]);
    let hello = outbound(&authority, world.address, "world", &[]);
    let occupants = [(); 3].map(|()| {
        let mut client = world.connect();
        client.send(PLAIN);
        client.until("hi");
        client
    });
    let mut clients: Vec<Client> = (0..4).map(|_| hello.connect()).collect();
    for client in &mut clients {
        client.send(POST);
        let answer = client.until("overloaded\n");
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("mesh-proxy-error: overloaded\r\n"), "{answer}");
    }
    assert_eq!(application.heads().len(), 3);
    let shaken = ["full", "resumed"].map(|result| handshakes(&world, "inbound", result)).iter().sum::<f64>();
    assert!(shaken >= 4.0, "no connection is kept, as the next may find a place: {shaken}");
    let counted = ["proxy_error=\"overloaded\"", "tls=\"true\""];
    assert_eq!(world.metric("mesh_responses_total", &counted), 4.0);
    eventually("all is over for those that were refused", || closed_for_overload(&world) == shaken);

    drop(occupants);
    eventually("there are places", || world.proxy.metric("mesh_served_connections") == 0.0);
    let mut client = hello.connect();
    client.send(GET);
    assert_eq!(client.until("hi"), OK);
}

#[tokio::test]
async fn their_requests_go_to_an_endpoint_that_has_a_place() {
    let application = answering();
    let authority = Authority::new();
    let [full, free] = [&ONE[..], &[]].map(|limit| inbound(&authority, "world", application.address, limit));
    let _occupant = occupy(&full);
    let told = Told::of(&authority, full.address).await;
    told.endpoints(&[full.address, free.address]).await;
    let retried = || told.hello.metric("mesh_retries_total", &["reason=\"unreached\""]);
    eventually("it knows of both", || {
        let mut client = told.hello.connect();
        client.send(POST);
        client.until("\r\n\r\n").starts_with("HTTP/1.1 200 ")
    });
    eventually("one met the full endpoint first", || {
        let mut client = told.hello.connect();
        client.send(POST);
        client.expect(OK);
        retried() > 0.0
    });
}

#[test]
fn one_that_takes_no_streams_is_told_so_too() {
    let application = answering();
    let authority = Authority::new();
    let world = inbound(&authority, "world", application.address, &ONE);
    let _occupant = occupy(&world);
    let mut client = client_of(&authority, &[&identity("hello")], world.connect().0);
    client.write_all(GET.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("overloaded\n"), "{answer}");
}

#[test]
fn one_that_says_nothing_is_gone_soon() {
    let application = answering();
    let authority = Authority::new();
    let world = inbound(&authority, "world", application.address, &ONE);
    let _occupant = occupy(&world);
    let mut client = client_of(&authority, &[&identity("hello")], world.connect().0);
    client.flush().unwrap();
    assert!(client.read(&mut [0]).is_err());
    assert_eq!(closed_for_overload(&world), 1.0);
}
