//! What a proxy needs to know of a certificate beside its signature.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

const SCHEME: &str = "spiffe://";

/// The name in a certificate and the end of its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// A SPIFFE URI: `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT`.
    pub identity: Arc<str>,
    pub not_after: SystemTime,
}

impl Certificate {
    /// Reads a certificate, the signature of which is checked elsewhere.
    ///
    /// # Errors
    /// It is none, or does not have just one name, a SPIFFE URI.
    pub fn read(der: &CertificateDer<'_>) -> Result<Self, String> {
        let identity = identity(der)?;
        let not_after = not_after(der).ok_or("the certificate's time makes no sense")?;
        Ok(Self { identity, not_after })
    }

    pub fn trust_domain(&self) -> &str {
        trust_domain(&self.identity)
    }

    pub fn has_ended(&self) -> bool {
        self.not_after < SystemTime::now()
    }
}

/// The one SPIFFE URI that a certificate names.
pub(super) fn identity(der: &CertificateDer<'_>) -> Result<Arc<str>, String> {
    let certificate = EndEntityCert::try_from(der).map_err(|error| format!("no certificate: {error}"))?;
    let mut names = certificate.valid_uri_names();
    match (names.next(), names.next()) {
        (Some(name), None) if name.starts_with(SCHEME) => Ok(name.into()),
        _ => Err("the certificate does not have just one name, a SPIFFE URI".to_owned()),
    }
}

/// `TRUST-DOMAIN` in `spiffe://TRUST-DOMAIN/…`.
pub(super) fn trust_domain(identity: &str) -> &str {
    identity.strip_prefix(SCHEME).and_then(|rest| rest.split('/').next()).unwrap_or_default()
}

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;

/// The end of `Validity` (RFC 5280, section 4.1.2.5).
fn not_after(der: &[u8]) -> Option<SystemTime> {
    let mut certificate = Der(Der(der).value(SEQUENCE)?);
    let mut signed = Der(certificate.value(SEQUENCE)?);
    if signed.0.first() == Some(&VERSION) {
        signed.next()?;
    }
    let (_serial, _algorithm, _issuer) = (signed.next()?, signed.next()?, signed.next()?);
    let mut validity = Der(signed.value(SEQUENCE)?);
    validity.next()?;
    match validity.next()? {
        (UTC_TIME, text) => {
            let year = digits(text.get(..2)?)?;
            time(if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        (GENERALIZED_TIME, text) => time(digits(text.get(..4)?)?, text.get(4..)?),
        _ => None,
    }
}

/// Values of DER (X.690), one after the other.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let [tag, first, rest @ ..] = self.0 else { return None };
        let (length, rest) = match *first {
            short @ ..0x80 => (usize::from(short), rest),
            long => {
                let (length, rest) = rest.split_at_checked(usize::from(long & 0x7f).min(4))?;
                (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, value))
    }

    fn value(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, value)| value)
    }
}

fn digits(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A time in UTC; `rest` is `MMDDhhmmssZ`.
fn time(year: u64, rest: &[u8]) -> Option<SystemTime> {
    let part = |at: usize| digits(rest.get(at..at + 2)?);
    let (month, day) = (part(0)?, part(2)?);
    let (hour, minute, second) = (part(4)?, part(6)?, part(8)?);
    let is_sound = (1..=12).contains(&month) && (1..=31).contains(&day) && year >= 1970;
    let seconds = hour * 3600 + minute * 60 + second;
    is_sound.then(|| UNIX_EPOCH + Duration::from_secs(days(year, month, day) * 86_400 + seconds))
}

/// Days from 1970-01-01. A year begins with March here, so that the odd day is its last.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, SanType, date_time_ymd};

    use super::*;

    fn certificate(names: &[&str], year: i32) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.subject_alt_names =
            names.iter().map(|name| SanType::URI((*name).try_into().unwrap())).collect();
        params.not_after = date_time_ymd(year, 2, 29);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn the_name_and_the_end_of_the_time_are_read() {
        let name = "spiffe://mesh.local/ns/default/sa/hello";
        for (year, seconds, ended) in [(2012, 1_330_473_600, true), (2104, 4_233_686_400, false)] {
            let read = Certificate::read(&certificate(&[name], year)).unwrap();
            assert_eq!((&*read.identity, read.trust_domain()), (name, "mesh.local"));
            assert_eq!(read.not_after, UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(read.has_ended(), ended);
        }
    }

    #[test]
    fn what_does_not_have_just_one_name_is_refused() {
        for names in [&[][..], &["https://a"], &["spiffe://a/b", "spiffe://a/c"]] {
            assert!(Certificate::read(&certificate(names, 2104)).is_err(), "{names:?}");
        }
        assert!(Certificate::read(&CertificateDer::from(vec![0x30, 0x84])).is_err());
    }
}
