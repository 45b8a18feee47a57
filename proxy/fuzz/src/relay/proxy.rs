//! The proxy of a case: a worker with one listener.

use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use mesh_proxy::config::Config;
use mesh_proxy::discovery::{Ask, EndpointInfo, ServiceName, Target, Update};
use mesh_proxy::identity;
use mesh_proxy::listener;
use mesh_proxy::metrics::Registry;
use mesh_proxy::tap::{Observers, Tap};
use mesh_proxy::worker::Worker;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::spawn_local;

use super::case::Side;

/// Nobody knows a service of this name.
const UNKNOWN: &str = "nowhere";

/// Starts a worker that serves one side.
pub fn start(side: Side, listener: TcpListener, backends: [SocketAddr; 2]) -> Rc<Worker> {
    let config = Config::read(|_| None, || "fuzzed".to_owned()).unwrap_or_else(|error| panic!("{error}"));
    let tap = Tap::new(&config.identity, Arc::new(Observers::default()));
    let (asks, asked) = mpsc::unbounded_channel();
    let worker =
        Rc::new(Worker::new(0, Arc::new(config), Arc::new(Registry::default()), tap, asks, identity::none()));
    match side {
        Side::Inbound => {
            let application = worker.application(backends[0]);
            spawn_local(listener::serve_inbound(Rc::clone(&worker), listener, application));
        }
        Side::Outbound => {
            spawn_local(listener::serve_outbound(Rc::clone(&worker), listener));
            spawn_local(tell(Rc::downgrade(&worker), asked, backends));
        }
    }
    worker
}

/// Stands in for the control plane.
async fn tell(worker: Weak<Worker>, mut asked: UnboundedReceiver<Ask>, backends: [SocketAddr; 2]) {
    while let Some(ask) = asked.recv().await {
        if let (Ask::Subscribe { target, .. }, Some(worker)) = (ask, worker.upgrade()) {
            worker.destinations.apply(&update(target, backends));
        }
    }
}

fn update(target: Target, backends: [SocketAddr; 2]) -> Update {
    let name = target.to_string();
    if name == UNKNOWN {
        return Update::Unknown { target };
    }
    let service = Arc::new(ServiceName { namespace: "default".to_owned(), name });
    let endpoint = |address| Arc::new(EndpointInfo { meshed: true, ..EndpointInfo::unknown(address) });
    Update::Snapshot { target, service, endpoints: backends.map(endpoint).into() }
}
