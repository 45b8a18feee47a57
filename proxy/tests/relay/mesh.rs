//! Two proxies that are certified: hello's, which sends, and world's, which receives.
#![allow(dead_code)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use mesh_proxy::proto;

use crate::harness::Relay;
use crate::stand_in::authority::{Authority, file, identity};
use crate::stand_in::{self, ControlPlane};

/// The variables of a certified proxy.
pub struct Certified {
    control_plane: String,
    roots: String,
    token: String,
}

impl Certified {
    /// One with the account `account`.
    pub fn new(authority: &Authority, control_plane: SocketAddr, account: &str) -> Self {
        let (roots, token) = (authority.root_file(), file("token", account));
        Self { control_plane: control_plane.to_string(), roots, token }
    }

    /// The same, that is given other roots: a file.
    pub fn with_roots(self, roots: &str) -> Self {
        Self { roots: roots.to_owned(), ..self }
    }

    /// The same, with another token: a file.
    pub fn with_token(self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self }
    }

    pub fn variables<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let own = [
            ("MESH_PROXY_CONTROL_PLANE", self.control_plane.as_str()),
            ("MESH_PROXY_TRUST_ROOTS", self.roots.as_str()),
            ("MESH_PROXY_TOKEN_FILE", self.token.as_str()),
        ];
        [&own[..], more].concat()
    }
}

/// A proxy of `account` before `application`.
pub fn inbound(
    authority: &Arc<Authority>,
    account: &str,
    application: SocketAddr,
    more: &[(&str, &str)],
) -> Relay {
    let (control_plane, secured) = ControlPlane::start_with(authority);
    std::thread::spawn(move || control_plane.serve(HashMap::new()));
    let certified = Certified::new(authority, secured, account);
    let relay = Relay::inbound(application, &certified.variables(more));
    wait_until_ready(&relay);
    relay
}

/// A proxy of the account `hello` that knows the one endpoint of the services `world` and `app`, and whose it must be.
pub fn outbound(
    authority: &Arc<Authority>,
    endpoint: SocketAddr,
    account: &str,
    more: &[(&str, &str)],
) -> Relay {
    start_outbound(authority, endpoint, account, |certified| certified, more)
}

/// The same, that is given the roots in a file.
pub fn outbound_with(authority: &Arc<Authority>, roots: &str, endpoint: SocketAddr, account: &str) -> Relay {
    start_outbound(authority, endpoint, account, |certified| certified.with_roots(roots), &[])
}

fn start_outbound(
    authority: &Arc<Authority>,
    endpoint: SocketAddr,
    account: &str,
    change: impl FnOnce(Certified) -> Certified,
    more: &[(&str, &str)],
) -> Relay {
    let (control_plane, secured) = ControlPlane::start_with(authority);
    let services =
        ["world", "world:80", "app"].map(|name| (name.to_owned(), vec![endpoint_of(endpoint, account)]));
    let services = HashMap::from(services);
    std::thread::spawn(move || control_plane.serve_endpoints(services));
    let certified = change(Certified::new(authority, secured, "hello"));
    let relay = Relay::outbound_of(secured, &certified.variables(more));
    wait_until_ready(&relay);
    relay
}

/// An endpoint that must prove to be an account.
pub fn endpoint_of(address: SocketAddr, account: &str) -> proto::Endpoint {
    proto::Endpoint { meshed: true, identity: identity(account), ..stand_in::endpoint(&address) }
}

fn wait_until_ready(relay: &Relay) {
    stand_in::proxy::eventually("ready", || relay.proxy.admin("GET", "/ready").0 == 200);
}

/// How many handshakes ended so.
pub fn handshakes(relay: &Relay, direction: &str, result: &str) -> f64 {
    let labels = [format!("direction=\"{direction}\""), format!("result=\"{result}\"")];
    relay.metric("mesh_tls_handshakes_total", &[&labels[0], &labels[1]])
}
