//! The whole page at `/metrics`.

use std::fmt::Display;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::histogram::{BOUNDS_MICROS, Histogram};
use super::http::is_failure;
use super::process::Process;
use super::registry::{Live, Registry};
use super::tcp::{CloseReason, TcpMetrics};
use super::text::{Kind, Text};
use crate::discovery::Status;
use crate::tap::Observers;

/// Renders everything that the proxy counts.
pub(crate) fn render(registry: &Registry, status: &Status, observers: &Observers) -> String {
    let mut text = Text::default();
    registry.read(Instant::now(), |live| {
        http(live, &mut text);
        tcp(live, &mut text);
    });
    discovery(status, &mut text);
    tap(observers, &mut text);
    build(&mut text);
    Process::read().render(&mut text);
    text.into_page()
}

fn http(live: &Live<'_>, text: &mut Text) {
    text.family("mesh_requests_total", Kind::Counter, "Requests whose head was read.");
    for (labels, metrics) in &live.http {
        text.sample("mesh_requests_total", &[labels], metrics.requests.load(Relaxed));
    }
    text.family("mesh_responses_total", Kind::Counter, "Responses that ended.");
    for (labels, metrics) in &live.http {
        for counter in metrics.response_counters() {
            let status = Pair("status_code", counter.status);
            let class = classification(is_failure(counter.status));
            let error = Pair("proxy_error", counter.proxy_error.map_or("", |error| error.reason()));
            text.sample(
                "mesh_responses_total",
                &[labels, &status, &class, &error],
                counter.count.load(Relaxed),
            );
        }
    }
    let help = "Time from the end of a request's head to the last byte of its response.";
    text.family("mesh_response_latency_seconds", Kind::Histogram, help);
    for (labels, metrics) in &live.http {
        latency(labels, false, &metrics.success_latency, text);
        if let Some(latencies) = metrics.failure_latency.get() {
            latency(labels, true, latencies, text);
        }
    }
}

fn latency(labels: &str, is_failure: bool, histogram: &Histogram, text: &mut Text) {
    let figures = histogram.figures();
    let class = classification(is_failure);
    for (bound, count) in BOUNDS_MICROS.iter().zip(figures.cumulative) {
        let bound = Pair("le", *bound as f64 / 1e6);
        text.sample("mesh_response_latency_seconds_bucket", &[&labels, &class, &bound], count);
    }
    let all = Pair("le", "+Inf");
    text.sample("mesh_response_latency_seconds_bucket", &[&labels, &class, &all], figures.count());
    text.sample("mesh_response_latency_seconds_sum", &[&labels, &class], figures.sum.as_secs_f64());
    text.sample("mesh_response_latency_seconds_count", &[&labels, &class], figures.count());
}

fn tcp(live: &Live<'_>, text: &mut Text) {
    type Value = fn(&TcpMetrics) -> i128;
    let families: [(&str, Kind, &str, Value); 4] = [
        ("mesh_tcp_open_total", Kind::Counter, "Connections opened.", |tcp| tcp.opened.load(Relaxed).into()),
        ("mesh_tcp_open_connections", Kind::Gauge, "Connections that are open now.", |tcp| {
            tcp.open.load(Relaxed).into()
        }),
        ("mesh_tcp_read_bytes_total", Kind::Counter, "Bytes read from the peer.", |tcp| {
            tcp.read_bytes.load(Relaxed).into()
        }),
        ("mesh_tcp_write_bytes_total", Kind::Counter, "Bytes written to the peer.", |tcp| {
            tcp.write_bytes.load(Relaxed).into()
        }),
    ];
    for (name, kind, help, value) in families {
        text.family(name, kind, help);
        for (labels, metrics) in &live.tcp {
            text.sample(name, &[labels], value(metrics));
        }
    }
    text.family("mesh_tcp_close_total", Kind::Counter, "Connections closed, by the reason.");
    for (labels, metrics) in &live.tcp {
        for reason in CloseReason::ALL {
            let count = metrics.closed[reason as usize].load(Relaxed);
            if count > 0 {
                text.sample("mesh_tcp_close_total", &[labels, &Pair("reason", reason.label())], count);
            }
        }
    }
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

fn classification(is_failure: bool) -> Pair<&'static str> {
    Pair("classification", if is_failure { "failure" } else { "success" })
}
