//! The roots that the proxy was given in a file, which may come later and may change.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::sync::watch;

use super::verify::{roots_of_pem, store};
use crate::control_plane::Reported;

/// The file is looked at so often.
const LOOK: Duration = Duration::from_secs(1);

/// What the file said last that could be understood; none before it ever did.
pub type GivenRoots = watch::Receiver<Option<Arc<Vec<CertificateDer<'static>>>>>;

/// The file itself. What it says is in force until it says something else: one that is gone, or cannot be understood, changes nothing.
pub struct RootsFile {
    path: PathBuf,
    roots: watch::Sender<Option<Arc<Vec<CertificateDer<'static>>>>>,
    last: Vec<u8>,
    reported: Reported<String>,
}

impl RootsFile {
    /// A file, and what it says once it is followed.
    pub fn new(path: PathBuf) -> (Self, GivenRoots) {
        let (roots, given) = watch::channel(None);
        (Self { path, roots, last: Vec::new(), reported: Reported::default() }, given)
    }

    /// Reads the file, and again whenever it changes, until it is dropped.
    pub async fn follow(mut self) {
        loop {
            self.look();
            tokio::time::sleep(LOOK).await;
        }
    }

    fn look(&mut self) {
        let read = fs::read(&self.path).map_err(|error| error.to_string());
        match read.and_then(|text| self.take(text)) {
            Ok(()) => self.reported.forget(),
            Err(reason) => self.report(reason),
        }
    }

    fn take(&mut self, text: Vec<u8>) -> Result<(), String> {
        let is_known = self.roots.borrow().is_some();
        if is_known && text == self.last {
            return Ok(());
        }
        let roots = roots_of_pem(&text)?;
        store(&roots).map_err(|error| error.to_string())?;
        tracing::info!(file = %self.path.display(), roots = roots.len(), "read the roots to trust");
        self.last = text;
        self.roots.send_replace(Some(Arc::new(roots)));
        Ok(())
    }

    fn report(&mut self, reason: String) {
        if !self.reported.is_news(reason.clone()) {
            return;
        }
        let file = self.path.display();
        if self.roots.borrow().is_some() {
            tracing::warn!(%file, reason, "cannot read the roots to trust; those that were read stay in force");
        } else {
            tracing::warn!(
                %file,
                reason,
                "no roots to trust yet, and nothing to do without them; in a cluster the control plane writes them into the ConfigMap \
                 mesh-trust-roots of each namespace, elsewhere whoever runs the proxy puts the mesh's ca.crt there; looking again every second"
            );
        }
    }
}
