//! Clients that mean harm. Each is sent away or held to what it may take, while others are served as ever.

use std::time::{Duration, Instant};

use super::application::{Application, echo, send, whole};
use super::client::{Client, post, within};
use super::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, Wire, frame, request,
};
use super::harness::Relay;
use super::stand_in::proxy::eventually;

const PROTOCOL_ERROR: u32 = 1;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const COMPRESSION_ERROR: u32 = 9;
const ENHANCE_YOUR_CALM: u32 = 11;

async fn relay(variables: &[(&str, &str)]) -> (Application, Relay) {
    let application = Application::serving(echo).await;
    let relay = Relay::inbound(application.address, variables);
    (application, relay)
}

/// What a client hears that goes on with `flood` until it is not listened to any more; it reads nothing meanwhile.
async fn goodbye_to(relay: &Relay, first: Vec<u8>, flood: Vec<u8>) -> Option<u32> {
    let address = relay.address;
    let flooding = tokio::task::spawn_blocking(move || {
        let mut wire = Wire::connect(address, &[]);
        wire.send(first);
        let mut reader = Wire::new(wire.0.try_clone().unwrap());
        let reading = std::thread::spawn(move || reader.goodbye());
        assert!(wire.send_while_taken(&flood, 20_000), "the flood is taken to its end");
        reading.join().unwrap()
    });
    flooding.await.unwrap()
}

/// Another client is served, and the proxy is as small as before.
async fn assert_unharmed(relay: &Relay) {
    let client = Client::connect(relay.address).await;
    assert_eq!(client.ask(post("http://app/"), "body").await.text(), "body");
    let resident = relay.proxy.metric("process_resident_memory_bytes");
    assert!(resident < 60e6, "{resident}");
}

#[tokio::test]
async fn floods_of_frames_that_carry_nothing_end_the_connection() {
    let open = frame(HEADERS, END_HEADERS, 1, &request("app"));
    for (name, flood) in [
        ("pings", frame(PING, 0, 0, &[7; 8])),
        ("settings", frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
        ("priorities", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 7])),
        ("empty data", frame(DATA, 0, 1, &[])),
        ("unknown frames", frame(0xbb, 0, 1, b"grease")),
        ("window updates", frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])),
    ] {
        let (_application, relay) = relay(&[]).await;
        let goodbye = goodbye_to(&relay, open.clone(), flood.repeat(100)).await;
        // The goodbye is lost when the reset that follows what was not read overtakes it.
        assert!([Some(ENHANCE_YOUR_CALM), None].contains(&goodbye), "{name}: {goodbye:?}");
        assert_unharmed(&relay).await;
    }
}

/// Opens streams by a whole request each, and sends after each what makes an end of it, until nobody listens any more. What is
/// heard of that.
async fn end_streams(relay: &Relay, ending: impl Fn(u32) -> Vec<u8> + Send + 'static) -> Option<u32> {
    let address = relay.address;
    let goodbye = tokio::task::spawn_blocking(move || {
        let mut wire = Wire::connect(address, &[]);
        for stream in (1..200_001).step_by(2) {
            let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, &request("app"));
            if wire.send_while_taken(&[open, ending(stream)].concat(), 1) {
                return wire.goodbye();
            }
        }
        panic!("all are taken");
    });
    let goodbye = goodbye.await.unwrap();
    assert_unharmed(relay).await;
    goodbye
}

#[tokio::test]
async fn streams_that_are_opened_only_to_be_reset_end_the_connection() {
    let (_application, relay) = relay(&[]).await;
    let goodbye = end_streams(&relay, |stream| frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())).await;
    assert!([Some(ENHANCE_YOUR_CALM), None].contains(&goodbye), "{goodbye:?}");
    // The client may have heard of it before it was counted.
    eventually("it is counted", || relay.metric("mesh_limit_reached_total", &["frames"]) == 1.0);
}

#[tokio::test]
async fn streams_that_are_reset_after_data_end_the_connection() {
    let (_application, relay) = relay(&[]).await;
    let address = relay.address;
    let goodbye = tokio::task::spawn_blocking(move || {
        let mut wire = Wire::connect(address, &[]);
        for stream in (1..200_001).step_by(2) {
            let open = frame(HEADERS, END_HEADERS, stream, &request("app"));
            let reset = frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
            if wire.send_while_taken(&[open, frame(DATA, 0, stream, b"data"), reset].concat(), 1) {
                return wire.goodbye();
            }
        }
        panic!("all are taken");
    });
    let goodbye = goodbye.await.unwrap();
    assert!([Some(ENHANCE_YOUR_CALM), None].contains(&goodbye), "{goodbye:?}");
    eventually("it is counted", || relay.metric("mesh_limit_reached_total", &["frames"]) == 1.0);
    assert_unharmed(&relay).await;
}

/// A client that goes on however much comes of streams that it has reset; others of the same library give up their connection.
async fn cancelling(relay: &Relay) -> Client {
    let settings = h2::client::Builder::new().max_local_error_reset_streams(None).clone();
    Client::with(&settings, relay.address).await
}

#[tokio::test]
async fn a_client_that_reads_a_little_of_many_responses_and_cancels_them_is_served() {
    let application = endless().await;
    let relay = Relay::inbound(application.address, &[]);
    let client = cancelling(&relay).await;
    // More than are borne at once of streams that bring nothing.
    for _ in 0..3_000 {
        let (response, mut sink) = client.begin(post("http://app/")).await;
        let mut body = within(response).await.unwrap().into_body();
        let part = within(body.data()).await.unwrap().unwrap();
        assert_eq!(part[0], 7, "{}", part.escape_ascii());
        sink.send_reset(h2::Reason::CANCEL);
    }
    assert_eq!(relay.metric("mesh_limit_reached_total", &["frames"]), 0.0);
    assert_eq!(application.connections(), 1);
}

#[tokio::test]
async fn streams_that_are_reset_at_once_reach_no_endpoint() {
    let (_application, relay) = relay(&[]).await;
    let address = relay.address;
    let asked = tokio::task::spawn_blocking(move || {
        let mut wire = Wire::connect(address, &[]);
        // From here on the proxy reads what comes together as one.
        while wire.next().unwrap().flags & ACK == 0 {}
        let cut = |stream| {
            let open = frame(HEADERS, END_HEADERS | END_STREAM, stream, &request("app"));
            [open, frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())].concat()
        };
        wire.send((1..201).step_by(2).flat_map(cut).collect::<Vec<_>>());
        wire
    });
    let _wire = asked.await.unwrap();
    eventually("they have come", || relay.metric("mesh_requests_total", &[]) == 100.0);
    assert_eq!(relay.metric("mesh_tcp_open_total", &[r#"peer="dst""#]), 0.0);
    assert_unharmed(&relay).await;
}

#[tokio::test]
async fn streams_that_the_proxy_is_made_to_reset_end_the_connection() {
    // A window beyond its limit (RFC 9113, section 6.9.1), no increment at all (6.9), and a stream that depends on itself.
    for ending in [
        |stream| frame(WINDOW_UPDATE, 0, stream, &0x7fff_ffff_u32.to_be_bytes()),
        |stream| frame(WINDOW_UPDATE, 0, stream, &[0; 4]),
        |stream: u32| frame(PRIORITY, 0, stream, &[&stream.to_be_bytes()[..], &[7]].concat()),
    ] {
        let (_application, relay) = relay(&[]).await;
        let goodbye = end_streams(&relay, ending).await;
        assert!([Some(ENHANCE_YOUR_CALM), Some(PROTOCOL_ERROR), None].contains(&goodbye), "{goodbye:?}");
    }
}

#[tokio::test]
async fn a_head_without_end_ends_the_connection() {
    let (_application, relay) = relay(&[]).await;
    for part in [vec![], [&[0x40, 1, b'x', 0x7f, 0x81, 0x7f][..], &[b'v'; 16_000]].concat()] {
        let first = frame(HEADERS, 0, 1, &request("app"));
        // So much that all that lies between does not hold it.
        let flood = frame(CONTINUATION, 0, 1, &part).repeat(if part.is_empty() { 100 } else { 1 });
        let goodbye = goodbye_to(&relay, first, flood).await;
        let expected = [Some(ENHANCE_YOUR_CALM), Some(PROTOCOL_ERROR), Some(COMPRESSION_ERROR), None];
        assert!(expected.contains(&goodbye), "{goodbye:?}");
        assert_unharmed(&relay).await;
    }
}

/// One frame with a request of so many fields of 4,000 bytes: the first goes into the table, and each byte that follows names it again.
fn bomb(stream: u32, fields: usize) -> Vec<u8> {
    let field = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'v'; 4000]].concat();
    let head = [request("app"), field, vec![0xbe; fields - 1]].concat();
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &head)
}

/// The most memory that the proxy has had, in bytes.
fn peak(relay: &Relay) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", relay.proxy.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test]
async fn a_head_that_unpacks_to_much_is_answered_431_and_its_connection_goes_on() {
    let (_application, relay) = relay(&[]).await;
    let address = relay.address;
    let neighbour = tokio::task::spawn_blocking(move || {
        let mut wire = Wire::connect(address, &[]);
        wire.send(frame(HEADERS, END_HEADERS, 1, &request("app")));
        // 400 KB, where 128 KiB are unpacked; beyond 512 KiB the connection would end.
        wire.send(bomb(3, 100));
        let refused = std::iter::from_fn(|| wire.next_of_interest()).find(|frame| frame.stream == 3).unwrap();
        assert_eq!((refused.kind, refused.flags), (HEADERS, END_HEADERS | END_STREAM));
        // `:status` by its number in the table, and 431 in Huffman's code.
        assert_eq!(refused.payload, [0x48, 0x83, 0x69, 0x90, 0xff]);
        wire.send(frame(DATA, END_STREAM, 1, b"body"));
        std::iter::from_fn(|| wire.next_of_interest()).find(|frame| frame.kind == DATA).unwrap()
    });
    let neighbour = neighbour.await.unwrap();
    assert_eq!((neighbour.stream, neighbour.payload), (1, b"body".to_vec()));
    assert_unharmed(&relay).await;
}

#[tokio::test]
async fn a_head_that_unpacks_to_very_much_ends_its_connection_and_no_other() {
    const UNPACKED: u64 = 10_000 * 4000;
    let (_application, relay) = relay(&[]).await;
    let neighbour = Client::connect(relay.address).await;
    let (answer, mut body) = neighbour.begin(post("http://app/")).await;
    let answer = within(answer).await.unwrap();
    let before = peak(&relay);
    let address = relay.address;
    let goodbyes = tokio::task::spawn_blocking(move || {
        let mut wires: Vec<_> = (0..20).map(|_| Wire::connect(address, &[])).collect();
        wires.iter_mut().for_each(|wire| wire.send(bomb(1, 10_000)));
        wires.iter_mut().map(Wire::goodbye).collect::<Vec<_>>()
    });
    assert_eq!(goodbyes.await.unwrap(), [Some(ENHANCE_YOUR_CALM); 20]);
    let grown = peak(&relay) - before;
    assert!(grown < UNPACKED / 10, "{grown}");
    body.send_data("body".into(), true).unwrap();
    assert_eq!(within(whole(answer.into_body())).await.unwrap().0, b"body");
    assert_unharmed(&relay).await;
}

#[tokio::test]
async fn more_streams_than_may_be_open_are_refused() {
    let (_application, relay) = relay(&[]).await;
    let address = relay.address;
    let refused = tokio::task::spawn_blocking(move || {
        let mut wire = Wire::connect(address, &[]);
        // From here on the limit of the proxy is known.
        while wire.next().unwrap().flags & ACK == 0 {}
        for stream in (1..601).step_by(2) {
            wire.send(frame(HEADERS, END_HEADERS, stream, &request("app")));
        }
        let mut refused = 0;
        let mut answered = 0;
        while refused + answered < 300 {
            let frame = wire.next_of_interest().unwrap();
            match frame.kind {
                RST_STREAM => {
                    assert_eq!(frame.payload, REFUSED_STREAM.to_be_bytes());
                    refused += 1;
                }
                HEADERS => answered += 1,
                other => panic!("a frame of kind {other}"),
            }
        }
        refused
    });
    assert_eq!(refused.await.unwrap(), 300 - 256);
    assert_unharmed(&relay).await;
}

/// Answers every request by much more than any buffer holds.
async fn endless() -> Application {
    Application::serving(|_, mut respond| async move {
        let mut sink = respond.send_response(http::Response::new(()), false).unwrap();
        for _ in 0..10_000 {
            if send(&mut sink, bytes::Bytes::from_static(&[7; 10_000])).await.is_none() {
                return;
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_connections_window_that_stays_closed_holds_little_and_not_for_ever() {
    let application = endless().await;
    let relay = Relay::inbound(application.address, &[("MESH_PROXY_STALL_TIMEOUT", "2s")]);
    let address = relay.address;
    let stalled = tokio::task::spawn_blocking(move || {
        // SETTINGS_INITIAL_WINDOW_SIZE 2^31 - 1; the connection's stays at 65,535.
        let mut wire = Wire::connect(address, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
        for stream in (1..201).step_by(2) {
            wire.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, &request("app")));
        }
        let (mut data, mut resets) = (0, 0);
        while resets < 100 {
            let frame = wire.next_of_interest().unwrap();
            data += if frame.kind == DATA { frame.payload.len() } else { 0 };
            resets += usize::from(frame.kind == RST_STREAM);
        }
        data
    });
    let other = cancelling(&relay).await;
    while !stalled.is_finished() {
        // Its streams are served by the same connection to the application.
        let mut body = other.head(post("http://app/")).await.unwrap().into_body();
        assert_eq!(within(body.data()).await.unwrap().unwrap()[0], 7);
        let resident = relay.proxy.metric("process_resident_memory_bytes");
        assert!(resident < 60e6, "{resident}");
    }
    assert_eq!(stalled.await.unwrap(), 65_535);
    assert_eq!(relay.metric("mesh_limit_reached_total", &["stall-timeout"]), 100.0);
}

#[tokio::test]
async fn windows_that_stay_closed_hold_little_and_not_for_ever() {
    let application = endless().await;
    let relay = Relay::inbound(application.address, &[("MESH_PROXY_STALL_TIMEOUT", "2s")]);
    let address = relay.address;
    let resets = tokio::task::spawn_blocking(move || {
        // SETTINGS_INITIAL_WINDOW_SIZE 0
        let mut wire = Wire::connect(address, &[0, 4, 0, 0, 0, 0]);
        for stream in (1..201).step_by(2) {
            wire.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, &request("app")));
        }
        let mut resets = 0;
        while resets < 100 {
            let frame = wire.next_of_interest().unwrap();
            assert_ne!(frame.kind, DATA);
            resets += usize::from(frame.kind == RST_STREAM);
        }
        resets
    });
    assert_eq!(resets.await.unwrap(), 100);
    assert_eq!(relay.metric("mesh_limit_reached_total", &["stall-timeout"]), 100.0);
    let resident = relay.proxy.metric("process_resident_memory_bytes");
    assert!(resident < 60e6, "{resident}");
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_preface_or_its_first_head_is_closed() {
    let (_application, relay) =
        relay(&[("MESH_PROXY_HEADER_TIMEOUT", "500ms"), ("MESH_PROXY_IDLE_TIMEOUT", "1s")]).await;
    let address = relay.address;
    let closed = tokio::task::spawn_blocking(move || {
        let start = Instant::now();
        let mut wire = Wire::connect(address, &[]);
        wire.send(frame(HEADERS, 0, 1, &request("app")));
        while wire.next().is_some() {}
        start.elapsed()
    });
    assert!(closed.await.unwrap() < Duration::from_secs(15));
    eventually("it is gone", || relay.metric("mesh_tcp_open_connections", &[r#"peer="src""#]) == 0.0);
}
