//! Any sequence of well-formed messages, cut into any segments, comes out at the other end message by message.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::backend::Backend;
use crate::harness::Relay;

/// A message as bytes, and how its end is known.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    head: String,
    body: Vec<u8>,
}

/// One request and all responses to it, of which the last is the final one.
#[derive(Debug, Clone)]
struct Exchange {
    request: Message,
    interim: Vec<Message>,
    response: Message,
}

fn fields() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["X-a", "ACCEPT", "cookie", "via", "date", "x_y", "Content-type"]);
    let value = "[ -~]{0,20}".prop_map(|value| value.trim().to_owned());
    let space = prop::sample::select(vec!["", " ", "\t", "  "]);
    vec((name, space.clone(), value, space), 0..4).prop_map(|fields| {
        fields
            .iter()
            .map(|(name, before, value, after)| format!("{name}:{before}{value}{after}\r\n"))
            .collect()
    })
}

/// A field that frames a body, and the body in that framing.
fn body() -> impl Strategy<Value = (String, Vec<u8>)> {
    let content = || prop_oneof![4 => vec(any::<u8>(), 0..50), 1 => vec(any::<u8>(), 0..90_000)];
    prop_oneof![
        content().prop_map(|content| (format!("content-LENGTH: {}\r\n", content.len()), content)),
        (vec((content(), "(;[a-z]{1,9}(=[a-z]{1,5})?)?"), 0..4), fields()).prop_map(|(chunks, trailers)| {
            let mut coded = Vec::new();
            for (content, extension) in chunks.iter().filter(|(content, _)| !content.is_empty()) {
                coded.extend_from_slice(format!("{:X}{extension}\r\n", content.len()).as_bytes());
                coded.extend_from_slice(content);
                coded.extend_from_slice(b"\r\n");
            }
            let trailers = trailers.replace("Content-type", "Checksum");
            coded.extend_from_slice(format!("0\r\n{trailers}\r\n").as_bytes());
            ("Transfer-encoding: CHUNKED\r\n".to_owned(), coded)
        }),
    ]
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let method = prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "DELETE", "PROPFIND", "OPTIONS"]);
    // A fragment is no part of a target.
    let path = "/[!\"$-~]{0,30}";
    let status = prop::sample::select(vec![200, 201, 204, 304, 404, 500]);
    let host = prop::sample::select(vec!["Host: x", "hoSt:y:80", "HOST:  [::1]:8 "]);
    let request_body = prop::option::of(body());
    let interim = vec((prop::sample::select(vec![100, 102, 103, 199]), fields()), 0..3);
    (method, path, host, fields(), request_body, interim, status, (fields(), body(), "[ -~]{0,12}")).prop_map(
        |(method, path, host, request_fields, request_body, interim, status, (fields, body, reason))| {
            let (framing, content) = request_body.unwrap_or_default();
            let request = Message {
                head: format!("{method} {path} HTTP/1.1\r\n{request_fields}{host}\r\n{framing}\r\n"),
                body: content,
            };
            let interim = interim
                .into_iter()
                .map(|(status, fields)| Message {
                    head: format!("HTTP/1.1 {status} \r\n{fields}\r\n"),
                    body: Vec::new(),
                })
                .collect();
            let (framing, content) = if status == 204 { Default::default() } else { body };
            let has_body = method != "HEAD" && status != 304;
            let response = Message {
                head: format!("HTTP/1.1 {status} {reason}\r\n{framing}{fields}\r\n"),
                body: if has_body { content } else { Vec::new() },
            };
            Exchange { request, interim, response }
        },
    )
}

/// Reads as much as `expected` has, so that a difference is shown where it begins.
fn read_message(source: &mut impl Read, expected: &Message) -> Message {
    let mut head = vec![0; expected.head.len()];
    source.read_exact(&mut head).unwrap();
    let mut body = vec![0; expected.body.len()];
    source.read_exact(&mut body).unwrap();
    Message { head: String::from_utf8_lossy(&head).into_owned(), body }
}

/// Sends the bytes in segments of these sizes.
fn send_segments(mut socket: &TcpStream, bytes: &[u8], sizes: &[usize]) {
    let mut rest = bytes;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            return;
        }
        let (segment, after) = rest.split_at(rest.len().min(*size));
        socket.write_all(segment).unwrap();
        rest = after;
        if sizes.len().is_multiple_of(2) {
            thread::yield_now();
        }
    }
}

fn bytes_of<'a>(messages: impl Iterator<Item = &'a Message>) -> Vec<u8> {
    messages.flat_map(|message| [message.head.as_bytes(), &message.body]).collect::<Vec<_>>().concat()
}

type Script = Arc<Mutex<Receiver<(Exchange, Vec<usize>)>>>;

/// An application that gets just the requests of the script, over however many connections, and answers as it says.
fn application(script: Script) -> std::net::SocketAddr {
    let backend = Backend::start();
    let address = backend.address;
    thread::spawn(move || {
        loop {
            let socket = backend.accept_whenever();
            let script = Arc::clone(&script);
            thread::spawn(move || {
                let mut source = BufReader::new(socket.try_clone().unwrap());
                while source.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
                    let (exchange, sizes) = script.lock().unwrap().recv().unwrap();
                    let request = read_message(&mut source, &exchange.request);
                    assert_eq!(request, exchange.request);
                    let answer = bytes_of(exchange.interim.iter().chain([&exchange.response]));
                    send_segments(&socket, &answer, &sizes);
                }
            });
        }
    });
    address
}

#[test]
fn messages_arrive_equal_however_they_are_cut() {
    let (plan, script) = channel();
    let relay = Relay::inbound(application(Arc::new(Mutex::new(script))), &[]);
    let sizes = || vec(prop_oneof![1..4_usize, 1..200_usize, 1000..70_000_usize], 1..6);
    let cases = (vec((exchange(), sizes()), 1..8), sizes());
    let mut runner = TestRunner::new(Config { cases: 40, failure_persistence: None, ..Config::default() });
    let result = runner.run(&cases, |(exchanges, sizes)| {
        for exchange in &exchanges {
            plan.send(exchange.clone()).unwrap();
        }
        let mut client = relay.connect();
        let sender = client.0.try_clone().unwrap();
        let requests = bytes_of(exchanges.iter().map(|(exchange, _)| &exchange.request));
        let sending = thread::spawn(move || send_segments(&sender, &requests, &sizes));
        for (exchange, _) in &exchanges {
            for expected in exchange.interim.iter().chain([&exchange.response]) {
                prop_assert_eq!(&read_message(&mut client.0, expected), expected);
            }
        }
        sending.join().unwrap();
        client.finish();
        prop_assert_eq!(client.rest(), "");
        Ok(())
    });
    result.unwrap();
}

/// What looks enough like HTTP to get far, among other bytes.
fn rubbish() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: [&[u8]; 12] = [
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST / HTTP/1.0\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 \r\n\r\n",
        b"HTTP/1.0 101 x\r\n",
        b"Connection: upgrade, close\r\n",
        b"Upgrade: x\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"\r\n",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
    ];
    let part = prop::sample::select(&PARTS[..]).prop_map(<[u8]>::to_vec);
    vec(prop_oneof![5 => part, 1 => vec(any::<u8>(), 0..9)], 0..10).prop_map(|parts| parts.concat())
}

#[test]
fn no_bytes_from_either_side_stop_the_proxy() {
    let backend = Backend::start();
    let address = backend.address;
    let (next, answers) = channel::<Vec<u8>>();
    thread::spawn(move || {
        for answer in answers {
            let mut socket = backend.accept_whenever();
            let _ = socket.write_all(&answer);
            let _ = socket.shutdown(Shutdown::Write);
        }
    });
    let relay = Relay::inbound(address, &[]);
    let outbound = Relay::outbound(&[("x", &[address])], &[]);
    let mut runner = TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    let result = runner.run(&(rubbish(), vec(rubbish(), 2..4)), |(request, answers)| {
        for answer in answers {
            next.send(answer).unwrap();
        }
        for relay in [&relay, &outbound] {
            let mut client = relay.connect();
            let _ = client.0.write_all(&request);
            let _ = client.0.shutdown(Shutdown::Write);
            client.rest();
        }
        Ok(())
    });
    result.unwrap();
    for relay in [relay, outbound] {
        assert_eq!(relay.proxy.admin("GET", "/live").0, 200);
    }
}
