//! An honest client: a person with an account, on a network of their own, at a human pace.
//!
//! It repeats a routine of reading and writing books, refreshing its tokens, changing its password, and signing out and
//! in again. A 503 or a 429 that says when to come back is honoured; anything else that is not what was asked for is a
//! fault. What it is told is committed goes into its ledger, and what it reads must agree with that.

mod account;
mod books;
mod call;

use std::sync::{Arc, Mutex, PoisonError};

use testkit::Client;
use tokio::time::{Instant, sleep};

use crate::ledger::Ledger;
use crate::pool::Pool;
use crate::random::Random;
use crate::tally::Operations;

/// The pause before each step, in milliseconds: about 50 steps in a minute.
const PAUSE: (u64, u64) = (700, 1_700);

/// The access token of one honest client, as a thief has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct StolenToken(Arc<Mutex<String>>);

impl StolenToken {
    /// The newest token.
    pub(crate) fn read(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self, token: &str) {
        token.clone_into(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// An honest client.
pub(crate) struct Honest {
    number: usize,
    books: Client,
    auth: Client,
    password: String,
    access: String,
    refresh: String,
    /// Where a thief finds the token of this client, if one does.
    stolen: Option<StolenToken>,
    random: Random,
    cycle: usize,
    /// The titles of this cycle's books, the newest last.
    recent: Vec<String>,
    pub(crate) operations: Operations,
    pub(crate) ledger: Ledger,
    /// What the client got and must not get.
    pub(crate) faults: Vec<String>,
    /// Lists that did not show what was committed before they were asked for.
    pub(crate) stale: Vec<String>,
    /// How often a thief had used up the session's quota, so that the client signed in anew to change its password.
    pub(crate) displaced: usize,
}

/// One step of the routine.
#[derive(Clone, Copy, Debug)]
enum Step {
    List,
    Search,
    Item,
    Create,
    CreateBetweenLists,
    CreateTwiceAtOnce,
    RepeatCreate,
    CreateWithoutKey,
    UpdateBetweenLists,
    UpdateIfUnchanged,
    Me,
    Sessions,
    Refresh,
    ChangePassword,
    SignOutAndIn,
}

const ROUTINE: [Step; 20] = [
    Step::List,
    Step::Create,
    Step::Item,
    Step::RepeatCreate,
    Step::UpdateBetweenLists,
    Step::Item,
    Step::Search,
    Step::CreateTwiceAtOnce,
    Step::CreateBetweenLists,
    Step::Me,
    Step::Refresh,
    Step::CreateWithoutKey,
    Step::UpdateBetweenLists,
    Step::UpdateIfUnchanged,
    Step::Item,
    Step::Sessions,
    Step::ChangePassword,
    Step::List,
    Step::Refresh,
    Step::SignOutAndIn,
];

impl Honest {
    /// The client with this number, which has no account yet.
    pub(crate) fn new(number: usize, books: &Pool, auth: &Pool, stolen: Option<StolenToken>) -> Self {
        let ip = format!("198.51.100.{}", number + 1);
        let name = format!("honest-{number}");
        Self {
            number,
            books: books.client(&ip),
            auth: auth.client(&ip),
            password: format!("the first secret of {number}"),
            access: String::new(),
            refresh: String::new(),
            stolen,
            random: Random::new(0x00c0_ffee + number as u64),
            cycle: 0,
            recent: Vec::new(),
            operations: Operations::default(),
            ledger: Ledger { name, ..Ledger::default() },
            faults: Vec::new(),
            stale: Vec::new(),
            displaced: 0,
        }
    }

    /// The client's name.
    pub(crate) fn name(&self) -> &str {
        &self.ledger.name
    }

    /// Repeats the routine until then.
    pub(crate) async fn run(&mut self, until: Instant) {
        loop {
            self.cycle += 1;
            self.recent.clear();
            for step in ROUTINE {
                sleep(self.random.millis(PAUSE.0, PAUSE.1)).await;
                if Instant::now() >= until {
                    return;
                }
                Box::pin(self.take(step)).await;
            }
        }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::List => self.list("").await,
            Step::Search => self.list("?title_contains=winter&sort_by=year:desc").await,
            Step::Item => self.read_item().await,
            Step::Create => self.create().await,
            // The first list is cached, and the second one must not come from there. Without a pause between them
            // hardly any other client's write forgets it.
            Step::CreateBetweenLists => {
                self.list_own().await;
                self.create().await;
                self.list_own().await;
            }
            Step::CreateTwiceAtOnce => self.create_twice_at_once().await,
            Step::RepeatCreate => self.repeat_create().await,
            Step::CreateWithoutKey => self.create_without_key().await,
            Step::UpdateBetweenLists => {
                self.list_own().await;
                self.update(false).await;
                self.list_own().await;
            }
            Step::UpdateIfUnchanged => self.update(true).await,
            Step::Me => self.show_me().await,
            Step::Sessions => self.list_sessions().await,
            Step::Refresh => self.refresh().await,
            Step::ChangePassword => self.change_password().await,
            Step::SignOutAndIn => {
                self.sign_out().await;
                self.sign_in().await;
            }
        }
    }

    /// The author of the books of this cycle.
    fn author(&self) -> String {
        format!("{}{} in cycle {}", crate::ledger::AUTHORS, self.number, self.cycle)
    }
}
