//! The token by which the control plane believes who the proxy is.

use std::fs;
use std::path::Path;

use tonic::metadata::{Ascii, MetadataValue};

/// What `authorization` says (RFC 6750, section 2.1) with the token that is in `file` now: it is replaced before it ends.
///
/// # Errors
/// Why there is no token, in words that name the file.
pub(super) fn bearer(file: &Path) -> Result<MetadataValue<Ascii>, String> {
    let named = |what: &dyn std::fmt::Display| format!("{}: {what}", file.display());
    let text = fs::read_to_string(file).map_err(|error| named(&error))?;
    let token = text.trim();
    if token.is_empty() {
        return Err(named(&"it is empty"));
    }
    let mut value: MetadataValue<Ascii> =
        format!("Bearer {token}").parse().map_err(|_| named(&"what it holds is no token"))?;
    value.set_sensitive(true);
    Ok(value)
}
