//! What a run needs: a stack of its own, books of full size, the execution environments, and the honest clients.

use std::collections::BTreeMap;

use stack::stack::{Persistence, Stack};
use stack::{Context as _, Error, Result, settings};
use testkit::connect;

use crate::honest::{Honest, StolenToken};
use crate::pool::Pool;

/// Execution environments of `books` and of `auth`.
pub(crate) const ENVIRONMENTS: (usize, usize) = (4, 2);

/// Books that are there before anybody comes.
pub(crate) const BOOKS: usize = 10_000;

/// Honest clients.
pub(crate) const CLIENTS: usize = 4;

/// How the functions differ from a deployment: hashes are cheap, and stores may answer late, because functions, stores,
/// attackers and whatever else the machine does share its few cores.
const VARIABLES: [(&str, &str); 3] =
    [("BCRYPT_COST", "10"), ("REDIS_PATIENCE_MS", "1000"), ("CACHE_PATIENCE_MS", "5000")];

/// Everything that a run needs.
pub(crate) struct Fixture {
    pub(crate) stack: Stack,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) books: Pool,
    pub(crate) auth: Pool,
    pub(crate) stolen: StolenToken,
}

impl Fixture {
    /// Starts the stack and the environments, and fills the database.
    pub(crate) async fn prepare() -> Result<Self> {
        const STORES: [&str; 3] = ["DATABASE_URL", "REDIS_URL", "AWS_ENDPOINT_URL_DYNAMODB"];
        if let Some(name) = STORES.iter().find(|name| settings::var(name).is_some()) {
            return Err(Error::new(format!("the attack is only for stores of its own: unset {name}")));
        }
        let mut stack = Stack::start("hostile-stack", Persistence::Temporary).await?;
        stack.seed().await?;
        insert_books(stack.var("DATABASE_URL")).await?;
        let mut variables = stack.env().clone();
        variables.extend(VARIABLES.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let books = Pool::start("books", ENVIRONMENTS.0, &variables).await?;
        let auth = Pool::start("auth", ENVIRONMENTS.1, &variables).await?;
        Ok(Self { stack, variables, books, auth, stolen: StolenToken::default() })
    }

    /// The honest clients. A thief has the token of the first one.
    pub(crate) fn honest_clients(&self) -> Vec<Honest> {
        let stolen = |number| (number == 0).then(|| self.stolen.clone());
        (0..CLIENTS).map(|number| Honest::new(number, &self.books, &self.auth, stolen(number))).collect()
    }
}

async fn insert_books(url: &str) -> Result<()> {
    // A description of 1,000 characters that does not compress well.
    const SQL: &str = "
        insert into books (title, author, year, description)
        select
            'Fabulous book number ' || n, 'Author ' || n % 500, n % 2100,
            left((select string_agg(md5(n || ' ' || part), '') from generate_series(1, 32) as part), 1000)
        from generate_series(1, $1) as n";
    let database = connect(url).await;
    let count = i32::try_from(BOOKS).context("count books")?;
    database.execute(SQL, &[&count]).await.context("insert books")?;
    database.batch_execute("vacuum analyze books").await.context("analyze books")
}
