//! `mesh-init` in a pod's network namespace, and the rules that stand there.

pub use crate::namespaces::*;
use std::ffi::OsStr;
use std::process::{Command, Output};

/// The programs of one back end.
#[derive(Clone, Copy, Debug)]
pub struct BackEnd(pub &'static str);

pub const NFT: BackEnd = BackEnd("nft");
pub const LEGACY: BackEnd = BackEnd("legacy");

/// Runs a test with each back end, in a network of its own.
pub fn with_each_back_end(test: impl Fn(&Network, BackEnd)) {
    for back_end in [NFT, LEGACY] {
        println!("back end: {back_end:?}");
        test(&Network::new(), back_end);
    }
}

impl Namespace {
    /// The rules of a table as they stand, without counters and dates. `program` is iptables or ip6tables.
    pub fn rules(&self, program: &str, back_end: BackEnd) -> Vec<String> {
        self.program(&format!("{program}-{}-save", back_end.0), &["-t", "nat"])
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(" [").next().unwrap().to_owned())
            .collect()
    }

    /// The rules of both families.
    pub fn all_rules(&self, back_end: BackEnd) -> Vec<String> {
        ["iptables", "ip6tables"].iter().flat_map(|program| self.rules(program, back_end)).collect()
    }

    /// Whether any rule or chain of ours is there, in either back end or family.
    pub fn has_ours(&self) -> bool {
        [NFT, LEGACY].iter().flat_map(|back_end| self.all_rules(*back_end)).any(|line| line.contains("MESH_"))
    }

    /// Runs mesh-init inside, as root, without variables.
    pub fn mesh_init(&self, arguments: &[&str]) -> Run {
        self.mesh_init_by(&[env!("CARGO_BIN_EXE_mesh-init")], arguments)
    }

    /// Runs mesh-init by another program, which `words` begin with.
    pub fn mesh_init_by(&self, words: &[impl AsRef<OsStr> + Sync], arguments: &[&str]) -> Run {
        Run::from(self.run(|| Command::new(&words[0]).args(&words[1..]).args(arguments).output().unwrap()))
    }

    /// Writes the rules, which has to succeed.
    pub fn redirect(&self, back_end: BackEnd, arguments: &[&str]) {
        self.mesh_init(&[&["--backend", back_end.0], arguments].concat()).succeeded();
    }
}

/// A run of mesh-init that has ended.
#[derive(Debug)]
pub struct Run {
    pub status: Option<i32>,
    pub printed: String,
    pub complaint: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            printed: String::from_utf8(output.stdout).unwrap(),
            complaint: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Run {
    pub fn succeeded(self) -> String {
        assert_eq!(self.status, Some(0), "{self:?}");
        self.printed
    }

    /// Asserts that the run failed, and said why and what to try.
    pub fn failed_with(self, status: i32, reason: &str) {
        assert_eq!(self.status, Some(status), "{self:?}");
        assert!(self.complaint.starts_with("error: ") && self.complaint.contains("\ntry: "), "{self:?}");
        assert!(self.complaint.contains(reason), "{self:?}");
    }
}
