//! The two back ends of iptables, and which of them this host uses.

use crate::failure::Failure;
use crate::family::Family;
use crate::iptables::Iptables;
use std::cmp::Reverse;
use std::fmt;

/// The part of the kernel that the rules are written to. Both may hold rules at once, and all of them apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackEnd {
    /// nf_tables.
    Nft,
    /// ip_tables and ip6_tables.
    Legacy,
}

impl fmt::Display for BackEnd {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Nft => "nft",
            Self::Legacy => "legacy",
        })
    }
}

/// The programs to write rules with: those of the back end that is asked for; or else, of those that this kernel
/// answers, the one that holds our rules already; or else the one that holds most rules; or else nft.
pub fn choose(wanted: Option<BackEnd>, installed: &[Iptables]) -> Result<Iptables, Failure> {
    if installed.is_empty() {
        return Err(Failure::new("iptables is not installed", "install the package iptables"));
    }
    if let Some(wanted) = wanted {
        return installed.iter().copied().find(|iptables| iptables.back_end == wanted).ok_or_else(|| {
            Failure::new(
                format!("--backend {wanted}: the iptables installed here does not have it"),
                "leave --backend out, or install iptables with that back end",
            )
        });
    }
    let mut answering = Vec::new();
    let mut refusal = None;
    for iptables in installed {
        match iptables.nat_table(Family::V4) {
            Ok(table) => answering.push((iptables, table)),
            Err(failure) => refusal = refusal.or(Some(failure)),
        }
    }
    let most =
        answering.iter().min_by_key(|(iptables, table)| Reverse((table.has_ours(), iptables.rule_count())));
    match (most, refusal) {
        (Some((iptables, _)), _) => Ok(**iptables),
        (None, Some(refusal)) => Err(refusal),
        (None, None) => Ok(installed[0]),
    }
}
