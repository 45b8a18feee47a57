//! What the proxy is told by its environment.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hyper::Uri;

/// The configuration of a proxy; see docs/proxy.md for the variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Who the proxy is.
    pub identity: Identity,
    /// The control plane's discovery service: `http://host:port`.
    pub control_plane: Uri,
    /// Where the application sends its requests; none when the proxy takes no outbound traffic.
    pub outbound: Option<SocketAddr>,
    pub inbound: Vec<Inbound>,
    pub admin: SocketAddr,
    pub tap: SocketAddr,
    /// Threads that relay traffic.
    pub workers: usize,
    pub log: Log,
    pub timeouts: Timeouts,
    /// Heads (request or response) longer than this are refused.
    pub max_header_bytes: usize,
    /// The end of standard input means the same as SIGTERM.
    pub stop_with_stdin: bool,
}

/// Who a proxy is, for the control plane, the metrics and tap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The instance's name ("pod").
    pub name: String,
    pub namespace: String,
    /// In the long, singular form: `deployment`, `statefulset`, `workload`.
    pub workload_kind: String,
    pub workload: String,
}

/// One address at which others reach the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inbound {
    pub listen: SocketAddr,
    pub application: SocketAddr,
}

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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// How long a drain may take before what is still in flight is cut.
    pub drain: Duration,
    /// For one attempt to connect to an endpoint.
    pub connect: Duration,
    /// From the first byte of a request's head to its end.
    pub header: Duration,
    /// How long a connection may be idle, from clients and to endpoints.
    pub idle: Duration,
}

/// A variable that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The variable's name.
    pub variable: &'static str,
    /// What was found and what was expected.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.message)
    }
}

impl std::error::Error for ConfigError {}

const NAME: &str = "MESH_PROXY_NAME";
const NAMESPACE: &str = "MESH_PROXY_NAMESPACE";
const WORKLOAD: &str = "MESH_PROXY_WORKLOAD";
const CONTROL_PLANE: &str = "MESH_PROXY_CONTROL_PLANE";
/// The variable of the outbound listener's address.
pub const OUTBOUND: &str = "MESH_PROXY_OUTBOUND";
/// The variable of the inbound listeners' addresses.
pub const INBOUND: &str = "MESH_PROXY_INBOUND";
/// The variable of the admin listener's address.
pub const ADMIN: &str = "MESH_PROXY_ADMIN";
/// The variable of the tap listener's address.
pub const TAP: &str = "MESH_PROXY_TAP";
const WORKERS: &str = "MESH_PROXY_WORKERS";
const LOG: &str = "MESH_PROXY_LOG";
const LOG_FORMAT: &str = "MESH_PROXY_LOG_FORMAT";
const DRAIN_TIMEOUT: &str = "MESH_PROXY_DRAIN_TIMEOUT";
const CONNECT_TIMEOUT: &str = "MESH_PROXY_CONNECT_TIMEOUT";
const HEADER_TIMEOUT: &str = "MESH_PROXY_HEADER_TIMEOUT";
const IDLE_TIMEOUT: &str = "MESH_PROXY_IDLE_TIMEOUT";
const MAX_HEADER_BYTES: &str = "MESH_PROXY_MAX_HEADER_BYTES";
const STOP_WITH_STDIN: &str = "MESH_PROXY_STOP_WITH_STDIN";

const MAX_WORKERS: usize = 256;
const HEADER_BYTES: std::ops::RangeInclusive<usize> = 1024..=1024 * 1024;

impl Config {
    /// Reads the configuration through `variable`, which gives a variable's value when it is set. Empty counts as unset.
    /// `host` gives the instance's name when no variable does.
    ///
    /// # Errors
    /// The first variable whose value cannot be taken.
    pub fn read(
        variable: impl Fn(&str) -> Option<String>,
        host: impl FnOnce() -> String,
    ) -> Result<Self, ConfigError> {
        let values = Values { variable };
        Ok(Self {
            identity: values.identity(host)?,
            control_plane: values.or(CONTROL_PLANE, "127.0.0.1:8086", host_and_port)?,
            outbound: values.or(OUTBOUND, "127.0.0.1:4140", address_or_off)?,
            inbound: values.or(INBOUND, "", inbound_list)?,
            admin: values.or(ADMIN, "127.0.0.1:4191", listen_address)?,
            tap: values.or(TAP, "127.0.0.1:4190", listen_address)?,
            workers: values.or(WORKERS, "1", |text| whole_number(text, 1..=MAX_WORKERS))?,
            log: Log {
                level: values.or(LOG, "info", log_level)?,
                format: values.or(LOG_FORMAT, "text", log_format)?,
            },
            timeouts: Timeouts {
                drain: values.or(DRAIN_TIMEOUT, "30s", duration)?,
                connect: values.or(CONNECT_TIMEOUT, "1s", duration)?,
                header: values.or(HEADER_TIMEOUT, "60s", duration)?,
                idle: values.or(IDLE_TIMEOUT, "10m", duration)?,
            },
            max_header_bytes: values
                .or(MAX_HEADER_BYTES, "65536", |text| whole_number(text, HEADER_BYTES))?,
            stop_with_stdin: values.or(STOP_WITH_STDIN, "false", boolean)?,
        })
    }

    /// Reads the configuration from the process's environment.
    ///
    /// # Errors
    /// The first variable whose value cannot be taken.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()), host_name)
    }
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

struct Values<F> {
    variable: F,
}

impl<F: Fn(&str) -> Option<String>> Values<F> {
    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn or<T>(
        &self,
        name: &'static str,
        default: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let value = self.get(name);
        parse(value.as_deref().unwrap_or(default)).map_err(|message| ConfigError { variable: name, message })
    }

    fn identity(&self, host: impl FnOnce() -> String) -> Result<Identity, ConfigError> {
        let name = self.get(NAME).unwrap_or_else(host);
        let namespace = self.or(NAMESPACE, "default", |text| Ok(text.to_owned()))?;
        let (workload_kind, workload) = self.or(WORKLOAD, &name, kind_and_name)?;
        Ok(Identity { name, namespace, workload_kind, workload })
    }
}

fn kind_and_name(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        None => Ok(("workload".to_owned(), text.to_owned())),
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((kind.to_ascii_lowercase(), name.to_owned()))
        }
        Some(_) => Err(format!("\"{text}\" is not NAME or KIND/NAME")),
    }
}

fn host_and_port(text: &str) -> Result<Uri, String> {
    let expected = || format!("\"{text}\" is not HOST:PORT");
    let uri: Uri = format!("http://{text}").parse().map_err(|_| expected())?;
    let is_bare = uri.path() == "/" && uri.authority().is_some_and(|authority| authority.as_str() == text);
    let has_user = text.contains('@');
    match uri.port_u16() {
        Some(1..) if is_bare && !has_user => Ok(uri),
        _ => Err(expected()),
    }
}

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    address(text).ok_or_else(|| format!("\"{text}\" is not PORT or ADDRESS:PORT"))
}

/// `PORT` or `ADDRESS:PORT`.
fn address(text: &str) -> Option<SocketAddr> {
    match text.parse::<u16>() {
        Ok(port) => Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        Err(_) => text.parse().ok(),
    }
}

fn address_or_off(text: &str) -> Result<Option<SocketAddr>, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    address(text).map(Some).ok_or_else(|| format!("\"{text}\" is not PORT, ADDRESS:PORT or off"))
}

fn inbound_list(text: &str) -> Result<Vec<Inbound>, String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(inbound).collect()
}

fn inbound(text: &str) -> Result<Inbound, String> {
    text.split_once('=')
        .and_then(|(listen, application)| {
            let application = address(application.trim()).filter(|application| application.port() != 0)?;
            Some(Inbound { listen: address(listen.trim())?, application })
        })
        .ok_or_else(|| format!("\"{text}\" is not LISTEN=APPLICATION, each PORT or ADDRESS:PORT"))
}

fn whole_number(text: &str, range: std::ops::RangeInclusive<usize>) -> Result<usize, String> {
    let (least, most) = (range.start(), range.end());
    match text.parse() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!("\"{text}\" is not a whole number from {least} to {most}")),
    }
}

fn log_level(text: &str) -> Result<LogLevel, String> {
    match text {
        "error" => Ok(LogLevel::Error),
        "warn" => Ok(LogLevel::Warn),
        "info" => Ok(LogLevel::Info),
        "debug" => Ok(LogLevel::Debug),
        _ => Err(format!("\"{text}\" is not error, warn, info or debug")),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("\"{text}\" is not text or json")),
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("\"{text}\" is not true or false")),
    }
}

/// `500ms`, `30s`, `2m`, at most a day.
fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 3] = [("ms", 1), ("s", 1000), ("m", 60_000)];
    const DAY: u64 = 24 * 60 * 60 * 1000;
    UNITS
        .iter()
        .find_map(|(unit, milliseconds)| {
            let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
            number.checked_mul(*milliseconds)
        })
        .filter(|milliseconds| (1..=DAY).contains(milliseconds))
        .map(Duration::from_millis)
        .ok_or_else(|| format!("\"{text}\" is not a duration such as 500ms, 30s or 2m, at most a day"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(
            |name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()),
            || "host-1".to_owned(),
        )
    }

    #[test]
    fn an_empty_environment_gives_the_documented_defaults() {
        let config = read(&[]).unwrap();
        assert_eq!(config.identity.name, "host-1");
        assert_eq!(config.identity.namespace, "default");
        assert_eq!(
            (config.identity.workload_kind.as_str(), config.identity.workload.as_str()),
            ("workload", "host-1")
        );
        assert_eq!(config.control_plane, "http://127.0.0.1:8086");
        assert_eq!(config.outbound, "127.0.0.1:4140".parse().ok());
        assert_eq!(config.inbound, []);
        assert_eq!(config.admin, "127.0.0.1:4191".parse().unwrap());
        assert_eq!(config.tap, "127.0.0.1:4190".parse().unwrap());
        assert_eq!(config.workers, 1);
        assert_eq!(config.timeouts.drain, Duration::from_secs(30));
        assert_eq!(config.timeouts.connect, Duration::from_secs(1));
        assert_eq!(config.max_header_bytes, 65536);
        assert!(!config.stop_with_stdin);
    }

    #[test]
    fn every_variable_is_taken() {
        let config = read(&[
            ("MESH_PROXY_NAME", "world-1"),
            ("MESH_PROXY_NAMESPACE", "demo"),
            ("MESH_PROXY_WORKLOAD", "deployment/world"),
            ("MESH_PROXY_CONTROL_PLANE", "mesh.example:9000"),
            ("MESH_PROXY_OUTBOUND", "off"),
            ("MESH_PROXY_INBOUND", "10000=127.0.0.1:9000, [::1]:0=9001"),
            ("MESH_PROXY_ADMIN", "0"),
            ("MESH_PROXY_TAP", "0.0.0.0:0"),
            ("MESH_PROXY_WORKERS", "4"),
            ("MESH_PROXY_LOG", "debug"),
            ("MESH_PROXY_LOG_FORMAT", "json"),
            ("MESH_PROXY_DRAIN_TIMEOUT", "2m"),
            ("MESH_PROXY_CONNECT_TIMEOUT", "500ms"),
            ("MESH_PROXY_HEADER_TIMEOUT", "5s"),
            ("MESH_PROXY_IDLE_TIMEOUT", "1m"),
            ("MESH_PROXY_MAX_HEADER_BYTES", "8192"),
            ("MESH_PROXY_STOP_WITH_STDIN", "true"),
        ])
        .unwrap();
        let expected = Config {
            identity: Identity {
                name: "world-1".to_owned(),
                namespace: "demo".to_owned(),
                workload_kind: "deployment".to_owned(),
                workload: "world".to_owned(),
            },
            control_plane: Uri::from_static("http://mesh.example:9000"),
            outbound: None,
            inbound: vec![
                Inbound {
                    listen: "127.0.0.1:10000".parse().unwrap(),
                    application: "127.0.0.1:9000".parse().unwrap(),
                },
                Inbound {
                    listen: "[::1]:0".parse().unwrap(),
                    application: "127.0.0.1:9001".parse().unwrap(),
                },
            ],
            admin: "127.0.0.1:0".parse().unwrap(),
            tap: "0.0.0.0:0".parse().unwrap(),
            workers: 4,
            log: Log { level: LogLevel::Debug, format: LogFormat::Json },
            timeouts: Timeouts {
                drain: Duration::from_secs(120),
                connect: Duration::from_millis(500),
                header: Duration::from_secs(5),
                idle: Duration::from_secs(60),
            },
            max_header_bytes: 8192,
            stop_with_stdin: true,
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn a_wrong_value_names_its_variable_and_shows_the_value() {
        for (variable, value) in [
            ("MESH_PROXY_WORKLOAD", "deployment/"),
            ("MESH_PROXY_WORKLOAD", "a/b/c"),
            ("MESH_PROXY_CONTROL_PLANE", "localhost"),
            ("MESH_PROXY_CONTROL_PLANE", "localhost:0"),
            ("MESH_PROXY_CONTROL_PLANE", "http://localhost:80"),
            ("MESH_PROXY_CONTROL_PLANE", "::1:80"),
            ("MESH_PROXY_CONTROL_PLANE", "local host:80"),
            ("MESH_PROXY_CONTROL_PLANE", "me@localhost:80"),
            ("MESH_PROXY_CONTROL_PLANE", "localhost:80/path"),
            ("MESH_PROXY_CONTROL_PLANE", "localhost:70000"),
            ("MESH_PROXY_OUTBOUND", "on"),
            ("MESH_PROXY_OUTBOUND", "70000"),
            ("MESH_PROXY_INBOUND", "10000"),
            ("MESH_PROXY_INBOUND", "10000=0"),
            ("MESH_PROXY_INBOUND", "10000=localhost:80"),
            ("MESH_PROXY_ADMIN", "off"),
            ("MESH_PROXY_TAP", "1.2.3:4"),
            ("MESH_PROXY_WORKERS", "0"),
            ("MESH_PROXY_LOG", "loud"),
            ("MESH_PROXY_LOG_FORMAT", "xml"),
            ("MESH_PROXY_DRAIN_TIMEOUT", "30"),
            ("MESH_PROXY_CONNECT_TIMEOUT", "0s"),
            ("MESH_PROXY_HEADER_TIMEOUT", "-1s"),
            ("MESH_PROXY_IDLE_TIMEOUT", "99999999999999999999m"),
            ("MESH_PROXY_MAX_HEADER_BYTES", "10"),
            ("MESH_PROXY_STOP_WITH_STDIN", "yes"),
        ] {
            let error = read(&[(variable, value)]).unwrap_err();
            assert_eq!(error.variable, variable);
            assert!(error.to_string().contains(value), "{error}");
        }
    }

    #[test]
    fn an_empty_value_counts_as_unset() {
        assert_eq!(read(&[("MESH_PROXY_WORKERS", " ")]), read(&[]));
    }
}
