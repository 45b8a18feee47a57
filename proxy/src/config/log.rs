//! What is logged, and how.

use super::{ConfigError, Values, value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    pub level: LogLevel,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Log {
    pub(super) fn read(values: &Values<impl Fn(&str) -> Option<String>>) -> Result<Self, ConfigError> {
        Ok(Self {
            level: values.or("MESH_PROXY_LOG", "info", value::log_level)?,
            format: values.or("MESH_PROXY_LOG_FORMAT", "text", value::log_format)?,
        })
    }
}
