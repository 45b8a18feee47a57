//! Frames that cost their sender nothing and us something: a client that sends many of them and little else is sent away.

use std::time::Instant;

const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const WINDOW_UPDATE: u8 = 8;

/// What may come at once of frames that carry nothing.
const BURST: u64 = 2_000;
/// So many of them are forgiven a second.
const FORGIVEN: u64 = 500;
/// And one for so many bytes that were sent to the client, for it answers them by updates of its windows and may measure by pings.
const BYTES_A_FRAME: u64 = 256;

/// A watch over the frames that a client sends, by their heads.
#[derive(Debug)]
pub struct Flood {
    /// Of the preface, and of frames whose heads were seen.
    to_skip: usize,
    head: [u8; HEAD],
    in_head: usize,
    /// Frames without content that are not forgiven yet.
    debt: u64,
    since: Instant,
    written: u64,
}

impl Default for Flood {
    fn default() -> Self {
        Self { to_skip: 24, head: [0; HEAD], in_head: 0, debt: 0, since: Instant::now(), written: 0 }
    }
}

impl Flood {
    /// Whether there have been too many such frames with `bytes`, which come next. `written` bytes were sent to the client so far.
    pub fn is_in(&mut self, bytes: &[u8], written: u64) -> bool {
        self.count(bytes);
        self.debt > BURST && !self.forgive(written, Instant::now())
    }

    fn count(&mut self, mut bytes: &[u8]) {
        loop {
            let skipped = self.to_skip.min(bytes.len());
            self.to_skip -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return;
            }
            let taken = (HEAD - self.in_head).min(bytes.len());
            self.head[self.in_head..self.in_head + taken].copy_from_slice(&bytes[..taken]);
            self.in_head += taken;
            bytes = &bytes[taken..];
            if self.in_head == HEAD {
                self.in_head = 0;
                self.frame();
            }
        }
    }

    fn frame(&mut self) {
        let [high, middle, low, kind, ..] = self.head;
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        self.to_skip = length;
        self.debt += match kind {
            HEADERS | DATA | CONTINUATION if length > 0 => 0,
            WINDOW_UPDATE => 1,
            _ => 2,
        };
    }

    /// Whether the debt is bearable after what is forgiven.
    fn forgive(&mut self, written: u64, now: Instant) -> bool {
        let by_time = (now - self.since).as_millis() as u64 * FORGIVEN / 1000;
        let by_bytes = (written - self.written) / BYTES_A_FRAME;
        self.since = now;
        self.written = written;
        self.debt = self.debt.saturating_sub(by_time + by_bytes);
        self.debt <= BURST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];

    fn data(length: u8) -> Vec<u8> {
        [&[0, 0, length, DATA, 0, 0, 0, 0, 1][..], &vec![6; length.into()]].concat()
    }

    fn after_preface() -> Flood {
        let mut flood = Flood::default();
        assert!(!flood.is_in(&[6; 24], 0));
        flood
    }

    #[test]
    fn frames_are_counted_however_they_are_cut() {
        for cut in [1, 5, 9, 10, 17, 1000] {
            let mut flood = after_preface();
            let frames = [&PING[..], &data(200), &PING, &data(0), &data(1)].concat();
            for piece in frames.chunks(cut) {
                flood.count(piece);
            }
            assert_eq!(flood.debt, 6, "{cut}");
        }
    }

    #[test]
    fn a_flood_is_told_from_a_client_that_also_does_something() {
        let mut flood = after_preface();
        assert!(!flood.is_in(&PING.repeat(900), 0));
        assert!(flood.is_in(&PING.repeat(2000), 0), "more at once than is forgiven");
        let mut flood = after_preface();
        assert!(!flood.is_in(&data(100).repeat(100_000), 0));
        for round in 0..100 {
            assert!(!flood.is_in(&PING.repeat(100), round * 200 * BYTES_A_FRAME), "pings that measure");
        }
    }
}
