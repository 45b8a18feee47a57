//! Looking at the rules to say why the redirection does not work.

use crate::back_end::BackEnd;
use crate::configuration::Configuration;
use crate::failure::Failure;
use crate::family::Family;
use crate::iptables::{Iptables, legacy_nat_exists};
use crate::nat_table::NatTable;
use crate::rules::{CHAINS, INBOUND, Rules};

const RUN_AGAIN: &str =
    "run mesh-init in this network namespace, with the flags and variables given to verify";

/// Why outbound connections do not reach the proxy, as far as the rules show. `symptom` says what was seen.
pub fn explain(family: Family, configuration: &Configuration, symptom: &str) -> Failure {
    let because = |reason: &str, remedy: &str| Failure::new(format!("{family}: {symptom}: {reason}"), remedy);
    let tables = match readable(family) {
        Ok(tables) => tables,
        Err(failure) => {
            return because(&format!("the rules cannot be read: {}", failure.problem), &failure.remedy);
        }
    };
    let (iptables, table) = match sole_holder(&tables, family, configuration) {
        Ok(holder) => holder,
        Err(reason) => return because(&reason, RUN_AGAIN),
    };
    if let Some(difference) = difference(table, &Rules::new(configuration, family)) {
        return because(&difference, RUN_AGAIN);
    }
    let before = rules_before_ours(table, "OUTPUT");
    if before.is_empty() {
        return because(
            &format!("the rules are there ({}), and yet they do not act", iptables.back_end),
            "look for a filter rule or a native nftables rule that rejects or translates connections first",
        );
    }
    because(
        &format!("other rules come before ours: {}", before.join("; ")),
        "take those rules away, or run mesh-init --undo and mesh-init where ours come first",
    )
}

/// What can be said of the inbound direction, which only a connection from elsewhere could try: that the rules are
/// there. Rules in both back ends at once are an error even when they happen to work.
pub fn inspect_inbound(family: Family, configuration: &Configuration) -> Result<String, Failure> {
    let Ok(tables) = readable(family) else {
        return Ok("inbound rules not looked at, for lack of permission".to_owned());
    };
    let wrong = |reason: &str| Failure::new(format!("{family}: inbound: {reason}"), RUN_AGAIN);
    let (iptables, table) = sole_holder(&tables, family, configuration).map_err(|reason| wrong(&reason))?;
    let jump = table.jumps().any(|rule| rule.starts_with("-A PREROUTING ") && rule.ends_with(INBOUND));
    let target = format!("-j REDIRECT --to-ports {}", configuration.inbound_port);
    let redirect = table
        .rules()
        .iter()
        .any(|rule| rule.starts_with(&format!("-A {INBOUND} ")) && rule.ends_with(&target));
    if !jump {
        return Err(wrong(&format!("PREROUTING does not lead to {INBOUND} ({})", iptables.back_end)));
    }
    if !redirect {
        return Err(wrong(&format!("{INBOUND} has no rule `{target}` ({})", iptables.back_end)));
    }
    Ok(format!("inbound rules to port {} are there ({})", configuration.inbound_port, iptables.back_end))
}

/// The nat table of each installed back end that can be read; the first refusal when none can.
fn readable(family: Family) -> Result<Vec<(Iptables, NatTable)>, Failure> {
    let mut tables = Vec::new();
    let mut refusal =
        Failure::new("iptables is not installed", "install the package iptables to see what is wrong");
    for iptables in Iptables::installed() {
        match iptables.nat_table(family) {
            Ok(table) => tables.push((iptables, table)),
            Err(failure) => refusal = failure,
        }
    }
    if tables.is_empty() { Err(refusal) } else { Ok(tables) }
}

/// The one back end that holds our rules and is to hold them; or else why there is none.
fn sole_holder<'tables>(
    tables: &'tables [(Iptables, NatTable)],
    family: Family,
    configuration: &Configuration,
) -> Result<(Iptables, &'tables NatTable), String> {
    let holding: Vec<&(Iptables, NatTable)> = tables.iter().filter(|(_, table)| table.has_ours()).collect();
    match holding[..] {
        [] => Err(absence(tables, family)),
        [(iptables, table)] => match configuration.back_end {
            Some(wanted) if wanted != iptables.back_end => {
                Err(format!("the rules are in the back end {}, not in {wanted}", iptables.back_end))
            }
            _ => Ok((*iptables, table)),
        },
        _ => Err("both back ends hold rules of ours".to_owned()),
    }
}

fn absence(tables: &[(Iptables, NatTable)], family: Family) -> String {
    let seen: Vec<String> = tables.iter().map(|(iptables, _)| iptables.back_end.to_string()).collect();
    let hidden = !tables.iter().any(|(iptables, _)| iptables.back_end == BackEnd::Legacy)
        && legacy_nat_exists(family).unwrap_or(false);
    let hint =
        if hidden { "; a legacy nat table exists, which needs iptables-legacy to be seen" } else { "" };
    format!("there are no chains {} in the nat table ({}){hint}", CHAINS.join(", "), seen.join(", "))
}

/// The first difference between the rules that are there and those that should be.
fn difference(table: &NatTable, wanted: &Rules) -> Option<String> {
    if let Some(jump) = wanted.jumps.iter().find(|jump| !table.jumps().any(|rule| rule == *jump)) {
        return Some(format!("the rule `{jump}` is missing"));
    }
    let ours: Vec<&String> = table
        .rules()
        .iter()
        .filter(|rule| CHAINS.iter().any(|chain| rule.starts_with(&format!("-A {chain} "))))
        .collect();
    let longest = ours.len().max(wanted.chains.len());
    (0..longest).find_map(|index| match (ours.get(index), wanted.chains.get(index)) {
        (Some(there), Some(asked)) if *there == asked => None,
        (Some(there), Some(asked)) => Some(format!("the rule `{there}` is where `{asked}` should be")),
        (Some(there), None) => Some(format!("the rule `{there}` is one too many")),
        (None, Some(asked)) => Some(format!("the rule `{asked}` is missing")),
        (None, None) => None,
    })
}

fn rules_before_ours<'table>(table: &'table NatTable, chain: &str) -> Vec<&'table str> {
    let prefix = format!("-A {chain} ");
    let ours: Vec<&String> = table.jumps().collect();
    table
        .rules()
        .iter()
        .filter(|rule| rule.starts_with(&prefix))
        .take_while(|rule| !ours.contains(rule))
        .map(String::as_str)
        .collect()
}
