//! How bytes on a connection are written into one input: readable seeds, and a form that survives mutation.

/// Separates what is sent at once from what is sent after a while.
pub const CUT: u8 = 0xff;
/// Separates what one party sends from what the next one does.
pub const NEXT: u8 = 0xfe;

/// The pieces between cuts.
pub fn segments(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split(|byte| *byte == CUT).collect()
}
