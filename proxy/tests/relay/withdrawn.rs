//! Requests that are under way when the policy stops to allow them.

use mesh_proxy::proto::PermissionAction::{Allow, Audit, Deny};

use crate::backend::Backend;
use crate::governed::{Governed, from, of_http, permission};
use crate::harness::Client;
use crate::mesh::outbound;
use crate::stand_in::authority::{Authority, identity};
use crate::stand_in::proxy::eventually;

const EVENTS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n";
const UNTIL_CLOSE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfirst";
const BY_ADMIN: &str = "mesh-proxy: permission-denied by default/admin\n";

/// A client that asks for `path`, and the connection on which the application hears of it.
fn ask(mut client: Client, backend: &Backend, path: &str) -> (Client, Client) {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: world\r\n\r\n"));
    let mut server = backend.accept();
    server.until("\r\n\r\n");
    (client, server)
}

fn admin() -> mesh_proxy::proto::Permission {
    of_http(&[], "/admin", permission("admin", Deny))
}

fn closed(world: &Governed, peer: &str) -> f64 {
    world.relay.metric("mesh_tcp_close_total", &[&format!("peer=\"{peer}\""), r#"reason="denied""#])
}

#[test]
fn an_answer_that_has_begun_breaks_off_and_others_go_on() {
    let backend = Backend::start();
    let world = Governed::plain(backend.address, &[]);
    let begun = |path: &str, answer: &str| {
        let (mut client, mut server) = ask(world.relay.connect(), &backend, path);
        server.send(answer);
        let sent = client.until("first");
        assert!(sent.starts_with("HTTP/1.1 200 OK\r\n"));
        (client, server)
    };
    let denied = [begun("/admin/events", EVENTS), begun("/admin/old", UNTIL_CLOSE)];
    let (mut news, mut news_server) = begun("/news", EVENTS);
    world.permit(Allow, &[admin()]);
    for (mut client, mut server) in denied {
        assert!(matches!(client.rest().as_str(), "" | "\r\n"));
        assert!(server.is_closed());
    }
    news_server.send("4\r\nnext\r\n0\r\n\r\n");
    news.until("next\r\n0\r\n\r\n");

    assert_eq!((closed(&world, "src"), closed(&world, "dst")), (2.0, 2.0));
    assert_eq!(world.decisions("default/admin", "deny", ""), 2.0);
    let labels = [r#"status_code="200""#, r#"proxy_error="permission-denied""#];
    assert_eq!(world.relay.metric("mesh_responses_total", &labels), 2.0);
}

#[test]
fn a_request_without_an_answer_is_answered_and_its_connection_goes_on() {
    let backend = Backend::start();
    let world = Governed::plain(backend.address, &[]);
    let (mut client, mut server) = ask(world.relay.connect(), &backend, "/");
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    server.send(ok);
    client.expect(ok);
    // Of a request on a connection that was used before, the head is held until there is an answer.
    client.send("GET /admin/slow HTTP/1.1\r\nHost: world\r\n\r\nGET /next HTTP/1.1\r\nHost: world\r\n\r\n");
    server.until("/admin/slow HTTP/1.1\r\n");
    server.until("\r\n\r\n");
    world.permit(Allow, &[admin()]);
    let head = client.until("\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\nmesh-proxy-error: permission-denied\r\n"), "{head}");
    client.expect(BY_ADMIN);
    assert!(server.is_closed());
    let mut server = backend.accept();
    assert!(server.until("\r\n\r\n").starts_with("GET /next "));
    server.send(ok);
    client.expect(ok);

    assert_eq!((closed(&world, "src"), closed(&world, "dst")), (0.0, 1.0));
    let labels = [r#"status_code="403""#, r#"proxy_error="permission-denied""#];
    assert_eq!(world.relay.metric("mesh_responses_total", &labels), 1.0);
}

#[test]
fn a_request_that_is_still_being_sent_is_answered() {
    let backend = Backend::start();
    let world = Governed::plain(backend.address, &[]);
    let mut client = world.relay.connect();
    client.send(
        "POST /admin/upload HTTP/1.1\r\nHost: world\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
    );
    let mut server = backend.accept();
    server.until("part\r\n");
    world.permit(Allow, &[of_http(&["POST"], "/admin", permission("admin", Deny))]);
    let head = client.until("\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 403 ") && head.contains("connection: close\r\n"), "{head}");
    client.expect(BY_ADMIN);
    assert!(client.is_closed());
    assert!(server.is_closed());
}

#[test]
fn between_two_proxies_the_caller_is_told_by_its_certificate() {
    let authority = Authority::new();
    let backend = Backend::start();
    let world = Governed::certified(&authority, backend.address, &[]);
    let hello = outbound(&authority, world.relay.address, "world", &[]);
    world.permit(Deny, &[from(&identity("hello"), permission("hello", Allow))]);
    // After a first request, those of one proxy share a connection.
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let (mut first, mut server) = ask(hello.connect(), &backend, "/");
    server.send(ok);
    first.expect(ok);
    drop(server);
    let (mut waiting, mut waiting_server) = ask(hello.connect(), &backend, "/waiting");
    let (mut begun, mut begun_server) = ask(hello.connect(), &backend, "/begun");
    begun_server.send(EVENTS);
    begun.until("first");
    // Another permission that allows the same.
    world.permit(Deny, &[from(&identity("h*"), permission("all", Allow))]);
    eventually("in force", || {
        let mut denied = world.relay.connect();
        denied.send("GET / HTTP/1.1\r\nHost: world\r\n\r\n");
        denied.until("\r\n\r\n").contains(" 403 ")
    });
    begun_server.send("4\r\nnext\r\n");
    begun.until("next");
    // And none.
    world.permit(Deny, &[]);
    assert!(waiting.until("\r\n\r\n").starts_with("HTTP/1.1 403 "));
    waiting.expect("mesh-proxy: permission-denied by the mesh's default\n");
    assert!(begun.rest().len() <= 2);
    assert!(begun_server.is_closed() && waiting_server.is_closed());
    assert_eq!(world.decisions("", "deny", &identity("hello")), 2.0);
    let shared = [r#"peer="src""#, r#"tls="true""#];
    assert_eq!(world.relay.metric("mesh_tcp_open_connections", &shared), 1.0);
    // The application is not to blame, nor is its proxy.
    assert_eq!(hello.metric("mesh_retries_total", &[]), 0.0);
}

#[test]
fn what_decides_nothing_ends_nothing() {
    let authority = Authority::new();
    let backend = Backend::start();
    let port = backend.address.port();
    let probes = format!("{port}:/healthz");
    let world = Governed::certified(&authority, backend.address, &[("MESH_PROXY_PROBES", probes.as_str())]);
    world.permit(Allow, &[]);
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let (mut client, mut server) = ask(world.relay.connect(), &backend, "/events");
    server.send(EVENTS);
    client.until("first");
    let (mut probe, mut probe_server) = ask(world.relay.connect(), &backend, "/healthz");

    let other =
        mesh_proxy::proto::Permission { ports: vec![u32::from(port) ^ 1], ..permission("other", Deny) };
    world.permit(Allow, &[other, of_http(&[], "/seen", permission("note", Audit))]);
    eventually("in force", || {
        let (mut seen, mut server) = ask(world.relay.connect(), &backend, "/seen");
        server.send(ok);
        seen.expect(ok);
        world.decisions("default/note", "audit", "") > 0.0
    });
    server.send("4\r\nnext\r\n");
    client.until("next\r\n");

    world.permit(Allow, &[of_http(&[], "/events", permission("events", Allow))]);
    eventually("in force", || {
        let mut denied = world.relay.connect();
        denied.send("GET / HTTP/1.1\r\nHost: world\r\n\r\n");
        denied.until("\r\n\r\n").contains(" 403 ")
    });
    server.send("4\r\nlast\r\n0\r\n\r\n");
    client.until("last\r\n0\r\n\r\n");
    probe_server.send(ok);
    probe.expect(ok);
    assert_eq!(closed(&world, "src"), 0.0);
}
