//! AWS credentials, and the IAM authentication tokens that replace the passwords of the stores.
//!
//! Lambda gives a function the temporary credentials of its role in environment variables; [`AwsCredentials`] reads
//! them. A store that has IAM authentication switched on (RDS, Aurora, RDS Proxy, `ElastiCache`) takes a token as the
//! password: a presigned URL (AWS Signature Version 4) that names the store and the user. Signing is computed locally
//! and calls no service. A token is valid for 15 minutes and only for connecting, so one is signed for each new
//! connection and none is stored; an open connection outlives its token.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::{self, Env};

/// How long a token may be used to connect: the longest that AWS permits.
const TOKEN_LIFETIME: Duration = Duration::from_mins(15);

/// The characters to percent-encode: all but the unreserved characters of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Tells whether `name` can be the host or the cache in a token: letters, digits, `-` and `.`, which need no encoding.
pub(crate) fn is_valid_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
}

/// The credentials that Lambda gives a process for its lifetime, and the region that they are used in.
#[derive(Debug, Clone)]
pub struct AwsCredentials {
    region: String,
    credentials: Credentials,
}

impl AwsCredentials {
    /// Reads `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, which Lambda sets. The
    /// last one may be missing, as it is for the permanent credentials of a user.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let region = env.required("AWS_REGION")?;
        // The region becomes part of the host name of AWS endpoints.
        if !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(config::Error::invalid("AWS_REGION", "is not the name of a region"));
        }
        let (id, secret) = (env.required("AWS_ACCESS_KEY_ID")?, env.required("AWS_SECRET_ACCESS_KEY")?);
        let session = env.optional("AWS_SESSION_TOKEN").map(str::to_owned);
        let credentials = Credentials::new(id, secret, session, None, "environment");
        Ok(Self { region: region.to_owned(), credentials })
    }

    /// The region whose endpoints are called.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The credentials that calls are signed with.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }
}

/// Signs authentication tokens with the credentials of the process.
#[derive(Clone)]
pub(crate) struct TokenSigner(AwsCredentials);

impl TokenSigner {
    /// Reads `variable`, which chooses how to sign in. For the value `iam` it returns a signer and reads the
    /// [`AwsCredentials`]; without a value it returns `None`, and the password of the URL is used.
    pub(crate) fn from_env(env: &Env, variable: &str) -> Result<Option<Self>, config::Error> {
        match env.optional(variable) {
            None => Ok(None),
            Some("iam") => Ok(Some(Self(AwsCredentials::from_env(env)?))),
            Some(_) => Err(config::Error::invalid(variable, "is not iam")),
        }
    }

    /// Signs a token for `user` of the RDS database, Aurora cluster or RDS Proxy at `host` and `port`, valid from
    /// `now`. The host must have passed [`is_valid_name`].
    pub(crate) fn postgres_token(&self, host: &str, port: u16, user: &str, now: SystemTime) -> String {
        let user = utf8_percent_encode(user, RESERVED);
        self.token("rds-db", &format!("{host}:{port}/?Action=connect&DBUser={user}"), now)
    }

    /// Signs a token for `user` of the `ElastiCache` serverless cache named `cache`, valid from `now`. The name
    /// must have passed [`is_valid_name`].
    pub(crate) fn redis_token(&self, cache: &str, user: &str, now: SystemTime) -> String {
        let user = utf8_percent_encode(user, RESERVED);
        let request = format!("{cache}/?Action=connect&User={user}&ResourceType=ServerlessCache");
        self.token("elasticache", &request, now)
    }

    /// Presigns a `GET` of `request` (AWS Signature Version 4, in the query) and returns the URL without its scheme.
    fn token(&self, service: &str, request: &str, now: SystemTime) -> String {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(TOKEN_LIFETIME);
        let Self(AwsCredentials { region, credentials }) = self;
        let identity = credentials.clone().into();
        let signing = SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(now)
            .settings(settings)
            .build()
            .expect("every parameter is given")
            .into();
        let url = format!("https://{request}");
        let unsigned = SignableRequest::new("GET", url, std::iter::empty(), SignableBody::empty())
            .expect("valid names and encoded values make a URL");
        let signed = sign(unsigned, &signing).expect("a request without headers can be signed");
        let (_, mut parameters) = signed.into_parts().0.into_parts();
        // AWS accepts any order; this one is botocore's, so that a test can compare the two.
        parameters.sort_by_key(|(name, _)| *name == "X-Amz-Signature");
        parameters.iter().fold(request.to_owned(), |token, (name, value)| {
            format!("{token}&{name}={}", utf8_percent_encode(value, RESERVED))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// 2026-11-22T12:34:56Z.
    const NOW: Duration = Duration::from_secs(1_795_350_896);

    const CREDENTIALS: [(&str, &str); 3] = [
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalr/EXAMPLE+KEY"),
        ("AWS_REGION", "eu-central-1"),
    ];

    fn signer(session: &str) -> TokenSigner {
        let env = Env::of([&CREDENTIALS[..], &[("AWS_SESSION_TOKEN", session), ("AUTH", "iam")]].concat());
        TokenSigner::from_env(&env, "AUTH").unwrap().unwrap()
    }

    /// The inputs of a token, and the token that botocore made of them.
    #[derive(serde::Deserialize)]
    struct Sample {
        env: BTreeMap<String, String>,
        /// In seconds since 1970.
        now: u64,
        #[serde(rename = "for")]
        store: Store,
        token: String,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(untagged)]
    enum Store {
        Postgres { host: String, port: u16, user: String },
        Redis { cache: String, user: String },
    }

    /// An integration test holds the same samples against botocore itself.
    #[test]
    fn tokens_equal_those_of_botocore() {
        let samples: Vec<Sample> = serde_json::from_str(include_str!("iam/tokens.json")).unwrap();
        for Sample { env, now, store, token } in samples {
            let signer = TokenSigner(AwsCredentials::from_env(&Env::of(env)).unwrap());
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
            let ours = match &store {
                Store::Postgres { host, port, user } => signer.postgres_token(host, *port, user, now),
                Store::Redis { cache, user } => signer.redis_token(cache, user, now),
            };
            assert_eq!(ours, token, "{store:?}");
        }
    }

    #[test]
    fn a_token_changes_with_the_second() {
        let token = |seconds| {
            signer("").postgres_token(
                "db",
                1,
                "u",
                SystemTime::UNIX_EPOCH + NOW + Duration::from_secs(seconds),
            )
        };
        assert_eq!(token(0), token(0));
        assert_ne!(token(0), token(1));
    }

    #[test]
    fn the_credentials_are_those_that_lambda_sets_and_debug_hides_the_secrets() {
        let env = Env::of(CREDENTIALS);
        let credentials = AwsCredentials::from_env(&env).unwrap();
        assert_eq!(credentials.region(), "eu-central-1");
        assert_eq!(credentials.credentials().access_key_id(), "AKIAEXAMPLE");
        assert_eq!(credentials.credentials().secret_access_key(), "wJalr/EXAMPLE+KEY");
        assert_eq!(credentials.credentials().session_token(), None);
        let env = Env::of(CREDENTIALS).with([("AWS_SESSION_TOKEN", "IQoJb3Jp")]);
        let temporary = AwsCredentials::from_env(&env).unwrap();
        assert_eq!(temporary.credentials().session_token(), Some("IQoJb3Jp"));
        let shown = format!("{temporary:?}");
        assert!(!shown.contains("EXAMPLE+KEY") && !shown.contains("IQoJb3Jp"), "{shown}");
    }

    #[test]
    fn a_missing_part_or_a_malformed_region_is_refused() {
        for (missing, _) in CREDENTIALS {
            let env = Env::of(CREDENTIALS).with([(missing, "")]);
            assert_eq!(AwsCredentials::from_env(&env).err(), Some(config::Error::Missing(missing.into())));
        }
        for nonsense in ["evil.example/", "eu_central_1", "eu-central-1 "] {
            let env = Env::of(CREDENTIALS).with([("AWS_REGION", nonsense)]);
            let error = AwsCredentials::from_env(&env).unwrap_err().to_string();
            assert_eq!(error, "AWS_REGION is not the name of a region");
        }
    }

    #[test]
    fn credentials_are_read_only_where_iam_is_chosen() {
        let env = Env::of(CREDENTIALS);
        assert!(TokenSigner::from_env(&env, "AUTH").unwrap().is_none());
        assert_eq!(env.asked().into_iter().collect::<Vec<_>>(), ["AUTH"]);
        for (missing, _) in CREDENTIALS {
            let env = Env::of(
                CREDENTIALS.into_iter().filter(|(name, _)| *name != missing).chain([("AUTH", "iam")]),
            );
            assert_eq!(
                TokenSigner::from_env(&env, "AUTH").err(),
                Some(config::Error::Missing(missing.into()))
            );
        }
        let error = TokenSigner::from_env(&Env::of([("AUTH", "IAM")]), "AUTH").err().unwrap();
        assert_eq!(error.to_string(), "AUTH is not iam");
    }
}
