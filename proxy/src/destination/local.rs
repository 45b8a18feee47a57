//! What every destination of a worker uses.

use std::sync::Arc;

use crate::config::Config;
use crate::metrics::Registry;
use crate::random::Random;

pub(crate) struct Local {
    pub config: Arc<Config>,
    pub registry: Arc<Registry>,
    pub random: Random,
}
