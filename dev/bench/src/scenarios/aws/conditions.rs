//! The programs of the fixture under the conditions of AWS.

use stack::Result;

use crate::driver::Program;
use crate::fixture::{BOOKS, Fixture};
use crate::processor_share::ProcessorShare;
use crate::remote_stores::{ROUND_TRIP, RemoteStores, SIGN_IN};

/// Makes programs that run as on AWS.
pub(super) struct Conditions<'a> {
    pub(super) fixture: &'a Fixture,
    stores: RemoteStores,
    /// `None` where the system lets none be set.
    share: Option<ProcessorShare>,
    /// The description of the conditions in the report.
    pub(super) note: String,
}

impl<'a> Conditions<'a> {
    pub(super) fn prepare(fixture: &'a Fixture, memory: u16) -> Result<Self> {
        let share = ProcessorShare::of_memory(f64::from(memory));
        let processor = match &share {
            Ok(share) => format!(
                "a whole processor in init, and after it that of {memory} MB: {:.1} ms in each {:.0} ms",
                share.quota().as_secs_f64() * 1000.0,
                ProcessorShare::PERIOD.as_secs_f64() * 1000.0
            ),
            Err(error) => format!("**the whole processor always**, since no share of it can be set: {error}"),
        };
        let note = format!(
            "Stores {} ms away, a sign-in of {} ms, TLS to both; {processor}.",
            ROUND_TRIP.as_secs_f64() * 1000.0,
            SIGN_IN.as_millis()
        );
        Ok(Self { fixture, stores: fixture.remote_stores()?, share: share.ok(), note })
    }

    pub(super) fn floor(&self) -> Program {
        self.fixture.floor().with_share(self.share)
    }

    pub(super) fn function(&self, name: &str) -> Result<Program> {
        Ok(self.stores.function(self.fixture.function(name, BOOKS)?).with_share(self.share))
    }

    pub(super) fn peer(&self) -> Program {
        self.stores.peer(self.fixture.peer(BOOKS)).with_share(self.share)
    }
}
