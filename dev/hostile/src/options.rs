//! The command line.

use std::time::Duration;

use clap::Parser;
use stack::{Error, Result};

/// The longest quiet run before the attack, which the attack is compared with.
const LONGEST_QUIET: Duration = Duration::from_mins(1);

/// Attack the functions while honest clients use them, and report what everybody got.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask hostile", bin_name = "cargo xtask hostile")]
pub(crate) struct Options {
    /// How long the attack lasts, in minutes.
    #[arg(long, default_value_t = 30)]
    pub(crate) minutes: u32,
    /// The most requests per second of all attackers together.
    #[arg(long, default_value_t = 60)]
    pub(crate) rate: u32,
}

impl Options {
    /// # Errors
    /// When the run would have no bounds that make sense.
    pub(crate) fn check(&self) -> Result<()> {
        if !(1..=600).contains(&self.minutes) || !(1..=500).contains(&self.rate) {
            return Err(Error::new("--minutes takes 1 to 600, and --rate 1 to 500"));
        }
        Ok(())
    }

    /// How long the attack lasts.
    pub(crate) fn attack(&self) -> Duration {
        Duration::from_mins(self.minutes.into())
    }

    /// How long the honest clients are alone before.
    pub(crate) fn quiet(&self) -> Duration {
        self.attack().min(LONGEST_QUIET)
    }
}
