//! The ways of invoking a function with an event.

use std::fmt;
use std::sync::Arc;

use stack::environment::{ExecutionEnvironment, RuntimeInterfaceEmulator};
use stack::{Context as _, Error, Result};

use crate::{Invoke, TestContext, functions};

/// How an event reaches its function, and the answer comes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Transport {
    /// The function is called in this process, through the adapter that production uses.
    InProcess,
    /// The built binary runs behind the runtime API of the local stack.
    Process,
    /// The built binary runs under AWS's Runtime Interface Emulator.
    RuntimeInterfaceEmulator,
}

impl Transport {
    /// Starts an execution environment of `function` in `context`.
    pub(super) async fn start(self, function: &str, context: &TestContext) -> Result<Arc<dyn Invoke>> {
        match self {
            Self::InProcess => start_in_process(function, context),
            Self::Process => Ok(Arc::new(ExecutionEnvironment::start(function, context.variables()).await?)),
            Self::RuntimeInterfaceEmulator => {
                match RuntimeInterfaceEmulator::start(function, context.variables()).await? {
                    Some(emulator) => Ok(Arc::new(emulator)),
                    None => Err(Error::new("there is no Runtime Interface Emulator for this machine")),
                }
            }
        }
    }
}

/// Starts a function in this process.
pub(super) fn start_in_process(function: &str, context: &TestContext) -> Result<Arc<dyn Invoke>> {
    let found = functions::find(function);
    let found = found.ok_or_else(|| Error::new(format!("there is no function {function}")))?;
    found.start(&context.env_of(function)).context(format!("start {function}"))
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::InProcess => "in process",
            Self::Process => "process",
            Self::RuntimeInterfaceEmulator => "emulator",
        })
    }
}
