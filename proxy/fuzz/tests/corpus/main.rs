//! Every target with every input of the repository, and with a fixed number of mutations of them.

mod entries;
mod mutation;

use mutation::Mutation;

/// Of the mutations; another one makes others.
const SEED: u64 = 1;

/// Runs the target called `name` with all of its inputs and `count` mutations of them.
fn run(name: &str, target: fn(&[u8]), count: usize) {
    let entries = entries::of(name);
    for entry in &entries {
        let shown = Shown { origin: entry.file.display().to_string(), input: &entry.bytes };
        target(shown.input);
    }
    let mut mutation = Mutation::new(SEED, entries.into_iter().map(|entry| entry.bytes).collect());
    for number in 0..count {
        let input = mutation.input();
        let shown = Shown { origin: format!("mutation {number} with seed {SEED}"), input: &input };
        target(shown.input);
    }
}

/// Shows an input when the target panics on it.
struct Shown<'a> {
    origin: String,
    input: &'a [u8],
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}: {}", self.origin, self.input.escape_ascii());
        }
    }
}

#[test]
fn heads_of_requests() {
    run("request_head", mesh_proxy_fuzz::request_head, 20_000);
}

#[test]
fn heads_of_responses() {
    run("response_head", mesh_proxy_fuzz::response_head, 5_000);
}

#[test]
fn chunked_bodies() {
    run("chunked", mesh_proxy_fuzz::chunked, 20_000);
}

#[test]
fn first_bytes_of_connections() {
    run("detection", mesh_proxy_fuzz::detection, 5_000);
}

#[test]
fn configurations() {
    run("configuration", mesh_proxy_fuzz::configuration, 5_000);
}

#[test]
fn relayed_connections() {
    run("relay", mesh_proxy_fuzz::relay, 2_000);
}
