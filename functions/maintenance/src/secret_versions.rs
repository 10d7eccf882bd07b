//! Secrets that this function writes once and never reads: each version tells by its id what belongs to its value.
//!
//! Secrets Manager gives each version of a secret an id, which its writer may choose and which can be read without the
//! value. Here the id is 32 bytes in hexadecimal digits, such as a public key or a digest: value and id are written in
//! one call and can't be separated. The staging labels of the versions tell which are in use.

use std::time::Duration;

use secrets::{CURRENT, SecretsClient, Version};
use shared::stores::postgres::ConnectionSettings;

use crate::Error;
use crate::connection::with_advisory_lock;
use tokio::time::sleep;

/// The staging labels in the order of the ids; others come after these.
const LABELS: [&str; 3] = [CURRENT, "AWSPENDING", "AWSPREVIOUS"];

/// How often a call that is denied is repeated, and the pause before: together a minute. A deployment that grants the
/// right calls at once, and IAM is eventually consistent.
const RETRIES: u32 = 30;
const PAUSE: Duration = Duration::from_secs(2);

/// The bytes that a version's id stands for.
pub(crate) type VersionId = [u8; 32];

/// A first value, and the id that it is written with.
pub(crate) struct NewVersion {
    pub(crate) id: VersionId,
    pub(crate) value: String,
}

/// The ids of the versions of a secret.
pub(crate) struct VersionIds {
    /// The current one, the pending and the previous one, as far as there are such.
    pub(crate) ids: Vec<VersionId>,
    /// Whether the first value was written now.
    pub(crate) made: bool,
}

/// Writes the value that `make` returns if `secret` was never given one, and returns the ids either way. Of several
/// calls at a time one writes.
pub(crate) async fn find_or_write(
    client: &SecretsClient,
    database: &ConnectionSettings,
    secret: &str,
    make: impl FnOnce() -> NewVersion,
) -> Result<VersionIds, Error> {
    with_advisory_lock(database, async |_| {
        let versions = while_denied(PAUSE, || client.versions(secret)).await?;
        if !versions.is_empty() {
            return Ok(VersionIds { ids: ids(versions)?, made: false });
        }
        let NewVersion { id, value } = make();
        let id_text = hex::encode(id);
        while_denied(PAUSE, || client.write(secret, &id_text, &value)).await?;
        Ok(VersionIds { ids: vec![id], made: true })
    })
    .await
}

/// Repeats `call` while it is denied.
async fn while_denied<T, Call: Future<Output = Result<T, secrets::Error>>>(
    pause: Duration,
    call: impl Fn() -> Call,
) -> Result<T, secrets::Error> {
    let mut retries = RETRIES;
    loop {
        match call().await {
            Err(secrets::Error::Refused { code, .. }) if code == "AccessDeniedException" && retries > 0 => {
                tracing::info!("waiting for the right to use the secret");
                retries -= 1;
                sleep(pause).await;
            }
            outcome => return outcome,
        }
    }
}

/// The ids of these versions, ordered by label and id, whatever the order of the versions. An error if the id of the
/// current or the next one is none that can be read: whatever depends on it would not work.
fn ids(mut versions: Vec<Version>) -> Result<Vec<VersionId>, Error> {
    let rank = |version: &Version| LABELS.iter().position(|label| version.stages.contains(*label));
    versions.sort_by_key(|version| (rank(version).unwrap_or(LABELS.len()), version.id.clone()));
    let in_use = |version: &&Version| LABELS[..2].iter().any(|label| version.stages.contains(*label));
    let has_current = versions.iter().any(|version| version.stages.contains(CURRENT));
    if !has_current || versions.iter().filter(in_use).any(|version| id(version).is_none()) {
        return Err(Error::ForeignSecret);
    }
    Ok(versions.iter().filter_map(id).collect())
}

fn id(version: &Version) -> Option<VersionId> {
    hex::decode(&version.id).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::ready;

    use super::*;

    fn version(id: &str, stages: &[&str]) -> Version {
        Version { id: id.to_owned(), stages: stages.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn the_current_version_comes_first_whatever_the_order_of_the_versions() {
        let [old, now, next] = ["ff", "aa", "00"].map(|byte| byte.repeat(32));
        let mut versions = vec![
            version(&old, &["AWSPREVIOUS"]),
            version(&now, &["AWSCURRENT", "AWSPENDING"]),
            version(&next, &["AWSPENDING"]),
        ];
        let expected = vec![[0xaa; 32], [0; 32], [0xff; 32]];
        assert_eq!(ids(versions.clone()).unwrap(), expected);
        versions.reverse();
        assert_eq!(ids(versions).unwrap(), expected);
    }

    #[test]
    fn a_value_in_use_that_somebody_else_wrote_is_not_passed_over() {
        for (foreign, own) in [("AWSCURRENT", "AWSPREVIOUS"), ("AWSPENDING", "AWSCURRENT")] {
            let versions = vec![
                version("EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE", &[foreign]),
                version(&"aa".repeat(32), &[own]),
            ];
            assert!(matches!(ids(versions), Err(Error::ForeignSecret)), "{foreign}");
        }
        assert!(matches!(ids(vec![version(&"aa".repeat(32), &["AWSPREVIOUS"])]), Err(Error::ForeignSecret)));
    }

    #[tokio::test]
    async fn a_denied_call_is_repeated_and_another_failure_is_not() {
        let calls = Cell::new(0);
        let fails = async |code: &str, times: u32| {
            calls.set(0);
            let call = || {
                calls.set(calls.get() + 1);
                let refused = secrets::Error::Refused { code: code.to_owned(), message: None };
                ready(if calls.get() > times { Ok(()) } else { Err(refused) })
            };
            let outcome = while_denied(Duration::ZERO, call).await;
            (outcome.is_ok(), calls.get())
        };
        assert_eq!(fails("AccessDeniedException", 3).await, (true, 4));
        assert_eq!(fails("AccessDeniedException", 1000).await, (false, RETRIES + 1));
        assert_eq!(fails("ResourceNotFoundException", 3).await, (false, 1));
    }
}
