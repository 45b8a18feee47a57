//! The built binary: its start, its admin and tap listeners, and its end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod stand_in;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Instant;

use mesh_proxy::proto::tap_client::TapClient;
use mesh_proxy::proto::tap_event::Event;
use mesh_proxy::proto::{ObserveRequest, TapMatch};
use stand_in::proxy::{Proxy, command, eventually};
use stand_in::{ControlPlane, DEADLINE};

fn read_until(connection: &mut TcpStream, end: &[u8]) {
    let mut received = Vec::new();
    while !received.ends_with(end) {
        let mut bytes = [0; 1024];
        let count = connection.read(&mut bytes).unwrap();
        assert_ne!(count, 0, "closed after {:?}", String::from_utf8_lossy(&received));
        received.extend_from_slice(&bytes[..count]);
    }
}

/// The exit status of a proxy that does not start, and what it says.
fn refusal(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = command(variables).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_wrong_variable_is_named_in_one_line_and_gives_status_2() {
    let (status, message) = refusal(&[("MESH_PROXY_INBOUND", "10000")]);
    assert_eq!(status, Some(2));
    assert!(message.starts_with("error: MESH_PROXY_INBOUND: \"10000\""), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[test]
fn an_argument_is_refused_with_what_configures_the_proxy() {
    let output = command(&[]).arg("--help").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(message, "error: unexpected argument --help: MESH_PROXY_* variables configure mesh-proxy\n");
}

#[test]
fn an_address_in_use_is_named_with_its_variable_in_one_line_and_gives_status_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (variable, flag) in
        [("MESH_PROXY_OUTBOUND", "--outbound"), ("MESH_PROXY_ADMIN", "--admin"), ("MESH_PROXY_TAP", "--tap")]
    {
        let (status, message) = refusal(&[(variable, &address)]);
        assert_eq!(status, Some(1));
        assert!(
            message.contains(&address) && message.contains(variable) && message.contains(flag),
            "{message}"
        );
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}

#[test]
fn more_descriptors_than_the_system_allows_are_refused_by_name() {
    let (status, message) = refusal(&[("MESH_PROXY_MAX_DESCRIPTORS", "1073741824")]);
    assert_eq!(status, Some(1));
    assert!(message.starts_with("error: MESH_PROXY_MAX_DESCRIPTORS: "), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[tokio::test]
async fn a_proxy_tells_the_control_plane_where_it_listens_and_is_ready_from_then_on() {
    let reserved = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = reserved.local_addr().unwrap();
    drop(reserved);
    let proxy = Proxy::start(&[
        ("MESH_PROXY_NAME", "world-1"),
        ("MESH_PROXY_NAMESPACE", "demo"),
        ("MESH_PROXY_WORKLOAD", "deployment/world"),
        ("MESH_PROXY_INBOUND", "0=127.0.0.1:9000"),
        ("MESH_PROXY_CONTROL_PLANE", &address.to_string()),
    ]);
    assert_eq!(proxy.admin("GET", "/live").0, 200);
    let (status, reason) = proxy.admin("GET", "/ready");
    assert!(status == 503 && reason.contains("control plane"), "{status} {reason}");

    let mut control_plane = ControlPlane::start_at(address);
    let introduction = control_plane.next_stream().await.introduction().await;
    assert_eq!((introduction.name.as_str(), introduction.namespace.as_str()), ("world-1", "demo"));
    let workload = introduction.workload.unwrap();
    assert_eq!((workload.kind.as_str(), workload.name.as_str()), ("deployment", "world"));
    assert_eq!(introduction.admin_address, proxy.field("admin"));
    assert_eq!(introduction.tap_address, proxy.field("tap"));
    assert_eq!(introduction.outbound_address, proxy.field("outbound"));
    let inbound = &introduction.inbound[0];
    assert_eq!(format!("{}={}", inbound.address, inbound.application), proxy.field("inbound"));
    eventually("the proxy is ready", || proxy.admin("GET", "/ready").0 == 200);

    drop(control_plane);
    eventually("the loss is counted", || proxy.metric("mesh_discovery_connected") == 0.0);
    assert_eq!(proxy.admin("GET", "/ready").0, 200, "a proxy that was told once goes on without");
}

#[test]
fn nobody_is_let_watch_requests_without_a_tap_listener() {
    let proxy = Proxy::start(&[("MESH_PROXY_TAP", "off")]);
    assert_eq!(proxy.field("tap"), "off");
    assert_eq!(proxy.admin("GET", "/live").0, 200);
}

#[test]
fn the_admin_server_knows_its_paths_and_methods() {
    let proxy = Proxy::start(&[]);
    assert_eq!(proxy.admin("GET", "/").0, 404);
    assert_eq!(proxy.admin("GET", "/metrics").0, 200);
    assert_eq!(proxy.admin("POST", "/metrics").0, 405);
    assert_eq!(proxy.admin("GET", "/shutdown").0, 405);
    assert_eq!(proxy.admin("POST", "/shutdown").0, 200);
    assert_eq!(proxy.wait().0, Some(0));
}

#[test]
fn signals_and_when_asked_for_the_end_of_standard_input_end_the_proxy_in_order() {
    for signal in ["TERM", "INT"] {
        let proxy = Proxy::start(&[("MESH_PROXY_WORKERS", "2")]);
        proxy.signal(signal);
        let (status, log) = proxy.wait();
        assert_eq!(status, Some(0));
        assert!(log.contains(&format!("SIG{signal}")) && log.contains("drained"), "{log}");
    }
    let mut proxy = Proxy::start(&[("MESH_PROXY_STOP_WITH_STDIN", "true")]);
    drop(proxy.child.stdin.take());
    assert_eq!(proxy.wait().0, Some(0));
}

/// A request on its way through an inbound listener: what the client and the application hold of it.
struct InFlight {
    proxy: Proxy,
    client: TcpStream,
    application: TcpStream,
}

impl InFlight {
    fn start(variables: &[(&str, &str)]) -> Self {
        let application = TcpListener::bind("127.0.0.1:0").unwrap();
        let inbound = format!("0={}", application.local_addr().unwrap());
        let proxy = Proxy::start(&[&[("MESH_PROXY_INBOUND", inbound.as_str())], variables].concat());
        let field = proxy.field("inbound");
        let mut client = TcpStream::connect(field.split_once('=').unwrap().0).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nhost: world\r\n\r\n").unwrap();
        let (mut application, _) = application.accept().unwrap();
        assert_ne!(application.read(&mut [0; 1024]).unwrap(), 0);
        Self { proxy, client, application }
    }

    fn begin_drain(&self) {
        self.proxy.signal("TERM");
        eventually("the proxy drains", || self.proxy.admin("GET", "/ready").1.contains("draining"));
    }
}

#[test]
fn a_drain_finishes_what_is_in_flight_and_accepts_nothing_more() {
    let mut exchange = InFlight::start(&[]);
    exchange.begin_drain();
    let address = exchange.client.peer_addr().unwrap();
    eventually("nothing is accepted", || TcpStream::connect(address).is_err());

    exchange.application.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone").unwrap();
    let mut response = String::new();
    exchange.client.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n") && response.ends_with("\r\n\r\ndone"), "{response}");
    let (status, log) = exchange.proxy.wait();
    assert_eq!(status, Some(0));
    assert!(log.contains(r#""message":"drained""#), "{log}");
}

#[test]
fn a_drain_ends_after_its_timeout() {
    let exchange = InFlight::start(&[("MESH_PROXY_DRAIN_TIMEOUT", "100ms")]);
    exchange.proxy.signal("TERM");
    let (status, log) = exchange.proxy.wait();
    assert_eq!(status, Some(0));
    assert!(log.contains("drain timeout"), "{log}");
}

#[test]
fn a_second_signal_ends_the_drain_at_once() {
    let exchange = InFlight::start(&[]);
    exchange.begin_drain();
    exchange.proxy.signal("TERM");
    let (status, log) = exchange.proxy.wait();
    assert_eq!(status, Some(1));
    assert!(log.contains("second signal"), "{log}");
}

#[tokio::test]
async fn an_observer_sees_an_exchange_as_it_happens() {
    let application = TcpListener::bind("127.0.0.1:0").unwrap();
    let inbound = format!("0={}", application.local_addr().unwrap());
    let proxy = Proxy::start(&[("MESH_PROXY_INBOUND", &inbound), ("MESH_PROXY_NAME", "world-1")]);
    let mut client = TapClient::connect(format!("http://{}", proxy.field("tap"))).await.unwrap();
    let wanted = TapMatch { path_prefix: "/wanted".to_owned(), ..TapMatch::default() };
    let request = ObserveRequest { r#match: Some(wanted), max_rps: 0 };
    let mut events = client.observe(request).await.unwrap().into_inner();

    let field = proxy.field("inbound");
    let mut client = TcpStream::connect(field.split_once('=').unwrap().0).unwrap();
    let mut upstream = None;
    for path in ["/other", "/wanted"] {
        write!(client, "POST {path} HTTP/1.1\r\nhost: world\r\ncontent-length: 2\r\n\r\nab").unwrap();
        let upstream = upstream.get_or_insert_with(|| application.accept().unwrap().0);
        read_until(upstream, b"\r\n\r\nab");
        upstream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 3\r\n\r\nabc").unwrap();
        read_until(&mut client, b"\r\n\r\nabc");
    }

    let mut seen = Vec::new();
    for _ in 0..3 {
        let event = tokio::time::timeout(DEADLINE, events.message()).await.unwrap().unwrap().unwrap();
        assert_eq!(event.destination.unwrap().pod, "world-1");
        seen.push(match event.event.unwrap() {
            Event::Request(request) => format!("{} {} {}", request.method, request.authority, request.path),
            Event::Response(response) => response.status.to_string(),
            Event::End(end) => format!("{} {} {:?}", end.request_bytes, end.response_bytes, end.error),
        });
    }
    assert_eq!(seen, ["POST world /wanted", "201", "2 3 \"\""]);
}

#[tokio::test]
async fn observers_come_and_go() {
    let proxy = Proxy::start(&[]);
    let mut client = TapClient::connect(format!("http://{}", proxy.field("tap"))).await.unwrap();
    let events = client.observe(ObserveRequest::default()).await.unwrap();
    assert_eq!(proxy.metric("mesh_tap_observers"), 1.0);
    drop((events, client));
    let start = Instant::now();
    while proxy.metric("mesh_tap_observers") > 0.0 {
        assert!(start.elapsed() < DEADLINE, "the observer is gone");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
