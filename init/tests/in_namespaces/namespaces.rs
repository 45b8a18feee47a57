//! Network namespaces, and in them a pod, a host it can reach, and the link between them.

use rustix::process::{Gid, Uid};
use rustix::thread::{
    LinkNameSpaceType, move_into_link_name_space, set_thread_gid, set_thread_groups, set_thread_uid,
};
use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::panic::resume_unwind;
use std::process::{Command, id};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// The pod's own addresses.
pub const POD: [&str; 2] = ["10.1.0.2", "fd00::2"];
/// Addresses of the remote host, on the link, and beyond it by the pod's default route.
pub const REMOTE: [&str; 2] = ["203.0.113.5", "2001:db8::5"];
/// Other addresses of the remote host.
pub const OTHER_REMOTE: [&str; 2] = ["198.51.100.7", "2001:db8:7::7"];

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

/// Runs a program, which has to succeed; what it printed.
pub fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
