//! Where streams go, over which connections, and what is counted of them.

use std::collections::HashMap;

use bytes::Bytes;
use h2::Reason;
use http::Response;

use super::application::{Application, echo};
use super::client::{Client, get, post};
use super::harness::{Relay, nobody};
use super::stand_in::ControlPlane;

#[tokio::test]
async fn each_stream_goes_to_the_service_that_it_names_and_is_balanced_by_itself() {
    let (first, second) = (Application::named("first").await, Application::named("second").await);
    let other = Application::named("other").await;
    let relay =
        Relay::outbound(&[("two", &[first.address, second.address]), ("other", &[other.address])], &[]);
    let client = Client::connect(relay.address).await;
    let mut answers: HashMap<String, usize> = HashMap::new();
    for _ in 0..100 {
        let answer = client.ask(get("http://two/"), "").await;
        *answers.entry(answer.text().to_owned()).or_default() += 1;
    }
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(client.ask(get("http://OTHER/"), "").await.text(), "other");
    assert_eq!([first.connections(), second.connections(), other.connections()], [1, 1, 1]);
    let labels = [r#"direction="outbound""#, r#"dst_service="two""#];
    assert_eq!(relay.metric("mesh_requests_total", &labels), 100.0);
    let counted =
        [&labels[..], &[r#"status_code="200""#, r#"grpc_status="""#, r#"classification="success""#]].concat();
    assert_eq!(relay.metric("mesh_responses_total", &counted), 100.0);
    assert_eq!(relay.metric("mesh_response_latency_seconds_count", &labels), 100.0);
}

#[tokio::test]
async fn the_streams_of_all_clients_share_few_connections() {
    let application = Application::serving(echo).await;
    let relay = Relay::inbound(application.address, &[]);
    let mut clients = Vec::new();
    let mut open = Vec::new();
    for _ in 0..4 {
        let client = Client::connect(relay.address).await;
        for _ in 0..32 {
            let (response, sink) = client.begin(post("http://app/")).await;
            open.push((response.await.unwrap(), sink));
        }
        clients.push(client);
    }
    assert_eq!(application.connections(), 1);
    let client = Client::connect(relay.address).await;
    for _ in 0..200 {
        let (response, sink) = client.begin(post("http://app/")).await;
        open.push((response.await.unwrap(), sink));
    }
    assert_eq!(application.connections(), 2, "a connection has at most so many streams");
}

#[tokio::test]
async fn a_server_that_takes_few_streams_at_once_gets_more_connections() {
    let settings = h2::server::Builder::new().max_concurrent_streams(2).clone();
    let application = Application::with(settings, echo).await;
    let relay = Relay::inbound(application.address, &[]);
    let client = Client::connect(relay.address).await;
    client.ask(get("http://app/"), "").await;
    let mut open = Vec::new();
    for _ in 0..6 {
        let (response, sink) = client.begin(post("http://app/")).await;
        open.push((response.await.unwrap(), sink));
    }
    assert_eq!(application.connections(), 3);
}

#[tokio::test]
async fn a_stream_without_an_endpoint_is_told_why_and_the_connection_goes_on() {
    let refusing = nobody();
    let variables = [("MESH_PROXY_PENDING_TIMEOUT", "300ms")];
    let relay = Relay::outbound(&[("empty", &[]), ("refusing", &[refusing])], &variables);
    let client = Client::connect(relay.address).await;
    for (authority, status, reason) in [
        ("nowhere", 404, "no-such-service"),
        ("empty", 503, "no-endpoints"),
        ("refusing", 502, "connect-refused"),
        ("nowhere", 404, "no-such-service"),
    ] {
        let answer = client.ask(post(&format!("http://{authority}/")), "hello").await;
        assert_eq!((answer.status, answer.field("mesh-proxy-error")), (status, reason));
        assert_eq!(answer.text(), format!("mesh-proxy: {reason}\n"));
        let head = http::Request::head(format!("http://{authority}/")).body(()).unwrap();
        let answer = client.ask(head, "").await;
        assert_eq!((answer.status, answer.text()), (status, ""));
        assert!(relay.metric("mesh_responses_total", &[&format!("proxy_error=\"{reason}\"")]) >= 2.0);
    }
}

#[tokio::test]
async fn a_request_that_was_refused_goes_to_another_endpoint_with_its_body() {
    let refusing = Application::serving(|_, mut respond| async move {
        respond.send_reset(Reason::REFUSED_STREAM);
    })
    .await;
    let good = Application::serving(echo).await;
    let relay = Relay::outbound(&[("app", &[refusing.address, good.address])], &[]);
    let client = Client::connect(relay.address).await;
    for _ in 0..30 {
        let answer = client.ask(post("http://app/"), "the body").await;
        assert_eq!((answer.status, answer.text()), (200, "the body"));
    }
    assert!(relay.metric("mesh_retries_total", &[r#"reason="unreached""#]) >= 1.0);
    let alone = Relay::outbound(&[("app", &[refusing.address])], &[]);
    let client = Client::connect(alone.address).await;
    let refused = client.try_ask(post("http://app/"), "the body").await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::REFUSED_STREAM));
}

#[tokio::test]
async fn what_an_endpoint_may_have_seen_is_sent_again_only_when_that_does_no_harm() {
    let breaking = Application::connected(h2::server::Builder::new(), |mut connection| async move {
        let _ = connection.accept().await;
    })
    .await;
    let good = Application::serving(echo).await;
    let relay = Relay::outbound(&[("app", &[breaking.address, good.address])], &[]);
    for method in ["PUT", "POST"] {
        let mut statuses: HashMap<u16, usize> = HashMap::new();
        for _ in 0..12 {
            let client = Client::connect(relay.address).await;
            let request = http::Request::builder().method(method).uri("http://app/").body(()).unwrap();
            *statuses.entry(client.ask(request, "x").await.status).or_default() += 1;
        }
        match method {
            "PUT" => assert_eq!(statuses.keys().collect::<Vec<_>>(), [&200], "{statuses:?}"),
            _ => assert!(statuses.keys().all(|status| [200, 502].contains(status)), "{statuses:?}"),
        }
    }
    let alone = Relay::outbound(&[("app", &[breaking.address])], &[]);
    let client = Client::connect(alone.address).await;
    let answer = client.ask(post("http://app/"), "x").await;
    assert_eq!((answer.status, answer.field("mesh-proxy-error")), (502, "upstream-reset"));
}

#[tokio::test]
async fn an_application_that_does_not_speak_http_2_is_told_of() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = Relay::inbound(listener.local_addr().unwrap(), &[]);
    tokio::spawn(async move {
        let answer: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = tokio::io::AsyncWriteExt::write_all(&mut socket, answer).await;
            let _ = tokio::io::copy(&mut socket, &mut tokio::io::sink()).await;
        }
    });
    let client = Client::connect(relay.address).await;
    let answer = client.ask(get("http://app/"), "").await;
    assert_eq!((answer.status, answer.field("mesh-proxy-error")), (502, "bad-response"));
}

#[tokio::test]
async fn a_host_that_contradicts_the_authority_is_refused_and_one_alone_is_taken() {
    let application = Application::serving(|request, mut respond| async move {
        let uri = Bytes::from(request.uri().to_string());
        respond.send_response(Response::new(()), false).unwrap().send_data(uri, true).unwrap();
    })
    .await;
    let relay = Relay::outbound(&[("app", &[application.address])], &[]);
    let client = Client::connect(relay.address).await;
    let with_host = |uri: &str, host: &str| {
        let mut request = get(uri);
        request.headers_mut().insert("host", host.parse().unwrap());
        request
    };
    let same = client.ask(with_host("http://app/x", "App"), "").await;
    assert_eq!(same.text(), "http://app/x");
    let other = client.ask(with_host("http://app/", "other"), "").await;
    assert_eq!((other.status, other.field("mesh-proxy-error")), (400, "bad-request"));
}

#[tokio::test]
async fn what_an_endpoints_proxy_says_of_a_request_decides_and_an_applications_word_does_not() {
    let unreached = Application::serving(|_, mut respond| async move {
        let response = Response::builder().status(502).header("mesh-proxy-error", "connect-refused");
        respond.send_response(response.body(()).unwrap(), true).unwrap();
    })
    .await;
    let good = Application::serving(echo).await;
    let mut control_plane = ControlPlane::start();
    let relay = Relay::outbound_of(control_plane.address, &[]);
    let endpoints = [unreached.address, good.address];
    tokio::spawn(async move {
        let mut stream = control_plane.next_stream().await;
        stream.introduction().await;
        loop {
            let authority = stream.subscription().await;
            match authority.as_str() {
                "meshed" => stream.meshed_snapshot(&authority, &endpoints).await,
                _ => stream.snapshot(&authority, &endpoints).await,
            }
        }
    });
    let client = Client::connect(relay.address).await;
    for _ in 0..20 {
        let answer = client.ask(post("http://meshed/"), "body").await;
        assert_eq!((answer.status, answer.text()), (200, "body"));
    }
    assert!(relay.metric("mesh_retries_total", &[r#"reason="unreached""#]) >= 1.0);
    let mut statuses = std::collections::HashSet::new();
    for _ in 0..20 {
        let answer = client.ask(post("http://plain/"), "body").await;
        assert_eq!(answer.field("mesh-proxy-error"), "");
        statuses.insert(answer.status);
    }
    assert!(statuses.contains(&502), "{statuses:?}");
}
