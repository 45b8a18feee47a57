//! The inputs that are kept in the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// An input, and the file that it is in.
pub struct Entry {
    pub file: PathBuf,
    pub bytes: Vec<u8>,
}

/// The inputs of a target, seeds with names and what was found, in the order of their names, so that every run is the same.
pub fn of(target: &str) -> Vec<Entry> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = files.map(|file| file.unwrap().path());
    let mut entries: Vec<_> = files.map(|file| Entry { bytes: fs::read(&file).unwrap(), file }).collect();
    entries.sort_by(|one, other| one.file.cmp(&other.file));
    assert!(!entries.is_empty(), "{target} has no inputs");
    entries
}

/// The words of `http.dict`: in quotes, with `\xNN` for bytes that are no text.
pub fn words() -> Vec<Vec<u8>> {
    let lines = include_str!("../../http.dict").lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| word(line.trim_matches('"'))).collect()
}

fn word(text: &str) -> Vec<u8> {
    let mut parts = text.split(r"\x");
    let mut word = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2);
        word.push(u8::from_str_radix(code, 16).unwrap());
        word.extend_from_slice(rest.as_bytes());
    }
    word
}
