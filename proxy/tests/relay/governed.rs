//! A proxy before an application, whose control plane says who may call it.
#![allow(dead_code)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use mesh_proxy::proto::{self, PermissionAction};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::harness::Relay;
use crate::mesh::Certified;
use crate::stand_in::ControlPlane;
use crate::stand_in::authority::Authority;
use crate::stand_in::proxy::eventually;

pub struct Governed {
    pub relay: Relay,
    policies: UnboundedSender<proto::InboundPolicy>,
    thread: JoinHandle<()>,
}

impl Governed {
    /// One in plain text.
    pub fn plain(application: SocketAddr, variables: &[(&str, &str)]) -> Self {
        let control_plane = ControlPlane::start();
        let address = control_plane.address.to_string();
        let variables = [&[("MESH_PROXY_CONTROL_PLANE", address.as_str())], variables].concat();
        Self::start(control_plane, || Relay::inbound(application, &variables))
    }

    /// One with the account `world`.
    pub fn certified(
        authority: &Arc<Authority>,
        application: SocketAddr,
        variables: &[(&str, &str)],
    ) -> Self {
        let (control_plane, secured) = ControlPlane::start_with(authority);
        let certified = Certified::new(authority, secured, "world");
        Self::start(control_plane, || Relay::inbound(application, &certified.variables(variables)))
    }

    fn start(mut control_plane: ControlPlane, relay: impl FnOnce() -> Relay) -> Self {
        let (policies, mut given) = unbounded_channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let stream = control_plane.next_stream().await;
                while let Some(policy) = given.recv().await {
                    stream.policy(policy).await;
                }
            });
        });
        let relay = relay();
        eventually("ready", || relay.proxy.admin("GET", "/ready").0 == 200);
        Self { relay, policies, thread }
    }

    /// Puts these permissions in force, soon.
    pub fn permit(&self, default: PermissionAction, permissions: &[proto::Permission]) {
        let policy =
            proto::InboundPolicy { permissions: permissions.to_vec(), default_action: default.into() };
        self.policies.send(policy).unwrap();
    }

    /// The control plane goes away, as if it were killed.
    pub fn leave_alone(self) -> Relay {
        let Self { relay, policies, thread } = self;
        drop(policies);
        thread.join().unwrap();
        eventually("away", || relay.proxy.metric("mesh_discovery_connected") == 0.0);
        relay
    }

    /// How often it was decided so.
    pub fn decisions(&self, permission: &str, action: &str, identity: &str) -> f64 {
        let labels = [
            format!("permission=\"{permission}\""),
            format!("action=\"{action}\""),
            format!("client_identity=\"{identity}\""),
        ];
        let labels: Vec<_> = labels.iter().map(String::as_str).collect();
        self.relay.metric("mesh_permission_decisions_total", &labels)
    }
}

/// The permission `default/NAME`, for anybody and everything.
pub fn permission(name: &str, action: PermissionAction) -> proto::Permission {
    proto::Permission {
        namespace: "default".to_owned(),
        name: name.to_owned(),
        action: action.into(),
        ..proto::Permission::default()
    }
}

/// The same for some methods and paths.
pub fn of_http(methods: &[&str], path_prefix: &str, permission: proto::Permission) -> proto::Permission {
    let methods = methods.iter().map(|method| (*method).to_owned()).collect();
    let http = vec![proto::HttpMatch { methods, path_prefix: path_prefix.to_owned() }];
    proto::Permission { http, ..permission }
}

/// The same from one identity.
pub fn from(identity: &str, permission: proto::Permission) -> proto::Permission {
    let caller = proto::Caller { identities: vec![identity.to_owned()], ..proto::Caller::default() };
    proto::Permission { from: vec![caller], ..permission }
}
