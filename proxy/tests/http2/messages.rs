//! Messages go through as they were sent.

use std::ops::Deref;

use bytes::Bytes;
use h2::ext::Protocol;
use h2::{Reason, client};
use http::{HeaderMap, Method, Request, Response};
use tokio::sync::{mpsc, watch};

use super::application::{Application, echo, send, whole};
use super::client::{Client, get, post, within};
use super::harness::Relay;
use super::mesh::{inbound, outbound};
use super::stand_in::authority::Authority;

/// A way to an application: what its clients connect to, and another relay behind it.
struct Way {
    first: Relay,
    second: Option<Relay>,
}

impl Deref for Way {
    type Target = Relay;

    fn deref(&self) -> &Relay {
        &self.first
    }
}

impl Way {
    /// None of its relays keeps much.
    fn assert_small(&self) {
        for relay in [Some(&self.first), self.second.as_ref()].into_iter().flatten() {
            let resident = relay.proxy.metric("process_resident_memory_bytes");
            assert!(resident < 40e6, "{resident}");
        }
    }
}

/// Through a relay of each kind, and through both with what goes between them secured.
fn ways(application: &Application) -> [Way; 3] {
    let authority = Authority::new();
    let world = inbound(&authority, "world", application.address, &[]);
    let hello = outbound(&authority, world.address, "world", &[]);
    let alone = |first| Way { first, second: None };
    [
        alone(Relay::inbound(application.address, &[])),
        alone(Relay::outbound(&[("app", &[application.address])], &[])),
        Way { first: hello, second: Some(world) },
    ]
}

#[tokio::test]
async fn heads_arrive_as_they_were_sent() {
    let application = Application::serving(|request, mut respond| async move {
        let (head, _) = request.into_parts();
        let seen = format!("{} {} {:?}", head.method, head.uri, head.headers);
        let response =
            Response::builder().status(418).header("x-a", "1").header("x-a", "2").header("x-seen", seen);
        respond.send_response(response.body(()).unwrap(), true).unwrap();
    })
    .await;
    for relay in ways(&application) {
        let client = Client::connect(relay.address).await;
        let request = Request::builder()
            .method("PROPFIND")
            .uri("http://App/a%20b?c=d&e")
            .header("x-b", "\"\u{e4}\"")
            .header("cookie", "a=b")
            .header("cookie", "c=d")
            .header("te", "trailers")
            .body(())
            .unwrap();
        let answer = client.ask(request, "").await;
        assert_eq!(answer.status, 418);
        let values: Vec<_> = answer.fields.get_all("x-a").iter().collect();
        assert_eq!(values, ["1", "2"]);
        assert_eq!(
            answer.field("x-seen"),
            "PROPFIND http://App/a%20b?c=d&e \
             {\"x-b\": \"\\\"\\xc3\\xa4\\\"\", \"cookie\": \"a=b\", \"cookie\": \"c=d\", \"te\": \"trailers\"}"
        );
    }
}

#[tokio::test]
async fn bodies_and_trailers_of_every_size_go_both_ways() {
    let application = Application::serving(echo).await;
    for relay in ways(&application) {
        let client = Client::connect(relay.address).await;
        for size in [0, 1, 16_384, 65_535, 65_536, 1_000_000, 5_000_000] {
            let body: Bytes = (0..size).map(|at| (at % 251) as u8).collect();
            let answer = client.ask(post("http://app/"), body.clone()).await;
            assert!(answer.body == body, "{size}");
        }
        let (response, mut sink) = client.begin(post("http://app/")).await;
        sink.send_data(Bytes::from_static(b"part"), false).unwrap();
        let mut trailers = HeaderMap::new();
        trailers.insert("x-checksum", "1".parse().unwrap());
        sink.send_trailers(trailers.clone()).unwrap();
        let answer = within(whole(within(response).await.unwrap().into_body())).await.unwrap();
        assert_eq!(answer, (b"part".to_vec(), Some(trailers)));
    }
}

#[tokio::test]
async fn each_side_gets_what_the_other_sends_at_once() {
    let application = Application::serving(echo).await;
    let relay = Relay::inbound(application.address, &[]);
    let client = Client::connect(relay.address).await;
    let (response, mut sink) = client.begin(post("http://app/")).await;
    let mut source = within(response).await.unwrap().into_body();
    for word in ["one", "two", "three"] {
        sink.send_data(Bytes::from_static(word.as_bytes()), false).unwrap();
        assert_eq!(within(source.data()).await.unwrap().unwrap(), word);
    }
    sink.send_data(Bytes::new(), true).unwrap();
    assert!(within(source.data()).await.is_none());
}

#[tokio::test]
async fn interim_responses_go_before_the_final_one() {
    let application = Application::serving(|_, mut respond| async move {
        let hint = Response::builder().status(103).header("link", "</a>").body(()).unwrap();
        respond.send_informational(hint).unwrap();
        respond.send_response(Response::builder().status(204).body(()).unwrap(), true).unwrap();
    })
    .await;
    for relay in ways(&application) {
        let client = Client::connect(relay.address).await;
        let (mut response, _sink) = client.begin(post("http://app/")).await;
        let hint = within(std::future::poll_fn(|cx| response.poll_informational(cx))).await.unwrap().unwrap();
        assert_eq!((hint.status().as_u16(), hint.headers()["link"].as_bytes()), (103, &b"</a>"[..]));
        assert_eq!(within(response).await.unwrap().status(), 204);
    }
}

#[tokio::test]
async fn resets_arrive_with_their_codes() {
    let (told, mut resets) = mpsc::unbounded_channel();
    let (begun, mut requests) = mpsc::unbounded_channel();
    let application = Application::serving(move |request, mut respond| {
        let (told, begun) = (told.clone(), begun.clone());
        async move {
            match request.uri().path() {
                "/before" => respond.send_reset(Reason::HTTP_1_1_REQUIRED),
                "/within" => {
                    let mut sink = respond.send_response(Response::new(()), false).unwrap();
                    sink.send_data(Bytes::from_static(b"part"), false).unwrap();
                    // A reset overtakes what is not sent yet.
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    sink.send_reset(Reason::ENHANCE_YOUR_CALM);
                }
                // What is left of the request is not wanted, which is said by itself.
                "/early" => drop(respond.send_response(Response::new(()), true).unwrap()),
                "/left-before" => {
                    begun.send(()).unwrap();
                    let reason = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
                    told.send(reason.unwrap()).unwrap();
                }
                _ => {
                    let mut sink = respond.send_response(Response::new(()), false).unwrap();
                    sink.send_data(Bytes::from_static(b"part"), false).unwrap();
                    let reason = std::future::poll_fn(|cx| sink.poll_reset(cx)).await;
                    told.send(reason.unwrap()).unwrap();
                }
            }
        }
    })
    .await;
    for relay in ways(&application) {
        let client = Client::connect(relay.address).await;
        let before = client.head(get("http://app/before")).await.unwrap_err();
        assert_eq!((before.is_reset(), before.reason()), (true, Some(Reason::HTTP_1_1_REQUIRED)));
        let mut within_body = client.head(get("http://app/within")).await.unwrap().into_body();
        assert_eq!(within(within_body.data()).await.unwrap().unwrap(), "part");
        let broken = within(within_body.data()).await.unwrap().unwrap_err();
        assert_eq!(broken.reason(), Some(Reason::ENHANCE_YOUR_CALM));

        let (response, mut sink) = client.begin(post("http://app/early")).await;
        assert_eq!(within(response).await.unwrap().status(), 200);
        let reset = within(std::future::poll_fn(|cx| sink.poll_reset(cx))).await.unwrap();
        assert_eq!(reset, Reason::NO_ERROR);

        let (_response, mut sink) = client.begin(post("http://app/left-before")).await;
        within(requests.recv()).await.unwrap();
        sink.send_reset(Reason::INTERNAL_ERROR);
        assert_eq!(within(resets.recv()).await, Some(Reason::INTERNAL_ERROR));
        let (response, mut sink) = client.begin(post("http://app/left-within")).await;
        let _body = within(response).await.unwrap();
        sink.send_reset(Reason::CANCEL);
        assert_eq!(within(resets.recv()).await, Some(Reason::CANCEL));
        assert_eq!(client.ask(get("http://app/early"), "").await.status, 200, "the connection goes on");
    }
}

#[tokio::test]
async fn a_slow_reader_stops_neither_others_nor_itself_and_nothing_piles_up() {
    const LARGE: usize = 100_000_000;
    let application = Application::serving(|request, mut respond| async move {
        let mut sink = respond.send_response(Response::new(()), false).unwrap();
        let size = if request.uri().path() == "/large" { LARGE } else { 100_000 };
        for _ in 0..size / 10_000 {
            if send(&mut sink, Bytes::from_static(&[7; 10_000])).await.is_none() {
                return;
            }
        }
        let _ = sink.send_data(Bytes::new(), true);
    })
    .await;
    for relay in ways(&application) {
        let window = client::Builder::new().initial_connection_window_size(100_000_000).clone();
        let client = Client::with(&window, relay.address).await;
        let mut slow = Vec::new();
        for _ in 0..50 {
            slow.push(client.head(get("http://app/large")).await.unwrap());
        }
        for _ in 0..20 {
            let other = client.ask(get("http://app/small"), "").await;
            assert_eq!(other.body.len(), 100_000);
        }
        relay.assert_small();
        let mut source = slow.pop().unwrap().into_body();
        let mut length = 0;
        while length < 2_000_000 {
            let data = within(source.data()).await.unwrap().unwrap();
            source.flow_control().release_capacity(data.len()).unwrap();
            length += data.len();
        }
    }
}

#[tokio::test]
async fn a_server_that_takes_no_body_stops_neither_others_nor_itself_and_nothing_piles_up() {
    let (go_on, wait) = watch::channel(false);
    let window = h2::server::Builder::new().initial_connection_window_size(100_000_000).clone();
    let application = Application::with(window, move |request, mut respond| {
        let mut wait = wait.clone();
        async move {
            if request.uri().path() == "/slow" {
                wait.wait_for(|go_on| *go_on).await.unwrap();
            }
            let (body, _) = whole(request.into_body()).await.unwrap();
            let mut sink = respond.send_response(Response::new(()), false).unwrap();
            sink.send_data(Bytes::from(body.len().to_string()), true).unwrap();
        }
    })
    .await;
    for relay in ways(&application) {
        go_on.send(false).unwrap();
        let client = Client::connect(relay.address).await;
        let mut uploads = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (response, mut sink) = client.begin(post("http://app/slow")).await;
            uploads.spawn(async move {
                send(&mut sink, Bytes::from_static(&[7; 1_000_000])).await.unwrap();
                sink.send_data(Bytes::new(), true).unwrap();
                whole(response.await.unwrap().into_body()).await.unwrap().0
            });
        }
        for _ in 0..20 {
            let other = client.ask(post("http://app/other"), vec![7; 100_000]).await;
            assert_eq!(other.text(), "100000");
        }
        relay.assert_small();
        go_on.send(true).unwrap();
        assert_eq!(within(uploads.join_all()).await, [b"1000000"; 50]);
    }
}

#[tokio::test]
async fn extended_connect_opens_a_tunnel_where_the_server_takes_it() {
    let application = Application::serving(|request, respond| async move {
        if request.method() == Method::CONNECT {
            assert_eq!(request.extensions().get::<Protocol>().unwrap().as_str(), "websocket");
        }
        echo(request, respond).await;
    })
    .await;
    let other = Application::with(h2::server::Builder::new(), echo).await;
    let connect = || {
        let request = Request::builder().method(Method::CONNECT).uri("http://app/chat");
        request.extension(Protocol::from_static("websocket")).body(()).unwrap()
    };
    for (server, is_taken) in [(&application, true), (&other, false)] {
        for relay in ways(server) {
            let client = Client::with(client::Builder::new().enable_push(false), relay.address).await;
            // Its answer comes after the first frame of the proxy, which says what that takes.
            client.ask(get("http://app/"), "").await;
            let (response, mut sink) = client.begin(connect()).await;
            let response = within(response).await.unwrap();
            if is_taken {
                let mut source = response.into_body();
                sink.send_data(Bytes::from_static(b"ping"), false).unwrap();
                assert_eq!(within(source.data()).await.unwrap().unwrap(), "ping");
            } else {
                assert_eq!(response.status(), 501);
                assert_eq!(response.headers()["mesh-proxy-error"], "protocol-not-supported");
            }
        }
    }
}

#[tokio::test]
async fn large_heads_go_through_up_to_the_limits_and_beyond_them_are_refused() {
    let application =
        Application::with(h2::server::Builder::new().max_header_list_size(1 << 20).clone(), echo).await;
    for relay in ways(&application) {
        let client = Client::connect(relay.address).await;
        let with = |count: usize, length: usize| {
            let mut request = get("http://app/");
            for number in 0..count {
                let name: http::HeaderName = format!("x-{number}").parse().unwrap();
                request.headers_mut().insert(name, "v".repeat(length).parse().unwrap());
            }
            request
        };
        for (count, length, status) in
            [(1, 60_000, 200), (120, 400, 200), (1, 66_000, 431), (129, 10, 431), (1, 100_000, 431)]
        {
            let answer = client.ask(with(count, length), "").await;
            assert_eq!(answer.status, status, "{count} of {length}");
            let expected = if status == 431 { "header-too-large" } else { "" };
            assert_eq!(answer.field("mesh-proxy-error"), expected);
        }
        let beyond = client.ask(with(1, 200_000), "").await;
        assert_eq!(beyond.status, 431, "far beyond");
        assert_eq!(relay.metric("mesh_limit_reached_total", &["header-bytes"]), 2.0);
        assert_eq!(relay.metric("mesh_limit_reached_total", &["header-fields"]), 1.0);
    }
}

#[tokio::test]
async fn an_upgrade_to_http_2_is_left_out_and_the_request_answered() {
    let backend = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = Relay::inbound(backend.local_addr().unwrap(), &[]);
    let server = std::thread::spawn(move || {
        let mut server = super::harness::Client::new(backend.accept().unwrap().0);
        let head = server.until("\r\n\r\n");
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        head
    });
    let mut client = relay.connect();
    client.send(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    );
    assert!(client.until("\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(server.join().unwrap(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
}
