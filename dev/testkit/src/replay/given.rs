//! The state that a case needs, brought about as a caller would: through the functions themselves.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::testing::{Answer, Client, Contents, Invoke, Stage};
use tokio::sync::{Mutex, OnceCell};

use super::{case, values::Values};
use crate::{Error, Result, error::Context};

/// The password of everybody.
const PASSWORD: &str = "correct horse battery staple";

/// Where they all sign in from; the events come from elsewhere.
const NETWORK: &str = "198.51.100.1";

/// One step, told by its first member.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Step {
    User(User),
    Book(Book),
    Send(Send),
    Sql(Sql),
}

/// Somebody who is registered and signed in: `{{ada.id}}`, `{{ada.access_token}}`, `{{ada.refresh_token}}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

/// A book, created by a user of an earlier step.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Book {
    book: Value,
    by: String,
}

/// The event of another case (`<function>/<case>`), `times` times, each answered with `status`. The last answer is
/// kept as `{{<as>.headers.etag}}`, `{{<as>.body.items.0.id}}` and so on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    send: String,
    status: u16,
    #[serde(default = "once", skip_serializing_if = "is_once")]
    times: u32,
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// What no caller can bring about, such as a user who is disabled.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sql {
    sql: String,
}

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_once(times: &u32) -> bool {
    *times == 1
}

/// Users that cases begin with, as the database has them: a sign-up takes two password hashes, putting rows back none.
struct Cast {
    contents: Contents,
    values: Values,
}

/// Where a case is played.
pub(super) struct Place {
    pub(super) stage: Stage,
    /// What placeholders stand for.
    pub(super) values: Values,
    /// The stage without the case's own variables.
    bare: Stage,
}

/// Places for cases, each used for one after the other, and every cast that was needed so far.
pub(super) struct Theatre {
    stages: Mutex<Vec<Stage>>,
    /// By the steps that sign them up.
    casts: Mutex<BTreeMap<String, Arc<OnceCell<Cast>>>>,
    stack: Option<BTreeMap<String, String>>,
}

impl Theatre {
    /// On the stack with these variables, or on the running one.
    pub(super) fn new(stack: Option<&BTreeMap<String, String>>) -> Self {
        Self { stages: Mutex::default(), casts: Mutex::default(), stack: stack.cloned() }
    }

    /// A place of a case's own in the state that `steps` lead to under `variables`.
    pub(super) async fn prepare(
        &self,
        steps: &[Step],
        variables: &BTreeMap<String, String>,
    ) -> Result<Place> {
        let users = steps.iter().take_while(|step| matches!(step, Step::User(_))).count();
        let (users, steps) = steps.split_at(users);
        let cast = self.casts.lock().await.entry(format!("{users:?}")).or_default().clone();
        let cast = cast.get_or_try_init(|| self.cast(users)).await?;
        let bare = self.stage().await.cleared(&cast.contents).await;
        let set = |stage: Stage, (name, value): (&String, &String)| stage.with(name, value);
        let stage = variables.iter().fold(bare.clone(), set);
        let values = Scene::of(&stage, cast.values.clone()).play(steps).await?;
        Ok(Place { stage, values, bare })
    }

    /// Takes a place back, for another case.
    pub(super) async fn give_back(&self, place: Place) {
        self.stages.lock().await.push(place.bare);
    }

    /// Removes the places.
    pub(super) async fn close(self) {
        for stage in self.stages.into_inner() {
            stage.remove().await;
        }
    }

    async fn stage(&self) -> Stage {
        let free = self.stages.lock().await.pop();
        match free {
            Some(stage) => stage,
            None => self.new_stage().await,
        }
    }

    async fn new_stage(&self) -> Stage {
        match &self.stack {
            Some(stack) => Stage::on(stack.clone()).await,
            None => Stage::new().await,
        }
    }

    async fn cast(&self, users: &[Step]) -> Result<Cast> {
        let stage = self.new_stage().await;
        let values = Scene::of(&stage, Values::default()).play(users).await?;
        let contents = stage.contents().await;
        self.stages.lock().await.push(stage);
        Ok(Cast { contents, values })
    }
}

struct Scene<'a> {
    stage: &'a Stage,
    functions: BTreeMap<String, Client>,
    values: Values,
}

impl<'a> Scene<'a> {
    fn of(stage: &'a Stage, values: Values) -> Self {
        Self { stage, functions: BTreeMap::new(), values }
    }

    /// Takes the steps in order.
    async fn play(mut self, steps: &[Step]) -> Result<Values> {
        for step in steps {
            match step {
                Step::User(user) => self.sign_up(user).await?,
                Step::Book(book) => self.create(book).await?,
                Step::Send(send) => self.send(send).await?,
                Step::Sql(Sql { sql }) => self.run(sql).await?,
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
            start("maintenance", self.stage)?.invoke(&task.to_string()).await.context("set a role")?;
        }
        let form = [("grant_type", "password"), ("username", user), ("password", PASSWORD)];
        let tokens = expect(200, auth.post("/auth/login").form(&form).send().await)?;
        let (mut person, tokens) = (profile.json(), tokens.json());
        person["access_token"] = tokens["access_token"].clone();
        person["refresh_token"] = tokens["refresh_token"].clone();
        self.values.add(user, person);
        Ok(())
    }

    async fn run(&self, sql: &str) -> Result<()> {
        self.stage.database().await.batch_execute(sql).await.context("run the sql")
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

    /// One environment each, as long as the scene lasts.
    fn function(&mut self, name: &str) -> Result<Client> {
        if let Some(client) = self.functions.get(name) {
            return Ok(client.clone());
        }
        let client = Client::of(start(name, self.stage)?).from_ip(NETWORK);
        self.functions.insert(name.to_owned(), client.clone());
        Ok(client)
    }
}

/// Starts a function in process.
pub(super) fn start(function: &str, stage: &Stage) -> Result<Arc<dyn Invoke>> {
    let started = bundle::start(function, &stage.env()).context(format!("start {function}"))?;
    started.ok_or_else(|| Error::new(format!("there is no function {function}")))
}

fn expect(status: u16, answer: Answer) -> Result<Answer> {
    if answer.status == status {
        return Ok(answer);
    }
    Err(Error::new(format!("a step was answered {} and not {status}: {}", answer.status, answer.text())))
}
