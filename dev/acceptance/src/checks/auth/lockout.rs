//! The lock of an account, at one that the run has made for it.

use acceptance::response::Response;
use acceptance::run::Run;
use acceptance::verdict::{Checked, NotPassed, PASSED};
use serde_json::Value;

use super::People;

/// Wrong guesses at one name from one network that lock it.
const GUESSES: usize = 5;

/// The lock tells nothing: the right password is answered like a wrong one.
pub(crate) async fn locks(run: &Run, people: &People) -> Checked {
    people.victim.register(&run.client).await?.expect(201)?;
    let mut refusals = Vec::new();
    for number in 0..GUESSES {
        let wrong = format!("wrong guess {number}");
        refusals.push(told(&people.victim.try_password(&run.client, &wrong).await?)?);
    }
    let response = people.victim.try_password(&run.client, &people.victim.password).await?;
    let locked = told(&response)?;
    response
        .ensure(refusals.iter().all(|refusal| *refusal == locked), "the answer that a wrong password gets")?;
    PASSED
}

pub(crate) async fn others(run: &Run, people: &People) -> Checked {
    people.account.open_session(&run.client).await?;
    PASSED
}

/// The body of a refused sign-in without what differs in each response.
fn told(response: &Response) -> Result<Value, NotPassed> {
    let mut body = response.expect_invalid_grant()?.json();
    body["request_id"] = Value::Null;
    Ok(body)
}
