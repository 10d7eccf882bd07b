//! The steps of an honest client that concern books.

use serde_json::{Value, json};
use testkit::Response;

use super::Honest;
use super::call::{Answer, PATIENT};
use crate::ledger::{BookState, Creation};

/// The name of an operation whose answer was stored before.
const REPLAYED: &str = "idempotency-replayed";

impl Honest {
    /// Reads a list of all books.
    pub(super) async fn list(&mut self, query: &str) {
        let (client, target) = (self.books.clone(), format!("/books{query}"));
        let name = if query.is_empty() { "list" } else { "search" };
        let answer = self.call(name, &client, PATIENT, |books| books.get(&target)).await;
        if let Some(response) = self.expect(name, &answer, &[200])
            && !response.json()["items"].is_array()
        {
            self.fail(name, &response);
        }
    }

    /// Reads the list of this cycle's books, which must hold each in the state that was acknowledged last.
    pub(super) async fn list_own(&mut self) {
        let author = self.author().replace(' ', "+");
        let (client, target) = (self.books.clone(), format!("/books?author={author}&page_size=100"));
        let answer = self.call("list own", &client, PATIENT, |books| books.get(&target)).await;
        let Some(response) = self.expect("list own", &answer, &[200]) else { return };
        let page = response.json();
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        for title in &self.recent {
            let creation = &self.ledger.creations[title];
            let found: Vec<_> = items.iter().filter(|item| item["title"] == **title).collect();
            let is_right = match (creation.id, found.as_slice()) {
                (None, [] | [_]) => true,
                (Some(id), [item]) => item["id"] == id && creation.states.contains(&state_in(item)),
                _ => false,
            };
            if !is_right {
                self.stale.push(format!("`{title}` was told {creation:?}, and listed {found:?}"));
            }
        }
    }

    /// Reads one of the cycle's books.
    pub(super) async fn read_item(&mut self) {
        let Some((title, id)) = self.some_book() else { return };
        let client = self.books.clone();
        let target = format!("/books/{id}");
        let answer = self.call("item", &client, PATIENT, |books| books.get(&target)).await;
        if let Some(response) = self.expect("item", &answer, &[200])
            && !self.ledger.creations[&title].states.contains(&state_in(&response.json()))
        {
            self.fail("item", &response);
        }
    }

    /// Creates a book with an idempotency key.
    pub(super) async fn create(&mut self) {
        let (title, body, key) = self.new_book();
        self.ledger.keyed += 1;
        let answer = self.send_creation("create", &body, Some(&key), PATIENT).await;
        self.note_creation("create", &title, &answer);
    }

    /// Creates a book without a key, so it must not be sent again after a 503.
    pub(super) async fn create_without_key(&mut self) {
        let (title, body, _) = self.new_book();
        let answer = self.send_creation("create without key", &body, None, 1).await;
        self.note_creation("create without key", &title, &answer);
    }

    /// Creates a book by two requests with one key at the same time: both get the same book.
    pub(super) async fn create_twice_at_once(&mut self) {
        let (title, body, key) = self.new_book();
        self.ledger.keyed += 1;
        self.ledger.repeated += 1;
        let (client, token) = (self.books.clone(), self.access.clone());
        let request = |body: &Value| {
            client.post("/books").bearer(&token).header("idempotency-key", &key).json(body).try_send()
        };
        // The twin's answer does not matter: it may be 409, 429 or 503. A failure of it is seen in the pool.
        let (answer, _) =
            tokio::join!(self.send_creation("create twice", &body, Some(&key), PATIENT), request(&body));
        self.note_creation("create twice", &title, &answer);
    }

    /// Creates a book, and sends the same request once more: it gets the same answer, and the book is there once.
    pub(super) async fn repeat_create(&mut self) {
        let (title, body, key) = self.new_book();
        self.ledger.keyed += 1;
        let answer = self.send_creation("create", &body, Some(&key), PATIENT).await;
        let Some(first) = self.note_creation("create", &title, &answer) else { return };
        self.ledger.repeated += 1;
        let answer = self.send_creation("repeat create", &body, Some(&key), PATIENT).await;
        let Some(second) = self.expect("repeat create", &answer, &[201]) else { return };
        if second.json()["id"] != first.json()["id"] || second.header(REPLAYED).is_none() {
            self.fail("repeat create", &second);
        }
    }

    /// Changes one of the cycle's books, on request only if it still is what an earlier answer told.
    pub(super) async fn update(&mut self, if_unchanged: bool) {
        let Some((title, id)) = self.some_book() else { return };
        let operation = if if_unchanged { "update if unchanged" } else { "update" };
        let (client, target, token) = (self.books.clone(), format!("/books/{id}"), self.access.clone());
        let mut tag = None;
        if if_unchanged {
            let answer = self.call("item", &client, PATIENT, |books| books.get(&target)).await;
            let Some(item) = self.expect("item", &answer, &[200]) else { return };
            tag = item.header("etag").map(str::to_owned);
        }
        let state = self.new_state();
        let body = json!({"year": state.year, "description": state.description});
        let answer = self
            .call(operation, &client, PATIENT, |books| {
                let request = books.put(&target).bearer(&token).json(&body);
                match &tag {
                    Some(tag) => request.header("if-match", tag),
                    None => request,
                }
            })
            .await;
        // Changed by the attempt that was answered 503.
        let statuses: &[u16] = if if_unchanged && answer.unavailable > 0 { &[200, 412] } else { &[200] };
        let response = self.expect(operation, &answer, statuses);
        let Some(creation) = self.ledger.creations.get_mut(&title) else { return };
        match response {
            Some(response) if response.status == 200 => {
                creation.states = vec![state];
                self.ledger.updates += 1;
            }
            _ if answer.unavailable > 0 => creation.states.push(state),
            _ => {}
        }
    }

    async fn send_creation(
        &mut self,
        operation: &'static str,
        body: &Value,
        key: Option<&str>,
        attempts: usize,
    ) -> Answer {
        let (client, token) = (self.books.clone(), self.access.clone());
        self.call(operation, &client, attempts, |books| {
            let request = books.post("/books").bearer(&token).json(body);
            match key {
                Some(key) => request.header("idempotency-key", key),
                None => request,
            }
        })
        .await
    }

    fn note_creation(&mut self, operation: &'static str, title: &str, answer: &Answer) -> Option<Response> {
        let response = self.expect(operation, answer, &[201]);
        if let Some(creation) = self.ledger.creations.get_mut(title) {
            creation.id = response.as_ref().and_then(|response| response.json()["id"].as_i64());
        }
        response
    }

    /// A book that nobody has created yet, its title in the ledger, and a key.
    fn new_book(&mut self) -> (String, Value, String) {
        let (author, state, key) = (self.author(), self.new_state(), self.random.token());
        let title = format!("{author}, book {}", self.recent.len() + 1);
        let BookState { year, description } = &state;
        let body = json!({"title": title, "author": author, "year": year, "description": description});
        self.recent.push(title.clone());
        self.ledger.creations.insert(title.clone(), Creation { author, id: None, states: vec![state] });
        (title, body, key)
    }

    fn new_state(&self) -> BookState {
        let year = i32::try_from(self.random.below(2_100)).unwrap_or_default();
        BookState { year, description: format!("Read in the winter of {}", self.random.token()) }
    }

    /// A book of this cycle that was acknowledged: its title and its id.
    fn some_book(&self) -> Option<(String, i64)> {
        let books = self.recent.iter().filter_map(|title| Some((title, self.ledger.creations[title].id?)));
        let books: Vec<_> = books.collect();
        (!books.is_empty()).then(|| self.random.pick(&books)).map(|(title, id)| ((*title).clone(), *id))
    }
}

fn state_in(item: &Value) -> BookState {
    let year = item["year"].as_i64().and_then(|year| i32::try_from(year).ok());
    let description = item["description"].as_str().unwrap_or_default().to_owned();
    BookState { year: year.unwrap_or(-1), description }
}
