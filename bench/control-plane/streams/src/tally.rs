//! What all the streams were told.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// What was told, and what of it was not printed yet.
#[derive(Default)]
pub struct Tally {
    streams: usize,
    snapshots: usize,
    has_news: bool,
    /// By the address of an endpoint that came.
    told: HashMap<String, Told>,
}

struct Told {
    count: usize,
    last_micros: u128,
    is_printed: bool,
}

impl Tally {
    pub fn opened(&mut self) {
        self.streams += 1;
        self.has_news = true;
    }

    pub fn snapshot(&mut self) {
        self.snapshots += 1;
        self.has_news = true;
    }

    pub fn endpoint(&mut self, ip: String) {
        let told = self.told.entry(ip).or_insert(Told { count: 0, last_micros: 0, is_printed: false });
        told.count += 1;
        told.last_micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        told.is_printed = false;
    }

    /// Prints what is new.
    pub fn print(&mut self) {
        if self.has_news {
            println!("streams {} snapshots {}", self.streams, self.snapshots);
            self.has_news = false;
        }
        for (ip, told) in self.told.iter_mut().filter(|(_, told)| !told.is_printed) {
            println!("told {ip} {} {}", told.count, told.last_micros);
            told.is_printed = true;
        }
    }
}
