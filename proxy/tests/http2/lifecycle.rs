//! How connections end: in order, by a drain, and when their peers are gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;

use super::application::{Application, echo, whole};
use super::client::{Client, get, post, within};
use super::frames::{END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, OK, PREFACE, SETTINGS, Wire, frame};
use super::harness::Relay;
use super::stand_in::proxy::eventually;

#[tokio::test]
async fn a_drain_takes_no_new_streams_and_loses_none_that_is_open() {
    let application = Application::serving(echo).await;
    let relay = Relay::inbound(application.address, &[]);
    let client = Client::connect(relay.address).await;
    let idle = Client::connect(relay.address).await;
    idle.ask(get("http://app/"), "").await;
    let (response, mut sink) = client.begin(post("http://app/")).await;
    let source = within(response).await.unwrap().into_body();
    relay.proxy.signal("TERM");
    assert!(within(idle.connection).await.unwrap().is_ok(), "in order");
    sink.send_data(Bytes::from_static(b"late"), false).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    sink.send_data(Bytes::from_static(b"r"), true).unwrap();
    assert_eq!(within(whole(source)).await.unwrap().0, b"later");
    assert!(within(client.connection).await.unwrap().is_ok(), "in order");
    assert_eq!(relay.proxy.wait().0, Some(0));
}

#[tokio::test]
async fn a_drain_under_load_breaks_no_stream() {
    let application = Application::serving(echo).await;
    let relay = Relay::inbound(application.address, &[]);
    let asked = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let client = Client::connect(relay.address).await;
        let asked = Arc::clone(&asked);
        tasks.spawn(async move {
            loop {
                match client.try_ask(post("http://app/"), "body").await {
                    Ok(answer) => assert_eq!(answer.text(), "body"),
                    Err(error) => return error,
                }
                asked.fetch_add(1, SeqCst);
            }
        });
    }
    while asked.load(SeqCst) < 400 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    relay.proxy.signal("TERM");
    for error in within(tasks.join_all()).await {
        assert!(error.is_go_away() && error.reason() == Some(Reason::NO_ERROR), "{error:?}");
    }
    assert_eq!(relay.proxy.wait().0, Some(0));
}

#[tokio::test]
async fn an_endpoint_that_says_goodbye_loses_no_stream() {
    // Each connection takes ten streams.
    let application = Application::connected(h2::server::Builder::new(), |mut connection| async move {
        let mut taken = 0;
        while let Some(Ok((request, respond))) = connection.accept().await {
            taken += 1;
            if taken == 10 {
                connection.graceful_shutdown();
            }
            tokio::spawn(echo(request, respond));
        }
    })
    .await;
    let relay = Relay::inbound(application.address, &[]);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let client = Client::connect(relay.address).await;
        tasks.spawn(async move {
            for _ in 0..50 {
                assert_eq!(client.ask(post("http://app/"), "body").await.text(), "body");
            }
        });
    }
    within(tasks.join_all()).await;
    assert!(application.connections() > 10);
}

#[tokio::test]
async fn streams_that_came_after_the_last_that_an_endpoint_takes_are_sent_again() {
    // Each connection has its first stream answered, and takes no second one.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut wire = Wire::new(socket.unwrap());
            std::io::Read::read_exact(&mut wire.0, &mut [0; PREFACE.len()]).unwrap();
            wire.send(frame(SETTINGS, 0, 0, &[]));
            while let Some(Frame { kind, stream, .. }) = wire.next() {
                match (kind, stream) {
                    (HEADERS, 1) => wire.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, OK)),
                    (HEADERS, _) => wire.send(frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0])),
                    _ => {}
                }
            }
        }
    });
    let relay = Relay::inbound(address, &[]);
    let client = Client::connect(relay.address).await;
    for _ in 0..10 {
        assert_eq!(client.ask(post("http://app/"), "body").await.status, 200);
    }
    assert!(relay.metric("mesh_retries_total", &[r#"reason="unwritten""#]) >= 5.0);
}

#[tokio::test]
async fn a_dead_endpoint_and_a_dead_client_are_noticed() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let variables = [("MESH_PROXY_IDLE_TIMEOUT", "1s")];
    let relay = Relay::inbound(silent.local_addr().unwrap(), &variables);
    let client = Client::connect(relay.address).await;
    let answer = client.ask(post("http://app/"), "").await;
    assert_eq!((answer.status, answer.field("mesh-proxy-error")), (502, "upstream-reset"));

    let application = Application::serving(echo).await;
    let relay = Relay::inbound(application.address, &variables);
    // A client that is not driven answers no ping.
    let socket = tokio::net::TcpStream::connect(relay.address).await.unwrap();
    let (mut requests, mut connection) = h2::client::handshake(socket).await.unwrap();
    let (mut response, _sink) = requests.send_request(post("http://app/"), false).unwrap();
    within(std::future::poll_fn(|cx| {
        let _ = std::pin::Pin::new(&mut connection).poll(cx);
        std::pin::Pin::new(&mut response).poll(cx)
    }))
    .await
    .unwrap();
    eventually("the client is given up", || {
        relay.metric("mesh_tcp_close_total", &[r#"peer="src""#, r#"reason="timeout""#]) == 1.0
    });
}

#[tokio::test]
async fn connections_without_streams_are_closed_after_a_while() {
    let application = Application::serving(echo).await;
    let relay = Relay::inbound(application.address, &[("MESH_PROXY_IDLE_TIMEOUT", "500ms")]);
    let client = Client::connect(relay.address).await;
    client.ask(get("http://app/"), "").await;
    assert!(within(client.connection).await.unwrap().is_ok());
    eventually("the endpoint's connection is closed too", || {
        relay.metric("mesh_tcp_open_connections", &[]) == 0.0
    });
}
