//! What every destination of a worker uses.

use std::cell::Cell;
use std::sync::Arc;

use crate::config::Config;
use crate::identity::Current;
use crate::metrics::Registry;
use crate::random::Random;

pub(crate) struct Local {
    pub config: Arc<Config>,
    pub registry: Arc<Registry>,
    pub credentials: Current,
    pub random: Random,
    /// Requests and connections on their way to any endpoint.
    pub in_flight: Cell<usize>,
}

impl Local {
    pub fn new(config: Arc<Config>, registry: Arc<Registry>, credentials: Current) -> Self {
        Self { config, registry, credentials, random: Random::default(), in_flight: Cell::new(0) }
    }
}
