//! What the checks of a run share and hand on to each other.

use std::sync::atomic::Ordering::Relaxed;

use stack::{Result, settings};
use uuid::Uuid;

use crate::account::Account;
use crate::client::Client;
use crate::options::Options;
use crate::verdict::{Checked, NotPassed, ensure};

/// A run: the caller, its account and its books.
pub(crate) struct Run {
    pub(crate) client: Client,
    pub(crate) options: Options,
    /// The account that does everything.
    pub(crate) account: Account,
    /// The account that is locked.
    pub(crate) victim: Account,
    /// Who may delete books, if that is known.
    pub(crate) admin: Option<Account>,
    /// The books' author, and the beginning of the accounts' names.
    pub(crate) name: String,
    /// The ids of the books that the run knows of.
    pub(crate) books: Vec<i64>,
}

impl Run {
    /// A run that has sent nothing yet.
    pub(crate) fn new(options: &Options) -> Result<Self> {
        let id = Uuid::new_v4().simple().to_string();
        let name = format!("acceptance-{}", &id[..10]);
        let password = format!("acceptance {}", Uuid::new_v4());
        let admin =
            settings::var("ACCEPTANCE_ADMIN_USERNAME").zip(settings::var("ACCEPTANCE_ADMIN_PASSWORD"));
        Ok(Self {
            client: Client::new(&options.url)?,
            options: options.clone(),
            account: Account::new(name.clone(), &password),
            victim: Account::new(format!("{name}-locked"), &password),
            admin: admin.map(|(name, password)| Account::new(name, &password)),
            name,
            books: Vec::new(),
        })
    }

    /// The passwords, which no report may hold.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let accounts = [Some(&self.account), Some(&self.victim), self.admin.as_ref()].into_iter().flatten();
        accounts.map(|account| account.password.clone()).collect()
    }

    /// A key for an idempotent write, used once.
    pub(crate) fn new_key() -> String {
        Uuid::new_v4().to_string()
    }

    /// The book that most checks use.
    pub(crate) fn book(&self) -> std::result::Result<i64, NotPassed> {
        self.books.first().copied().ok_or_else(|| NotPassed::without("book"))
    }

    /// The target of a list that holds the run's books alone.
    pub(crate) fn own_list(&self) -> String {
        format!("/books?author={}&page_size=100", self.name)
    }

    /// Whether the API ended requests with errors of its own.
    pub(crate) fn server_errors(&self) -> Checked {
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
