//! Who may call the application, as the control plane says.

use std::time::{Duration, Instant};

use mesh_proxy::proto::PermissionAction::{Allow, Audit, Deny};

use crate::backend::{Backend, Served};
use crate::governed::{Governed, from, of_http, permission};
use crate::harness::Client;
use crate::mesh::outbound;
use crate::stand_in::authority::{Authority, identity};
use crate::stand_in::hello::client_hello;
use crate::stand_in::proxy::eventually;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn answering() -> Served {
    Backend::answering(|_| OK.to_owned())
}

/// Status, reason and body of the answer to a request on an open connection.
fn ask(client: &mut Client, path: &str) -> String {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: world\r\n\r\n"));
    let head = client.until("\r\n\r\n");
    let length = head.to_lowercase().split_once("content-length: ").unwrap().1.to_owned();
    let mut body = vec![0; length.split_once("\r\n").unwrap().0.parse().unwrap()];
    std::io::Read::read_exact(&mut client.0, &mut body).unwrap();
    let status = head.split(' ').nth(1).unwrap();
    let reason = head.lines().find_map(|line| line.strip_prefix("mesh-proxy-error: ")).unwrap_or("-");
    format!("{status} {reason} {}", String::from_utf8(body).unwrap().trim_end())
}

/// Asks until the answer is this one, on one connection.
fn ask_until(client: &mut Client, path: &str, expected: &str) {
    let start = Instant::now();
    loop {
        let answer = ask(client, path);
        if answer == expected {
            return;
        }
        assert!(start.elapsed() < crate::stand_in::DEADLINE, "{answer} instead of {expected}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

const BY_ADMIN: &str = "403 permission-denied mesh-proxy: permission-denied by default/admin";
const BY_DEFAULT: &str = "403 permission-denied mesh-proxy: permission-denied by the mesh's default";
const NOT_ALLOWED: &str = "403 permission-denied mesh-proxy: permission-denied as no permission allows it";

#[test]
fn a_change_is_in_force_for_the_next_request_on_an_open_connection() {
    let application = answering();
    let world = Governed::plain(application.address, &[]);
    let mut client = world.relay.connect();
    assert_eq!(ask(&mut client, "/admin"), "200 - hi");
    let admin = of_http(&[], "/admin", permission("admin", Deny));
    world.permit(Allow, std::slice::from_ref(&admin));
    ask_until(&mut client, "/admin/users?x", BY_ADMIN);
    assert_eq!(ask(&mut client, "/x/..//%61dmin"), BY_ADMIN);
    assert_eq!(ask(&mut client, "/administrators"), "200 - hi");
    world.permit(Deny, &[of_http(&["PUT"], "", permission("put", Allow))]);
    ask_until(&mut client, "/admin", NOT_ALLOWED);
    world.permit(Deny, &[]);
    ask_until(&mut client, "/", BY_DEFAULT);
    world.permit(Allow, &[]);
    ask_until(&mut client, "/admin", "200 - hi");

    // A request that is under way when it is no longer allowed ends, with its connection to the application.
    assert!(application.connections() <= 4);
    assert!(world.decisions("default/admin", "deny", "") >= 2.0);
    assert_eq!(world.decisions("default/put", "allow", ""), 0.0);
    assert!(world.decisions("", "deny", "") >= 2.0);
    let labels = [r#"status_code="403""#, r#"proxy_error="permission-denied""#, r#"dst_workload=""#];
    let denied = world.relay.metric("mesh_permission_decisions_total", &[r#"action="deny""#]);
    assert_eq!(world.relay.metric("mesh_responses_total", &labels), denied);
}

#[test]
fn a_client_is_told_by_its_certificate() {
    let authority = Authority::new();
    let application = answering();
    let world = Governed::certified(&authority, application.address, &[]);
    let hello = outbound(&authority, world.relay.address, "world", &[]);
    let mut secured = hello.connect();
    let mut plain = world.relay.connect();
    assert_eq!(ask(&mut secured, "/"), "200 - hi");
    assert_eq!(ask(&mut plain, "/"), "200 - hi");
    world.permit(Allow, &[from(&identity("hello"), permission("hello", Allow))]);
    ask_until(&mut plain, "/", NOT_ALLOWED);
    assert_eq!(ask(&mut secured, "/"), "200 - hi");
    world.permit(Allow, &[from(&identity("hell"), permission("hello", Allow))]);
    ask_until(&mut secured, "/", NOT_ALLOWED);
    world.permit(Allow, &[from(&identity("h*"), permission("admin", Deny))]);
    ask_until(&mut secured, "/", BY_ADMIN);
    ask_until(&mut plain, "/", "200 - hi");

    let of = |namespace: &str, tls: &str| {
        let labels = [format!("src_namespace=\"{namespace}\""), format!("tls=\"{tls}\"")];
        world.relay.metric("mesh_requests_total", &[&labels[0], &labels[1]])
    };
    assert!(of("default", "true") >= 4.0 && of("", "false") >= 3.0);
    assert_eq!((of("", "true"), of("default", "false")), (0.0, 0.0));
    assert!(world.decisions("default/hello", "allow", &identity("hello")) >= 1.0);
    assert!(world.decisions("", "deny", &identity("hello")) >= 1.0);
    assert!(world.decisions("", "deny", "") >= 1.0);
    // A refusal is the application's answer to the calling side: it is not sent again, and nobody is ejected for it.
    assert_eq!(hello.metric("mesh_retries_total", &[]), 0.0);
}

#[test]
fn what_is_no_http_is_closed_and_a_tunnel_as_soon_as_it_is_not_allowed() {
    let application = Backend::start();
    let world = Governed::plain(application.address, &[]);
    let mut client = world.relay.connect();
    let mut server = application.accept();
    server.send("220 ready\r\n");
    client.expect("220 ready\r\n");

    world.permit(Allow, &[of_http(&[], "", permission("http", Allow))]);
    assert!(client.is_closed());
    assert!(server.is_closed());
    for opening in [b"EHLO example\r\n".to_vec(), client_hello(Some("world"), 0)] {
        let mut client = world.relay.connect();
        client.send(opening);
        assert!(client.is_closed());
    }
    assert!(application.was_left_alone());
    let closed = [r#"peer="src""#, r#"reason="denied""#];
    assert_eq!(world.relay.metric("mesh_tcp_close_total", &closed), 3.0);
    assert_eq!(world.decisions("", "deny", ""), 3.0);
}

#[test]
fn a_server_that_speaks_first_says_nothing_to_whom_it_may_not_serve() {
    let application = Backend::start();
    let world = Governed::plain(application.address, &[]);
    world.permit(Deny, &[of_http(&["GET"], "", permission("get", Allow))]);
    eventually("in force", || {
        world.relay.answer_to(b"EHLO example\r\n").is_empty() && world.decisions("", "deny", "") > 0.0
    });
    while !application.was_left_alone() {}
    let mut silent = world.relay.connect();
    std::thread::sleep(Duration::from_millis(200));
    assert!(application.was_left_alone());
    // It may still turn out to speak HTTP.
    silent.send("GET / HTTP/1.1\r\nHost: world\r\n\r\n");
    let mut server = application.accept();
    server.until("\r\n\r\n");
    server.send(OK);
    assert_eq!(silent.until("hi"), OK);
}

#[test]
fn an_upgraded_connection_ends_with_what_allowed_its_request() {
    let application = Backend::start();
    let world = Governed::plain(application.address, &[]);
    let mut tunnels: Vec<_> = ["/chat", "/news"]
        .into_iter()
        .map(|path| {
            let mut client = world.relay.connect();
            client.send(format!(
                "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
            ));
            let mut server = application.accept();
            server.until("\r\n\r\n");
            let head =
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
            server.send(head);
            client.expect(head);
            (client, server)
        })
        .collect();
    world.permit(Allow, &[of_http(&[], "/chat", permission("chat", Deny))]);
    let (mut news, mut news_server) = tunnels.pop().unwrap();
    let (mut chat, mut chat_server) = tunnels.pop().unwrap();
    assert!(chat.is_closed());
    assert!(chat_server.is_closed());
    news.send("still");
    news_server.expect("still");
}

#[test]
fn a_tunnel_between_two_proxies_ends_as_soon_as_it_is_not_allowed() {
    let authority = Authority::new();
    let application = Backend::start();
    let world = Governed::certified(&authority, application.address, &[]);
    let hello = outbound(&authority, world.relay.address, "world", &[]);
    world.permit(Deny, &[from(&identity("hello"), permission("hello", Allow))]);
    let mut plain = world.relay.connect();
    plain.send("\0");
    assert!(plain.is_closed());
    let mut client = hello.connect();
    client.send("CONNECT world:80 HTTP/1.1\r\nHost: world:80\r\n\r\n");
    client.until("\r\n\r\n");
    client.send("\x01");
    let mut server = application.accept();
    server.expect("\x01");
    world.permit(Deny, &[]);
    assert!(client.is_closed());
    assert!(server.is_closed());
    assert_eq!(world.decisions("default/hello", "allow", &identity("hello")), 1.0);
    assert_eq!(world.decisions("", "deny", &identity("hello")), 1.0);
}

#[test]
fn nobody_is_served_before_it_is_known_who_may_call() {
    let authority = Authority::new();
    let application = Backend::start();
    let world = Governed::certified(&authority, application.address, &[]);
    let mut early = world.relay.connect();
    early.send("GET / HTTP/1.1\r\nHost: world\r\n\r\n");
    world.permit(Deny, &[]);
    assert!(early.until("\r\n\r\n").starts_with("HTTP/1.1 403 "));
    assert!(application.was_left_alone());
}

#[test]
fn without_a_word_of_the_control_plane_everybody_is_served_after_a_while() {
    let authority = Authority::new();
    let application = answering();
    let world = Governed::certified(&authority, application.address, &[]);
    assert_eq!(ask(&mut world.relay.connect(), "/"), "200 - hi");
    let relay = world.leave_alone();
    relay.proxy.signal("TERM");
    let (_, log) = relay.proxy.wait();
    assert!(log.contains("has not said who may call"), "{log}");
}

#[test]
fn the_last_policy_stays_in_force_while_the_control_plane_is_away() {
    let application = answering();
    let world = Governed::plain(application.address, &[]);
    let mut client = world.relay.connect();
    world.permit(Deny, &[]);
    ask_until(&mut client, "/", BY_DEFAULT);
    let relay = world.leave_alone();
    assert_eq!(ask(&mut client, "/"), BY_DEFAULT);
    assert_eq!(ask(&mut relay.connect(), "/"), BY_DEFAULT);
}

#[test]
fn an_audit_only_counts() {
    let application = answering();
    let world = Governed::plain(application.address, &[]);
    let mut client = world.relay.connect();
    world.permit(Allow, &[of_http(&[], "/audited", permission("note", Audit))]);
    eventually("in force", || {
        ask(&mut world.relay.connect(), "/audited") == "200 - hi"
            && world.decisions("default/note", "audit", "") >= 1.0
    });
    let before = world.decisions("default/note", "audit", "");
    let allowed = world.decisions("", "allow", "");
    assert_eq!(ask(&mut client, "/"), "200 - hi");
    assert_eq!(ask(&mut client, "/audited"), "200 - hi");
    assert_eq!(world.decisions("default/note", "audit", ""), before + 1.0);
    assert_eq!(world.decisions("", "allow", ""), allowed + 2.0);
}

#[test]
fn kubelets_probes_reach_the_application_whoever_may_call_it() {
    let authority = Authority::new();
    let application = answering();
    let port = application.address.port();
    let probes = format!("{port}:/healthz?full");
    let variables = [("MESH_PROXY_PROBES", probes.as_str()), ("MESH_PROXY_INBOUND_TLS", "strict")];
    let strict = Governed::certified(&authority, application.address, &variables);
    let mut client = strict.relay.connect();
    let required = "403 identity-required mesh-proxy: identity-required";
    assert_eq!(ask(&mut client, "/"), required);
    assert_eq!(ask(&mut client, "/healthz?full"), "200 - hi");
    assert_eq!(ask(&mut client, "/healthz"), required);

    let permissive = Governed::plain(application.address, &variables[..1]);
    let mut client = permissive.relay.connect();
    permissive.permit(Deny, &[]);
    ask_until(&mut client, "/", BY_DEFAULT);
    assert_eq!(ask(&mut client, "/healthz?full"), "200 - hi");
    // One that only looks whether somebody listens is nobody to be decided about.
    let denied = permissive.decisions("", "deny", "");
    permissive.relay.connect().finish();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(permissive.decisions("", "deny", ""), denied);
}
