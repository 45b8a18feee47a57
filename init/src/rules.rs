//! The rules themselves, word for word as `iptables-save` prints them.
//!
//! Only packets that open a connection enter our chains, so connections that were open before the rules came go on
//! undisturbed. Of what arrives, only what is meant for this network namespace enters: forwarded traffic is somebody
//! else's.

use crate::configuration::{Configuration, DNS};
use crate::family::Family;
use crate::port_range::PortRange;
use crate::subnet::Subnet;

/// The chain that decides about connections from elsewhere to the application.
pub const INBOUND: &str = "MESH_INBOUND";
/// The chain that decides about connections that the application opens.
pub const OUTBOUND: &str = "MESH_OUTBOUND";
/// Our chains of the nat table.
pub const CHAINS: [&str; 2] = [INBOUND, OUTBOUND];

/// The rules of one family.
#[derive(Debug, PartialEq, Eq)]
pub struct Rules {
    /// One rule in each of `PREROUTING` and `OUTPUT` that leads into our chains.
    pub jumps: [String; 2],
    /// What our chains hold, in order.
    pub chains: Vec<String>,
}

impl Rules {
    /// The rules that `configuration` asks for.
    pub fn new(configuration: &Configuration, family: Family) -> Self {
        let mut chains = inbound(configuration, family);
        chains.extend(outbound(configuration, family));
        Self {
            jumps: [
                format!(
                    "-A PREROUTING -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m addrtype --dst-type LOCAL -j {INBOUND}"
                ),
                format!("-A OUTPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j {OUTBOUND}"),
            ],
            chains,
        }
    }
}

fn inbound(configuration: &Configuration, family: Family) -> Vec<String> {
    let mut rules = Chain::new(INBOUND);
    rules.skip_ports(&configuration.proxy_ports().map(PortRange::single));
    rules.skip_ports(&configuration.skip_inbound_ports);
    rules.skip_subnets("-s", &configuration.skip_subnets, family);
    rules.redirect(&configuration.only_inbound_ports, configuration.inbound_port);
    rules.rules
}

/// What a process of this network namespace sends to one of the namespace's own addresses leaves by `lo` and never
/// passes `PREROUTING`'s nat rules. So the application's connection to its own address passes the proxy once, as
/// outbound; and the proxy's connection to that address, or to any other, goes straight to the application.
fn outbound(configuration: &Configuration, family: Family) -> Vec<String> {
    let mut rules = Chain::new(OUTBOUND);
    rules.skip(&format!("-m owner --uid-owner {}", configuration.proxy_uid));
    if let Some(gid) = configuration.proxy_gid {
        rules.skip(&format!("-m owner --gid-owner {gid}"));
    }
    match family {
        Family::V4 => rules.skip("-d 127.0.0.0/8"),
        Family::V6 => {
            rules.skip("-d ::1/128");
            // A link-local address needs its interface, which the proxy could not learn.
            rules.skip("-d fe80::/10");
        }
    }
    for port in configuration.proxy_ports() {
        rules.skip(&format!("-o lo -p tcp -m tcp --dport {port}"));
    }
    if !configuration.redirects_outbound(DNS) {
        rules.skip_ports(&[PortRange::single(DNS)]);
    }
    rules.skip_ports(&configuration.skip_outbound_ports);
    rules.skip_subnets("-d", &configuration.skip_subnets, family);
    rules.redirect(&configuration.only_outbound_ports, configuration.outbound_port);
    rules.rules
}

struct Chain {
    name: &'static str,
    rules: Vec<String>,
}

impl Chain {
    fn new(name: &'static str) -> Self {
        Self { name, rules: Vec::new() }
    }

    fn skip(&mut self, matching: &str) {
        self.rules.push(format!("-A {} {matching} -j RETURN", self.name));
    }

    fn skip_ports(&mut self, ports: &[PortRange]) {
        for range in ports {
            self.skip(&format!("-p tcp -m tcp --dport {range}"));
        }
    }

    fn skip_subnets(&mut self, side: &str, subnets: &[Subnet], family: Family) {
        for subnet in subnets.iter().filter(|subnet| subnet.family() == family) {
            if subnet.is_everything() {
                self.rules.push(format!("-A {} -j RETURN", self.name));
            } else {
                self.skip(&format!("{side} {subnet}"));
            }
        }
    }

    fn redirect(&mut self, only: &[PortRange], to: u16) {
        if only.is_empty() {
            self.rules.push(format!("-A {} -p tcp -j REDIRECT --to-ports {to}", self.name));
        }
        for range in only {
            self.rules
                .push(format!("-A {} -p tcp -m tcp --dport {range} -j REDIRECT --to-ports {to}", self.name));
        }
    }
}
