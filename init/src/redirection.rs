//! Writing the redirection, and taking it away.

use crate::back_end;
use crate::configuration::Configuration;
use crate::failure::Failure;
use crate::family::Family;
use crate::iptables::Iptables;
use crate::nat_table::NatTable;
use crate::rules::Rules;
use std::fs;

/// The bit of CAP_NET_ADMIN in a set of capabilities (linux/capability.h).
const NET_ADMIN: u64 = 1 << 12;

/// Writes the rules that `configuration` asks for in place of any that were there, and says what was done. When it
/// fails, no rule of ours is left in either family.
pub fn install(configuration: &Configuration) -> Result<String, Failure> {
    let installed = Iptables::installed();
    require_permission()?;
    let chosen = back_end::choose(configuration.back_end, &installed)?;
    let families = configuration.families();
    let written = remove_others(&installed, chosen, &families)
        .and_then(|()| write_rules_as_the_kernel_can(configuration, chosen, &families));
    let remark = written.map_err(|mut failure| {
        if let Err(remaining) = remove_from(&installed, |_, _| true) {
            failure.problem = format!("{}; and rules may be left: {}", failure.problem, remaining.problem);
        }
        failure
    })?;
    let names: Vec<String> = families.iter().map(Family::to_string).collect();
    Ok(format!(
        "{} redirected by iptables ({}): outbound to port {}, inbound to port {}{remark}",
        names.join(" and "),
        chosen.back_end,
        configuration.outbound_port,
        configuration.inbound_port
    ))
}

/// The text that `install` gives to `iptables-restore --noflush` when there are no rules of ours yet, a part a family.
pub fn preview_install(configuration: &Configuration) -> String {
    preview(configuration, |rules| Some(NatTable::default().install(rules)))
}

/// Takes away every rule of ours, from either back end and family, and nothing else.
pub fn uninstall() -> Result<String, Failure> {
    let installed = Iptables::installed();
    require_permission()?;
    back_end::choose(None, &installed)?;
    Ok(match remove_from(&installed, |_, _| true)? {
        0 => "nothing to take away".to_owned(),
        _ => "redirection taken away".to_owned(),
    })
}

/// The text with which `uninstall` takes away what `preview_install` shows.
pub fn preview_uninstall(configuration: &Configuration) -> String {
    preview(configuration, |rules| NatTable::parse(&NatTable::default().install(rules)).remove())
}

fn preview(configuration: &Configuration, text: impl Fn(&Rules) -> Option<String>) -> String {
    let part = |family: Family| {
        let program = match family {
            Family::V4 => "iptables-restore",
            Family::V6 => "ip6tables-restore",
        };
        text(&Rules::new(configuration, family)).map(|text| format!("# {program} --noflush\n{text}"))
    };
    configuration.families().into_iter().filter_map(part).collect()
}

/// Tells early and plainly what iptables would say in words of its own.
fn require_permission() -> Result<(), Failure> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    match effective.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()) {
        Some(capabilities) if capabilities & NET_ADMIN == 0 => Err(Failure::new(
            "no permission to change iptables: the capability NET_ADMIN is missing",
            "run as root with the capabilities NET_ADMIN and NET_RAW",
        )),
        _ => Ok(()),
    }
}

/// Writes the rules. Not every kernel knows whether somebody listens; without one that does, probed ports are ports like
/// any other, which a remark says.
fn write_rules_as_the_kernel_can(
    configuration: &Configuration,
    chosen: Iptables,
    families: &[Family],
) -> Result<&'static str, Failure> {
    let written = write_rules(configuration, chosen, families);
    if written.is_ok() || configuration.probed_ports.is_empty() {
        return written.map(|()| "");
    }
    let plain = Configuration { probed_ports: Vec::new(), ..configuration.clone() };
    write_rules(&plain, chosen, families)
        .map(|()| "; probed ports always, for this kernel lacks xt_socket: who probes them by connecting alone reaches the proxy")
}

fn write_rules(configuration: &Configuration, chosen: Iptables, families: &[Family]) -> Result<(), Failure> {
    for &family in families {
        if !family.in_kernel() {
            return Err(Failure::new(
                "--ipv6 on: this kernel has no IPv6",
                "leave IPv6 alone with --ipv6 off",
            ));
        }
        let rules = Rules::new(configuration, family);
        chosen.restore(family, &chosen.nat_table(family)?.install(&rules))?;
    }
    Ok(())
}

/// Takes our rules from where they are not to be: the other back end, and families that are not wanted.
fn remove_others(installed: &[Iptables], chosen: Iptables, families: &[Family]) -> Result<(), Failure> {
    remove_from(installed, |iptables, family| iptables != chosen || !families.contains(&family)).map(drop)
}

/// Takes our rules from the tables that `wanted` picks; the number of tables that had any. A table that cannot be
/// read, because the kernel does not have it, has none.
fn remove_from(installed: &[Iptables], wanted: impl Fn(Iptables, Family) -> bool) -> Result<usize, Failure> {
    let mut changed = 0;
    let mut failed = None;
    for &iptables in installed {
        for family in Family::ALL.into_iter().filter(|family| family.in_kernel() && wanted(iptables, *family))
        {
            let Some(text) = iptables.nat_table(family).ok().and_then(|table| table.remove()) else {
                continue;
            };
            match iptables.restore(family, &text) {
                Ok(()) => changed += 1,
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
    }
    failed.map_or(Ok(changed), Err)
}
