//! How an event gets to its function.

use std::{fmt, sync::Arc};

use stack::environment::{Emulator, ExecutionEnvironment};
use stack::{Error, Result};

use super::fixtures;
use crate::{Invoke, TestContext};

/// How an event gets to its function, and the answer back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Transport {
    /// A call of the adapter that production uses.
    InProcess,
    /// The built binary behind a runtime API of ours.
    Process,
    /// The built binary under AWS's Runtime Interface Emulator.
    Emulator,
}

impl Transport {
    /// An execution environment of `function` in `context`.
    pub(super) async fn start(self, function: &str, context: &TestContext) -> Result<Arc<dyn Invoke>> {
        match self {
            Self::InProcess => fixtures::start(function, context),
            Self::Process => Ok(Arc::new(ExecutionEnvironment::start(function, context.variables()).await?)),
            Self::Emulator => match Emulator::start(function, context.variables()).await? {
                Some(emulator) => Ok(Arc::new(emulator)),
                None => Err(Error::new("there is no Runtime Interface Emulator for this machine")),
            },
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::InProcess => "in process",
            Self::Process => "process",
            Self::Emulator => "emulator",
        })
    }
}
