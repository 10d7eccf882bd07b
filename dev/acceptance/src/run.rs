//! What the checks of a run share.

use std::sync::atomic::Ordering::Relaxed;

use stack::Result;
use uuid::Uuid;

use crate::client::Client;
use crate::options::Options;
use crate::verdict::{Checked, ensure};

/// A run: its caller, and a name by which people know what it left.
pub struct Run {
    /// The caller.
    pub client: Client,
    /// What was asked for.
    pub options: Options,
    /// The beginning of the names of all that the run makes.
    pub name: String,
}

impl Run {
    /// A run that has sent nothing yet.
    pub fn new(options: &Options) -> Result<Self> {
        let id = Uuid::new_v4().simple().to_string();
        let name = format!("acceptance-{}", &id[..10]);
        Ok(Self { client: Client::new(&options.url)?, options: options.clone(), name })
    }

    /// A key for an idempotent write, used once.
    #[must_use]
    pub fn new_key() -> String {
        Uuid::new_v4().to_string()
    }

    /// Whether the API ended requests with errors of its own.
    pub fn server_errors(&self) -> Checked {
        let count = self.client.counts.broken.load(Relaxed);
        ensure(count == 0, || format!("expected no 5xx but a 503 with Retry-After, got {count}"))?;
        let repeated = self.client.counts.unavailable.load(Relaxed);
        Ok(if repeated == 0 {
            String::new()
        } else {
            format!("{repeated} answers 503 with Retry-After, sent again")
        })
    }
}
