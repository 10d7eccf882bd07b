//! How an event gets to its function.

use std::{fmt, sync::Arc};

use shared::testing::{Invoke, Stage};

use super::given;
use crate::{
    Error, Result,
    environment::{Emulator, Environment},
};

/// How an event gets to its function, and the answer back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    /// A call of the adapter that production uses.
    InProcess,
    /// The built binary behind a runtime API of ours.
    Process,
    /// The built binary under AWS's Runtime Interface Emulator.
    Emulator,
}

impl Way {
    /// An execution environment of `function` on `stage`.
    pub(super) async fn start(self, function: &str, stage: &Stage) -> Result<Arc<dyn Invoke>> {
        match self {
            Self::InProcess => given::start(function, stage),
            Self::Process => Ok(Arc::new(Environment::start(function, stage.variables()).await?)),
            Self::Emulator => match Emulator::start(function, stage.variables()).await? {
                Some(emulator) => Ok(Arc::new(emulator)),
                None => Err(Error::new("there is no Runtime Interface Emulator for this machine")),
            },
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::InProcess => "in process",
            Self::Process => "process",
            Self::Emulator => "emulator",
        })
    }
}
