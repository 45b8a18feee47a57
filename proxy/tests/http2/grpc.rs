//! gRPC calls: how they are counted, and answered in place of their servers.

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};

use super::application::{Application, whole};
use super::client::{Client, post};
use super::harness::{Relay, nobody};

/// A call; its path tells the server what to answer.
fn call(authority: &str, path: &str) -> Request<()> {
    let mut request = post(&format!("http://{authority}/{path}"));
    request.headers_mut().insert("content-type", "application/grpc+proto".parse().unwrap());
    request.headers_mut().insert("te", "trailers".parse().unwrap());
    request
}

/// Answers `/trailers/N` and `/only/N` with that status, in trailers or without a message; `/silent` never, and `/begun` with a
/// message alone.
async fn serve(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
    let path = request.uri().path().to_owned();
    let (kind, code) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let mut head = Response::new(());
    head.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
    let mut trailers = HeaderMap::new();
    if !code.is_empty() {
        trailers.insert("grpc-status", code.parse().unwrap());
    }
    match kind {
        "trailers" => {
            let _ = whole(request.into_body()).await;
            let mut sink = respond.send_response(head, false).unwrap();
            sink.send_data(Bytes::from_static(b"\0\0\0\0\x02hi"), false).unwrap();
            sink.send_trailers(trailers).unwrap();
        }
        "only" => {
            head.headers_mut().extend(trailers);
            respond.send_response(head, true).unwrap();
        }
        "begun" => {
            let mut sink = respond.send_response(head, false).unwrap();
            sink.send_data(Bytes::from_static(b"\0\0\0\0\x02hi"), false).unwrap();
            std::future::pending().await
        }
        _ => std::future::pending().await,
    }
}

fn status(fields: &HeaderMap) -> &str {
    fields.get("grpc-status").map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn calls_are_counted_by_the_status_with_which_they_end() {
    let application = Application::serving(serve).await;
    let relay = Relay::outbound(&[("app", &[application.address])], &[]);
    let client = Client::connect(relay.address).await;
    for code in ["0", "5", "14"] {
        let answer = client.ask(call("app", &format!("trailers/{code}")), "body").await;
        assert_eq!((answer.body.len(), status(&answer.trailers.unwrap())), (7, code));
        let answer = client.ask(call("app", &format!("only/{code}")), "").await;
        assert_eq!(status(&answer.fields), code);
    }
    for (code, classification) in [("0", "success"), ("5", "success"), ("14", "failure")] {
        let labels = [
            r#"status_code="200""#.to_owned(),
            format!("grpc_status=\"{code}\""),
            format!("classification=\"{classification}\""),
        ];
        let labels: Vec<_> = labels.iter().map(String::as_str).collect();
        assert_eq!(relay.metric("mesh_responses_total", &labels), 2.0, "{code}");
    }
    // What is no gRPC has no such status, whatever its fields say.
    client.ask(post("http://app/only/13"), "").await;
    assert_eq!(relay.metric("mesh_responses_total", &[r#"grpc_status="13""#]), 0.0);
}

#[tokio::test]
async fn the_proxys_own_errors_are_statuses_with_a_message() {
    let relay = Relay::outbound(&[("refusing", &[nobody()])], &[]);
    let client = Client::connect(relay.address).await;
    for (authority, code, reason) in
        [("nowhere", "12", "no-such-service"), ("refusing", "14", "connect-refused")]
    {
        let answer = client.ask(call(authority, "x"), "body").await;
        assert_eq!((answer.status, answer.field("content-type")), (200, "application/grpc"));
        assert_eq!((answer.field("grpc-status"), answer.field("mesh-proxy-error")), (code, reason));
        assert_eq!(answer.field("grpc-message"), format!("mesh-proxy: {reason}"));
        assert!(answer.body.is_empty());
        let labels = [&format!("grpc_status=\"{code}\""), &format!("proxy_error=\"{reason}\"")[..]];
        assert_eq!(relay.metric("mesh_responses_total", &labels), 1.0);
    }
}

#[tokio::test]
async fn a_call_ends_when_its_time_is_over() {
    let application = Application::serving(serve).await;
    let relay = Relay::outbound(&[("app", &[application.address]), ("empty", &[])], &[]);
    let client = Client::connect(relay.address).await;
    let with_timeout = |authority: &str, path: &str| {
        let mut request = call(authority, path);
        request.headers_mut().insert("grpc-timeout", "200m".parse().unwrap());
        request
    };
    for (authority, path) in [("app", "silent"), ("empty", "x")] {
        let answer = client.ask(with_timeout(authority, path), "").await;
        assert_eq!((status(&answer.fields), answer.field("mesh-proxy-error")), ("4", "deadline-exceeded"));
    }
    let begun = client.ask(with_timeout("app", "begun"), "").await;
    assert_eq!((begun.body.len(), status(&begun.trailers.unwrap())), (7, "4"));
    assert_eq!(relay.metric("mesh_responses_total", &[r#"grpc_status="4""#, "failure"]), 3.0);
    let in_time = client.ask(with_timeout("app", "only/0"), "").await;
    assert_eq!(status(&in_time.fields), "0");
}
