//! Connections.

use std::sync::atomic::Ordering::Relaxed;

use super::super::registry::Series;
use super::super::tcp::{CloseReason, TcpMetrics};
use super::super::text::{Gone, Kind, Text};
use super::Pair;

pub(super) async fn tcp(live: &[Series<TcpMetrics>], text: &mut Text) -> Result<(), Gone> {
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
        for (labels, metrics) in live {
            text.sample(name, &[labels], value(metrics));
            text.pass_on().await?;
        }
    }
    text.family("mesh_tcp_close_total", Kind::Counter, "Connections closed, by the reason.");
    for (labels, metrics) in live {
        for reason in CloseReason::ALL {
            let count = metrics.closed[reason as usize].load(Relaxed);
            if count > 0 {
                text.sample("mesh_tcp_close_total", &[labels, &Pair("reason", reason.label())], count);
            }
        }
        text.pass_on().await?;
    }
    Ok(())
}
