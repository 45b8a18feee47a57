//! A worker and what it needs, for tests.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::spawn_local;

use crate::config::Config;
use crate::discovery::{Ask, EndpointInfo, Owner, ServiceName, Update};
use crate::identity;
use crate::tap::{Observers, Tap};
use crate::worker::Worker;

/// The configuration that these variables make.
pub(crate) fn config(variables: &[(&str, &str)]) -> Config {
    let value =
        |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Config::read(value, || "test".to_owned()).unwrap()
}

/// A worker, and what it asks.
pub(crate) fn worker_and_asks(variables: &[(&str, &str)]) -> (Rc<Worker>, UnboundedReceiver<Ask>) {
    let config = config(variables);
    let tap = Tap::new(&config.identity, Arc::new(Observers::default()));
    let (asks, asked) = mpsc::unbounded_channel();
    (Rc::new(Worker::new(0, Arc::new(config), Arc::default(), tap, asks, identity::none())), asked)
}

/// A worker whose control plane knows just these authorities and their endpoints. It needs a local runtime.
pub(crate) fn worker(variables: &[(&str, &str)], services: &[(&str, &[SocketAddr])]) -> Rc<Worker> {
    let (worker, mut asked) = worker_and_asks(variables);
    let services: Vec<_> =
        services.iter().map(|(authority, endpoints)| (authority.to_string(), endpoints.to_vec())).collect();
    let told = Rc::clone(&worker);
    spawn_local(async move {
        while let Some(ask) = asked.recv().await {
            if let Ask::Subscribe { target, .. } = ask {
                let name = target.to_string();
                let service = services.iter().find(|(authority, _)| *authority == name);
                told.destinations.apply(&match service {
                    Some((_, endpoints)) => snapshot(&name, endpoints),
                    None => Update::Unknown { target },
                });
            }
        }
    });
    worker
}

/// The full state of a service that is called as its authority.
pub(crate) fn snapshot(authority: &str, endpoints: &[SocketAddr]) -> Update {
    Update::Snapshot {
        target: authority.into(),
        service: Arc::new(ServiceName { namespace: "default".to_owned(), name: authority.to_owned() }),
        endpoints: endpoints.iter().map(|address| Arc::new(endpoint(*address))).collect(),
    }
}

/// An endpoint of which only the address is known.
pub(crate) fn endpoint(address: SocketAddr) -> EndpointInfo {
    let owner = Owner { namespace: "default".to_owned(), ..Owner::default() };
    EndpointInfo { owner: Arc::new(owner), ..EndpointInfo::unknown(address) }
}
