//! Whatever is spoken, and whoever speaks first.

use crate::namespaces::{Namespace, POD, REMOTE, at};
use crate::peers::{Server, connect};
use crate::pod::Pod;
use crate::stand_in::{DEADLINE, proxy::eventually};
use mesh_proxy::proto::tap_client::TapClient;
use mesh_proxy::proto::{ObserveRequest, tap_event::Event};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::thread::sleep;
use std::time::Duration;

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

/// A hello to `example.com`, and nothing else that a server could use.
fn client_hello() -> Vec<u8> {
    let name = b"example.com";
    let extension = [&[0, 0, 0, 16, 0, 14, 0, 0, 11][..], name].concat();
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0, 0, 20], &extension].concat();
    let message = [&[1, 0, 0, body.len() as u8][..], &body].concat();
    [&[22, 3, 1, 0, message.len() as u8][..], &message].concat()
}

#[test]
fn tls_passes_through_and_tap_tells_the_servers_name() {
    let pod = Pod::start(&[], &[]);
    let _echo = Server::start(&pod.network.remote, at(REMOTE[0], 443), |mut stream| {
        let mut received = Vec::new();
        stream.read_to_end(&mut received)?;
        stream.write_all(&received)
    });
    pod.network.pod.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (mut events, _client) = runtime.block_on(async {
            let mut client = TapClient::connect(format!("http://{}", pod.proxy.field("tap"))).await.unwrap();
            (client.observe(ObserveRequest::default()).await.unwrap().into_inner(), client)
        });
        let hello = client_hello();
        let mut stream = connect(&pod.network.pod, at(REMOTE[0], 443)).unwrap();
        stream.write_all(&hello[..20]).unwrap();
        sleep(Duration::from_millis(5));
        stream.write_all(&hello[20..]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut echo = Vec::new();
        stream.read_to_end(&mut echo).unwrap();
        assert_eq!(echo, hello);
        let mut next = || {
            let event = runtime.block_on(async { tokio::time::timeout(DEADLINE, events.message()).await });
            event.unwrap().unwrap().unwrap().event.unwrap()
        };
        match next() {
            Event::Request(request) => {
                assert_eq!((request.scheme.as_str(), request.authority.as_str()), ("https", "example.com"));
            }
            other => panic!("no start: {other:?}"),
        }
        match next() {
            Event::End(end) => {
                assert_eq!((end.request_bytes, end.response_bytes), (hello.len() as u64, hello.len() as u64));
            }
            other => panic!("no end: {other:?}"),
        }
    });
    assert_eq!(pod.detected("outbound", "tls"), 1.0);
}
