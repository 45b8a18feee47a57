//! The whole page at `/metrics`.

mod http;
mod permission;
mod tcp;

use std::fmt::Display;
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::histogram::{BOUNDS_MICROS, Histogram};
use super::identity::{Handshake, IdentityMetrics};
use super::limits::{Limit, LimitMetrics};
use super::process::Process;
use super::registry::{Live, Registry};
use super::text::{Gone, Kind, Text};
use super::tls::{TlsMetrics, TlsRoute};
use crate::direction::Direction;
use crate::discovery::Status;
use crate::tap::Observers;

/// Renders everything that the proxy counts, for as long as the reader takes it. It goes in pieces: a series takes some ten
/// kilobytes of text, so that the whole would be the largest thing that a proxy with many series has in memory.
pub(crate) async fn render(
    registry: &Registry,
    status: &Status,
    observers: &Observers,
    reader: mpsc::Sender<Bytes>,
) {
    // A reader who has left misses nothing.
    let _ = write(registry, status, observers, Text::new(reader)).await;
}

async fn write(
    registry: &Registry,
    status: &Status,
    observers: &Observers,
    mut text: Text,
) -> Result<(), Gone> {
    let Live { http: http_series, tcp: tcp_series, decisions } = registry.live(Instant::now());
    http::http(&http_series, &mut text).await?;
    tcp::tcp(&tcp_series, &mut text).await?;
    permission::decisions(&decisions, &mut text).await?;
    detection(registry, &mut text);
    tls(registry.tls(), &mut text);
    identity(registry.identity(), &mut text);
    limits(registry.limits(), &mut text);
    discovery(status, &mut text);
    tap(observers, &mut text);
    build(&mut text);
    Process::read().render(&mut text);
    text.finish().await
}

fn histogram(name: &str, labels: &[&dyn Display], histogram: &Histogram, text: &mut Text) {
    let figures = histogram.figures();
    let (bucket, sum, count) = (format!("{name}_bucket"), format!("{name}_sum"), format!("{name}_count"));
    for (bound, count) in BOUNDS_MICROS.iter().zip(figures.cumulative) {
        let bound = Pair("le", *bound as f64 / 1e6);
        text.sample(&bucket, &[labels, &[&bound]].concat(), count);
    }
    text.sample(&bucket, &[labels, &[&Pair("le", "+Inf")]].concat(), figures.count());
    text.sample(&sum, labels, figures.sum.as_secs_f64());
    text.sample(&count, labels, figures.count());
}

fn detection(registry: &Registry, text: &mut Text) {
    let name = "mesh_protocol_detection_seconds";
    let help =
        "Time from a connection's start until it was told what its client speaks, or that it is silent.";
    text.family(name, Kind::Histogram, help);
    for (label, direction) in [("inbound", Direction::Inbound), ("outbound", Direction::Outbound)] {
        for (protocol, times) in registry.detection(direction).histograms() {
            histogram(name, &[&Pair("direction", label), &Pair("protocol", protocol)], times, text);
        }
    }
}

fn tls(tls: &TlsMetrics, text: &mut Text) {
    let name = "mesh_tls_connections_total";
    text.family(
        name,
        Kind::Counter,
        "Connections with TLS from the application, by what led to their destination.",
    );
    for by in TlsRoute::ALL {
        text.sample(name, &[&Pair("routed_by", by.label())], tls.count(by));
    }
}

fn identity(identity: &IdentityMetrics, text: &mut Text) {
    if let Some(end) = identity.certificate_end() {
        let name = "mesh_identity_certificate_end_timestamp_seconds";
        text.family(name, Kind::Gauge, "When the proxy's certificate ends, in seconds since 1970.");
        text.sample(name, &[], end);
    }
    let (refreshes, failures) = identity.refreshes();
    let name = "mesh_identity_refreshes_total";
    text.family(name, Kind::Counter, "Certificates that the control plane has signed for the proxy.");
    text.sample(name, &[], refreshes);
    let name = "mesh_identity_refresh_failures_total";
    text.family(name, Kind::Counter, "How often the control plane did not sign a certificate.");
    text.sample(name, &[], failures);
    let name = "mesh_tls_handshakes_total";
    text.family(name, Kind::Counter, "Handshakes with other proxies, by how they ended.");
    for (label, direction) in [("inbound", Direction::Inbound), ("outbound", Direction::Outbound)] {
        for result in Handshake::ALL {
            let labels: [&dyn Display; 2] = [&Pair("direction", label), &Pair("result", result.label())];
            text.sample(name, &labels, identity.count(direction, result));
        }
    }
}

fn limits(limits: &LimitMetrics, text: &mut Text) {
    let name = "mesh_limit_reached_total";
    text.family(name, Kind::Counter, "How often a limit made the proxy refuse, close or wait.");
    for limit in Limit::ALL {
        text.sample(name, &[&Pair("limit", limit.label())], limits.count(limit));
    }
    let name = "mesh_served_connections";
    text.family(name, Kind::Gauge, "Connections from clients that are served now.");
    text.sample(name, &[], limits.connections.taken());
    let name = "mesh_pending_requests";
    text.family(name, Kind::Gauge, "Requests and connections that wait for an endpoint now.");
    text.sample(name, &[], limits.pending.taken());
}

fn discovery(status: &Status, text: &mut Text) {
    let name = "mesh_discovery_connected";
    text.family(name, Kind::Gauge, "1 while the stream to the control plane is open.");
    text.sample(name, &[], u8::from(status.is_connected()));
    let name = "mesh_discovery_reconnects_total";
    text.family(name, Kind::Counter, "How often the stream to the control plane was opened again.");
    text.sample(name, &[], status.reconnects());
}

fn tap(observers: &Observers, text: &mut Text) {
    let name = "mesh_tap_observers";
    text.family(name, Kind::Gauge, "Those who watch requests now.");
    text.sample(name, &[], observers.count());
    let name = "mesh_tap_dropped_total";
    text.family(
        name,
        Kind::Counter,
        "Watched requests that were not reported, for their rate or a slow reader.",
    );
    text.sample(name, &[], observers.dropped());
}

fn build(text: &mut Text) {
    text.family("mesh_build_info", Kind::Gauge, "Always 1; the label tells the version of the proxy.");
    text.sample("mesh_build_info", &[&Pair("version", env!("CARGO_PKG_VERSION"))], 1);
}

/// A label whose value needs no escaping.
struct Pair<T>(&'static str, T);

impl<T: Display> Display for Pair<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=\"{}\"", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use tokio_stream::StreamExt;
    use tokio_stream::wrappers::ReceiverStream;

    use super::*;
    use crate::error::ProxyError;
    use crate::grpc::GrpcStatus;
    use crate::listener;
    use crate::metrics::{Answer, CloseReason, Decision, DecisionLabels, Labels, Party, Peer, Protocol};

    const NASTY: &str = "we\"ird\\pod\nname";

    fn counted() -> Registry {
        let registry = Registry::default();
        let labels = Labels {
            direction: Direction::Outbound,
            source: Party {
                namespace: "default",
                workload: "hello",
                workload_kind: "deployment",
                pod: NASTY,
            },
            destination: Party {
                namespace: "default",
                workload: "world",
                workload_kind: "deployment",
                pod: "w-1",
            },
            service: "world",
            tls: false,
        };
        let http = registry.http(&labels);
        for latency in [50, 100, 101, 1_000_000_000] {
            http.request(Protocol::Http1);
            http.response(Protocol::Http1, Answer::plain(200, None), Duration::from_micros(latency));
        }
        for code in ["5", "14"] {
            let grpc_status = GrpcStatus::parse(code.as_bytes());
            let answer = Answer { grpc_status, ..Answer::plain(200, None) };
            http.response(Protocol::Grpc, answer, Duration::from_secs(90));
        }
        http.request(Protocol::Http1);
        http.request(Protocol::Http2);
        http.response(
            Protocol::Http1,
            Answer::plain(502, Some(ProxyError::ConnectRefused)),
            Duration::from_millis(2),
        );
        let tcp = registry.tcp(Peer::Destination, &labels);
        tcp.opened();
        tcp.opened();
        tcp.closed(CloseReason::Reset);
        tcp.read(10);
        tcp.wrote(20);
        let decisions = DecisionLabels {
            destination: labels.destination,
            permission: "shop/web",
            decision: Decision::Deny,
            client_identity: "spiffe://mesh.local/ns/shop/sa/web",
        };
        registry.decisions(&decisions).decided();
        registry.detection(Direction::Inbound).observe(listener::Protocol::Tls, Duration::from_millis(3));
        registry
    }

    async fn pieces(registry: &Registry) -> Vec<Bytes> {
        let (status, observers) = (Status::default(), Observers::default());
        let (reader, pieces) = mpsc::channel(1);
        let rendering = render(registry, &status, &observers, reader);
        tokio::join!(rendering, ReceiverStream::new(pieces).collect()).1
    }

    async fn page() -> String {
        String::from_utf8(pieces(&counted()).await.concat()).unwrap()
    }

    const LABELS: &str = concat!(
        r#"direction="outbound",dst_namespace="default",dst_workload="world",dst_workload_kind="deployment","#,
        r#"dst_service="world",dst_pod="w-1",src_namespace="default",src_workload="hello","#,
        r#"src_workload_kind="deployment",src_pod="we\"ird\\pod\nname",tls="false""#
    );

    #[tokio::test]
    async fn counters_are_shown_with_their_labels() {
        let page = page().await;
        for (name, more, value) in [
            ("mesh_requests_total", r#"protocol="http1""#, "5"),
            ("mesh_requests_total", r#"protocol="http2""#, "1"),
            (
                "mesh_responses_total",
                r#"protocol="http1",status_code="200",grpc_status="",classification="success",proxy_error="""#,
                "4",
            ),
            (
                "mesh_responses_total",
                r#"protocol="grpc",status_code="200",grpc_status="5",classification="success",proxy_error="""#,
                "1",
            ),
            (
                "mesh_responses_total",
                r#"protocol="grpc",status_code="200",grpc_status="14",classification="failure",proxy_error="""#,
                "1",
            ),
            (
                "mesh_responses_total",
                concat!(
                    r#"protocol="http1",status_code="502",grpc_status="","#,
                    r#"classification="failure",proxy_error="connect-refused""#
                ),
                "1",
            ),
            (
                "mesh_response_latency_seconds_bucket",
                r#"protocol="http1",classification="success",le="0.0001""#,
                "2",
            ),
            (
                "mesh_response_latency_seconds_bucket",
                r#"protocol="http1",classification="success",le="0.0002""#,
                "3",
            ),
            (
                "mesh_response_latency_seconds_bucket",
                r#"protocol="http1",classification="success",le="60""#,
                "3",
            ),
            (
                "mesh_response_latency_seconds_bucket",
                r#"protocol="http1",classification="success",le="+Inf""#,
                "4",
            ),
            (
                "mesh_response_latency_seconds_sum",
                r#"protocol="http1",classification="success""#,
                "1000.000251",
            ),
            ("mesh_response_latency_seconds_count", r#"protocol="grpc",classification="success""#, "1"),
            ("mesh_response_latency_seconds_count", r#"protocol="http1",classification="failure""#, "1"),
            ("mesh_response_latency_seconds_count", r#"protocol="grpc",classification="failure""#, "1"),
        ] {
            let line = format!("{name}{{{LABELS},{more}}} {value}");
            assert!(page.lines().any(|other| other == line), "{line}\nis not in\n{page}");
        }
        for (name, more, value) in [
            ("mesh_tcp_open_total", "", "2"),
            ("mesh_tcp_open_connections", "", "1"),
            ("mesh_tcp_close_total", r#",reason="reset""#, "1"),
            ("mesh_tcp_read_bytes_total", "", "10"),
            ("mesh_tcp_write_bytes_total", "", "20"),
        ] {
            let line = format!(r#"{name}{{peer="dst",{LABELS}{more}}} {value}"#);
            assert!(page.lines().any(|other| other == line), "{line}\nis not in\n{page}");
        }
    }

    #[tokio::test]
    async fn decisions_are_shown_with_who_made_them_and_about_whom() {
        let line = concat!(
            r#"mesh_permission_decisions_total{dst_namespace="default",dst_workload="world",dst_workload_kind="deployment","#,
            r#"dst_service="",dst_pod="w-1",permission="shop/web",action="deny","#,
            r#"client_identity="spiffe://mesh.local/ns/shop/sa/web"} 1"#
        );
        assert!(page().await.lines().any(|other| other == line));
    }

    #[tokio::test]
    async fn many_series_come_in_small_pieces_and_each_is_there_once() {
        let registry = Registry::default();
        let services: Vec<_> = (0..100).map(|number| format!("service-{number:02}")).collect();
        for service in &services {
            let (source, destination) = (Party::default(), Party::default());
            let labels = Labels { direction: Direction::Outbound, source, destination, service, tls: false };
            registry.http(&labels).request(Protocol::Http1);
        }
        let pieces = pieces(&registry).await;
        assert!(pieces.iter().all(|piece| piece.len() < 32 * 1024));
        let page = String::from_utf8(pieces.concat()).unwrap();
        let counted = page.lines().filter(|line| line.starts_with("mesh_requests_total"));
        let named: Vec<_> = counted.filter_map(|line| line.split('"').nth(9)).collect();
        assert_eq!(named, services);
        let latencies = page.lines().filter(|line| line.starts_with("mesh_response_latency_seconds_count"));
        assert_eq!(latencies.count(), services.len());
    }

    #[tokio::test]
    async fn the_time_to_tell_a_protocol_is_shown_for_those_that_were_seen() {
        let page = page().await;
        let counts: Vec<_> =
            page.lines().filter(|line| line.starts_with("mesh_protocol_detection_seconds_count")).collect();
        assert_eq!(
            counts,
            [r#"mesh_protocol_detection_seconds_count{direction="inbound",protocol="tls"} 1"#]
        );
    }

    #[tokio::test]
    async fn the_process_is_described() {
        let page = page().await;
        for name in [
            "process_cpu_seconds_total",
            "process_start_time_seconds",
            "process_resident_memory_bytes",
            "process_open_fds",
            "process_max_fds",
        ] {
            let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            let value: f64 = value.unwrap().parse().unwrap();
            assert!(value >= 0.0, "{name} {value}");
        }
    }

    #[tokio::test]
    async fn prometheus_finds_nothing_to_complain_about() {
        let promtool = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut promtool = promtool.expect("promtool is needed (Debian package prometheus)");
        promtool.stdin.take().unwrap().write_all(page().await.as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
    }
}
