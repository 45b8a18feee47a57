//! Who may call the application: what the control plane says of it, and what that means for a request or a connection.

mod admission;
mod caller;
mod grant;
mod guard;
mod network;
mod path;
mod policy;

pub use admission::{Refusal, admit, is_open, readmit};
pub(crate) use caller::namespace;
pub use grant::Grant;
pub use guard::{Edition, Guard};
pub use policy::{Call, Denial, HttpCall, Policy};
