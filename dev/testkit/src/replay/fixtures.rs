//! The state that a case needs, brought about as a caller would: through the functions themselves.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use tokio::sync::{Mutex, OnceCell};

use stack::{Context as _, Error, Result};

use super::case;
use super::step::{Book, Send, Sql, Step, User};
use super::values::Values;
use crate::{Client, DatabaseSnapshot, Invoke, Response, TestContext, functions};

/// The password of everybody.
const PASSWORD: &str = "correct horse battery staple";

/// Where they all sign in from; the events come from elsewhere.
const NETWORK: &str = "198.51.100.1";

/// Users that cases begin with, as rows of the database: a sign-up takes two password hashes, putting rows back none.
struct UserFixture {
    snapshot: DatabaseSnapshot,
    values: Values,
}

/// The context that a case is replayed in.
pub(super) struct CaseContext {
    pub(super) context: TestContext,
    /// What placeholders stand for.
    pub(super) values: Values,
    /// The context without the case's own variables.
    bare: TestContext,
}

/// Test contexts, each used for one case after another, and every fixture that was needed so far.
pub(super) struct FixturePool {
    contexts: Mutex<Vec<TestContext>>,
    /// By the steps that sign them up.
    fixtures: Mutex<BTreeMap<String, Arc<OnceCell<UserFixture>>>>,
    stack: Option<BTreeMap<String, String>>,
}

impl FixturePool {
    /// On the stack with these variables, or on the running one.
    pub(super) fn new(stack: Option<&BTreeMap<String, String>>) -> Self {
        Self { contexts: Mutex::default(), fixtures: Mutex::default(), stack: stack.cloned() }
    }

    /// A context of a case's own in the state that `steps` lead to under `variables`.
    pub(super) async fn prepare(
        &self,
        steps: &[Step],
        variables: &BTreeMap<String, String>,
    ) -> Result<CaseContext> {
        let users = steps.iter().take_while(|step| matches!(step, Step::User(_))).count();
        let (users, steps) = steps.split_at(users);
        let fixture = self.fixtures.lock().await.entry(format!("{users:?}")).or_default().clone();
        let fixture = fixture.get_or_try_init(|| self.fixture(users)).await?;
        let bare = self.context().await.cleared(&fixture.snapshot).await;
        let set = |context: TestContext, (name, value): (&String, &String)| context.with(name, value);
        let context = variables.iter().fold(bare.clone(), set);
        let values = SetUp::of(&context, fixture.values.clone()).run(steps).await?;
        Ok(CaseContext { context, values, bare })
    }

    /// Takes a context back, for another case.
    pub(super) async fn give_back(&self, case: CaseContext) {
        self.contexts.lock().await.push(case.bare);
    }

    /// Removes the contexts.
    pub(super) async fn close(self) {
        for context in self.contexts.into_inner() {
            context.remove().await;
        }
    }

    async fn context(&self) -> TestContext {
        let free = self.contexts.lock().await.pop();
        match free {
            Some(context) => context,
            None => self.new_stage().await,
        }
    }

    async fn new_stage(&self) -> TestContext {
        match &self.stack {
            Some(stack) => TestContext::on(stack.clone()).await,
            None => TestContext::new().await,
        }
    }

    async fn fixture(&self, users: &[Step]) -> Result<UserFixture> {
        let context = self.new_stage().await;
        let values = SetUp::of(&context, Values::default()).run(users).await?;
        let snapshot = context.snapshot().await;
        self.contexts.lock().await.push(context);
        Ok(UserFixture { snapshot, values })
    }
}

struct SetUp<'a> {
    context: &'a TestContext,
    functions: BTreeMap<String, Client>,
    values: Values,
}

impl<'a> SetUp<'a> {
    fn of(context: &'a TestContext, values: Values) -> Self {
        Self { context, functions: BTreeMap::new(), values }
    }

    /// Takes the steps in order.
    async fn run(mut self, steps: &[Step]) -> Result<Values> {
        for step in steps {
            match step {
                Step::User(user) => self.sign_up(user).await?,
                Step::Book(book) => self.create(book).await?,
                Step::Send(send) => self.send(send).await?,
                Step::Sql(Sql { sql }) => self.execute(sql).await?,
            }
        }
        Ok(self.values)
    }

    async fn sign_up(&mut self, User { user, role }: &User) -> Result<()> {
        let auth = self.function("auth")?;
        let person = json!({"username": user, "password": PASSWORD});
        let profile = expect(201, auth.post("/auth/register").json(&person).send().await)?;
        if let Some(role) = role {
            let task = json!({"task": "set_role", "username": user, "role": role});
            start("maintenance", self.context)?.invoke(&task.to_string()).await.context("set a role")?;
        }
        let form = [("grant_type", "password"), ("username", user), ("password", PASSWORD)];
        let tokens = expect(200, auth.post("/auth/login").form(&form).send().await)?;
        let (mut person, tokens) = (profile.json(), tokens.json());
        person["access_token"] = tokens["access_token"].clone();
        person["refresh_token"] = tokens["refresh_token"].clone();
        self.values.add(user, person);
        Ok(())
    }

    async fn execute(&self, sql: &str) -> Result<()> {
        self.context.database().await.batch_execute(sql).await.context("run the sql")
    }

    async fn create(&mut self, Book { book, by }: &Book) -> Result<()> {
        let books = self.function("books")?;
        let nobody = || Error::new(format!("{by} is not signed in"));
        let token =
            self.values.get(&format!("{by}.access_token")).and_then(Value::as_str).ok_or_else(nobody)?;
        expect(201, books.post("/books").bearer(token).json(book).send().await)?;
        Ok(())
    }

    async fn send(&mut self, Send { send, status, times, name }: &Send) -> Result<()> {
        let event = self.values.fill(&case::event(send)?)?;
        let function = self.function(send.split('/').next().unwrap_or_default())?;
        for _ in 0..*times {
            let answer = expect(*status, function.event(event.clone()).send().await)?;
            if let Some(name) = name {
                self.values.add(name, json!({"headers": answer.raw["headers"], "body": answer.json()}));
            }
        }
        Ok(())
    }

    /// One environment each, as long as the set-up lasts.
    fn function(&mut self, name: &str) -> Result<Client> {
        if let Some(client) = self.functions.get(name) {
            return Ok(client.clone());
        }
        let client = Client::of(start(name, self.context)?).from_ip(NETWORK);
        self.functions.insert(name.to_owned(), client.clone());
        Ok(client)
    }
}

/// Starts a function in process.
pub(super) fn start(function: &str, context: &TestContext) -> Result<Arc<dyn Invoke>> {
    let found = functions::find(function);
    let found = found.ok_or_else(|| Error::new(format!("there is no function {function}")))?;
    found.start(&context.env()).context(format!("start {function}"))
}

fn expect(status: u16, answer: Response) -> Result<Response> {
    if answer.status == status {
        return Ok(answer);
    }
    Err(Error::new(format!("a step was answered {} and not {status}: {}", answer.status, answer.text())))
}
