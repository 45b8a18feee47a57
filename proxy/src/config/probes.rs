//! What kubelet asks of the application.

/// The one method of gRPC's health service that kubelet calls, as a path.
const GRPC_CHECK: &str = "/grpc.health.v1.Health/Check";

/// The probes of a pod's containers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Probes(Vec<Probe>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Probe {
    port: u16,
    method: &'static str,
    /// With its query; what is a comma in the request is `%2C` here, as that is.
    path: String,
}

impl Probes {
    /// A list of `PORT:/PATH` and `PORT:grpc`, separated by commas; a comma in a path is written `%2C`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let probe = |item: &str| {
            Probe::parse(item).ok_or_else(|| format!("\"{item}\" is not PORT:/PATH or PORT:grpc"))
        };
        Ok(Self(items.map(probe).collect::<Result<_, _>>()?))
    }

    /// Whether a request to the application's `port` is a probe; `path` is with its query.
    pub fn contain(&self, port: u16, method: &str, path: &str) -> bool {
        let is_at = |path: &str| {
            self.0.iter().any(|probe| probe.port == port && probe.method == method && probe.path == path)
        };
        if path.contains(',') { is_at(&path.replace(',', "%2C")) } else { is_at(path) }
    }
}

impl Probe {
    fn parse(item: &str) -> Option<Self> {
        let (port, what) = item.split_once(':')?;
        let port = port.parse().ok().filter(|port| *port != 0)?;
        match what {
            "grpc" => Some(Self { port, method: "POST", path: GRPC_CHECK.to_owned() }),
            path if path.starts_with('/') => Some(Self { port, method: "GET", path: path.to_owned() }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_told_by_its_port_method_and_path_with_query() {
        let probes = Probes::parse("8080:/healthz?a=b%2Cc, 9000:grpc").unwrap();
        for (port, method, path, expected) in [
            (8080, "GET", "/healthz?a=b,c", true),
            (8080, "GET", "/healthz?a=b%2Cc", true),
            (8080, "GET", "/healthz", false),
            (8080, "GET", "/healthz?a=b,c/../x", false),
            (8080, "POST", "/healthz?a=b,c", false),
            (8081, "GET", "/healthz?a=b,c", false),
            (9000, "POST", "/grpc.health.v1.Health/Check", true),
            (9000, "POST", "/grpc.health.v1.Health/Watch", false),
        ] {
            assert_eq!(probes.contain(port, method, path), expected, "{port} {method} {path}");
        }
        assert_eq!(Probes::parse(""), Ok(Probes::default()));
    }
}
