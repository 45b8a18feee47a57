//! Networks that connections come from.

use std::net::IpAddr;

/// A network of IPv4 or IPv6, as `10.0.0.0/8` or `fd00::/8`; an address alone is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    length: u8,
}

impl Network {
    /// None when `text` is no network.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
            None => bits,
        };
        // Addresses of IPv4 are compared as such, however they are written (RFC 4291, section 2.5.5.2).
        match address.to_canonical() {
            _ if length > bits => None,
            canonical @ IpAddr::V4(_) if bits == 128 && length >= 96 => {
                Some(Self { address: canonical, length: length - 96 })
            }
            canonical if bits == 32 => Some(Self { address: canonical, length }),
            _ => Some(Self { address, length }),
        }
    }

    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                is_prefix(u128::from(own.to_bits()) << 96, u128::from(other.to_bits()) << 96, self.length)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => is_prefix(own.to_bits(), other.to_bits(), self.length),
            _ => false,
        }
    }
}

/// Whether the first `length` bits are the same.
fn is_prefix(one: u128, other: u128, length: u8) -> bool {
    (one ^ other).leading_zeros() >= u32::from(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_network_whose_bits_it_has() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3/8", "10.9.9.9", true),
            ("10.0.0.0/0", "1.2.3.4", true),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.0/31", "10.0.0.1", true),
            ("10.0.0.0/31", "10.0.0.2", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("::ffff:10.0.0.0/104", "10.1.1.1", true),
            ("::ffff:10.0.0.0/104", "11.1.1.1", false),
            ("fd00::/8", "fdff::1", true),
            ("fd00::/8", "fe00::1", false),
            ("fd00::1", "fd00::1", true),
            ("::/0", "fd00::1", true),
            ("::/0", "10.0.0.1", false),
            ("0.0.0.0/0", "fd00::1", false),
        ] {
            let contains = Network::parse(network).unwrap().contains(address.parse().unwrap());
            assert_eq!(contains, expected, "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_none() {
        for text in
            ["", "10.0.0.0/33", "fd00::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/+8", "a/8"]
        {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
