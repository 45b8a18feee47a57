//! Connections between two proxies that requests share, and that end: none of the requests fares worse than on one of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use mesh_proxy::proto::PermissionAction::{Allow, Deny};

use crate::backend::Backend;
use crate::governed::{Governed, of_http, permission};
use crate::harness::{Client, nobody};
use crate::mesh::{inbound, outbound};
use crate::pair::{GET, OK, POST, Pair, Told, answering};
use crate::stand_in::authority::Authority;
use crate::stand_in::proxy::eventually;

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: world\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n";
const UPGRADED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n";

/// Clients that have sent `request` at the same time.
fn at_once(hello: &crate::harness::Relay, count: usize, request: &str) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..count).map(|_| hello.connect()).collect();
    for client in &mut clients {
        client.send(request);
    }
    clients
}

#[test]
fn requests_that_come_while_there_is_no_connection_wait_for_the_same_one() {
    let application = answering();
    let authority = Authority::new();
    let world = inbound(&authority, "world", application.address, &[]);
    let address = world.address.to_string();
    let hello = outbound(&authority, world.address, "world", &[]);
    for client in &mut at_once(&hello, 32, GET) {
        assert_eq!(client.until("hi"), OK);
    }
    let connections = |world: &crate::harness::Relay| {
        world.metric("mesh_tcp_open_total", &["peer=\"src\"", "tls=\"true\""])
    };
    assert_eq!(connections(&world), 1.0);
    drop(world);
    let pair = format!("{address}={}", application.address);
    let world = inbound(&authority, "world", application.address, &[("MESH_PROXY_INBOUND", &pair)]);
    for client in &mut at_once(&hello, 32, POST) {
        assert_eq!(client.until("hi"), OK);
    }
    assert_eq!(connections(&world), 1.0);
}

#[tokio::test]
async fn requests_that_wait_for_a_connection_that_cannot_be_made_go_elsewhere_or_are_told_why() {
    let application = answering();
    let authority = Authority::new();
    let world = inbound(&authority, "world", application.address, &[]);
    let told = Told::of(&authority, nobody()).await;
    for client in &mut at_once(&told.hello, 16, POST) {
        assert!(client.until("\r\n\r\n").contains("mesh-proxy-error: connect-refused"));
    }
    told.endpoints(&[nobody(), world.address]).await;
    eventually("the other endpoint is known", || {
        let mut client = told.hello.connect();
        client.send(GET);
        client.until("\r\n\r\n").starts_with("HTTP/1.1 200 ")
    });
    for client in &mut at_once(&told.hello, 16, POST) {
        assert_eq!(client.until("hi"), OK);
    }
}

#[tokio::test]
async fn requests_that_a_proxy_has_no_room_for_go_elsewhere() {
    let application = answering();
    let authority = Authority::new();
    let full = inbound(&authority, "world", application.address, &[("MESH_PROXY_MAX_CONNECTIONS", "1")]);
    let spare = inbound(&authority, "world", application.address, &[]);
    let told = Told::of(&authority, spare.address).await;
    told.endpoints(&[full.address, spare.address]).await;
    let refused = || full.metric("mesh_limit_reached_total", &["limit=\"connections\""]);
    eventually("one is refused", || {
        for client in &mut at_once(&told.hello, 100, POST) {
            assert_eq!(client.until("hi"), OK);
        }
        refused() > 0.0
    });
}

#[tokio::test]
async fn a_proxy_that_is_killed_breaks_off_what_it_answers_and_the_rest_goes_elsewhere_where_it_may() {
    let (application, other) = (Backend::start(), answering());
    let authority = Authority::new();
    let world = inbound(&authority, "world", application.address, &[]);
    let spare = inbound(&authority, "world", other.address, &[]);
    let told = Told::of(&authority, world.address).await;
    drop(application.accept());
    let request = |request: &str| {
        let mut client = told.hello.connect();
        client.send(request);
        let mut server = application.accept();
        server.until("\r\n\r\n");
        (client, server)
    };
    let (mut answered, mut server) = request(GET);
    server.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    answered.until("half");
    let (mut idempotent, _server) = request(GET);
    let (mut posted, _another_server) = request(POST);
    told.endpoints(&[world.address, spare.address]).await;
    eventually("the other endpoint is known", || {
        let mut client = told.hello.connect();
        client.send(GET);
        client.0.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        std::io::Read::read(&mut client.0, &mut [0]).is_ok_and(|length| length > 0)
    });
    world.proxy.signal("KILL");
    assert!(answered.is_closed(), "not a byte more");
    assert_eq!(idempotent.until("hi"), OK);
    let answer = posted.until("\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("upstream-reset"), "{answer}");
}

#[tokio::test]
async fn proxies_are_replaced_one_after_the_other_and_no_request_is_lost() {
    let application = answering();
    let authority = Authority::new();
    let start = || inbound(&authority, "world", application.address, &[]);
    let mut worlds = vec![start(), start()];
    let told = Told::of(&authority, worlds[0].address).await;
    let addresses =
        |worlds: &[crate::harness::Relay]| -> Vec<_> { worlds.iter().map(|world| world.address).collect() };
    told.endpoints(&addresses(&worlds)).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..6)
        .map(|number| {
            let (is_over, address) = (Arc::clone(&is_over), told.hello.address);
            thread::spawn(move || {
                let mut client = Client::new(std::net::TcpStream::connect(address).unwrap());
                let mut count = 0;
                while !is_over.load(SeqCst) {
                    client.send(if number % 2 == 0 { GET } else { POST });
                    assert_eq!(client.until("hi"), OK);
                    count += 1;
                }
                count
            })
        })
        .collect();
    for _ in 0..2 {
        let old = worlds.remove(0);
        worlds.push(start());
        thread::sleep(Duration::from_millis(200));
        // The control plane hears of it later than the proxy itself.
        old.proxy.signal("TERM");
        thread::sleep(Duration::from_millis(100));
        told.endpoints(&addresses(&worlds)).await;
        assert_eq!(old.proxy.wait().0, Some(0));
    }
    is_over.store(true, SeqCst);
    for caller in callers {
        assert!(caller.join().unwrap() > 10);
    }
}

#[test]
fn a_new_certificate_has_a_new_connection_and_what_is_under_way_ends_on_the_old_one() {
    let authority = Authority::new();
    authority.change(|terms| {
        terms.lifetime = Duration::from_secs(60);
        terms.renew_in = Duration::from_secs(1);
    });
    let application = Backend::start();
    let world = inbound(&authority, "world", application.address, &[]);
    let hello = outbound(&authority, world.address, "world", &[]);
    let request = || {
        let mut client = hello.connect();
        client.send(GET);
        let mut server = application.accept();
        server.until("\r\n\r\n");
        (client, server)
    };
    let (mut client, mut server) = request();
    let opened = || world.metric("mesh_tcp_open_total", &["peer=\"src\"", "tls=\"true\""]);
    eventually("there is another connection", || {
        let (mut other, mut server) = request();
        server.send(OK);
        other.until("hi") == OK && opened() > 1.0
    });
    server.send(OK);
    assert_eq!(client.until("hi"), OK);
    authority.change(|terms| terms.renew_in = Duration::from_secs(3600));
    drop((client, server));
    let open = || world.metric("mesh_tcp_open_connections", &["peer=\"src\"", "tls=\"true\""]);
    eventually("the old ones are gone", || {
        let (mut other, mut server) = request();
        server.send(OK);
        other.until("hi") == OK && open() == 1.0
    });
}

#[test]
fn a_connection_that_nobody_uses_ends_at_the_idle_timeout() {
    let application = answering();
    let pair = Pair::with(application.address, &[("MESH_PROXY_IDLE_TIMEOUT", "2s")]);
    let start = std::time::Instant::now();
    for client in &mut at_once(&pair.hello, 4, GET) {
        assert_eq!(client.until("hi"), OK);
    }
    assert_eq!(pair.connections(), 1.0);
    let closed = |relay: &crate::harness::Relay, peer: &str| {
        relay.metric("mesh_tcp_close_total", &[&format!("peer=\"{peer}\""), "reason=\"idle\""])
    };
    // Both ends have the same patience, and either may be the first to lose it.
    eventually("it is closed", || closed(&pair.hello, "dst") + closed(&pair.world, "src") >= 1.0);
    assert!(start.elapsed() >= Duration::from_secs(2));
    eventually("at both ends", || pair.connections() == 0.0);
    let mut client = pair.hello.connect();
    client.send(POST);
    assert_eq!(client.until("hi"), OK);
}

#[test]
fn a_request_that_comes_just_when_its_server_closes_an_idle_connection_is_answered() {
    let application = answering();
    let authority = Authority::new();
    let variables = [("MESH_PROXY_IDLE_TIMEOUT", "300ms")];
    let world = inbound(&authority, "world", application.address, &variables);
    let hello = outbound(&authority, world.address, "world", &[]);
    for pause in (0..8).map(|number| 250 + 20 * number) {
        let mut client = hello.connect();
        client.send(POST);
        assert_eq!(client.until("hi"), OK);
        thread::sleep(Duration::from_millis(pause));
    }
}

#[test]
fn a_changed_permission_ends_streams_that_are_under_way() {
    let authority = Authority::new();
    let application = Backend::start();
    let world = Governed::certified(&authority, application.address, &[]);
    world.permit(Allow, &[]);
    let hello = outbound(&authority, world.relay.address, "world", &[]);
    let mut chat = hello.connect();
    chat.send(UPGRADE);
    let mut server = application.accept();
    server.until("\r\n\r\n");
    server.send(UPGRADED);
    chat.expect(UPGRADED);
    let mut client = hello.connect();
    client.send(GET);
    let mut another = application.accept();
    another.until("\r\n\r\n");

    world.permit(Allow, &[of_http(&[], "/", permission("none", Deny))]);
    assert!(chat.is_closed());
    assert!(server.is_closed());
    let denied = |peer: &str| {
        let peer = format!("peer=\"{peer}\"");
        world.relay.metric("mesh_tcp_close_total", &[&peer, "reason=\"denied\""])
    };
    assert!(client.until("default/none\n").starts_with("HTTP/1.1 403 "), "it had no answer yet");
    assert!(another.is_closed());
    eventually("it is counted", || denied("src") == 1.0 && denied("dst") == 2.0);
    client.send(GET);
    assert!(client.until("\r\n\r\n").starts_with("HTTP/1.1 403 "));
    assert_eq!(world.relay.metric("mesh_tcp_open_total", &["peer=\"src\"", "tls=\"true\""]), 1.0);
}

#[test]
fn a_server_with_several_workers_gets_more_than_one_connection_for_many_requests() {
    let application = Backend::start();
    let pair = Pair::with(application.address, &[("MESH_PROXY_WORKERS", "1")]);
    let mut clients = at_once(&pair.hello, 16, GET);
    let mut servers: Vec<_> = (0..16).map(|_| application.accept()).collect();
    assert_eq!(pair.connections_so_far(), 1.0);
    clients.extend(at_once(&pair.hello, 84, GET));
    servers.extend((0..84).map(|_| application.accept()));
    eventually("there is another", || pair.connections() > 1.0);
    clients.extend(at_once(&pair.hello, 30, GET));
    servers.extend((0..30).map(|_| application.accept()));
    for server in &mut servers {
        server.until("\r\n\r\n");
        server.send(OK);
    }
    for client in &mut clients {
        assert_eq!(client.until("hi"), OK);
    }
    assert!(pair.connections_so_far() <= 3.0);
}
