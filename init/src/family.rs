//! The two families of addresses, each with tables of its own.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

/// The addresses of every interface of this network namespace, IPv6 only: one a line, in hexadecimal digits first.
const IPV6_ADDRESSES: &str = "/proc/net/if_inet6";

impl Family {
    /// Both, in the order in which they are worked on.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The family that `address` is of.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The number of bits in an address.
    pub fn address_bits(self) -> u32 {
        match self {
            Self::V4 => Ipv4Addr::BITS,
            Self::V6 => Ipv6Addr::BITS,
        }
    }

    /// Whether this kernel speaks the family at all.
    pub fn in_kernel(self) -> bool {
        match self {
            Self::V4 => true,
            Self::V6 => fs::exists(IPV6_ADDRESSES).unwrap_or(false),
        }
    }

    /// The addresses of this network namespace that others can reach: not loopback, and of IPv6 not link-local.
    pub fn own_addresses(self) -> Vec<IpAddr> {
        let read = |table| fs::read_to_string(table).unwrap_or_default();
        match self {
            Self::V4 => parse_ipv4_addresses(&read(IPV4_ROUTES)).into_iter().map(IpAddr::V4).collect(),
            Self::V6 => parse_ipv6_addresses(&read(IPV6_ADDRESSES)).into_iter().map(IpAddr::V6).collect(),
        }
    }

    /// The loopback address.
    pub fn loopback(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::LOCALHOST.into(),
            Self::V6 => Ipv6Addr::LOCALHOST.into(),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// The addresses of the local routing table, IPv4: each a line `|-- ADDRESS`, and what it is on the next.
const IPV4_ROUTES: &str = "/proc/net/fib_trie";

fn parse_ipv4_addresses(table: &str) -> Vec<Ipv4Addr> {
    let mut addresses = Vec::new();
    let mut latest = None;
    for line in table.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            latest = address.parse::<Ipv4Addr>().ok();
        } else if line.starts_with("/32 host LOCAL") {
            addresses.extend(latest.filter(|address| !address.is_loopback() && !addresses.contains(address)));
        }
    }
    addresses
}

fn parse_ipv6_addresses(table: &str) -> Vec<Ipv6Addr> {
    table
        .lines()
        .filter_map(|line| u128::from_str_radix(line.split_whitespace().next()?, 16).ok())
        .map(Ipv6Addr::from)
        .filter(|address| !address.is_loopback() && !address.is_unicast_link_local())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_ipv4_addresses_are_found_once_each_and_without_loopback() {
        let table = "Main:\n  +-- 10.1.0.0/24 2 0 2\n     |-- 10.1.0.0\n        /24 link UNICAST\n     |-- 10.1.0.2\n        \
                     /32 host LOCAL\n     |-- 10.1.0.255\n        /32 link BROADCAST\n     |-- 127.0.0.1\n        \
                     /32 host LOCAL\nLocal:\n     |-- 10.1.0.2\n        /32 host LOCAL\n";
        assert_eq!(parse_ipv4_addresses(table), [Ipv4Addr::new(10, 1, 0, 2)]);
    }

    #[test]
    fn only_addresses_that_others_can_reach_count() {
        let table = "00000000000000000000000000000001 01 80 10 80       lo\n\
                     fe80000000000000d0f7d3fffe7e3a55 02 40 20 80     eth0\n\
                     fd000000000000000000000000000002 02 40 00 82     eth0\n";
        assert_eq!(parse_ipv6_addresses(table), [Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2)]);
        assert!(parse_ipv6_addresses("").is_empty());
    }
}
