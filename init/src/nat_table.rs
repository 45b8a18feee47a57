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
