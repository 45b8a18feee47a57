//! A pod with the rules of `mesh-init` and a proxy, linked to a remote host.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

use crate::namespaces::{Network, succeed};
use crate::stand_in::ControlPlane;
use crate::stand_in::proxy::{Proxy, command};

/// The group that the proxy runs as. Its user is ours: another one might not be allowed to read the program.
const PROXY_GID: u32 = 2102;

/// Runs while it is not dropped.
pub struct Pod {
    pub network: Network,
    pub proxy: Proxy,
}

impl Pod {
    /// One whose control plane knows these addresses, each with its endpoints, and no others.
    pub fn start(services: &[(SocketAddr, SocketAddr)], variables: &[(&str, &str)]) -> Self {
        let services: Vec<_> =
            services.iter().map(|(service, endpoint)| (service.to_string(), *endpoint)).collect();
        let services: Vec<_> =
            services.iter().map(|(service, endpoint)| (service.as_str(), *endpoint)).collect();
        Self::knowing(&services, variables)
    }

    /// One whose control plane knows these targets, addresses or authorities, each with its endpoint, and no others.
    pub fn knowing(services: &[(&str, SocketAddr)], variables: &[(&str, &str)]) -> Self {
        let network = Network::new();
        let services: HashMap<String, Vec<SocketAddr>> =
            services.iter().map(|(service, endpoint)| ((*service).to_owned(), vec![*endpoint])).collect();
        let control_plane = network.pod.run(ControlPlane::start);
        let address = control_plane.address.to_string();
        thread::spawn(move || control_plane.serve(services));
        Self::in_network(network, &[&[("MESH_PROXY_CONTROL_PLANE", address.as_str())], variables].concat())
    }

    /// One whose control plane is away.
    pub fn without_control_plane() -> Self {
        Self::in_network(Network::new(), &[("MESH_PROXY_CONTROL_PLANE", "127.0.0.1:1")])
    }

    /// One in a network that is there already.
    pub fn in_network(network: Network, variables: &[(&str, &str)]) -> Self {
        network.pod.run(|| {
            succeed(Command::new(mesh_init()).args(["--proxy-gid", &PROXY_GID.to_string()]));
        });
        let listeners = [
            ("MESH_PROXY_OUTBOUND", "127.0.0.1:4140,[::1]:4140"),
            ("MESH_PROXY_INBOUND", "4143=original"),
            ("MESH_PROXY_ADMIN", "4191"),
            ("MESH_PROXY_TAP", "4190"),
        ];
        let variables = [&listeners, variables].concat();
        let proxy = network.pod.run(|| Proxy::run(command(&variables).gid(PROXY_GID)));
        Self { network, proxy }
    }

    /// The sum of the series of a metric that have all these labels.
    pub fn count(&self, metric: &str, labels: &[&str]) -> f64 {
        let (_, page) = self.network.pod.run(|| self.proxy.admin("GET", "/metrics"));
        page.lines()
            .filter(|line| {
                line.starts_with(&format!("{metric}{{")) && labels.iter().all(|label| line.contains(label))
            })
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    }

    pub fn requests(&self, labels: &[&str]) -> f64 {
        self.count("mesh_requests_total", labels)
    }

    /// How many connections were found to speak a protocol.
    pub fn detected(&self, direction: &str, protocol: &str) -> f64 {
        let labels = [format!("direction=\"{direction}\""), format!("protocol=\"{protocol}\"")];
        self.count("mesh_protocol_detection_seconds_count", &labels.each_ref().map(String::as_str))
    }
}

/// The program of the crate beside ours, built when it is not.
fn mesh_init() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        succeed(Command::new(env!("CARGO")).args([
            "build",
            "--quiet",
            "--locked",
            "-p",
            "mesh-init",
            "--profile",
            profile,
        ]));
        Path::new(env!("CARGO_BIN_EXE_mesh-proxy")).with_file_name("mesh-init")
    })
}
