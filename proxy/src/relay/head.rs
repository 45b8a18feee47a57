//! A head that comes in pieces.

/// How much of a head was looked at.
#[derive(Debug, Default)]
pub struct Progress {
    seen: usize,
}

impl Progress {
    /// Whether parsing the `bytes` that are there may tell more than the last time. The first bytes always may, so that what is
    /// not HTTP is refused at once; after that only an empty line, or more than `limit` bytes: a head that comes in many pieces
    /// is not parsed as many times.
    pub fn is_worth_parsing(&mut self, bytes: &[u8], limit: usize) -> bool {
        let before = std::mem::replace(&mut self.seen, bytes.len());
        match before {
            _ if before == bytes.len() => false,
            0 => true,
            _ => {
                let new = &bytes[before.saturating_sub(3)..];
                bytes.len() >= limit
                    || new.windows(2).any(|pair| pair == b"\n\n")
                    || new.windows(3).any(|three| three == b"\n\r\n")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lengths at which a head that comes byte by byte is parsed.
    fn parsed_at(head: &str, limit: usize) -> Vec<usize> {
        let mut progress = Progress::default();
        let lengths = 0..=head.len();
        lengths.filter(|length| progress.is_worth_parsing(&head.as_bytes()[..*length], limit)).collect()
    }

    #[test]
    fn a_head_that_comes_byte_by_byte_is_parsed_at_its_start_and_its_end_alone() {
        let long = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(1000));
        for head in [long.as_str(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\n\n"] {
            assert_eq!(parsed_at(head, 65536), [1, head.len()]);
        }
        let endless = "HTTP/1.1 200 OK\r\na: bbbbbb";
        assert_eq!(parsed_at(endless, 24), [1, 24, 25, 26]);
    }

    #[test]
    fn what_was_looked_at_is_not_looked_at_again() {
        let mut progress = Progress::default();
        assert!(progress.is_worth_parsing(b"GET", 100));
        assert!(!progress.is_worth_parsing(b"GET", 100));
    }
}
