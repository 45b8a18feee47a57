//! A pod, a host it can reach, and the link between them.

use rustix::process::{Gid, Uid};
use rustix::thread::{
    LinkNameSpaceType, move_into_link_name_space, set_thread_gid, set_thread_groups, set_thread_uid,
};
use std::ffi::OsStr;
use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::panic::resume_unwind;
use std::process::{Command, Output, id};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The pod's own addresses.
pub const POD: [&str; 2] = ["10.1.0.2", "fd00::2"];
/// Addresses of the remote host, on the link, and beyond it by the pod's default route.
pub const REMOTE: [&str; 2] = ["203.0.113.5", "2001:db8::5"];
/// Other addresses of the remote host.
pub const OTHER_REMOTE: [&str; 2] = ["198.51.100.7", "2001:db8:7::7"];

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

/// An address with a port, of either family.
pub fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

/// Who a connection is opened by.
#[derive(Clone, Copy)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

/// Some user that no rule names.
pub const APPLICATION: User = User { uid: 1000, gid: 1000 };
/// The user that the rules name by default.
pub const PROXY: User = User { uid: 2102, gid: 2102 };

/// A network namespace.
pub struct Namespace(File);

impl Namespace {
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        assert!(
            rustix::process::geteuid().is_root(),
            "these tests make network namespaces: run them as root"
        );
        let name = format!("mesh-init-{}-{}", id(), COUNT.fetch_add(1, Ordering::Relaxed));
        succeed(Command::new("ip").args(["netns", "add", &name]));
        let opened = File::open(format!("/run/netns/{name}"));
        // Without a name it lives for as long as something of ours uses it.
        succeed(Command::new("ip").args(["netns", "delete", &name]));
        let namespace = Self(opened.unwrap());
        namespace.ip("link set lo up");
        namespace
    }

    /// Does `work` inside, as root.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            inside.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// Does `work` inside, as `user`.
    pub fn run_as<T: Send>(&self, user: User, work: impl FnOnce() -> T + Send) -> T {
        self.run(|| {
            set_thread_groups(&[]).unwrap();
            set_thread_gid(Gid::from_raw(user.gid)).unwrap();
            set_thread_uid(Uid::from_raw(user.uid)).unwrap();
            work()
        })
    }

    /// Runs a program inside, which has to succeed; what it printed.
    pub fn program(&self, name: &str, arguments: &[&str]) -> String {
        self.run(|| succeed(Command::new(name).args(arguments)))
    }

    pub fn ip(&self, arguments: &str) -> String {
        self.program("ip", &arguments.split(' ').collect::<Vec<_>>())
    }

    /// Links the namespace to another one: one end in each, up, without addresses.
    pub fn link(&self, device: &str, other: &Self, other_device: &str) {
        let path = format!("/proc/{}/fd/{}", id(), other.0.as_raw_fd());
        self.ip(&format!("link add {device} type veth peer name {other_device} netns {path}"));
        self.ip(&format!("link set {device} up"));
        other.ip(&format!("link set {other_device} up"));
    }

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

/// A pod whose default route leads to a remote host.
pub struct Network {
    pub pod: Arc<Namespace>,
    pub remote: Arc<Namespace>,
}

impl Network {
    pub fn new() -> Self {
        let network = Self::without_ipv6();
        network.pod.ip("-6 address add fd00::2/64 dev eth0 nodad");
        network.remote.ip("-6 address add fd00::1/64 dev eth0 nodad");
        network.pod.ip("-6 route add default via fd00::1");
        for address in [REMOTE[1], OTHER_REMOTE[1]] {
            network.remote.ip(&format!("-6 address add {address}/128 dev lo nodad"));
        }
        network
    }

    /// The same with link-local IPv6 addresses alone.
    pub fn without_ipv6() -> Self {
        let network = Self { pod: Arc::new(Namespace::new()), remote: Arc::new(Namespace::new()) };
        network.pod.link("eth0", &network.remote, "eth0");
        network.pod.ip("address add 10.1.0.2/24 dev eth0");
        network.remote.ip("address add 10.1.0.1/24 dev eth0");
        network.pod.ip("route add default via 10.1.0.1");
        for address in [REMOTE[0], OTHER_REMOTE[0]] {
            network.remote.ip(&format!("address add {address}/32 dev lo"));
        }
        network
    }
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
