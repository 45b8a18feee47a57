//! The nat table as it stands, and the text for `iptables-restore --noflush` that turns it into what is wanted.

use crate::rules::{CHAINS, Rules};
use std::fmt::Write;

/// A family's nat table, as `iptables-save -t nat` prints it.
#[derive(Debug, Default)]
pub struct NatTable {
    chains: Vec<String>,
    rules: Vec<String>,
}

impl NatTable {
    /// Reads the output of `iptables-save`; lines that say neither chain nor rule are passed over.
    pub fn parse(saved: &str) -> Self {
        let mut table = Self::default();
        for line in saved.lines().map(str::trim_end) {
            if let Some(chain) = line.strip_prefix(':') {
                table.chains.extend(chain.split_whitespace().next().map(str::to_owned));
            } else if line.starts_with("-A ") {
                table.rules.push(line.to_owned());
            }
        }
        table
    }

    /// The rules in it, ours and others'.
    pub fn rules(&self) -> &[String] {
        &self.rules
    }

    /// Those of our chains that exist.
    pub fn our_chains(&self) -> impl Iterator<Item = &'static str> {
        CHAINS.into_iter().filter(|ours| self.chains.iter().any(|chain| chain == ours))
    }

    /// Whether any of our chains exists.
    pub fn has_ours(&self) -> bool {
        self.our_chains().next().is_some()
    }

    /// The rules in others' chains that lead into ours.
    pub fn jumps(&self) -> impl Iterator<Item = &String> {
        self.rules.iter().filter(|rule| !CHAINS.contains(&chain_of(rule)) && leads_into_ours(rule))
    }

    /// The text that gives the table exactly `wanted` of ours, whatever of ours it had before; nothing else changes.
    pub fn install(&self, wanted: &Rules) -> String {
        let mut text = String::from("*nat\n");
        for chain in CHAINS {
            // Naming a chain of ours makes it, or empties it.
            line(&mut text, &format!(":{chain} - [0:0]"));
        }
        let present: Vec<&String> = self.jumps().collect();
        let kept = |jump: &String| {
            wanted.jumps.contains(jump) && present.iter().filter(|rule| **rule == jump).count() == 1
        };
        for jump in present.iter().filter(|jump| !kept(jump)) {
            line(&mut text, &deletion(jump));
        }
        for rule in &wanted.chains {
            line(&mut text, rule);
        }
        for jump in wanted.jumps.iter().filter(|jump| !kept(jump)) {
            line(&mut text, jump);
        }
        text.push_str("COMMIT\n");
        text
    }

    /// The text that takes away everything of ours; nothing when there is nothing of ours.
    pub fn remove(&self) -> Option<String> {
        if !self.has_ours() {
            return None;
        }
        let mut text = String::from("*nat\n");
        for jump in self.jumps() {
            line(&mut text, &deletion(jump));
        }
        for command in ["-F", "-X"] {
            for chain in self.our_chains() {
                line(&mut text, &format!("{command} {chain}"));
            }
        }
        text.push_str("COMMIT\n");
        Some(text)
    }
}

/// The chain that a saved rule stands in.
fn chain_of(rule: &str) -> &str {
    rule.split_whitespace().nth(1).unwrap_or_default()
}

fn leads_into_ours(rule: &str) -> bool {
    CHAINS.into_iter().any(|chain| {
        let words: Vec<&str> = rule.split_whitespace().collect();
        words.windows(2).any(|pair| matches!(pair[0], "-j" | "-g") && pair[1] == chain)
    })
}

fn deletion(rule: &str) -> String {
    rule.replacen("-A", "-D", 1)
}

fn line(text: &mut String, line: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    const ELSE: &str = "*nat\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [3:180]\n:DOCKER - [0:0]\n\
                        -A OUTPUT -d 127.0.0.11/32 -j DOCKER\n-A DOCKER -m comment --comment \"-j MESH\" -j RETURN\nCOMMIT\n";

    fn wanted() -> Rules {
        Rules {
            jumps: ["-A PREROUTING -j MESH_INBOUND".to_owned(), "-A OUTPUT -j MESH_OUTBOUND".to_owned()],
            chains: vec!["-A MESH_INBOUND -j RETURN".to_owned()],
        }
    }

    #[test]
    fn a_table_without_ours_gets_chains_rules_and_jumps() {
        assert_eq!(
            NatTable::parse(ELSE).install(&wanted()),
            "*nat\n:MESH_INBOUND - [0:0]\n:MESH_OUTBOUND - [0:0]\n-A MESH_INBOUND -j RETURN\n\
             -A PREROUTING -j MESH_INBOUND\n-A OUTPUT -j MESH_OUTBOUND\nCOMMIT\n"
        );
        assert_eq!(NatTable::parse(ELSE).remove(), None);
    }

    #[test]
    fn a_jump_that_is_right_stays_where_it_is() {
        let table = NatTable::parse(
            ":MESH_INBOUND - [0:0]\n:MESH_OUTBOUND - [0:0]\n-A PREROUTING -j MESH_INBOUND\n-A OUTPUT -j MESH_OUTBOUND\n",
        );
        assert_eq!(
            table.install(&wanted()),
            "*nat\n:MESH_INBOUND - [0:0]\n:MESH_OUTBOUND - [0:0]\n-A MESH_INBOUND -j RETURN\nCOMMIT\n"
        );
    }

    #[test]
    fn jumps_that_are_double_or_different_are_replaced() {
        let table = NatTable::parse(
            ":MESH_INBOUND - [0:0]\n-A PREROUTING -p tcp -g MESH_INBOUND\n-A OUTPUT -j MESH_OUTBOUND\n-A OUTPUT -j MESH_OUTBOUND\n",
        );
        assert_eq!(
            table.install(&wanted()),
            "*nat\n:MESH_INBOUND - [0:0]\n:MESH_OUTBOUND - [0:0]\n-D PREROUTING -p tcp -g MESH_INBOUND\n\
             -D OUTPUT -j MESH_OUTBOUND\n-D OUTPUT -j MESH_OUTBOUND\n-A MESH_INBOUND -j RETURN\n\
             -A PREROUTING -j MESH_INBOUND\n-A OUTPUT -j MESH_OUTBOUND\nCOMMIT\n"
        );
    }

    #[test]
    fn only_ours_is_removed_even_when_half_of_it_is_missing() {
        let table =
            NatTable::parse(&format!("{ELSE}:MESH_OUTBOUND - [0:0]\n-A OUTPUT -p tcp -j MESH_OUTBOUND\n"));
        assert_eq!(
            table.remove().as_deref(),
            Some("*nat\n-D OUTPUT -p tcp -j MESH_OUTBOUND\n-F MESH_OUTBOUND\n-X MESH_OUTBOUND\nCOMMIT\n")
        );
    }
}
