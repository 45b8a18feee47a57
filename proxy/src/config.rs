//! What the proxy is told by its environment.

mod inbound;
mod limits;
mod log;
mod probes;
mod timeouts;
mod value;

pub use inbound::{Application, Inbound, InboundTls};
pub use limits::{Limits, MAX_DESCRIPTORS};
pub use log::{Log, LogFormat, LogLevel};
pub use probes::Probes;
pub use timeouts::Timeouts;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use hyper::Uri;

/// The configuration of a proxy; see docs/proxy.md for the variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Who the proxy is.
    pub identity: Identity,
    /// The control plane's discovery service: `http://host:port`.
    pub control_plane: Uri,
    /// Holds the token by which the control plane believes who the proxy is; none where it asks for no token.
    pub token_file: Option<PathBuf>,
    /// Holds the roots by which the control plane is believed, which then certifies the proxy; none where all is plain text.
    pub trust_roots: Option<PathBuf>,
    /// What is taken from others.
    pub inbound_tls: InboundTls,
    /// Where the application sends its requests, and where its connections are redirected to; none when the proxy takes no
    /// outbound traffic.
    pub outbound: Vec<SocketAddr>,
    pub inbound: Vec<Inbound>,
    pub admin: SocketAddr,
    /// None when nobody is to watch requests.
    pub tap: Option<SocketAddr>,
    /// Only the control plane may watch them, which proves itself by its certificate.
    pub tap_tls: bool,
    /// By which others reach this instance, for listeners on all addresses; empty when the control plane sees it by itself.
    pub ips: Vec<IpAddr>,
    /// Threads that relay traffic.
    pub workers: usize,
    /// Ports whose connections are passed through unseen.
    pub opaque_ports: Ports,
    /// Ports of the application that are secured by itself: its TLS passes in strict mode too.
    pub tls_ports: Ports,
    /// Requests that reach the application whoever may call it.
    pub probes: Probes,
    pub log: Log,
    pub timeouts: Timeouts,
    pub limits: Limits,
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

/// A set of ports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ports(Vec<RangeInclusive<u16>>);

impl Ports {
    pub fn contain(&self, port: u16) -> bool {
        self.0.iter().any(|range| range.contains(&port))
    }
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
const TOKEN_FILE: &str = "MESH_PROXY_TOKEN_FILE";
const TRUST_ROOTS: &str = "MESH_PROXY_TRUST_ROOTS";
/// The variable of the outbound listener's address.
pub const OUTBOUND: &str = "MESH_PROXY_OUTBOUND";
/// The variable of the inbound listeners' addresses.
pub const INBOUND: &str = "MESH_PROXY_INBOUND";
/// The variable of the admin listener's address.
pub const ADMIN: &str = "MESH_PROXY_ADMIN";
/// The variable of the tap listener's address.
pub const TAP: &str = "MESH_PROXY_TAP";
const TAP_TLS: &str = "MESH_PROXY_TAP_TLS";
const IPS: &str = "MESH_PROXY_IPS";
const WORKERS: &str = "MESH_PROXY_WORKERS";
const OPAQUE_PORTS: &str = "MESH_PROXY_OPAQUE_PORTS";
const TLS_PORTS: &str = "MESH_PROXY_TLS_PORTS";
const PROBES: &str = "MESH_PROXY_PROBES";
const STOP_WITH_STDIN: &str = "MESH_PROXY_STOP_WITH_STDIN";

const MAX_WORKERS: usize = 256;

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
        let token_file = values.get(TOKEN_FILE).map(PathBuf::from);
        let trust_roots = values.get(TRUST_ROOTS).map(PathBuf::from);
        Ok(Self {
            identity: values.identity(host)?,
            control_plane: values.or(CONTROL_PLANE, "127.0.0.1:8086", value::host_and_port)?,
            inbound_tls: InboundTls::read(&values, trust_roots.is_some())?,
            tap_tls: values.tap_tls(trust_roots.is_some())?,
            trust_roots: values.trust_roots(trust_roots, token_file.is_some())?,
            token_file,
            outbound: values.or(OUTBOUND, "127.0.0.1:4140,[::1]:4140", value::addresses_or_off)?,
            inbound: values.or(INBOUND, "", value::inbound_list)?,
            admin: values.or(ADMIN, "127.0.0.1:4191", value::listen_address)?,
            tap: values.or(TAP, "127.0.0.1:4190", value::listen_address_or_off)?,
            ips: values.or(IPS, "", value::ips)?,
            workers: values.or(WORKERS, "1", |text| value::whole_number(text, 1..=MAX_WORKERS))?,
            opaque_ports: values.or(OPAQUE_PORTS, "", value::ports)?,
            tls_ports: values.or(TLS_PORTS, "", value::ports)?,
            probes: values.or(PROBES, "", Probes::parse)?,
            log: Log::read(&values)?,
            timeouts: Timeouts::read(&values)?,
            limits: Limits::read(&values)?,
            stop_with_stdin: values.or(STOP_WITH_STDIN, "false", value::boolean)?,
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

impl Config {
    /// Whether one of the proxy's own listeners has this port.
    pub fn listens_on(&self, port: u16) -> bool {
        let inbound = self.inbound.iter().map(|inbound| &inbound.listen);
        self.outbound
            .iter()
            .chain([&self.admin])
            .chain(&self.tap)
            .chain(inbound)
            .any(|address| address.port() == port)
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

    /// A proxy is certified by what shows who it is.
    fn trust_roots(&self, file: Option<PathBuf>, has_token: bool) -> Result<Option<PathBuf>, ConfigError> {
        match file {
            Some(file) if !has_token => {
                let message = format!("\"{}\" is of no use without {TOKEN_FILE}", file.display());
                Err(ConfigError { variable: TRUST_ROOTS, message })
            }
            file => Ok(file),
        }
    }

    fn tap_tls(&self, has_roots: bool) -> Result<bool, ConfigError> {
        self.or(TAP_TLS, "false", |text| match value::boolean(text)? {
            true if !has_roots => Err(format!("\"{text}\" needs {TRUST_ROOTS}")),
            tap_tls => Ok(tap_tls),
        })
    }

    fn identity(&self, host: impl FnOnce() -> String) -> Result<Identity, ConfigError> {
        let name = self.get(NAME).unwrap_or_else(host);
        let namespace = self.or(NAMESPACE, "default", |text| Ok(text.to_owned()))?;
        let (workload_kind, workload) = self.or(WORKLOAD, &name, value::kind_and_name)?;
        Ok(Identity { name, namespace, workload_kind, workload })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::http1::HeadLimits;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(
            |name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()),
            || "host-1".to_owned(),
        )
    }

    fn inbound(listen: &str, application: Application) -> Inbound {
        Inbound { listen: listen.parse().unwrap(), application }
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
        assert_eq!(config.token_file, None);
        assert_eq!((config.trust_roots, config.inbound_tls), (None, InboundTls::Permissive));
        assert_eq!(config.outbound, ["127.0.0.1:4140".parse().unwrap(), "[::1]:4140".parse().unwrap()]);
        assert_eq!(config.inbound, []);
        assert_eq!(config.admin, "127.0.0.1:4191".parse().unwrap());
        assert_eq!(config.tap, Some("127.0.0.1:4190".parse().unwrap()));
        assert_eq!(config.workers, 1);
        assert_eq!(config.timeouts.drain, Duration::from_secs(30));
        assert_eq!(config.timeouts.connect, Duration::from_secs(1));
        assert_eq!(config.timeouts.pending, Duration::from_secs(3));
        assert_eq!(config.timeouts.stall, Duration::from_secs(3600));
        let head = HeadLimits { bytes: 65536, fields: 128 };
        let limits = Limits { connections: 10_000, pending_requests: 1024, descriptors: None, head };
        assert_eq!(config.limits, limits);
        assert!(!config.stop_with_stdin);
    }

    #[test]
    fn every_variable_is_taken() {
        let config = read(&[
            ("MESH_PROXY_NAME", "world-1"),
            ("MESH_PROXY_NAMESPACE", "demo"),
            ("MESH_PROXY_WORKLOAD", "deployment/world"),
            ("MESH_PROXY_CONTROL_PLANE", "mesh.example:9000"),
            ("MESH_PROXY_TOKEN_FILE", "/var/run/secrets/mesh.dev/token"),
            ("MESH_PROXY_TRUST_ROOTS", "/var/run/mesh.dev/roots.pem"),
            ("MESH_PROXY_INBOUND_TLS", "strict"),
            ("MESH_PROXY_OUTBOUND", "off"),
            ("MESH_PROXY_INBOUND", "10000=127.0.0.1:9000, [::1]:0=9001, 4143=original, 10.0.0.1:1=original"),
            ("MESH_PROXY_ADMIN", "0"),
            ("MESH_PROXY_TAP", "0.0.0.0:0"),
            ("MESH_PROXY_TAP_TLS", "true"),
            ("MESH_PROXY_IPS", "10.0.0.1,fd00::1"),
            ("MESH_PROXY_WORKERS", "4"),
            ("MESH_PROXY_OPAQUE_PORTS", "25, 3306,8000-8100"),
            ("MESH_PROXY_TLS_PORTS", "8443"),
            ("MESH_PROXY_PROBES", "8080:/healthz,9000:grpc"),
            ("MESH_PROXY_LOG", "debug"),
            ("MESH_PROXY_LOG_FORMAT", "json"),
            ("MESH_PROXY_DRAIN_TIMEOUT", "2m"),
            ("MESH_PROXY_CONNECT_TIMEOUT", "500ms"),
            ("MESH_PROXY_HEADER_TIMEOUT", "5s"),
            ("MESH_PROXY_IDLE_TIMEOUT", "1m"),
            ("MESH_PROXY_PENDING_TIMEOUT", "2s"),
            ("MESH_PROXY_STALL_TIMEOUT", "24h"),
            ("MESH_PROXY_MAX_CONNECTIONS", "500"),
            ("MESH_PROXY_MAX_PENDING_REQUESTS", "0"),
            ("MESH_PROXY_MAX_DESCRIPTORS", "4096"),
            ("MESH_PROXY_MAX_HEADER_BYTES", "8192"),
            ("MESH_PROXY_MAX_HEADER_FIELDS", "512"),
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
            token_file: Some("/var/run/secrets/mesh.dev/token".into()),
            trust_roots: Some("/var/run/mesh.dev/roots.pem".into()),
            inbound_tls: InboundTls::Strict,
            outbound: vec![],
            inbound: vec![
                inbound("127.0.0.1:10000", Application::At("127.0.0.1:9000".parse().unwrap())),
                inbound("[::1]:0", Application::At("127.0.0.1:9001".parse().unwrap())),
                inbound("0.0.0.0:4143", Application::Original),
                inbound("[::]:4143", Application::Original),
                inbound("10.0.0.1:1", Application::Original),
            ],
            admin: "127.0.0.1:0".parse().unwrap(),
            tap: Some("0.0.0.0:0".parse().unwrap()),
            tap_tls: true,
            ips: vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
            workers: 4,
            opaque_ports: Ports(vec![25..=25, 3306..=3306, 8000..=8100]),
            tls_ports: Ports(vec![8443..=8443]),
            probes: Probes::parse("8080:/healthz,9000:grpc").unwrap(),
            log: Log { level: LogLevel::Debug, format: LogFormat::Json },
            timeouts: Timeouts {
                drain: Duration::from_secs(120),
                connect: Duration::from_millis(500),
                header: Duration::from_secs(5),
                idle: Duration::from_secs(60),
                pending: Duration::from_secs(2),
                stall: Duration::from_secs(24 * 3600),
            },
            limits: Limits {
                connections: 500,
                pending_requests: 0,
                descriptors: Some(4096),
                head: HeadLimits { bytes: 8192, fields: 512 },
            },
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
            ("MESH_PROXY_TRUST_ROOTS", "/roots.pem"),
            ("MESH_PROXY_INBOUND_TLS", "strict"),
            ("MESH_PROXY_INBOUND_TLS", "off"),
            ("MESH_PROXY_OUTBOUND", "on"),
            ("MESH_PROXY_OUTBOUND", "70000"),
            ("MESH_PROXY_OUTBOUND", "4140,off"),
            ("MESH_PROXY_OPAQUE_PORTS", "0"),
            ("MESH_PROXY_OPAQUE_PORTS", "10-5"),
            ("MESH_PROXY_OPAQUE_PORTS", "a"),
            ("MESH_PROXY_PROBES", "8080"),
            ("MESH_PROXY_PROBES", "0:/healthz"),
            ("MESH_PROXY_PROBES", "8080:healthz"),
            ("MESH_PROXY_INBOUND", "10000"),
            ("MESH_PROXY_INBOUND", "10000=0"),
            ("MESH_PROXY_INBOUND", "10000=localhost:80"),
            ("MESH_PROXY_ADMIN", "off"),
            ("MESH_PROXY_TAP", "1.2.3:4"),
            ("MESH_PROXY_TAP_TLS", "true"),
            ("MESH_PROXY_IPS", "10.0.0.1:80"),
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
