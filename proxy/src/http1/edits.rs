//! The few changes a head undergoes on its way.

use smallvec::SmallVec;

use super::Span;

/// What stands in the place of bytes that were cut.
#[derive(Debug, Clone)]
enum Insert {
    Nothing,
    Text(&'static [u8]),
    /// Other bytes of the same head.
    Copy(Span),
    Owned(Box<[u8]>),
}

#[derive(Debug, Clone)]
struct Edit {
    cut: Span,
    insert: Insert,
}

/// A list of cuts and insertions. A head with an empty list is sent on as it came.
#[derive(Debug, Clone, Default)]
pub struct Edits(SmallVec<[Edit; 4]>);

impl Edits {
    /// Whether the head is sent on as it came.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn cut(&mut self, cut: Span) {
        self.add(cut, Insert::Nothing);
    }

    pub(super) fn replace(&mut self, cut: Span, text: &'static [u8]) {
        self.add(cut, Insert::Text(text));
    }

    /// Puts a copy of the bytes in `source` in the place of those in `cut`.
    pub(super) fn copy(&mut self, cut: Span, source: Span) {
        self.add(cut, Insert::Copy(source));
    }

    pub(super) fn insert(&mut self, at: u32, text: &'static [u8]) {
        self.add(at..at, Insert::Text(text));
    }

    pub(super) fn insert_owned(&mut self, at: u32, text: Box<[u8]>) {
        self.add(at..at, Insert::Owned(text));
    }

    /// Keeps the list in the order of the head. Edits at the same place stay in the order in which they were made.
    fn add(&mut self, cut: Span, insert: Insert) {
        let position = self.0.iter().rposition(|edit| edit.cut.start <= cut.start).map_or(0, |last| last + 1);
        self.0.insert(position, Edit { cut, insert });
    }

    /// Appends `head`, as edited, to `output`.
    pub fn apply(&self, head: &[u8], output: &mut Vec<u8>) {
        let mut from = 0;
        for Edit { cut, insert } in &self.0 {
            output.extend_from_slice(super::slice(head, &(from..cut.start)));
            match insert {
                Insert::Nothing => {}
                Insert::Text(text) => output.extend_from_slice(text),
                Insert::Copy(source) => output.extend_from_slice(super::slice(head, source)),
                Insert::Owned(text) => output.extend_from_slice(text),
            }
            from = cut.end.max(from);
        }
        output.extend_from_slice(head.get(from as usize..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(edits: &Edits, head: &[u8]) -> String {
        let mut output = Vec::new();
        edits.apply(head, &mut output);
        String::from_utf8(output).unwrap_or_default()
    }

    #[test]
    fn cuts_copies_and_inserts_in_the_order_of_the_head() {
        let mut edits = Edits::default();
        assert!(edits.is_empty());
        edits.insert(10, b"end");
        edits.cut(4..6);
        edits.copy(0..1, 8..10);
        edits.insert_owned(10, b"!".to_vec().into());
        edits.replace(7..8, b"-");
        assert_eq!(applied(&edits, b"0123456789"), "891236-89end!");
    }
}
