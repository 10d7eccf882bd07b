// part of auth
//! The administrator of a fresh stack. Comes about as in production: a user registers with `auth`, and `maintenance`
//! gives that user the role. `auth` runs as a process that is handed events.

use std::{collections::BTreeMap, time::Duration};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    Error, Result,
    environment::{ExecutionEnvironment, http_event},
    random,
    seed::run_task,
};

/// Stores that have just been started may be too slow for the first requests.
const ATTEMPTS: u32 = 8;

/// 20 letters and digits that a person may have to type; none that look alike.
pub(crate) fn new_password() -> Result<String> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    Ok(random::bytes::<20>()?.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect())
}

/// Registers `ADMIN_USERNAME` with `ADMIN_PASSWORD`, unless that user exists, and makes it an administrator.
///
/// # Errors
/// If the user exists with another password. Somebody else may have registered it, who must not become administrator.
pub async fn create(variables: &BTreeMap<String, String>) -> Result<()> {
    let [username, password] = ["ADMIN_USERNAME", "ADMIN_PASSWORD"].map(|name| &variables[name]);
    let auth = ExecutionEnvironment::start("auth", variables).await?;
    let person = json!({"username": username, "password": password}).to_string();
    let registered = request(&auth, "/auth/register", "application/json", &person).await?;
    if registered["statusCode"] != 201 {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let form = format!("username={}&password={}", encode(username), encode(password));
        let signed_in = request(&auth, "/auth/login", "application/x-www-form-urlencoded", &form).await?;
        if signed_in["statusCode"] != 200 {
            return Err(Error::new(format!("cannot sign the administrator in: {}", signed_in["body"])));
        }
    }
    let task = json!({"task": "set_role", "username": username, "role": "admin"});
    let made = run_task(variables, &task).await;
    made.map(drop)
        .map_err(|failure| Error::new(format!("cannot make {username} an administrator: {failure}")))
}

/// Sends a request, and sends it again while the stores are too slow for it.
async fn request(auth: &ExecutionEnvironment, path: &str, media_type: &str, body: &str) -> Result<Value> {
    let event = http_event("POST", path, media_type, body).to_string();
    let mut attempt = 1;
    loop {
        let response = auth.invoke(&event).await;
        let response = response.map_err(|failure| Error::new(format!("cannot ask auth: {failure}")))?;
        if response["statusCode"] != 503 || attempt == ATTEMPTS {
            return Ok(response);
        }
        attempt += 1;
        sleep(Duration::from_secs(1)).await;
    }
}
