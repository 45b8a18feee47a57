//! What the proxy takes on, and what is beyond.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::backend::Backend;
use crate::harness::{Client, GET, Relay};
use crate::stand_in::ControlPlane;
use crate::stand_in::proxy::eventually;

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
    assert!(relay.answer_to(too_long.as_bytes()).starts_with("HTTP/1.1 414 "));
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

#[test]
fn connections_beyond_the_limit_are_told_so_at_once() {
    let backend = Backend::answering(|_| OK.to_owned());
    let relay = Relay::inbound(backend.address, &[("MESH_PROXY_MAX_CONNECTIONS", "2")]);
    let mut served = [relay.connect(), relay.connect()];
    for client in &mut served {
        client.send(GET);
        client.expect(OK);
    }
    assert_eq!(relay.proxy.metric("mesh_served_connections"), 2.0);
    let refused = relay.answer_to(GET.as_bytes());
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("mesh-proxy-error: overloaded\r\n") && refused.contains("connection: close"));
    assert_eq!(relay.metric("mesh_responses_total", &["proxy_error=\"overloaded\""]), 1.0);
    assert_eq!(relay.answer_to(b"\x01 not HTTP"), "");
    assert_eq!(reached(&relay, "connections"), 2.0);
    eventually("all is over for those that were refused", || {
        relay.metric("mesh_tcp_close_total", &["reason=\"overload\""]) == 2.0
    });

    let [first, mut second] = served;
    drop(first);
    eventually("there is a place again", || relay.proxy.metric("mesh_served_connections") == 1.0);
    let mut third = relay.connect();
    for client in [&mut second, &mut third] {
        client.send(GET);
        client.expect(OK);
    }
}

#[test]
fn a_flood_of_connections_beyond_the_limit_costs_few_descriptors() {
    let backend = Backend::answering(|_| OK.to_owned());
    let relay = Relay::inbound(backend.address, &[("MESH_PROXY_MAX_CONNECTIONS", "1")]);
    let mut served = relay.connect();
    served.send(GET);
    served.expect(OK);
    let mut flood: Vec<_> = (0..300).map(|_| relay.connect()).collect();
    eventually("the last of them is reset, for it is one too many to be told why", || {
        relay.metric("mesh_tcp_close_total", &["reason=\"overload\""]) >= 200.0
    });
    assert!(open_descriptors(&relay) < 150.0);
    flood.iter_mut().for_each(|client| assert!(client.is_closed()));
    served.send(GET);
    served.expect(OK);
}

fn open_descriptors(relay: &Relay) -> f64 {
    fs::read_dir(format!("/proc/{}/fd", relay.proxy.child.id())).unwrap().count() as f64
}

/// The CPU time of the proxy, in hundredths of a second.
fn cpu_ticks(relay: &Relay) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", relay.proxy.child.id())).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn without_descriptors_nothing_spins_nobody_is_blamed_and_all_goes_on_afterwards() {
    let backend = Backend::answering(|_| OK.to_owned());
    let variables = [("MESH_PROXY_MAX_DESCRIPTORS", "64")];
    let relay = Relay::outbound(&[("x", &[backend.address])], &variables);
    assert_eq!(relay.proxy.metric("process_max_fds"), 64.0);
    let (start, pid) = (Instant::now(), relay.proxy.child.id());
    let mut clients: Vec<Client> = (0..80).map(|_| relay.connect()).collect();
    let are_in_use = || (0..64).all(|number| Path::new(&format!("/proc/{pid}/fd/{number}")).exists());
    // One that is in use for a moment only is free for the request, until the listener takes it after its pause.
    let stay_in_use = || {
        (0..5).all(|_| {
            std::thread::sleep(Duration::from_millis(100));
            are_in_use()
        })
    };
    eventually("all descriptors are in use", stay_in_use);
    clients[0].send(GET);
    let answer = clients[0].until("local-shortage\n");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let before = cpu_ticks(&relay);
    std::thread::sleep(Duration::from_millis(400));
    assert!(cpu_ticks(&relay) - before < 20, "a loop that spins would have used 40");

    drop(clients.drain(1..));
    clients[0].send(GET);
    clients[0].expect(OK);
    assert!(reached(&relay, "descriptors") >= 4.0);
    relay.proxy.signal("TERM");
    let (_, log) = relay.proxy.wait();
    let warnings = log.matches("accepting pauses").count() as u64;
    assert!((1..=1 + start.elapsed().as_secs() / 5).contains(&warnings), "{log}");
    assert!(!log.contains("ejected"), "{log}");
}

#[tokio::test]
async fn requests_wait_for_an_endpoint_and_one_too_many_is_told_so_at_once() {
    let backend = Backend::answering(|_| OK.to_owned());
    let mut control_plane = ControlPlane::start();
    let variables = [("MESH_PROXY_MAX_PENDING_REQUESTS", "2"), ("MESH_PROXY_PENDING_TIMEOUT", "1h")];
    let relay = Relay::outbound_of(control_plane.address, &variables);
    let mut stream = control_plane.next_stream().await;
    stream.introduction().await;
    let pending = |count| {
        eventually("so many wait", || relay.proxy.metric("mesh_pending_requests") == f64::from(count));
    };

    let mut waits_for_an_answer = relay.connect();
    waits_for_an_answer.send(GET);
    assert_eq!(stream.subscription().await, "x");
    pending(1);
    stream.snapshot("x", &[]).await;
    let mut waits_for_an_endpoint = relay.connect();
    waits_for_an_endpoint.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    pending(2);
    let mut one_too_many = relay.connect();
    one_too_many.send(GET);
    assert!(one_too_many.until("overloaded\n").starts_with("HTTP/1.1 503 "));
    assert_eq!((reached(&relay, "pending-requests"), reached(&relay, "pending-timeout")), (1.0, 0.0));

    stream.snapshot("x", &[backend.address]).await;
    for mut client in [waits_for_an_answer, waits_for_an_endpoint] {
        client.expect(OK);
    }
    pending(0);
    one_too_many.send(GET);
    one_too_many.expect(OK);
}

#[test]
fn what_is_under_way_ends_when_nothing_moves() {
    const PART: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart";
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[("MESH_PROXY_STALL_TIMEOUT", "200ms")]);
    let ends = || relay.metric("mesh_tcp_close_total", &["reason=\"timeout\""]);

    let mut client = relay.connect();
    client.send(GET);
    let mut application = backend.accept();
    assert!(client.until("stall-timeout\n").starts_with("HTTP/1.1 504 "), "no response begins");
    assert!(application.until("\r\n\r\n").starts_with("GET") && application.is_closed());

    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\npart");
    let mut application = backend.accept();
    application.until("part");
    assert!(client.until("stall-timeout\n").starts_with("HTTP/1.1 504 "), "the request goes not on");
    assert!(application.is_closed() && client.is_closed());

    let (mut client, mut application) = backend.request_under_way(&relay);
    application.send(PART);
    client.expect(PART);
    assert!(application.is_closed() && client.is_closed(), "the response goes not on");
    assert_eq!(reached(&relay, "stall-timeout"), 3.0);
    eventually("both connections of the third are counted", || ends() >= 4.0);

    let mut client = relay.connect();
    client.send("\x01");
    let mut application = backend.accept();
    application.expect("\x01");
    assert!(application.is_closed() && client.is_closed(), "a tunnel");
    assert!(relay.connect().is_closed(), "a connection on which nobody speaks");
    assert_eq!(reached(&relay, "stall-timeout"), 5.0);
}

#[test]
fn what_moves_slowly_goes_on() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[("MESH_PROXY_STALL_TIMEOUT", "1s")]);
    let (mut client, mut application) = backend.request_under_way(&relay);
    application.send("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n");
    client.until("\r\n\r\n");
    for _ in 0..30 {
        std::thread::sleep(Duration::from_millis(100));
        application.send("x");
        client.expect("x");
    }
    assert_eq!(reached(&relay, "stall-timeout"), 0.0);
}
