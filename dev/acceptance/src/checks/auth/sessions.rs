//! Rotation of refresh tokens, and the end of sessions.

use std::time::Duration;

use acceptance::request::Request;
use acceptance::run::Run;
use acceptance::verdict::{Checked, NotPassed, PASSED, ensure};
use tokio::time::{Instant, sleep};

use super::People;
use super::account::Session;

/// Two refreshes within this time are within the grace as it is by default, 10 s.
const WITHIN_GRACE: Duration = Duration::from_secs(5);
/// The longest grace that can be configured, and a second.
const LONGEST_GRACE: Duration = Duration::from_secs(61);

pub(crate) async fn list(run: &Run, people: &People) -> Checked {
    let response = run.client.send(&Request::get("/auth/sessions").bearer(people.account.access()?)).await?;
    let listed = response.expect(200)?.json();
    let current = listed["items"]
        .as_array()
        .map_or(0, |items| items.iter().filter(|one| one["current"] == true).count());
    response.ensure(current == 1, "one session that is the caller's")?;
    PASSED
}

/// The account goes on with the new tokens.
pub(crate) async fn refresh(run: &Run, people: &mut People) -> Checked {
    let Some(old) = people.account.session.clone() else { return Err(NotPassed::without("session")) };
    let response = old.refresh(&run.client).await?;
    response.expect(200)?.expect_header("cache-control", "no-store")?;
    let new = Session::of(&response);
    ensure(new.refresh != old.refresh && !new.refresh.is_empty(), || {
        "expected another refresh token".into()
    })?;
    new.me(&run.client).await?.expect(200)?;
    people.account.session = Some(new);
    PASSED
}

/// In a session of its own, since that ends.
pub(crate) async fn reuse(run: &Run, people: &People) -> Checked {
    let (old, new) = refresh_twice(run, people).await?;
    let began = Instant::now();
    loop {
        sleep(Duration::from_secs(11)).await;
        let response = old.refresh(&run.client).await?;
        let is_grace = response.status == 200 && began.elapsed() < LONGEST_GRACE;
        if !is_grace {
            response.expect_invalid_grant()?;
            break;
        }
    }
    new.expect_over(&run.client).await?;
    ensure_alive(run, people).await?;
    Ok(format!("{} s after its use", began.elapsed().as_secs()))
}

pub(crate) async fn logout(run: &Run, people: &People) -> Checked {
    let session = people.account.open_session(&run.client).await?;
    let request = Request::post("/auth/logout").bearer(&session.access);
    run.client.send(&request).await?.expect(204)?;
    session.expect_over(&run.client).await?;
    ensure_alive(run, people).await?;
    PASSED
}

/// Ends the account's session too, and opens another.
pub(crate) async fn logout_all(run: &Run, people: &mut People) -> Checked {
    let other = people.account.open_session(&run.client).await?;
    let request = Request::post("/auth/logout-all").bearer(&other.access);
    run.client.send(&request).await?.expect(204)?;
    other.expect_over(&run.client).await?;
    if let Some(session) = people.account.session.take() {
        session.expect_over(&run.client).await?;
    }
    people.account.session = Some(people.account.open_session(&run.client).await?);
    ensure_alive(run, people).await?;
    PASSED
}

/// A session before and after a refresh that is repeated at once. Done again if the client had to wait for a quota
/// between the two, since the grace may have ended meanwhile.
async fn refresh_twice(run: &Run, people: &People) -> Result<(Session, Session), NotPassed> {
    loop {
        let old = people.account.open_session(&run.client).await?;
        let first = old.refresh(&run.client).await?;
        let began = Instant::now();
        let again = old.refresh(&run.client).await?;
        if began.elapsed() > WITHIN_GRACE {
            continue;
        }
        let new = Session::of(first.expect(200)?);
        ensure(again.status == 200 && Session::of(&again).refresh == new.refresh, || {
            format!(
                "expected the same successor for a token that is repeated at once, got status {}",
                again.status
            )
        })?;
        return Ok((old, new));
    }
}

/// The end of another session is not the end of this one.
async fn ensure_alive(run: &Run, people: &People) -> Result<(), NotPassed> {
    let session = people.account.session.as_ref().ok_or_else(|| NotPassed::without("session"))?;
    session.me(&run.client).await?.expect(200)?;
    Ok(())
}
