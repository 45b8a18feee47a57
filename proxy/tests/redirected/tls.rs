//! TLS, of which the proxy reads nothing but the name of the server that is meant.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use mesh_proxy::proto::tap_client::TapClient;
use mesh_proxy::proto::{ObserveRequest, tap_event::Event};

use crate::namespaces::{Namespace, OTHER_REMOTE, REMOTE, at};
use crate::peers::{Server, connect};
use crate::pod::Pod;
use crate::stand_in::hello::client_hello;
use crate::stand_in::{DEADLINE, proxy::eventually};

/// Answers with its own address and all that it received.
fn echo(namespace: &Namespace, address: SocketAddr) -> Server {
    Server::start(namespace, address, move |mut stream| {
        let mut received = Vec::new();
        stream.read_to_end(&mut received)?;
        write!(stream, "{address} ")?;
        stream.write_all(&received)
    })
}

/// Checks that all of `bytes` came to the echo at `server`, where the rest of them is still to be sent on `stream`.
fn expect_echo(mut stream: TcpStream, rest: &[u8], server: SocketAddr, bytes: &[u8]) {
    stream.write_all(rest).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer == [format!("{server} ").as_bytes(), bytes].concat(), "{}", answer.escape_ascii());
}

fn routed_by(pod: &Pod, what: &str) -> f64 {
    pod.count("mesh_tls_connections_total", &[&format!("routed_by=\"{what}\"")])
}

#[test]
fn the_servers_name_leads_to_a_service_when_the_address_is_unknown() {
    let [unknown, endpoint] = [at(REMOTE[0], 443), at(OTHER_REMOTE[0], 8443)];
    let pod = Pod::knowing(&[("web.shop:443", endpoint)], &[]);
    let _straight = echo(&pod.network.remote, unknown);
    let _service = echo(&pod.network.remote, endpoint);
    let hello = client_hello(Some("Web.Shop"), 0);
    expect_echo(connect(&pod.network.pod, unknown).unwrap(), &hello, endpoint, &hello);
    assert_eq!(routed_by(&pod, "server-name"), 1.0);
    let label = r#"dst_service="web.shop:443""#;
    assert_eq!(pod.count("mesh_tcp_open_total", &[r#"peer="dst""#, label]), 1.0);

    // Also when the client was silent at first, and was linked to the address.
    let stream = connect(&pod.network.pod, unknown).unwrap();
    eventually("the silence is over", || pod.detected("outbound", "unknown") == 1.0);
    expect_echo(stream, &hello, endpoint, &hello);
    assert_eq!(routed_by(&pod, "server-name"), 2.0);
}

#[test]
fn an_address_of_the_mesh_wins_over_the_servers_name() {
    let [endpoint, other] = [at(REMOTE[0], 8443), at(OTHER_REMOTE[0], 8443)];
    let service = at("10.96.0.7", 443);
    let pod = Pod::knowing(&[("10.96.0.7:443", endpoint), ("web:443", other)], &[]);
    let _endpoint = echo(&pod.network.remote, endpoint);
    let _other = echo(&pod.network.remote, other);
    let hello = client_hello(Some("web"), 0);
    expect_echo(connect(&pod.network.pod, service).unwrap(), &hello, endpoint, &hello);
    assert_eq!((routed_by(&pod, "original-destination"), routed_by(&pod, "server-name")), (1.0, 0.0));
}

#[test]
fn without_a_name_that_is_known_it_goes_straight_on_however_it_comes() {
    let [address, elsewhere] = [at(REMOTE[0], 443), at(OTHER_REMOTE[0], 443)];
    let pod = Pod::knowing(&[("web:443", elsewhere)], &[]);
    let _echo = echo(&pod.network.remote, address);
    let garbled = {
        let mut hello = client_hello(Some("web"), 0);
        // The length of the list of ciphers.
        hello[9 + 2 + 32 + 1] = 0xff;
        hello
    };
    let truncated = &client_hello(Some("web"), 0)[..40];
    let huge = client_hello(None, 60_000);
    let endless = [&[22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff][..], &vec![0; 100_000]].concat();
    for hello in [&client_hello(Some("example.com"), 0), &garbled, truncated, &huge, &endless[..]] {
        expect_echo(connect(&pod.network.pod, address).unwrap(), hello, address, hello);
    }
    assert_eq!(routed_by(&pod, "server-name"), 0.0);
}

#[test]
fn without_a_control_plane_it_goes_straight_on() {
    let pod = Pod::without_control_plane();
    let address = at(REMOTE[0], 443);
    let _echo = echo(&pod.network.remote, address);
    let hello = client_hello(Some("web"), 0);
    expect_echo(connect(&pod.network.pod, address).unwrap(), &hello, address, &hello);
    assert_eq!(routed_by(&pod, "unknown"), 1.0);
}

#[test]
fn tap_tells_the_servers_name_and_where_it_led() {
    let [address, endpoint] = [at(REMOTE[0], 443), at(OTHER_REMOTE[0], 8443)];
    let pod = Pod::knowing(&[("example.com:443", endpoint)], &[]);
    let _echo = echo(&pod.network.remote, endpoint);
    pod.network.pod.run(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (mut events, _client) = runtime.block_on(async {
            let mut client = TapClient::connect(format!("http://{}", pod.proxy.field("tap"))).await.unwrap();
            (client.observe(ObserveRequest::default()).await.unwrap().into_inner(), client)
        });
        let hello = client_hello(Some("example.com"), 0);
        let mut stream = connect(&pod.network.pod, address).unwrap();
        stream.write_all(&hello[..20]).unwrap();
        sleep(Duration::from_millis(5));
        expect_echo(stream, &hello[20..], endpoint, &hello);
        let mut next = || {
            let event = runtime.block_on(async { tokio::time::timeout(DEADLINE, events.message()).await });
            event.unwrap().unwrap().unwrap()
        };
        let start = next();
        let led_to = start.destination.unwrap().address.unwrap();
        assert_eq!(format!("{}:{}", led_to.ip, led_to.port), endpoint.to_string());
        match start.event.unwrap() {
            Event::Request(request) => {
                assert_eq!((request.scheme.as_str(), request.authority.as_str()), ("https", "example.com"));
            }
            other => panic!("no start: {other:?}"),
        }
        match next().event.unwrap() {
            Event::End(end) => {
                let answered = format!("{endpoint} ").len() + hello.len();
                assert_eq!((end.request_bytes, end.response_bytes), (hello.len() as u64, answered as u64));
            }
            other => panic!("no end: {other:?}"),
        }
    });
    assert_eq!(pod.detected("outbound", "tls"), 1.0);
}
