//! Subnets in CIDR notation, of either family.

use crate::family::Family;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network address and the length of its prefix; no bit is set beyond the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    address: IpAddr,
    prefix: u32,
}

impl Subnet {
    /// The family whose table the subnet belongs in.
    pub fn family(self) -> Family {
        Family::of(self.address)
    }

    /// Whether the subnet is every address of its family.
    pub fn is_everything(self) -> bool {
        self.prefix == 0
    }

    /// Whether `address` lies in the subnet.
    pub fn contains(self, address: IpAddr) -> bool {
        self.family() == Family::of(address) && network(address, self.prefix) == self.address
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = String;

    /// Takes `10.0.0.0/8`, `2001:db8::/32`, or one address alone.
    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("`{text}` is not a subnet such as 10.0.0.0/8 or 2001:db8::/32");
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let longest = Family::of(address).address_bits();
        let prefix = match prefix {
            None => longest,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| refused())?
            }
            Some(_) => return Err(refused()),
        };
        if prefix > longest {
            return Err(refused());
        }
        let subnet = Self { address: network(address, prefix), prefix };
        if subnet.address != address {
            return Err(format!("`{text}` has bits set beyond its prefix: {subnet} would be its network"));
        }
        Ok(subnet)
    }
}

/// `address` with every bit beyond the prefix cleared.
fn network(address: IpAddr, prefix: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            Ipv4Addr::from(u32::from(address) & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            Ipv6Addr::from(u128::from(address) & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().unwrap()
    }

    #[test]
    fn subnets_of_both_families_are_written_in_full() {
        assert_eq!(subnet("10.0.0.0/8").to_string(), "10.0.0.0/8");
        assert_eq!(subnet("192.0.2.7").to_string(), "192.0.2.7/32");
        assert_eq!(subnet("2001:DB8:0:0::/32").to_string(), "2001:db8::/32");
        assert_eq!(subnet("::1").to_string(), "::1/128");
        assert!(subnet("0.0.0.0/0").is_everything());
    }

    #[test]
    fn membership_follows_the_prefix_and_the_family() {
        assert!(subnet("10.0.0.0/8").contains("10.255.0.1".parse().unwrap()));
        assert!(!subnet("10.0.0.0/8").contains("11.0.0.1".parse().unwrap()));
        assert!(subnet("::/0").contains("2001:db8::1".parse().unwrap()));
        assert!(!subnet("::/0").contains("10.0.0.1".parse().unwrap()));
        assert!(subnet("fd00::/8").contains("fd12::1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_subnet_is_refused() {
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0/8",
            "::/129",
            "example.org",
            "10.0.0.0/8/8",
        ] {
            assert!(text.parse::<Subnet>().is_err(), "{text:?} was taken for a subnet");
        }
    }

    #[test]
    fn bits_beyond_the_prefix_are_refused_with_the_network_that_was_meant() {
        let error = "10.1.2.3/8".parse::<Subnet>().unwrap_err();
        assert!(error.contains("10.0.0.0/8"), "{error}");
    }
}
