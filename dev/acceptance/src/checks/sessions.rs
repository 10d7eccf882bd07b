//! Rotation of refresh tokens, and the end of sessions.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::account::Session;
use crate::request::Request;
use crate::run::Run;
use crate::verdict::{Checked, NotPassed, PASSED, ensure};

/// Two refreshes within this time are within the grace as it is by default, 10 s.
const WITHIN_GRACE: Duration = Duration::from_secs(5);
/// The longest grace that can be configured, and a second.
const LONGEST_GRACE: Duration = Duration::from_secs(61);

pub(crate) async fn list(run: &Run) -> Checked {
    let response = run.client.send(&Request::get("/auth/sessions").bearer(run.account.access()?)).await?;
    let listed = response.expect(200)?.json();
    let current = listed["items"]
        .as_array()
        .map_or(0, |items| items.iter().filter(|one| one["current"] == true).count());
    response.ensure(current == 1, "one session that is the caller's")?;
    PASSED
}

/// The account goes on with the new tokens.
pub(crate) async fn refresh(run: &mut Run) -> Checked {
    let Some(old) = run.account.session.clone() else { return Err(NotPassed::without("session")) };
    let response = old.refresh(&run.client).await?;
    response.expect(200)?.expect_header("cache-control", "no-store")?;
    let new = Session::of(&response);
    ensure(new.refresh != old.refresh && !new.refresh.is_empty(), || {
        "expected another refresh token".into()
    })?;
    new.me(&run.client).await?.expect(200)?;
    run.account.session = Some(new);
    PASSED
}

/// In a session of its own, since that ends.
pub(crate) async fn reuse(run: &Run) -> Checked {
    let (old, new) = refresh_twice(run).await?;
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
    ensure_alive(run).await?;
    Ok(format!("{} s after its use", began.elapsed().as_secs()))
}

pub(crate) async fn logout(run: &Run) -> Checked {
    let session = run.account.open_session(&run.client).await?;
    let request = Request::post("/auth/logout").bearer(&session.access);
    run.client.send(&request).await?.expect(204)?;
    session.expect_over(&run.client).await?;
    ensure_alive(run).await?;
    PASSED
}

/// Ends the account's session too, and opens another.
pub(crate) async fn logout_all(run: &mut Run) -> Checked {
    let other = run.account.open_session(&run.client).await?;
    let request = Request::post("/auth/logout-all").bearer(&other.access);
    run.client.send(&request).await?.expect(204)?;
    other.expect_over(&run.client).await?;
    if let Some(session) = run.account.session.take() {
        session.expect_over(&run.client).await?;
    }
    run.account.session = Some(run.account.open_session(&run.client).await?);
    ensure_alive(run).await?;
    PASSED
}

/// A session before and after a refresh that is repeated at once. Done again if the client had to wait for a quota
/// between the two, since the grace may have ended meanwhile.
async fn refresh_twice(run: &Run) -> Result<(Session, Session), NotPassed> {
    loop {
        let old = run.account.open_session(&run.client).await?;
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
async fn ensure_alive(run: &Run) -> Result<(), NotPassed> {
    let session = run.account.session.as_ref().ok_or_else(|| NotPassed::without("session"))?;
    session.me(&run.client).await?.expect(200)?;
    Ok(())
}
