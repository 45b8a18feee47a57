//! Whom a permission is for.

use super::network::Network;
use super::policy::Call;
use crate::proto;

/// All that are given must hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Caller {
    identities: Option<Vec<Name>>,
    namespaces: Option<Vec<String>>,
    networks: Option<Vec<Network>>,
    unauthenticated: Option<bool>,
    nobody: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Name {
    Exact(String),
    Beginning(String),
}

impl Caller {
    pub fn from_proto(caller: proto::Caller) -> Self {
        Self {
            identities: given(caller.identities).map(|names| names.into_iter().map(Name::new).collect()),
            namespaces: given(caller.namespaces),
            networks: given(caller.cidrs)
                .map(|texts| texts.iter().filter_map(|text| network(text)).collect()),
            unauthenticated: caller.unauthenticated,
            nobody: caller.nobody,
        }
    }

    pub fn is(&self, call: &Call<'_>) -> bool {
        let has_identity = |names: &Vec<Name>| {
            call.identity.is_some_and(|identity| names.iter().any(|name| name.is(identity)))
        };
        let is_of_namespace = |namespaces: &Vec<String>| {
            let namespace = call.identity.and_then(|identity| namespace(identity));
            namespace.is_some_and(|own| namespaces.iter().any(|namespace| namespace == own))
        };
        let is_from =
            |networks: &Vec<Network>| networks.iter().any(|network| network.contains(call.client.ip()));
        !self.nobody
            && self.identities.as_ref().is_none_or(has_identity)
            && self.namespaces.as_ref().is_none_or(is_of_namespace)
            && self.networks.as_ref().is_none_or(is_from)
            && self.unauthenticated.is_none_or(|wanted| wanted == call.identity.is_none())
    }
}

fn given<T>(items: Vec<T>) -> Option<Vec<T>> {
    (!items.is_empty()).then_some(items)
}

/// One that is none is left out: nobody comes from there.
fn network(text: &str) -> Option<Network> {
    let network = Network::parse(text);
    if network.is_none() {
        tracing::warn!(network = text, "permission names what is no network");
    }
    network
}

/// `NAMESPACE` in `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`. A handshake ends well with identities of the mesh's own trust
/// domain alone.
pub(crate) fn namespace(identity: &str) -> Option<&str> {
    let (_, path) = identity.strip_prefix("spiffe://")?.split_once('/')?;
    match path.split('/').collect::<Vec<_>>()[..] {
        ["ns", namespace, "sa", _] => Some(namespace),
        _ => None,
    }
}

impl Name {
    fn new(mut text: String) -> Self {
        if text.ends_with('*') {
            text.pop();
            return Self::Beginning(text);
        }
        Self::Exact(text)
    }

    fn is(&self, identity: &str) -> bool {
        match self {
            Self::Exact(name) => name == identity,
            Self::Beginning(beginning) => identity.starts_with(beginning.as_str()),
        }
    }
}
