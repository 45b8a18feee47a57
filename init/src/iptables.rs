//! The programs `iptables-save` and `iptables-restore` of one back end, run.

use crate::back_end::BackEnd;
use crate::failure::Failure;
use crate::family::Family;
use crate::nat_table::NatTable;
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where iptables is when it is not on the path, as with users other than root.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Seconds to wait for another program that is changing the tables of the legacy back end.
const LOCK_WAIT: &str = "10";

/// The installed programs of one back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iptables {
    /// The part of the kernel that the programs talk to.
    pub back_end: BackEnd,
    /// What stands between family and action in the programs' names.
    infix: &'static str,
}

impl Iptables {
    /// Every back end whose programs are installed, nft first.
    pub fn installed() -> Vec<Self> {
        [BackEnd::Nft, BackEnd::Legacy].into_iter().filter_map(Self::of_back_end).collect()
    }

    fn of_back_end(back_end: BackEnd) -> Option<Self> {
        let infix = match back_end {
            BackEnd::Nft => "-nft",
            BackEnd::Legacy => "-legacy",
        };
        if find(&format!("iptables{infix}-restore")).is_some() {
            return Some(Self { back_end, infix });
        }
        // The programs may go by their plain name alone; those before 1.8 were legacy and did not say so.
        let version = run(&find("iptables-restore")?, &["--version"], "").ok()?;
        let plain = if version.contains("nf_tables") { BackEnd::Nft } else { BackEnd::Legacy };
        (plain == back_end).then_some(Self { back_end, infix: "" })
    }

    /// The nat table of a family as it stands. Reading makes no table that was not there.
    pub fn nat_table(self, family: Family) -> Result<NatTable, Failure> {
        if self.back_end == BackEnd::Legacy {
            let exists = legacy_nat_exists(family).map_err(|error| {
                let said = format!("the list of legacy tables cannot be read: {error}");
                Failure::new(&said, remedy(&said, family))
            })?;
            if !exists {
                return Ok(NatTable::default());
            }
        }
        self.run(family, "save", &["-t", "nat"], "").map(|saved| NatTable::parse(&saved))
    }

    /// The number of rules in all tables of both families, whoever wrote them.
    pub fn rule_count(self) -> usize {
        Family::ALL
            .into_iter()
            .filter(|family| {
                self.back_end == BackEnd::Nft || legacy_tables(*family).is_ok_and(|tables| !tables.is_empty())
            })
            .filter_map(|family| self.run(family, "save", &[], "").ok())
            .map(|saved| saved.lines().filter(|line| line.starts_with("-A ")).count())
            .sum()
    }

    /// Applies `text` to the nat table: all of it, or nothing.
    pub fn restore(self, family: Family, text: &str) -> Result<(), Failure> {
        self.run(family, "restore", &["--noflush", "-w", LOCK_WAIT], text).map(drop)
    }

    fn run(self, family: Family, action: &str, arguments: &[&str], input: &str) -> Result<String, Failure> {
        let name = self.program(family, action);
        let program = find(&name).ok_or_else(|| {
            let otherwise = match family {
                Family::V4 => "",
                Family::V6 => ", or leave IPv6 alone with --ipv6 off",
            };
            Failure::new(
                format!("{name} is not installed, so {family} cannot be redirected"),
                format!("install the package iptables{otherwise}"),
            )
        })?;
        run(&program, arguments, input)
            .map_err(|said| Failure::new(format!("{name}: {said}"), remedy(&said, family)))
    }

    /// The name of the program for an action, `save` or `restore`.
    pub fn program(self, family: Family, action: &str) -> String {
        let family = match family {
            Family::V4 => "iptables",
            Family::V6 => "ip6tables",
        };
        format!("{family}{}-{action}", self.infix)
    }
}

/// Whether this network namespace has a legacy nat table, which can be seen without the legacy programs.
pub fn legacy_nat_exists(family: Family) -> io::Result<bool> {
    Ok(legacy_tables(family)?.lines().any(|table| table == "nat"))
}

/// The legacy tables that exist in this network namespace, one a line; asking iptables itself would make them.
fn legacy_tables(family: Family) -> io::Result<String> {
    let list = match family {
        Family::V4 => "/proc/net/ip_tables_names",
        Family::V6 => "/proc/net/ip6_tables_names",
    };
    match fs::read_to_string(list) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        answer => answer,
    }
}

fn remedy(said: &str, family: Family) -> &'static str {
    if said.contains("lock file") {
        "make /run writable, or set XTABLES_LOCKFILE to a file that can be written"
    } else if said.contains("ermission denied") || said.contains("not permitted") {
        "run as root with the capabilities NET_ADMIN and NET_RAW"
    } else if family == Family::V6 {
        "load the kernel's ip6 nat support on the host, or leave IPv6 alone with --ipv6 off"
    } else {
        "load the kernel's nat support on the host, or choose the other back end with --backend nft or legacy"
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.map(PathBuf::from))
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// Runs a program to its end: what it printed, or in one line what it complained of.
fn run(program: &Path, arguments: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends without reading says why on its standard error.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let complaint: Vec<&str> = complaint.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if complaint.is_empty() {
        return Err(output.status.to_string());
    }
    Err(complaint.join("; "))
}
