//! Users who are signed in. They are made by rows in the database, so that no test needs the function `auth` unless it
//! is about that.

use shared::identity::passwords::Hasher;
use shared::identity::tokens::{ACCESS_TOKEN_LIFETIME, Issuer, Kind, Subject};
use shared::identity::usernames;
use time::{Duration, OffsetDateTime};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::TestContext;

/// The password of every user, which the password policy accepts.
pub const PASSWORD: &str = "correct horse battery staple";

/// The network that users signed in from, in which no client of a test is.
pub const NETWORK: &str = "198.51.100.1";

/// How long a session lasts, and a refresh token: as long as those that `auth` issues.
const SESSION: Duration = Duration::days(30);
const REFRESH_TOKEN: Duration = Duration::days(7);

type Value<'a> = &'a (dyn ToSql + Sync);

/// A user who is signed in.
#[derive(Debug, Clone)]
pub struct TestUser {
    /// The username, as it was given.
    pub name: String,
    /// The id: users are numbered from 1.
    pub id: i64,
    /// The access token of the user's session.
    pub access: String,
    /// Its refresh token, which is unused.
    pub refresh: String,
}

/// A user with the role `user`, signed in.
///
/// # Panics
/// When the stack does not answer, or the name is taken.
pub async fn sign_up(context: &TestContext, name: &str) -> TestUser {
    sign_up_as(context, name, "user").await
}

/// A user with this role, `user` or `admin`, signed in.
///
/// # Panics
/// When the stack does not answer, or the name is taken.
pub async fn sign_up_as(context: &TestContext, name: &str, role: &str) -> TestUser {
    const USER: &str = "
        insert into users (username, username_key, password_hash, role) values ($1, $2, $3, $4) returning id";
    const SESSION_ROWS: &str = "
        with session as (
            insert into sessions (id, user_id, expires_at, ip) values ($1, $2, $3, $4) returning id
        )
        insert into refresh_tokens (digest, session_id, jti, role, issued_at, expires_at)
        select sha256($5), id, $6, $7, $8, $9 from session";
    let env = context.env();
    let (hasher, issuer) = (Hasher::from_env(&env), Issuer::from_env(&env));
    let (hasher, issuer) = (hasher.expect("the stack has a pepper"), issuer.expect("the stack has keys"));
    let hash = hasher.hash(PASSWORD).await.expect("hashing ends");
    let database = context.database().await;
    let row = database.query_one(USER, &[&name, &usernames::key(name), &hash, &role]).await;
    let id = row.expect("the name is not taken").get(0);

    let (session_id, jti, network) = (Uuid::now_v7(), Uuid::now_v7(), NETWORK);
    let subject = Subject { user_id: id, session_id, role: role.to_owned() };
    // Tokens count whole seconds; the record must hold just what was signed.
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).expect("0 is a nanosecond");
    let expires_at = now + REFRESH_TOKEN;
    let refresh = issuer.issue(Kind::Refresh, &subject, jti, now, expires_at);
    let (session_end, digested) = (now + SESSION, refresh.as_bytes());
    let session: [Value<'_>; 9] =
        [&session_id, &id, &session_end, &network, &digested, &jti, &role, &now, &expires_at];
    database.execute(SESSION_ROWS, &session).await.expect("the session is new");
    let access = issuer.issue(Kind::Access, &subject, Uuid::now_v7(), now, now + ACCESS_TOKEN_LIFETIME);
    TestUser { name: name.to_owned(), id, access, refresh }
}
