//! Streams between two certified proxies, over what is secured between them.

use bytes::Bytes;

use super::application::{Application, echo};
use super::client::{Client, get, post};
use super::mesh::{handshakes, inbound, outbound};
use super::stand_in::authority::Authority;

#[tokio::test]
async fn streams_go_the_whole_way_secured_and_share_one_connection() {
    let authority = Authority::new();
    let application = Application::serving(echo).await;
    let world = inbound(&authority, "world", application.address, &[]);
    let hello = outbound(&authority, world.address, "world", &[]);
    let client = Client::connect(hello.address).await;
    let large: Bytes = (0..3_000_000).map(|at| (at % 251) as u8).collect();
    assert!(client.ask(post("http://world/"), large.clone()).await.body == large);
    let mut open = Vec::new();
    for _ in 0..20 {
        let (response, sink) = client.begin(post("http://world/")).await;
        open.push((response.await.unwrap(), sink));
    }
    assert_eq!(client.ask(get("http://world/"), "").await.status, 200);
    assert_eq!(application.connections(), 1);
    for (relay, direction) in [(&hello, "outbound"), (&world, "inbound")] {
        assert_eq!(handshakes(relay, direction, "full"), 1.0);
        let labels = [format!("direction=\"{direction}\""), "tls=\"true\"".to_owned()];
        assert_eq!(relay.metric("mesh_requests_total", &[&labels[0], &labels[1]]), 22.0, "{direction}");
    }
}

#[tokio::test]
async fn streams_for_whose_connection_there_is_no_place_are_told_so() {
    let authority = Authority::new();
    let application = Application::serving(echo).await;
    let limit = [("MESH_PROXY_MAX_CONNECTIONS", "1")];
    let world = inbound(&authority, "world", application.address, &limit);
    let hello = outbound(&authority, world.address, "world", &[]);
    let occupant = Client::connect(world.address).await;
    assert_eq!(occupant.ask(get("http://world/"), "").await.status, 200);
    let client = Client::connect(hello.address).await;
    let answer = client.ask(get("http://world/"), "").await;
    assert_eq!((answer.status, answer.text()), (503, "mesh-proxy: overloaded\n"));
}
