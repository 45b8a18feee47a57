//! Streams that are under way when the policy stops to allow them.

use std::future::poll_fn;
use std::time::Instant;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use mesh_proxy::proto;
use mesh_proxy::proto::PermissionAction::{Allow, Audit, Deny};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::application::{Application, send, whole};
use super::client::{Client, post, within};
use super::governed::{Governed, from, of_http, permission};
use super::mesh::outbound;
use super::stand_in::DEADLINE;
use super::stand_in::authority::{Authority, identity};

const MESSAGE: &[u8] = b"\0\0\0\0\x02hi";

/// An application that answers a path with `begun` in it by a head and a message, one with `flood` by data without end, one with
/// `echo` by what it is sent, others not at all; and the codes by which its streams are reset.
async fn application() -> (Application, UnboundedReceiver<Reason>) {
    let (resets, reset) = unbounded_channel();
    let application =
        Application::serving(move |request, respond| serve(request, respond, resets.clone())).await;
    (application, reset)
}

async fn serve(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    resets: UnboundedSender<Reason>,
) {
    let path = request.uri().path().to_owned();
    if path.contains("silent") {
        let _ = resets.send(poll_fn(|cx| respond.poll_reset(cx)).await.unwrap());
        return;
    }
    let mut sink = respond.send_response(Response::new(()), false).unwrap();
    let mut source = request.into_body();
    if path.contains("flood") {
        while send(&mut sink, Bytes::from_static(&[0; 10_000])).await.is_some() {}
    } else if path.contains("begun") {
        sink.send_data(Bytes::from_static(MESSAGE), false).unwrap();
    } else {
        while let Some(Ok(data)) = source.data().await {
            let _ = source.flow_control().release_capacity(data.len());
            if send(&mut sink, data).await.is_none() {
                break;
            }
        }
    }
    let _ = resets.send(poll_fn(|cx| sink.poll_reset(cx)).await.unwrap());
}

fn call(path: &str) -> Request<()> {
    let mut request = post(&format!("http://world{path}"));
    request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    request
}

/// A stream on which everything that is sent comes back.
struct Echo {
    sink: SendStream<Bytes>,
    source: RecvStream,
}

impl Echo {
    async fn open(client: &Client, request: Request<()>) -> Self {
        let mut echo = Self::begun(client.begin(request).await).await;
        echo.goes_on().await;
        echo
    }

    async fn begun((response, sink): (ResponseFuture, SendStream<Bytes>)) -> Self {
        Self { sink, source: within(response).await.unwrap().into_body() }
    }

    async fn goes_on(&mut self) {
        self.sink.send_data(Bytes::from_static(MESSAGE), false).unwrap();
        let data = within(self.source.data()).await.unwrap().unwrap();
        self.source.flow_control().release_capacity(data.len()).unwrap();
        assert_eq!(data, MESSAGE);
    }

    /// The status with which the call ends, and its message.
    async fn ends(self) -> (String, String) {
        let trailers = within(whole(self.source)).await.unwrap().1.unwrap();
        let field = |name| trailers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        assert_eq!(field("mesh-proxy-error"), "permission-denied");
        (field("grpc-status"), field("grpc-message"))
    }
}

/// Asks until the proxy has decided so about a request.
async fn in_force(world: &Governed, path: &str, is_so: impl Fn(&Governed) -> bool) {
    let (client, start) = (Client::connect(world.relay.address).await, Instant::now());
    while !is_so(world) {
        assert!(start.elapsed() < DEADLINE);
        let (response, _sink) = client.begin(post(&format!("http://world{path}"))).await;
        let _ = within(response).await;
    }
}

fn admin() -> proto::Permission {
    of_http(&[], "/admin", permission("admin", Deny))
}

#[tokio::test]
async fn streams_that_are_not_allowed_end_as_they_can_and_their_neighbours_go_on() {
    let message = "mesh-proxy: permission-denied by default/admin";
    for is_secured in [false, true] {
        let (application, mut resets) = application().await;
        let authority = Authority::new();
        let world = Governed::certified(&authority, application.address, &[]);
        world.permit(Allow, &[]);
        let hello = outbound(&authority, world.relay.address, "world", &[]);
        let address = if is_secured { hello.address } else { world.relay.address };
        let client = Client::connect(address).await;
        let mut neighbour = Echo::open(&client, call("/echo")).await;
        let mut plain_neighbour = Echo::open(&client, post("http://world/echo")).await;
        let begun = Echo::open(&client, call("/admin/echo")).await;
        let mut plain_begun = Echo::open(&client, post("http://world/admin/echo")).await;
        let (silent, _sink) = client.begin(call("/admin/silent")).await;
        let (plain_silent, _plain_sink) = client.begin(post("http://world/admin/silent")).await;
        neighbour.goes_on().await;
        world.permit(Allow, &[admin()]);

        assert_eq!(begun.ends().await, ("7".to_owned(), message.to_owned()));
        let reset = within(plain_begun.source.data()).await.unwrap().unwrap_err();
        assert_eq!(reset.reason(), Some(Reason::CANCEL));
        let head = within(silent).await.unwrap();
        assert_eq!(
            (head.headers()["grpc-status"].as_bytes(), head.body().is_end_stream()),
            (&b"7"[..], true)
        );
        assert_eq!(head.headers()["grpc-message"], message);
        let head = within(plain_silent).await.unwrap();
        assert_eq!(
            (head.status().as_u16(), &head.headers()["mesh-proxy-error"]),
            (403, &"permission-denied".parse().unwrap())
        );
        assert_eq!(within(whole(head.into_body())).await.unwrap().0, format!("{message}\n").as_bytes());
        for _ in 0..4 {
            assert_eq!(within(resets.recv()).await, Some(Reason::CANCEL));
        }
        neighbour.goes_on().await;
        plain_neighbour.goes_on().await;
        let identity = if is_secured { identity("hello") } else { String::new() };
        assert_eq!(world.decisions("default/admin", "deny", &identity), 4.0);
        let denied = |labels: [&str; 2]| {
            let labels = [labels[0], labels[1], r#"proxy_error="permission-denied""#];
            world.relay.metric("mesh_responses_total", &labels)
        };
        assert_eq!(denied([r#"protocol="grpc""#, r#"grpc_status="7""#]), 2.0);
        assert_eq!(denied([r#"protocol="http2""#, r#"status_code="200""#]), 1.0);
        assert_eq!(denied([r#"protocol="http2""#, r#"status_code="403""#]), 1.0);
        assert_eq!(world.relay.metric("mesh_tcp_close_total", &[r#"reason="denied""#]), 0.0);
    }
}

#[tokio::test]
async fn a_call_whose_client_does_not_read_is_reset_by_the_code_for_that_status() {
    let (application, _resets) = application().await;
    let world = Governed::plain(application.address, &[]);
    let client = Client::connect(world.relay.address).await;
    let (response, _sink) = client.begin(call("/admin/flood")).await;
    let mut source = within(response).await.unwrap().into_body();
    // A whole window of it has come, and more waits.
    let mut read = 0;
    while read < 65_535 {
        read += within(source.data()).await.unwrap().unwrap().len();
    }
    world.permit(Allow, &[admin()]);
    let reset = within(source.data()).await.unwrap().unwrap_err();
    assert_eq!(reset.reason(), Some(Reason::INADEQUATE_SECURITY));
}

#[tokio::test]
async fn what_decides_nothing_ends_nothing() {
    let (application, _resets) = application().await;
    let world = Governed::plain(application.address, &[]);
    let client = Client::connect(world.relay.address).await;
    let mut call = Echo::open(&client, call("/calls/echo")).await;
    let other_port = u32::from(application.address.port()) ^ 1;
    let other = proto::Permission { ports: vec![other_port], ..permission("other", Deny) };
    world.permit(Allow, &[other, permission("note", Audit)]);
    in_force(&world, "/echo", |world| world.decisions("default/note", "audit", "") > 0.0).await;
    call.goes_on().await;
    // Allowed by default before, and by a permission from now on.
    let allow = of_http(&["POST"], "/calls", permission("calls", Allow));
    world.permit(Deny, std::slice::from_ref(&allow));
    in_force(&world, "/echo", |world| world.decisions("", "deny", "") > 0.0).await;
    call.goes_on().await;
    // There and back: nobody is asked to bear what is past.
    world.permit(Deny, &[]);
    world.permit(Deny, std::slice::from_ref(&allow));
    in_force(&world, "/calls", |world| world.decisions("default/calls", "allow", "") > 0.0).await;
}

#[tokio::test]
async fn a_permission_that_is_taken_away_ends_what_it_allowed() {
    let authority = Authority::new();
    let (application, _resets) = application().await;
    let world = Governed::certified(&authority, application.address, &[]);
    let hello = outbound(&authority, world.relay.address, "world", &[]);
    world.permit(Deny, &[from(&identity("hello"), permission("hello", Allow))]);
    let client = Client::connect(hello.address).await;
    let begun = Echo::open(&client, call("/begun/echo")).await;
    world.permit(Deny, &[]);
    let message = "mesh-proxy: permission-denied by the mesh's default";
    assert_eq!(begun.ends().await, ("7".to_owned(), message.to_owned()));
    world.permit(Deny, &[from(&identity("hello"), permission("hello", Allow))]);
    in_force(&world, "/", |world| world.decisions("", "deny", "") > 0.0).await;
    Echo::open(&client, call("/echo")).await.goes_on().await;
}

#[tokio::test]
async fn of_thousands_of_streams_those_end_that_are_not_allowed() {
    const CONNECTIONS: usize = 8;
    const STREAMS: usize = 250;
    let (application, _resets) = application().await;
    let world = Governed::plain(application.address, &[]);
    let mut clients = Vec::new();
    let (mut denied, mut allowed) = (Vec::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        let client = Client::connect(world.relay.address).await;
        let mut begun = Vec::new();
        for _ in 0..STREAMS / 2 {
            begun.push((client.begin(call("/admin/echo")).await, client.begin(call("/echo")).await));
        }
        for (one, other) in begun {
            denied.push(Echo::begun(one).await);
            allowed.push(Echo::begun(other).await);
        }
        clients.push(client);
    }
    world.permit(Allow, &[admin()]);
    for call in denied {
        assert_eq!(call.ends().await.0, "7");
    }
    for call in &mut allowed {
        call.goes_on().await;
    }
    assert_eq!(world.decisions("default/admin", "deny", ""), (CONNECTIONS * STREAMS / 2) as f64);
}
