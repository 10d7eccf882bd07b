//! The accounts of a run.

use acceptance::report::Report;
use acceptance::run::Run;
use uuid::Uuid;

use super::account::Account;

/// One for each purpose.
pub(crate) struct People {
    /// The account that does everything.
    pub(crate) account: Account,
    /// The account that is locked.
    pub(crate) victim: Account,
}

impl People {
    /// The accounts that `run` will register, with passwords that no report may hold.
    pub(crate) fn of(run: &Run, report: &mut Report) -> Self {
        let password = format!("acceptance {}", Uuid::new_v4());
        report.hide(&password);
        Self {
            account: Account::new(run.name.clone(), &password),
            victim: Account::new(format!("{}-locked", run.name), &password),
        }
    }
}
