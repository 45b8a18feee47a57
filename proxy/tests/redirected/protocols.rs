//! Whatever is spoken, and whoever speaks first.

use crate::namespaces::{Namespace, POD, REMOTE, at};
use crate::peers::{Server, connect};
use crate::pod::Pod;
use crate::stand_in::proxy::eventually;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;

/// A mail server: greets, and answers a line.
fn mail_server(namespace: &Namespace, address: SocketAddr) -> Server {
    Server::start(namespace, address, |mut stream| {
        stream.write_all(b"220 ready\r\n")?;
        let mut line = String::new();
        BufReader::new(stream.try_clone()?).read_line(&mut line)?;
        write!(stream, "250 {line}")
    })
}

/// Talks to the mail server, which is the first to speak.
fn converse(namespace: &Namespace, address: SocketAddr) {
    let mut stream = BufReader::new(connect(namespace, address).unwrap());
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    assert_eq!(line, "220 ready\r\n");
    stream.get_mut().write_all(b"EHLO me\r\n").unwrap();
    line.clear();
    stream.read_line(&mut line).unwrap();
    assert_eq!(line, "250 EHLO me\r\n");
}

#[test]
fn a_server_that_speaks_first_is_heard_both_ways() {
    let pod = Pod::start(&[], &[]);
    let _remote = mail_server(&pod.network.remote, at(REMOTE[0], 25));
    let _own = mail_server(&pod.network.pod, at(POD[0], 25));
    converse(&pod.network.pod, at(REMOTE[0], 25));
    converse(&pod.network.remote, at(POD[0], 25));
    assert_eq!((pod.detected("outbound", "unknown"), pod.detected("inbound", "unknown")), (1.0, 1.0));
}

#[test]
fn bytes_go_to_the_endpoint_of_a_service() {
    let (service, endpoint) = (at("10.96.0.7", 25), at(REMOTE[0], 2525));
    let pod = Pod::start(&[(service, endpoint)], &[]);
    let _mail = mail_server(&pod.network.remote, endpoint);
    converse(&pod.network.pod, service);
    let label = format!("dst_service=\"{service}\"");
    assert_eq!(pod.count("mesh_tcp_open_total", &[r#"peer="dst""#, &label]), 1.0);
}

#[test]
fn nobody_waits_for_the_first_bytes_on_ports_that_are_marked_opaque() {
    let pod = Pod::start(&[], &[("MESH_PROXY_OPAQUE_PORTS", "20-25")]);
    let _remote = mail_server(&pod.network.remote, at(REMOTE[0], 25));
    let _own = mail_server(&pod.network.pod, at(POD[0], 25));
    converse(&pod.network.pod, at(REMOTE[0], 25));
    converse(&pod.network.remote, at(POD[0], 25));
    assert_eq!(pod.count("mesh_protocol_detection_seconds_count", &[]), 0.0);
    assert_eq!(pod.count("mesh_tcp_open_total", &[r#"peer="dst""#]), 2.0);
}

#[test]
fn a_silent_client_that_turns_out_to_speak_http_is_served_as_one() {
    let pod = Pod::start(&[], &[]);
    let _web = Server::http(&pod.network.remote, at(REMOTE[0], 80), "web");
    let mut stream = connect(&pod.network.pod, at(REMOTE[0], 80)).unwrap();
    eventually("the silence is over", || pod.detected("outbound", "unknown") == 1.0);
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("web: GET / HTTP/1.1"), "{answer}");
    assert_eq!(pod.requests(&[]), 1.0);
}

#[test]
fn a_client_that_says_one_ambiguous_word_after_a_silence_is_heard() {
    let pod = Pod::start(&[], &[]);
    let _server = Server::start(&pod.network.remote, at(REMOTE[0], 7), |mut stream| {
        let mut word = [0; 4];
        stream.read_exact(&mut word)?;
        stream.write_all(&word)
    });
    let mut stream = connect(&pod.network.pod, at(REMOTE[0], 7)).unwrap();
    eventually("the silence is over", || pod.detected("outbound", "unknown") == 1.0);
    stream.write_all(b"PING").unwrap();
    let mut echo = [0; 4];
    stream.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"PING");
}
