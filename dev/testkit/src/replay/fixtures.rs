//! Prepares the state of a case: users and other rows in the database, then requests to the functions, as their callers
//! would send them.
//!
//! Creating a database and signing up users is slow, so both are reused. A context serves one case after another and
//! is cleared in between. The users with whom a case begins are signed up once for all cases that begin with the
//! same ones; a snapshot of their rows is then restored for each.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use stack::{Context as _, Error, Result};
use tokio::sync::{Mutex, OnceCell};

use super::case;
use super::pattern::times as times_of;
use super::step::{Row, Send, Sql, Step, User};
use super::transport::start_in_process;
use super::values::Values;
use crate::users::{self, TestUser};
use crate::{Client, DatabaseSnapshot, Response, TestContext};

/// Users who are signed up: the rows of the database, and the values that the steps yielded.
struct UserFixture {
    snapshot: DatabaseSnapshot,
    values: Values,
}

/// The prepared context of a case.
pub(super) struct CaseContext {
    pub(super) context: TestContext,
    /// The values of placeholders.
    pub(super) values: Values,
    /// The context without the variables of the case, for the next one.
    reusable: TestContext,
}

/// The contexts that no case is using now, and the users that were signed up so far.
pub(super) struct FixturePool {
    contexts: Mutex<Vec<TestContext>>,
    /// By the steps that sign the users up.
    fixtures: Mutex<BTreeMap<String, Arc<OnceCell<UserFixture>>>>,
    /// The variables of the stack; `None` for the running one.
    stack: Option<BTreeMap<String, String>>,
}

impl FixturePool {
    /// An empty pool on the stack with these variables, or on the running one.
    pub(super) fn new(stack: Option<&BTreeMap<String, String>>) -> Self {
        Self { contexts: Mutex::default(), fixtures: Mutex::default(), stack: stack.cloned() }
    }

    /// A context in the state that `steps` lead to, with `variables` set. No other case uses it until it is
    /// [released](Self::release).
    pub(super) async fn prepare(
        &self,
        steps: &[Step],
        variables: &BTreeMap<String, String>,
    ) -> Result<CaseContext> {
        let users = steps.iter().take_while(|step| matches!(step, Step::User(_))).count();
        let (users, steps) = steps.split_at(users);
        let fixture = self.fixtures.lock().await.entry(format!("{users:?}")).or_default().clone();
        let fixture = fixture.get_or_try_init(|| self.fixture(users)).await?;
        let reusable = self.context().await.cleared(&fixture.snapshot).await;
        let set = |context: TestContext, (name, value): (&String, &String)| context.with(name, value);
        let context = variables.iter().fold(reusable.clone(), set);
        let values = SetUp::of(&context, fixture.values.clone()).run(steps).await?;
        Ok(CaseContext { context, values, reusable })
    }

    /// Makes the context available to other cases.
    pub(super) async fn release(&self, case: CaseContext) {
        self.contexts.lock().await.push(case.reusable);
    }

    /// Drops the databases of all contexts.
    pub(super) async fn close(self) {
        for context in self.contexts.into_inner() {
            context.remove().await;
        }
    }

    async fn context(&self) -> TestContext {
        let free = self.contexts.lock().await.pop();
        match free {
            Some(context) => context,
            None => self.new_context().await,
        }
    }

    async fn new_context(&self) -> TestContext {
        let context = match &self.stack {
            Some(stack) => TestContext::on_stack(stack.clone()).await,
            None => TestContext::new().await,
        };
        // Many cases run at a time, and no case is about a slow store.
        context.with("REDIS_PATIENCE_MS", "5000")
    }

    async fn fixture(&self, users: &[Step]) -> Result<UserFixture> {
        let context = self.new_context().await;
        let values = SetUp::of(&context, Values::default()).run(users).await?;
        let snapshot = context.snapshot().await;
        self.contexts.lock().await.push(context);
        Ok(UserFixture { snapshot, values })
    }
}

/// The preparation of one context. Its requests come from the network of the [users], which differs from that of the
/// events, whose quotas must be unused.
struct SetUp<'a> {
    context: &'a TestContext,
    /// The functions that were started, each as one execution environment.
    functions: BTreeMap<String, Client>,
    values: Values,
}

impl<'a> SetUp<'a> {
    fn of(context: &'a TestContext, values: Values) -> Self {
        Self { context, functions: BTreeMap::new(), values }
    }

    /// Does the steps in order, and returns the values that they yield.
    async fn run(mut self, steps: &[Step]) -> Result<Values> {
        for step in steps {
            match step {
                Step::User(user) => self.sign_up(user).await,
                Step::Row(row) => self.insert(row).await?,
                Step::Send(send) => self.send(send).await?,
                Step::Sql(Sql { sql }) => self.execute(sql).await?,
            }
        }
        Ok(self.values)
    }

    async fn sign_up(&mut self, User { user, role }: &User) {
        let TestUser { name, id, access, refresh } = users::sign_up_as(self.context, user, role).await;
        self.values.add(&name, json!({"id": id, "access_token": access, "refresh_token": refresh}));
    }

    async fn execute(&self, sql: &str) -> Result<()> {
        self.context.database().await.batch_execute(sql).await.context("run the sql")
    }

    async fn insert(&self, Row { row, into }: &Row) -> Result<()> {
        let columns = row.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "insert into {into} ({columns}) select {columns} from jsonb_populate_record(null::{into}, $1::text::jsonb)"
        );
        let row = Value::from(row.clone()).to_string();
        self.context.database().await.execute(&sql, &[&row]).await.context("insert a row").map(drop)
    }

    async fn send(&mut self, Send { send, status, times, name }: &Send) -> Result<()> {
        let event = self.values.fill(&case::event(send)?)?;
        let function = self.function(send.split('/').next().unwrap_or_default())?;
        let times = times_of(times).ok_or_else(|| Error::new(format!("{times} is no number of times")))?;
        for _ in 0..times {
            let answer = expect(*status, function.event(event.clone()).send().await)?;
            if let Some(name) = name {
                self.values.add(name, json!({"headers": answer.raw["headers"], "body": answer.json()}));
            }
        }
        Ok(())
    }

    /// A client of the function with this name, which is started when it is first needed.
    fn function(&mut self, name: &str) -> Result<Client> {
        if let Some(client) = self.functions.get(name) {
            return Ok(client.clone());
        }
        let client = Client::of(start_in_process(name, self.context)?).from_ip(users::NETWORK);
        self.functions.insert(name.to_owned(), client.clone());
        Ok(client)
    }
}

fn expect(status: u16, answer: Response) -> Result<Response> {
    if answer.status == status {
        return Ok(answer);
    }
    Err(Error::new(format!("a step was answered {} and not {status}: {}", answer.status, answer.text())))
}
