//! Bounds on what the proxy takes on at once.

use std::ops::RangeInclusive;

use super::{ConfigError, Values, value};
use crate::http1::{HeadLimits, MOST_FIELDS};

/// How much the proxy takes on; what is beyond is refused at once, so that it never grows without end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections from clients that are served at once, over all workers.
    pub connections: usize,
    /// Requests and connections that wait at once for an endpoint, over all workers.
    pub pending_requests: usize,
    /// Descriptors that the process may have open; as many as the system allows when there is no number.
    pub descriptors: Option<u64>,
    /// Of a request and of a response. What is larger is refused.
    pub head: HeadLimits,
}

const MAX_CONNECTIONS: &str = "MESH_PROXY_MAX_CONNECTIONS";
const MAX_PENDING_REQUESTS: &str = "MESH_PROXY_MAX_PENDING_REQUESTS";
/// The variable of the descriptors that the process may have open.
pub const MAX_DESCRIPTORS: &str = "MESH_PROXY_MAX_DESCRIPTORS";
const MAX_HEADER_BYTES: &str = "MESH_PROXY_MAX_HEADER_BYTES";
const MAX_HEADER_FIELDS: &str = "MESH_PROXY_MAX_HEADER_FIELDS";

const CONNECTIONS: RangeInclusive<usize> = 1..=1_000_000;
const PENDING_REQUESTS: RangeInclusive<usize> = 0..=1_000_000;
/// With fewer a proxy could not even start.
const DESCRIPTORS: RangeInclusive<usize> = 64..=1 << 30;
const HEADER_BYTES: RangeInclusive<usize> = 1024..=1024 * 1024;
const HEADER_FIELDS: RangeInclusive<usize> = 8..=MOST_FIELDS;

impl Limits {
    pub(super) fn read(values: &Values<impl Fn(&str) -> Option<String>>) -> Result<Self, ConfigError> {
        let number = |name, default, range| values.or(name, default, |text| value::whole_number(text, range));
        Ok(Self {
            connections: number(MAX_CONNECTIONS, "10000", CONNECTIONS)?,
            pending_requests: number(MAX_PENDING_REQUESTS, "1024", PENDING_REQUESTS)?,
            descriptors: match values.get(MAX_DESCRIPTORS) {
                Some(_) => Some(number(MAX_DESCRIPTORS, "", DESCRIPTORS)? as u64),
                None => None,
            },
            head: HeadLimits {
                bytes: number(MAX_HEADER_BYTES, "65536", HEADER_BYTES)?,
                fields: number(MAX_HEADER_FIELDS, "128", HEADER_FIELDS)?,
            },
        })
    }
}
