//! Decisions about calls to the application.

use super::super::permission::DecisionMetrics;
use super::super::registry::Series;
use super::super::text::{Gone, Kind, Text};

pub(super) async fn decisions(live: &[Series<DecisionMetrics>], text: &mut Text) -> Result<(), Gone> {
    let name = "mesh_permission_decisions_total";
    let help =
        "Requests, and connections that carry none, that permissions or a default of deny decided about.";
    text.family(name, Kind::Counter, help);
    for (labels, metrics) in live {
        text.sample(name, &[labels], metrics.count());
        text.pass_on().await?;
    }
    Ok(())
}
