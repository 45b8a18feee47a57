//! What is to be redirected, and what is not.

use crate::back_end::BackEnd;
use crate::family::Family;
use crate::port_range::PortRange;
use crate::subnet::Subnet;
use crate::wait::ProxyState;

/// The port of DNS, which is left alone unless `only_outbound_ports` names it.
pub const DNS: u16 = 53;

/// Everything the rules depend on, and what follows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// The proxy's user: its connections are never redirected.
    pub proxy_uid: u32,
    /// The proxy's group, where it is to be exempt as well.
    pub proxy_gid: Option<u32>,
    /// The proxy's listener for what the application sends.
    pub outbound_port: u16,
    /// The proxy's listener for what others send to the application.
    pub inbound_port: u16,
    /// The proxy's tap listener: never redirected.
    pub tap_port: u16,
    /// The proxy's admin listener: never redirected.
    pub admin_port: u16,
    /// Ports of the application that others reach without the proxy.
    pub skip_inbound_ports: Vec<PortRange>,
    /// Ports of the application that are redirected only while something listens there: who probes them by connecting
    /// alone learns the truth, which the proxy's own listener would hide.
    pub probed_ports: Vec<PortRange>,
    /// Ports that the application reaches without the proxy.
    pub skip_outbound_ports: Vec<PortRange>,
    /// When not empty, no other port of the application is redirected.
    pub only_inbound_ports: Vec<PortRange>,
    /// When not empty, connections to no other port are redirected.
    pub only_outbound_ports: Vec<PortRange>,
    /// Networks that the application talks to, and is talked to by, without the proxy.
    pub skip_subnets: Vec<Subnet>,
    /// The back end of iptables to use; found by what the host uses when not given.
    pub back_end: Option<BackEnd>,
    /// Whether IPv6 is redirected too.
    pub ipv6: Ipv6,
    /// How far the proxy has to be before the program ends.
    pub wait_for: Option<ProxyState>,
}

/// Whether rules for IPv6 are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ipv6 {
    /// Where the network namespace has an IPv6 address that others can reach.
    Auto,
    /// Always; not being able to is an error.
    On,
    /// Never.
    Off,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            proxy_uid: 2102,
            proxy_gid: None,
            outbound_port: 4140,
            inbound_port: 4143,
            tap_port: 4190,
            admin_port: 4191,
            skip_inbound_ports: Vec::new(),
            probed_ports: Vec::new(),
            skip_outbound_ports: Vec::new(),
            only_inbound_ports: Vec::new(),
            only_outbound_ports: Vec::new(),
            skip_subnets: Vec::new(),
            back_end: None,
            ipv6: Ipv6::Auto,
            wait_for: None,
        }
    }
}

impl Configuration {
    /// The proxy's listeners, in ascending order of their usual ports.
    pub fn proxy_ports(&self) -> [u16; 4] {
        [self.outbound_port, self.inbound_port, self.tap_port, self.admin_port]
    }

    /// Whether a connection of the application to `port` is redirected, where its address alone does not exempt it.
    pub fn redirects_outbound(&self, port: u16) -> bool {
        let listed = |ranges: &[PortRange]| ranges.iter().any(|range| range.contains(port));
        let wanted =
            if self.only_outbound_ports.is_empty() { port != DNS } else { listed(&self.only_outbound_ports) };
        wanted && !listed(&self.skip_outbound_ports)
    }

    /// The families to redirect in this network namespace.
    pub fn families(&self) -> Vec<Family> {
        let ipv6 = match self.ipv6 {
            Ipv6::Auto => !Family::V6.own_addresses().is_empty(),
            Ipv6::On => true,
            Ipv6::Off => false,
        };
        if ipv6 { Family::ALL.to_vec() } else { vec![Family::V4] }
    }
}
