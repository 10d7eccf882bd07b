//! Secrets that this function writes once and never reads: each version tells by its id what belongs to its value.
//!
//! Secrets Manager gives each version of a secret an id, which its writer may choose and which can be read without the
//! value. Here the id is 32 bytes in hexadecimal digits, such as a public key or a digest: value and id are written in
//! one call and can't be separated. The staging labels of the versions tell which are in use.

use secrets::{CURRENT, SecretsClient, Version};
use shared::stores::postgres::ConnectionSettings;

use crate::Error;
use crate::connection::with_advisory_lock;

/// The staging labels in the order of the ids; others come after these.
const LABELS: [&str; 3] = [CURRENT, "AWSPENDING", "AWSPREVIOUS"];

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
        let versions = client.versions(secret).await?;
        if !versions.is_empty() {
            return Ok(VersionIds { ids: ids(versions)?, made: false });
        }
        let NewVersion { id, value } = make();
        client.write(secret, &hex::encode(id), &value).await?;
        Ok(VersionIds { ids: vec![id], made: true })
    })
    .await
}

/// The ids of these versions, ordered by label and id, whatever the order of the versions.
fn ids(mut versions: Vec<Version>) -> Result<Vec<VersionId>, Error> {
    let rank = |version: &Version| LABELS.iter().position(|label| version.stages.contains(*label));
    versions.sort_by_key(|version| (rank(version).unwrap_or(LABELS.len()), version.id.clone()));
    let is_readable = |version: &Version| version.stages.contains(CURRENT) && id(version).is_some();
    if !versions.iter().any(is_readable) {
        return Err(Error::ForeignSecret);
    }
    Ok(versions.iter().filter_map(id).collect())
}

fn id(version: &Version) -> Option<VersionId> {
    hex::decode(&version.id).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
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
    fn a_current_value_of_somebody_elses_is_not_passed_over() {
        let versions = vec![
            version("EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE", &["AWSCURRENT"]),
            version(&"aa".repeat(32), &["AWSPREVIOUS"]),
        ];
        assert!(matches!(ids(versions), Err(Error::ForeignSecret)));
    }
}
