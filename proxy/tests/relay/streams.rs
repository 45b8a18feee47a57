//! Requests that share a connection between two proxies.

use std::cell::RefCell;
use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::backend::Backend;
use crate::harness::Client;
use crate::pair::{GET, OK, Pair, answering, connections_of};
use crate::stand_in::proxy::eventually;

const MANY: usize = 48_000_000;

fn content() -> Vec<u8> {
    (0..MANY).map(|number| ((number * 31) >> 8) as u8).collect()
}

#[test]
fn requests_of_many_clients_go_by_one_connection_as_they_were_sent() {
    let application = answering();
    let pair = Pair::before(application.address, &[]);
    let mut clients: Vec<Client> = (0..24).map(|_| pair.hello.connect()).collect();
    for _ in 0..3 {
        for client in &mut clients {
            client.send(GET);
        }
        for client in &mut clients {
            assert_eq!(client.until("hi"), OK);
        }
    }
    assert!(application.heads().iter().all(|head| head == GET));
    assert_eq!(application.heads().len(), 72);
    eventually("one is left", || pair.connections() == 1.0);
    for (relay, direction) in [(&pair.hello, "outbound"), (&pair.world, "inbound")] {
        let direction = format!("direction=\"{direction}\"");
        assert_eq!(relay.metric("mesh_requests_total", &[&direction, "tls=\"true\""]), 72.0);
    }
}

#[test]
fn a_slow_reader_stops_its_server_and_nobody_else() {
    let application = Backend::start();
    let pair = Pair::of(&application);
    let (mut slow, mut server) = pair.request(&application, GET);
    let sender = thread::spawn(move || {
        server.0.set_write_timeout(None).unwrap();
        server.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {MANY}\r\n\r\n"));
        server.send(content());
    });
    slow.until("\r\n\r\n");
    let moved = || pair.world.metric("mesh_tcp_read_bytes_total", &["peer=\"dst\""]);
    eventually("what is between is full", || {
        let before = moved();
        thread::sleep(Duration::from_millis(500));
        moved() == before
    });
    for _ in 0..5 {
        let (mut other, mut server) = pair.request(&application, GET);
        server.send(OK);
        assert_eq!(other.until("hi"), OK);
        drop(server);
    }
    assert!(!sender.is_finished());
    for relay in [&pair.hello, &pair.world] {
        assert!(relay.proxy.metric("process_resident_memory_bytes") < 60e6);
    }
    slow.expect_bytes(&content());
    sender.join().unwrap();
    assert_eq!(pair.connections_so_far(), 1.0);
}

#[test]
fn a_slow_application_stops_its_client_and_nobody_else() {
    let application = Backend::start();
    let pair = Pair::of(&application);
    let post = format!("POST / HTTP/1.1\r\nHost: world\r\nContent-Length: {MANY}\r\n\r\n");
    let (mut client, mut server) = pair.request(&application, &post);
    let mut sending = client.0.try_clone().unwrap();
    let sender = thread::spawn(move || {
        sending.set_write_timeout(None).unwrap();
        sending.write_all(&content()).unwrap();
    });
    for _ in 0..5 {
        let (mut other, mut server) = pair.request(&application, GET);
        server.send(OK);
        assert_eq!(other.until("hi"), OK);
        drop(server);
    }
    server.expect_bytes(&content());
    sender.join().unwrap();
    server.send(OK);
    assert_eq!(client.until("hi"), OK);
    assert_eq!(pair.connections_so_far(), 1.0);
}

#[test]
fn a_response_that_is_cut_is_cut_for_its_client_alone() {
    let application = Backend::start();
    let pair = Pair::of(&application);
    let (mut other, mut other_server) = pair.request(&application, GET);
    let (mut client, mut server) = pair.request(&application, "GET / HTTP/1.0\r\nHost: world\r\n\r\n");
    server.send("HTTP/1.0 200 OK\r\n\r\nhalf");
    client.until("half");
    server.reset();
    assert!(!client.ends_in_order());
    let (mut whole, mut server) = pair.request(&application, "GET / HTTP/1.0\r\nHost: world\r\n\r\n");
    server.send("HTTP/1.0 200 OK\r\n\r\nall");
    drop(server);
    whole.until("all");
    assert!(whole.ends_in_order());
    other_server.send(OK);
    assert_eq!(other.until("hi"), OK);
    assert_eq!(pair.connections_so_far(), 1.0);
}

#[test]
fn a_client_that_leaves_ends_its_request_alone() {
    let application = Backend::start();
    let pair = Pair::of(&application);
    let (mut other, mut other_server) = pair.request(&application, GET);
    let (client, mut server) = pair.request(&application, GET);
    client.reset();
    assert!(server.is_closed());
    other_server.send(OK);
    assert_eq!(other.until("hi"), OK);
    assert_eq!(pair.connections_so_far(), 1.0);
}

#[test]
fn a_request_that_is_cancelled_ends_at_its_server_however_long_it_took() {
    let application = Backend::start();
    let pair = Pair::of(&application);
    let (mut other, mut other_server) = pair.request(&application, GET);
    let (client, mut server) = pair.request(&application, GET);
    // Just after it began it is looked whether somebody is gone, then hardly ever.
    thread::sleep(Duration::from_millis(2500));
    client.reset();
    assert!(server.is_closed());
    other_server.send(OK);
    assert_eq!(other.until("hi"), OK);
    assert_eq!(pair.connections_so_far(), 1.0);
}

#[test]
fn requests_pass_by_a_connection_whose_peer_is_silent() {
    let application = answering();
    let pair = Pair::before(application.address, &[]);
    let mut first = pair.hello.connect();
    first.send(GET);
    first.until("hi");
    pair.world.proxy.signal("STOP");
    let connections = || pair.hello.metric("mesh_tcp_open_total", &["peer=\"dst\"", "tls=\"true\""]);
    let sockets = || connections_of(&pair.hello, pair.world.address);
    assert_eq!((connections(), sockets()), (1.0, 1));
    let waiting = RefCell::new(vec![first]);
    eventually("another connection is tried", || {
        let mut client = pair.hello.connect();
        client.send(GET);
        waiting.borrow_mut().push(client);
        thread::sleep(Duration::from_millis(200));
        sockets() > 1
    });
    pair.world.proxy.signal("CONT");
    for client in waiting.borrow_mut().iter_mut().skip(1) {
        assert_eq!(client.until("hi"), OK);
    }
}

#[test]
fn an_upgrade_makes_a_tunnel_of_a_stream() {
    let application = Backend::start();
    let pair = Pair::of(&application);
    let upgrade = "GET / HTTP/1.1\r\nHost: world\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n";
    let (mut client, mut server) = pair.request(&application, upgrade);
    server.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nwelcome");
    client.until("welcome");
    client.send("ping");
    server.expect("ping");
    client.finish();
    assert!(server.is_closed(), "the end arrives");
    server.send("last words");
    drop(server);
    assert_eq!(client.rest(), "last words");
    assert_eq!(pair.connections_so_far(), 1.0);
}

#[test]
fn a_drain_finishes_what_is_under_way_and_has_the_rest_go_elsewhere() {
    let application = Backend::start();
    let pair = Pair::of(&application);
    let (mut client, mut server) = pair.request(&application, GET);
    pair.world.proxy.signal("TERM");
    eventually("drains", || pair.world.proxy.admin("GET", "/ready").1.contains("draining"));
    server.send(OK);
    assert!(client.until("hi").starts_with("HTTP/1.1 200 \r\n"));
    let Pair { hello, world } = pair;
    let (status, log) = world.proxy.wait();
    assert_eq!(status, Some(0));
    assert!(log.contains("drained"), "{log}");
    let answer = hello.answer_to(b"GET / HTTP/1.1\r\nHost: world\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("mesh-proxy-error: connect-refused"), "{answer}");
}

#[test]
fn requests_that_are_cancelled_leave_nothing_behind() {
    let application = Backend::start();
    let pair = Pair::of(&application);
    let post = "POST / HTTP/1.1\r\nHost: world\r\nContent-Length: 1000000\r\n\r\n";
    for _ in 0..40 {
        let (mut upload, server) = pair.request(&application, post);
        upload.send([b'a'; 300_000]);
        let (download, mut other) = pair.request(&application, GET);
        other.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        other.send([b'a'; 300_000]);
        upload.reset();
        download.reset();
        drop((server, other));
    }
    let (mut whole, mut server) = pair.request(&application, post);
    let content = vec![b'b'; 1_000_000];
    whole.send(&content);
    server.expect_bytes(&content);
    server.send(OK);
    assert_eq!(whole.until("hi"), OK);
    eventually("their places are free", || pair.world.proxy.metric("mesh_served_connections") == 2.0);
    assert_eq!(pair.connections_so_far(), 1.0);
}
