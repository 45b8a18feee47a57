//! What others send to the application, on the port that they mean.

use crate::namespaces::{POD, at};
use crate::peers::{Server, connect, get};
use crate::pod::Pod;
use std::io::Read;

const LOOPBACK: [&str; 2] = ["127.0.0.1", "::1"];
const EVERYWHERE: [&str; 2] = ["0.0.0.0", "::"];
const INBOUND: &str = r#"direction="inbound""#;

#[test]
fn the_application_is_reached_on_the_port_that_was_meant_wherever_it_listens() {
    let pod = Pod::start(&[], &[("MESH_PROXY_WORKERS", "2")]);
    for family in [0, 1] {
        let listening = [(8080, POD), (8081, LOOPBACK), (8082, EVERYWHERE)];
        let _servers = listening
            .map(|(port, addresses)| Server::http(&pod.network.pod, at(addresses[family], port), "web"));
        for port in [8080, 8081, 8082] {
            assert_eq!(get(&pod.network.remote, at(POD[family], port)), "web: GET / HTTP/1.1", "{port}");
        }
    }
    assert_eq!(pod.requests(&[INBOUND]), 6.0);
}

#[test]
fn where_both_listen_the_one_at_the_address_that_was_meant_is_reached() {
    let pod = Pod::start(&[], &[]);
    let _outer = Server::http(&pod.network.pod, at(POD[0], 8080), "outer");
    let _inner = Server::http(&pod.network.pod, at(LOOPBACK[0], 8080), "inner");
    assert_eq!(get(&pod.network.remote, at(POD[0], 8080)), "outer: GET / HTTP/1.1");
}

#[test]
fn nobody_reaches_what_is_not_there_nor_the_proxy_by_way_of_itself() {
    let pod = Pod::start(&[], &[]);
    for address in POD {
        for port in [8080, 4143] {
            let mut stream = connect(&pod.network.remote, at(address, port)).unwrap();
            assert!(matches!(stream.read(&mut [0]), Ok(0) | Err(_)), "{address} {port}");
        }
    }
}
