//! The versions to check, and the variables that name them.

use shared::config::{self, Env};

use crate::check::Check;
use crate::checks::FUNCTIONS;

/// A version of a function.
pub(crate) struct Version {
    /// The function's name.
    pub(crate) function: &'static str,
    /// The qualified ARN.
    pub(crate) arn: String,
    pub(crate) checks: &'static [Check],
}

/// Reads which versions are named.
pub(crate) fn from_env(env: &Env) -> Result<Vec<Version>, config::Error> {
    let named = FUNCTIONS.iter().filter_map(|function| {
        let arn = env.optional(function.variable)?;
        Some(if is_version(arn) {
            Ok(Version { function: function.name, arn: arn.to_owned(), checks: function.checks })
        } else {
            Err(config::Error::invalid(function.variable, "is not the ARN of a version of a function"))
        })
    });
    named.collect()
}

/// Whether this is `arn:aws:lambda:<region>:<account>:function:<name>:<number>`, or ends in `$LATEST`, the unpublished
/// version. The ARN of an alias is not: it leads to the version that has the traffic already.
fn is_version(arn: &str) -> bool {
    let parts: Vec<_> = arn.split(':').collect();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let qualifies = |version: &str| version == "$LATEST" || is_number(version);
    matches!(parts[..], ["arn", _, "lambda", _, _, "function", _, version] if qualifies(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:bookshelf-system:7";

    #[test]
    fn only_a_version_is_accepted() {
        assert!(is_version(ARN) && is_version(&ARN.replace(":7", ":$LATEST")));
        for qualifier in ["live", "LATEST", "", "7:7"] {
            assert!(!is_version(&ARN.replace(":7", &format!(":{qualifier}"))), "{qualifier}");
        }
        assert!(!is_version(&ARN[..ARN.len() - 2]) && !is_version("bookshelf-system"));
    }

    #[test]
    fn each_version_is_optional_and_a_wrong_one_is_named() {
        assert!(from_env(&Env::default()).unwrap().is_empty());
        assert!(from_env(&Env::of([("SYSTEM_VERSION", "")])).unwrap().is_empty());
        let versions = from_env(&Env::of([("SYSTEM_VERSION", ARN)])).unwrap();
        assert_eq!(versions.iter().map(|version| version.function).collect::<Vec<_>>(), ["system"]);
        let error = from_env(&Env::of([("SYSTEM_VERSION", "live")])).err().unwrap().to_string();
        assert_eq!(error, "SYSTEM_VERSION is not the ARN of a version of a function");
    }
}
