//! Who may call the application by HTTP/2 and gRPC.

use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::Builder;
use h2::ext::Protocol;
use http::{Method, Request};
use mesh_proxy::proto::PermissionAction::{Allow, Deny};

use super::application::{Application, echo};
use super::client::{Answer, Client, get, post, within};
use super::governed::{Governed, from, of_http, permission};
use super::mesh::outbound;
use super::stand_in::DEADLINE;
use super::stand_in::authority::{Authority, identity};

fn call(path: &str) -> Request<()> {
    let mut request = post(&format!("http://world{path}"));
    request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    request
}

/// Asks on one connection until the answer has this reason.
async fn ask_until(client: &Client, request: impl Fn() -> Request<()>, reason: &str) -> Answer {
    let start = Instant::now();
    loop {
        let answer = client.ask(request(), "").await;
        if answer.field("mesh-proxy-error") == reason {
            return answer;
        }
        assert!(start.elapsed() < DEADLINE, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn each_stream_is_decided_about_and_a_call_is_told_by_a_status() {
    let application = Application::serving(echo).await;
    let authority = Authority::new();
    let world = Governed::certified(&authority, application.address, &[]);
    let hello = outbound(&authority, world.relay.address, "world", &[]);
    for address in [world.relay.address, hello.address] {
        let client = Client::connect(address).await;
        world.permit(Allow, &[]);
        ask_until(&client, || get("http://world/admin"), "").await;
        world.permit(Allow, &[of_http(&[], "/admin", permission("admin", Deny))]);
        let denied = ask_until(&client, || get("http://world/admin/x"), "permission-denied").await;
        assert_eq!((denied.status, denied.text()), (403, "mesh-proxy: permission-denied by default/admin\n"));
        let denied = client.ask(call("/admin/Method"), "").await;
        assert_eq!((denied.status, denied.field("grpc-status")), (200, "7"));
        assert_eq!(denied.field("grpc-message"), "mesh-proxy: permission-denied by default/admin");
        assert_eq!(client.ask(get("http://world/"), "").await.status, 200);
    }
    for client in ["", &identity("hello")] {
        assert!(world.decisions("default/admin", "deny", client) >= 2.0, "{client}");
        assert!(world.decisions("", "allow", client) >= 1.0, "{client}");
    }
    let labels = [r#"protocol="grpc""#, r#"grpc_status="7""#, r#"proxy_error="permission-denied""#];
    assert_eq!(world.relay.metric("mesh_responses_total", &labels), 2.0);
    let from_namespace = [r#"protocol="http2""#, r#"src_namespace="default""#, r#"tls="true""#];
    assert!(world.relay.metric("mesh_requests_total", &from_namespace) >= 3.0);

    world.permit(Deny, &[from(&identity("hello"), permission("hello", Allow))]);
    let plain = Client::connect(world.relay.address).await;
    ask_until(&plain, || get("http://world/"), "permission-denied").await;
    assert_eq!(Client::connect(hello.address).await.ask(get("http://world/"), "").await.status, 200);
}

#[tokio::test]
async fn a_stream_that_is_a_tunnel_ends_as_soon_as_it_is_not_allowed() {
    let application = Application::serving(echo).await;
    let world = Governed::plain(application.address, &[]);
    let client = Client::with(Builder::new().enable_push(false), world.relay.address).await;
    client.ask(get("http://world/"), "").await;
    let request = Request::builder().method(Method::CONNECT).uri("http://world/chat");
    let request = request.extension(Protocol::from_static("websocket")).body(()).unwrap();
    let (response, mut sink) = client.begin(request).await;
    let mut source = within(response).await.unwrap().into_body();
    sink.send_data(Bytes::from_static(b"ping"), false).unwrap();
    assert_eq!(within(source.data()).await.unwrap().unwrap(), "ping");
    world.permit(Allow, &[of_http(&["CONNECT"], "/chat", permission("chat", Deny))]);
    assert!(within(source.data()).await.unwrap().unwrap_err().is_reset());
    assert_eq!(client.ask(get("http://world/chat"), "").await.status, 200);
    assert_eq!(world.decisions("default/chat", "deny", ""), 1.0);
    let labels = [r#"status_code="200""#, r#"proxy_error="permission-denied""#];
    assert_eq!(world.relay.metric("mesh_responses_total", &labels), 1.0);
}

#[tokio::test]
async fn in_strict_mode_plain_text_is_told_why_and_kubelets_check_passes() {
    let application = Application::serving(echo).await;
    let authority = Authority::new();
    let port = application.address.port().to_string();
    let probes = format!("{port}:grpc");
    let variables = [
        ("MESH_PROXY_INBOUND_TLS", "strict"),
        ("MESH_PROXY_PROBES", probes.as_str()),
        ("MESH_PROXY_OPAQUE_PORTS", port.as_str()),
    ];
    let world = Governed::certified(&authority, application.address, &variables);
    let client = Client::connect(world.relay.address).await;
    let answer = client.ask(get("http://world/"), "").await;
    assert_eq!((answer.status, answer.field("mesh-proxy-error")), (403, "identity-required"));
    let answer = client.ask(call("/grpc.health.v1.Health/Watch"), "").await;
    assert_eq!((answer.field("grpc-status"), answer.field("mesh-proxy-error")), ("7", "identity-required"));
    assert_eq!(application.connections(), 0);
    let answer = client.ask(call("/grpc.health.v1.Health/Check"), "").await;
    assert_eq!((answer.status, answer.field("mesh-proxy-error")), (200, ""));
}

#[tokio::test]
async fn a_client_beyond_the_number_of_connections_is_told_so() {
    let application = Application::serving(echo).await;
    let world = Governed::plain(application.address, &[("MESH_PROXY_MAX_CONNECTIONS", "1")]);
    let served = Client::connect(world.relay.address).await;
    assert_eq!(served.ask(get("http://world/"), "").await.status, 200);
    let beyond = Client::connect(world.relay.address).await;
    let answer = beyond.ask(get("http://world/"), "").await;
    assert_eq!((answer.status, answer.field("mesh-proxy-error")), (503, "overloaded"));
    let Client { requests, connection } = beyond;
    drop(requests);
    within(connection).await.unwrap().unwrap();
    let beyond = Client::connect(world.relay.address).await;
    let answer = beyond.ask(call("/x"), "").await;
    assert_eq!((answer.field("grpc-status"), answer.field("mesh-proxy-error")), ("14", "overloaded"));
    assert_eq!(served.ask(get("http://world/"), "").await.status, 200);
}
