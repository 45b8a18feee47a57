//! Bodies of any size, slow readers, and many connections.

use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::backend::Backend;
use crate::harness::{Client, GET, Relay};
use crate::stand_in::DEADLINE;
use crate::stand_in::proxy::eventually;

/// More than all the buffers between two sockets hold: the kernel's grow to some megabytes each.
const MUCH: usize = 256 << 20;

/// Writes until nothing more is taken for a while, and says how much was.
fn fill(sender: &mut Client) -> usize {
    let block = vec![b'x'; 1 << 16];
    let mut written = 0;
    sender.0.set_write_timeout(Some(Duration::from_millis(700))).unwrap();
    while written < MUCH {
        match sender.0.write(&block) {
            Ok(length) => written += length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => panic!("{error}"),
        }
    }
    sender.0.set_write_timeout(Some(DEADLINE)).unwrap();
    written
}

fn read_all(receiver: &mut Client, length: usize) {
    let mut block = vec![0; 1 << 16];
    let mut left = length;
    while left > 0 {
        let most = left.min(block.len());
        let read = receiver.0.read(&mut block[..most]).unwrap();
        assert!(read > 0 && block[..read].iter().all(|byte| *byte == b'x'), "{left} bytes are missing");
        left -= read;
    }
}

/// Resident memory of the proxy.
fn memory(relay: &Relay) -> f64 {
    relay.proxy.metric("process_resident_memory_bytes")
}

#[test]
fn a_slow_reader_slows_the_sender_and_the_proxy_holds_little() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    client.send(format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {MUCH}\r\n\r\n"));
    let mut application = backend.accept();
    application.until("\r\n\r\n");
    let before = memory(&relay);
    let uploaded = fill(&mut client);
    application.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {MUCH}\r\n\r\n"));
    client.until("\r\n\r\n");
    let downloaded = fill(&mut application);
    assert!(uploaded < MUCH && downloaded < MUCH, "the sender is never slowed");
    let held = memory(&relay) - before;
    assert!(held < 2e6, "the proxy holds {held} bytes");
    read_all(&mut application, uploaded);
    read_all(&mut client, downloaded);
}

#[test]
fn a_request_that_is_answered_early_still_arrives_whole() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc");
    let mut application = backend.accept();
    application.until("abc");
    application.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    client.until("ok");
    client.send("def");
    application.expect("def");
    client.send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(application.until("\r\n\r\n").starts_with("GET /next "));
}

#[test]
fn a_request_that_is_refused_before_its_end_is_not_read_on_and_the_client_is_told() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let request = "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n";
    for (begun, connection) in [("", ""), ("abc", "Connection: close\r\n"), ("", "Connection: close\r\n")] {
        let mut client = relay.connect();
        client.send(format!("{request}{begun}"));
        let mut application = backend.accept();
        application.until(&format!("\r\n\r\n{begun}"));
        application.send(format!("HTTP/1.1 417 No\r\n{connection}Content-Length: 2\r\n\r\nno"));
        assert!(client.until("\r\n\r\n").contains("\r\nConnection: close\r\n"));
        client.expect("no");
        assert!(client.is_closed() && application.is_closed());
    }
}

#[test]
fn a_body_and_its_response_flow_at_the_same_time() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut application = backend.accept();
    application.until("\r\n\r\n");
    application.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.until("\r\n\r\n");
    for _ in 0..20 {
        client.send("3\r\nabc\r\n");
        application.expect("3\r\nabc\r\n");
        application.send("2\r\nxy\r\n");
        client.expect("2\r\nxy\r\n");
    }
    client.send("0\r\n\r\n");
    application.expect("0\r\n\r\n");
    application.send("0\r\n\r\n");
    client.expect("0\r\n\r\n");
    client.send(GET);
    application.until("\r\n\r\n");
}

#[test]
fn a_response_that_comes_before_the_request_is_over_is_received_whole() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\nsome");
    let mut application = backend.accept();
    application.until("some");
    application.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!");
    drop(application);
    let sender = thread::spawn({
        let mut socket = client.0.try_clone().unwrap();
        move || while socket.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let response = client.rest();
    assert!(response.starts_with("HTTP/1.1 413 ") && response.ends_with("no!"), "{response}");
    drop(client);
    sender.join().unwrap();
}

#[test]
fn large_bodies_arrive_whole_both_ways() {
    const LENGTH: usize = 20 << 20;
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    let echo = thread::spawn(move || {
        let mut application = backend.accept();
        application.until("\r\n\r\n");
        application.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n"));
        let mut block = vec![0; 10_000];
        let mut left = LENGTH;
        while left > 0 {
            let read = application.0.read(&mut block).unwrap();
            application.send(&block[..read]);
            left -= read;
        }
    });
    let mut sender = Client::new(client.0.try_clone().unwrap());
    let upload = thread::spawn(move || {
        sender.send(format!("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: {LENGTH}\r\n\r\n"));
        sender.send(vec![b'x'; LENGTH]);
    });
    client.until("\r\n\r\n");
    read_all(&mut client, LENGTH);
    upload.join().unwrap();
    echo.join().unwrap();
}

#[test]
fn connections_are_used_again_after_large_responses() {
    const LENGTH: usize = 1 << 20;
    const CLIENTS: usize = 8;
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n{}", "x".repeat(LENGTH));
    let backend = Backend::answering(move |_| response.clone());
    let relay = Relay::inbound(backend.address, &[]);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = relay.connect();
                for _ in 0..25 {
                    client.send(GET);
                    client.until("\r\n\r\n");
                    read_all(&mut client, LENGTH);
                }
            });
        }
    });
    assert!(backend.connections() <= CLIENTS);
}

#[test]
fn many_idle_connections_cost_little_and_all_still_work() {
    const MANY: usize = 2000;
    let backend = Backend::answering(|_| "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned());
    let relay = Relay::outbound(&[("x", &[backend.address])], &[]);
    let before = memory(&relay);
    let mut clients: Vec<_> = (0..MANY).map(|_| relay.connect()).collect();
    for _ in 0..2 {
        for client in &mut clients {
            client.send(GET);
            client.expect("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    }
    let each = (memory(&relay) - before) / MANY as f64;
    assert!(each < 6000.0, "{each} bytes a connection");
    assert!(backend.connections() < 10, "requests one at a time need few connections");
    drop(clients);
    let open = || relay.metric("mesh_tcp_open_connections", &["peer=\"src\""]);
    eventually("the connections are gone", || open() == 0.0);
}

#[test]
fn a_sender_of_single_bytes_in_a_body_is_served() {
    let backend = Backend::start();
    let relay = Relay::inbound(backend.address, &[]);
    let mut client = relay.connect();
    let start = Instant::now();
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n");
    let mut application = backend.accept();
    application.until("\r\n\r\n");
    for _ in 0..20 {
        client.send("x");
        application.expect("x");
    }
    assert!(start.elapsed() < DEADLINE);
    application.send("HTTP/1.1 204 No Content\r\n\r\n");
    client.expect("HTTP/1.1 204 No Content\r\n\r\n");
}
