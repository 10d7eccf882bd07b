//! Idempotent writes: a note is created once for each key, however often the request comes.

use axum::{Router, body::Body, extract::State, http::Request, http::StatusCode, routing::post};
use idempotency::{Idempotency, Scope, idempotent};
use shared::config::Env;
use shared::http::Error;
use shared::stores::idempotent_write::{IdempotencyToken, WriteOutcome};
use shared::stores::postgres::Postgres;
use tokio_postgres::types::Type;
use tower::ServiceExt as _;

async fn create_note(
    State(postgres): State<Postgres>,
    token: IdempotencyToken,
    text: String,
) -> Result<(StatusCode, String), Error> {
    const SQL: &str = "
        with note as (insert into notes (text) values ($1) returning id),
        recorded as (
            insert into idempotent_writes (id, validation, resource_id)
            select $2, $3, id from note where $2 is not null
        )
        select id from note";
    let id = match token.write(&postgres, SQL, &[(&text, Type::TEXT)]).await? {
        WriteOutcome::Written(rows) => rows[0].get(0),
        WriteOutcome::Replayed(id) => id,
    };
    Ok((StatusCode::CREATED, format!("note {id}")))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let env = Env::of_process();
    let postgres = Postgres::from_env(&env)?;
    let table = "create table if not exists notes (id bigint generated always as identity, text text)";
    postgres.write(table, &[]).await?;
    // Whoever your sign-in says is asking.
    let scope = Scope::Client(|parts| {
        let client = parts.headers.get("x-client").and_then(|name| name.to_str().ok());
        client.map(str::to_owned).ok_or(Error::Unauthenticated)
    });
    let layer = idempotent(&Idempotency::from_env(&env)?, scope);
    let app = Router::new().route("/notes", post(create_note).layer(layer)).with_state(postgres);
    for (client, text) in [("ada", "milk"), ("ada", "milk"), ("ada", "eggs"), ("bob", "eggs")] {
        let request = Request::post("/notes").header("x-client", client).header("idempotency-key", "1");
        let response = app.clone().oneshot(request.body(Body::from(text))?).await?;
        let replayed = response.headers().contains_key("idempotency-replayed");
        println!("{client}, {text}: {}, replayed: {replayed}", response.status().as_u16());
    }
    Ok(())
}
