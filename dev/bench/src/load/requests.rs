//! The requests of a load: a mix that is made before the clock runs, and taken in turn.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::event::Request;
use crate::users::{self, Tokens};

/// The number of requests that are made. After the last one the first one is taken again.
const COUNT: usize = 5000;

/// What stands in an event instead of a refresh token, which is known only when the event is handed out.
const TOKEN: &str = "the-token-of-a-session";

/// The kinds of requests in a mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    CachedList,
    UncachedList,
    Item,
    Create,
    Refresh,
    Login,
}

/// Requests in the order in which they are handed out.
pub(crate) struct Requests {
    events: Vec<(Kind, String)>,
    /// The refresh tokens that are not in use. Each answer to a refresh brings a new one.
    tokens: Arc<Mutex<Vec<String>>>,
}

pub(crate) struct NextRequest<'a> {
    pub(crate) kind: Kind,
    pub(crate) event: Cow<'a, str>,
}

impl Kind {
    /// The status of the expected response.
    pub(crate) fn status(self) -> u16 {
        if self == Self::Create { 201 } else { 200 }
    }
}

impl Requests {
    /// The mix of the bill, without what `auth` answers.
    pub(crate) fn books(access_token: &str) -> Self {
        let shares = [(Kind::CachedList, 70), (Kind::UncachedList, 10), (Kind::Item, 15), (Kind::Create, 4)];
        Self::mix(&shares, Arc::default(), |kind, number| match kind {
            // A range of years that no other request has, and that holds every year there is.
            Kind::UncachedList => {
                let (from, to) = (number % 1900, 2030 + number / 1900);
                Request::get(format!("/books?year_from={from}&year_to={to}"))
            }
            Kind::Item => Request::get(format!("/books/{}", 1 + number % 10_000)),
            Kind::Create => {
                let book =
                    json!({"title": "The Telling", "author": "Ursula K. Le Guin", "year": number % 2100});
                Request::json("POST", "/books", &book).bearer(access_token)
            }
            _ => Request::get("/books"),
        })
    }

    /// Refreshes alone, with the tokens of so many sessions as may be in flight.
    pub(crate) fn refreshes(tokens: Arc<Mutex<Vec<String>>>) -> Self {
        Self::mix(&[(Kind::Refresh, 1)], tokens, |_, _| users::refresh(TOKEN))
    }

    /// One sign-in, and so one password hash, for nine refreshes.
    pub(crate) fn with_hashes(tokens: Arc<Mutex<Vec<String>>>, users: &[String]) -> Self {
        Self::mix(&[(Kind::Login, 1), (Kind::Refresh, 9)], tokens, |kind, number| match kind {
            Kind::Login => users::login(&users[number % users.len()]),
            _ => users::refresh(TOKEN),
        })
    }

    fn mix(
        shares: &[(Kind, usize)],
        tokens: Arc<Mutex<Vec<String>>>,
        request: impl Fn(Kind, usize) -> Request,
    ) -> Self {
        let kinds: Vec<_> =
            shares.iter().flat_map(|&(kind, share)| std::iter::repeat_n(kind, share)).collect();
        let event = |number: usize| {
            // A number without a common divisor with that of the kinds: each comes as often as its share says, and no
            // kind comes in a row.
            let kind = kinds[number * stride(kinds.len()) % kinds.len()];
            (kind, request(kind, number).event_from(&address(number)))
        };
        Self { events: (0..COUNT).map(event).collect(), tokens }
    }

    /// The request with this number.
    pub(crate) fn take(&self, number: usize) -> NextRequest<'_> {
        let (kind, event) = &self.events[number % self.events.len()];
        if *kind != Kind::Refresh {
            return NextRequest { kind: *kind, event: Cow::Borrowed(event) };
        }
        let token = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let event = event.replacen(TOKEN, &token.unwrap_or_default(), 1);
        NextRequest { kind: *kind, event: Cow::Owned(event) }
    }

    /// Reads the new token in the response to a refresh.
    pub(crate) fn learn(&self, kind: Kind, response: &[u8]) {
        if kind != Kind::Refresh {
            return;
        }
        let response: Value = serde_json::from_slice(response).unwrap_or_default();
        if let Ok(tokens) = Tokens::read(response["body"].as_str().unwrap_or_default()) {
            self.tokens.lock().unwrap_or_else(PoisonError::into_inner).push(tokens.refresh);
        }
    }

    #[cfg(test)]
    pub(crate) fn of_one(kind: Kind, event: &str) -> Self {
        Self { events: vec![(kind, event.to_owned())], tokens: Arc::default() }
    }
}

/// A number near the golden section of `n` that has no common divisor with it.
fn stride(n: usize) -> usize {
    ((n * 5 / 8).max(1)..n).find(|stride| greatest_common_divisor(*stride, n) == 1).unwrap_or(1)
}

fn greatest_common_divisor(one: usize, other: usize) -> usize {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

/// Callers come from many networks: a limiter that counts one of them alone would be slower.
fn address(number: usize) -> String {
    format!("10.{}.{}.{}", number / 65_536 % 256, number / 256 % 256, number % 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_share_and_no_uncached_list_comes_twice() {
        let requests = Requests::books("token");
        let count = |kind| requests.events.iter().filter(|(other, _)| *other == kind).count();
        assert_eq!(requests.events.len(), COUNT);
        for (kind, share) in [(Kind::CachedList, 70), (Kind::UncachedList, 10), (Kind::Item, 15)] {
            assert!(count(kind).abs_diff(COUNT * share / 99) < 10, "{kind:?}: {}", count(kind));
        }
        let lists = requests.events.iter().filter(|(kind, _)| *kind == Kind::UncachedList);
        let queries: Vec<_> = lists.map(|(_, event)| event.split("rawQueryString").nth(1)).collect();
        let distinct: std::collections::BTreeSet<_> = queries.iter().collect();
        assert_eq!(distinct.len(), queries.len());
    }

    #[test]
    fn a_refresh_gets_a_token_that_is_not_in_use_and_brings_the_next_one() {
        let tokens = Arc::new(Mutex::new(vec!["first".to_owned()]));
        let requests = Requests::refreshes(tokens.clone());
        assert!(requests.take(0).event.contains("first") && tokens.lock().unwrap().is_empty());
        let body = json!({"access_token": "a", "refresh_token": "second"}).to_string();
        requests.learn(Kind::Refresh, json!({"body": body}).to_string().as_bytes());
        assert_eq!(*tokens.lock().unwrap(), ["second"]);
    }
}
