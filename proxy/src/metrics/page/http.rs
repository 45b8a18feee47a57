//! Requests and their responses.

use std::fmt::Display;
use std::sync::atomic::Ordering::Relaxed;

use super::super::histogram::Histogram;
use super::super::http::{HttpMetrics, Protocol, ProtocolMetrics};
use super::super::registry::Series;
use super::super::text::{Gone, Kind, Text};
use super::{Pair, histogram};
use crate::grpc::GrpcStatus;

pub(super) async fn http(live: &[Series<HttpMetrics>], text: &mut Text) -> Result<(), Gone> {
    text.family("mesh_requests_total", Kind::Counter, "Requests whose head was read.");
    for (labels, metrics) in live {
        for (protocol, spoken) in metrics.protocols() {
            let protocol = Pair("protocol", protocol.label());
            text.sample("mesh_requests_total", &[labels, &protocol], spoken.requests.load(Relaxed));
        }
        text.pass_on().await?;
    }
    text.family("mesh_responses_total", Kind::Counter, "Responses that ended.");
    for (labels, metrics) in live {
        for (protocol, spoken) in metrics.protocols() {
            responses(labels, protocol, spoken, text);
        }
        text.pass_on().await?;
    }
    let help = "Requests that got no answer from an endpoint and were sent again, by the reason.";
    text.family("mesh_retries_total", Kind::Counter, help);
    for (labels, metrics) in live {
        for (reason, count) in metrics.retries() {
            text.sample("mesh_retries_total", &[labels, &Pair("reason", reason.label())], count);
        }
        text.pass_on().await?;
    }
    let help = "Time from the end of a request's head to the last byte of its response.";
    text.family("mesh_response_latency_seconds", Kind::Histogram, help);
    for (labels, metrics) in live {
        for (protocol, spoken) in metrics.protocols() {
            latency(labels, protocol, false, &spoken.success_latency, text);
            if let Some(latencies) = spoken.failure_latency.get() {
                latency(labels, protocol, true, latencies, text);
            }
            text.pass_on().await?;
        }
    }
    Ok(())
}

fn responses(labels: &str, protocol: Protocol, spoken: &ProtocolMetrics, text: &mut Text) {
    for counter in spoken.response_counters() {
        let answer = &counter.answer;
        let labels: [&dyn Display; 6] = [
            &labels,
            &Pair("protocol", protocol.label()),
            &Pair("status_code", answer.status),
            &Pair("grpc_status", answer.grpc_status.map_or("", GrpcStatus::code)),
            &classification(answer.is_failure()),
            &Pair("proxy_error", answer.proxy_error.map_or("", |error| error.reason())),
        ];
        text.sample("mesh_responses_total", &labels, counter.count.load(Relaxed));
    }
}

fn latency(labels: &str, protocol: Protocol, is_failure: bool, latencies: &Histogram, text: &mut Text) {
    let labels: [&dyn Display; 3] =
        [&labels, &Pair("protocol", protocol.label()), &classification(is_failure)];
    histogram("mesh_response_latency_seconds", &labels, latencies, text);
}

fn classification(is_failure: bool) -> Pair<&'static str> {
    Pair("classification", if is_failure { "failure" } else { "success" })
}
