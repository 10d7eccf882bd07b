//! The number of round trips that signing in and out takes.

use testkit::TestContext;
use testkit::users::{PASSWORD, sign_up};

use super::{auth, log_in};
use crate::support::round_trips::{Stores, assert_begun_for_the_admitted_alone, trips};

#[tokio::test]
async fn signing_in_and_out_makes_a_fixed_number_of_round_trips() {
    let context = TestContext::new().await;
    sign_up(&context, "root").await;
    let (context, stores) = Stores::of(context).await;
    let auth = auth(&context);
    // What is done once: open connections, load scripts.
    for password in [PASSWORD, "wrong"] {
        let _ = log_in(&auth, "root", password).await;
    }
    let session = log_in(&auth, "root", PASSWORD).await.json();
    let (access, refresh) =
        (session["access_token"].as_str().unwrap(), session["refresh_token"].as_str().unwrap());
    let login = [("grant_type", "password"), ("username", "root"), ("password", PASSWORD)];
    let wrong = [("grant_type", "password"), ("username", "root"), ("password", "wrong")];
    let grant = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    for (request, expected, what) in [
        (auth.get("/auth/me").bearer(access), (200, trips(1, [1, 1])), "me: quota beside session"),
        (
            auth.get("/auth/sessions").bearer(access),
            (200, trips(2, [1, 2])),
            "sessions: quota beside session, the list",
        ),
        (
            auth.post("/auth/login").form(&login),
            (200, trips(4, [3, 2])),
            "login: quota, credentials, guess, then its end beside the new session",
        ),
        (
            auth.post("/auth/login").form(&wrong),
            (400, trips(4, [3, 1])),
            "a wrong password: quota, credentials, guess and its end",
        ),
        (
            auth.post("/auth/refresh").form(&grant),
            (200, trips(3, [1, 2])),
            "refresh: quota, the session under lock, the successor with the commit",
        ),
        (
            auth.post("/auth/logout").bearer(access),
            (204, trips(2, [1, 2])),
            "logout: quota beside session, its end",
        ),
    ] {
        assert_eq!(stores.trips(request).await, expected, "{what}");
    }
    assert_eq!([stores.redis.connections(), stores.postgres.connections()], [1, 1]);
}

#[tokio::test]
async fn a_refused_client_begins_no_list_of_sessions() {
    assert_begun_for_the_admitted_alone(auth, "/auth/sessions", "order by last_used_at").await;
}
