//! Clients of streams that do what no proxy of the mesh does.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use super::MAX_STREAMS;
use super::fixture::{Raw, application, eventually, served};
use super::frame::{Frame, Kind, MAX_CONTENT};
use crate::fixture::worker;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

fn bytes(stream: u32, kind: Kind, length: usize) -> Vec<u8> {
    Frame { stream, kind, length }.bytes().to_vec()
}

/// Whether the connection of a client that has sent this has ended, and its server still answers another.
async fn is_sent_away(sent: &[u8]) -> bool {
    let worker = worker(&[], &[]);
    let address = application(OK.to_vec()).await;
    let mut other = served(&worker, address).await;
    let mut client = served(&worker, address).await;
    let mut sent = sent.to_vec();
    let sending = async {
        // What follows on the end of the connection is not taken.
        let _ = client.0.write_all(&sent).await;
        while client.next_or_end().await.is_some() {}
    };
    let ended = tokio::time::timeout(Duration::from_secs(20), sending).await.is_ok();
    sent.clear();
    other.send(1, Kind::Data, GET).await;
    assert!(other.rest_of(1).await.starts_with(b"HTTP/1.1 200 OK"));
    eventually("nothing is left", || worker.limits().connections.taken() == 0).await;
    ended
}

#[tokio::test]
async fn who_breaks_the_rules_is_sent_away_and_nobody_else() {
    let request = [&bytes(7, Kind::Data, GET.len())[..], GET].concat();
    let many = |frame: Vec<u8>| [request.clone(), frame.repeat(3000)].concat();
    for (what, sent) in [
        ("no frame", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("an unknown kind", vec![0, 0, 0, 1, 8, 0, 0, 0]),
        ("too long a frame", bytes(1, Kind::Data, MAX_CONTENT + 1)),
        ("a length where there is none", bytes(1, Kind::Reset, 1)),
        ("a stream that begins with its end", bytes(1, Kind::Finish, 0)),
        ("a stream that begins with a reset", bytes(1, Kind::Reset, 0)),
        ("a stream that begins with nothing", bytes(1, Kind::Data, 0)),
        ("data of no stream", [&bytes(0, Kind::Data, 1)[..], b"x"].concat()),
        ("a farewell of a stream", [request.clone(), bytes(7, Kind::GoAway, 0)].concat()),
        ("more credit than there is", [request.clone(), bytes(7, Kind::Credit, 1)].concat()),
        ("very much credit", [request.clone(), bytes(7, Kind::Credit, 0xff_ffff)].concat()),
        ("data after the end", {
            let more = [&bytes(7, Kind::Data, 1)[..], b"x"].concat();
            [request.clone(), bytes(7, Kind::Finish, 0), more].concat()
        }),
        ("pings", many(bytes(0, Kind::Ping, 0))),
        ("answers to nothing", many(bytes(0, Kind::Pong, 0))),
        ("farewells", many(bytes(0, Kind::GoAway, 0))),
        ("empty data", many(bytes(7, Kind::Data, 0))),
        ("no credit", many(bytes(7, Kind::Credit, 0))),
    ] {
        let tried = LocalSet::new().run_until(is_sent_away(&sent)).await;
        assert!(tried, "{what}");
    }
}

#[tokio::test]
async fn who_sends_more_than_was_asked_for_is_sent_away() {
    let overflown = async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let worker = worker(&[], &[]);
        let mut client = served(&worker, listener.local_addr().unwrap()).await;
        client.send(1, Kind::Data, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n").await;
        // It does not read.
        let (_application, _) = listener.accept().await.unwrap();
        let full = [bytes(1, Kind::Data, MAX_CONTENT), vec![b'a'; MAX_CONTENT]].concat();
        let flood = async { while client.0.write_all(&full).await.is_ok() {} };
        tokio::time::timeout(Duration::from_secs(20), flood).await.expect("the connection ends");
        eventually("nothing is left", || worker.limits().connections.taken() == 0).await;
    };
    LocalSet::new().run_until(overflown).await;
}

#[tokio::test]
async fn a_number_is_used_once() {
    let reused = async {
        let worker = worker(&[], &[]);
        let mut client = served(&worker, application(OK.to_vec()).await).await;
        client.send(5, Kind::Data, GET).await;
        assert!(client.rest_of(5).await.ends_with(b"hi"));
        client.send(5, Kind::Data, GET).await;
        client.send(3, Kind::Data, GET).await;
        client.send(6, Kind::Data, GET).await;
        while let Some((frame, _)) = client.next().await {
            assert!(![3, 5].contains(&frame.stream), "what is over stays so");
            if frame.stream == 6 {
                return;
            }
        }
        panic!("the connection has ended");
    };
    LocalSet::new().run_until(reused).await;
}

#[tokio::test]
async fn streams_beyond_the_limit_are_closed_and_the_others_go_on() {
    let flooded = async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let worker = worker(&[], &[]);
        let mut client = served(&worker, listener.local_addr().unwrap()).await;
        let most = 2 * MAX_STREAMS as u32;
        for stream in 1..=most + 10 {
            client.send(stream, Kind::Data, GET).await;
        }
        for stream in most + 1..=most + 10 {
            assert_eq!(client.next().await, Some((Frame::of(stream, Kind::Close), Vec::new())));
        }
        let (mut first, _) = listener.accept().await.unwrap();
        first.write_all(OK).await.unwrap();
        let (frame, content) = client.next().await.unwrap();
        assert!(frame.kind == Kind::Data && content.starts_with(b"HTTP/1.1 200 OK"));
    };
    LocalSet::new().run_until(flooded).await;
}

#[tokio::test]
async fn a_small_answer_does_not_wait_for_large_ones() {
    let fair = async {
        let large = [&b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"[..], &[7; 1_000_000]].concat();
        let worker = worker(&[], &[]);
        let mut client = served(&worker, application(large).await).await;
        for stream in 1..=20 {
            client.send(stream, Kind::Data, GET).await;
        }
        eventually("they are under way", || worker.limits().connections.taken() == 20).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        // One that is refused, and so answered by the proxy itself.
        client.send(21, Kind::Data, b"GET / HTTP/9.9\r\n\r\n").await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut before = 0;
        loop {
            let (frame, content) = client.next().await.unwrap();
            if frame.stream == 21 {
                break;
            }
            before += content.len();
        }
        assert!(before < 2_000_000, "{before} bytes came first");
    };
    LocalSet::new().run_until(fair).await;
}

#[tokio::test]
async fn a_stream_that_was_closed_unused_took_nothing() {
    use std::task::{Context, Waker};
    let connection = super::fixture::connection();
    let cx = Context::from_waker(Waker::noop());
    let mut stream = connection.open().unwrap();
    stream.begins_message();
    assert!(stream.poll_send(&cx, GET).is_ready());
    assert!(!stream.took_nothing());
    stream.state().take(Frame::of(1, Kind::Close), &[]).unwrap();
    assert!(stream.took_nothing());
    let mut heard = connection.open().unwrap();
    heard.begins_message();
    assert!(heard.poll_send(&cx, GET).is_ready());
    heard.state().take(Frame { stream: 2, kind: Kind::Data, length: 1 }, b"H").unwrap();
    heard.state().take(Frame::of(2, Kind::Close), &[]).unwrap();
    assert!(!heard.took_nothing());
}

/// Nobody listens there.
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

#[tokio::test]
async fn a_client_that_is_gone_leaves_nothing() {
    let gone = async {
        let worker = worker(&[], &[]);
        let mut client = served(&worker, NOBODY).await;
        for stream in 1..=100 {
            client.send(stream, Kind::Data, b"POST / HTTP/1.1\r\nHost: x\r\n").await;
        }
        eventually("they are there", || worker.limits().connections.taken() == 100).await;
        drop(client);
        eventually("they are gone", || worker.limits().connections.taken() == 0).await;
    };
    LocalSet::new().run_until(gone).await;
}

impl Raw {
    /// The next frame; none also when the connection is broken.
    async fn next_or_end(&mut self) -> Option<Frame> {
        self.next().await.map(|(frame, _)| frame)
    }
}
