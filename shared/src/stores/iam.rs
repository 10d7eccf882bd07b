//! Who a function is to AWS: an [`Identity`], that of its Lambda role. To its stores it shows, instead of a password, a
//! token that it signs with it.
//!
//! Signing is arithmetic and calls nobody. A token is good for a quarter of an hour and only to connect, so one is made
//! for each connection and never kept; what is open stays open when its token has expired.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::{self, Env};

/// How long a token may be used to connect: the most that AWS permits.
const LIFE: Duration = Duration::from_mins(15);

/// All but the unreserved characters of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether `name` can stand for a host or a cache in what is signed.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
}

/// The credentials that Lambda gives a process for its life, and the region that they are used in.
#[derive(Debug, Clone)]
pub struct Identity {
    region: String,
    credentials: Credentials,
}

impl Identity {
    /// Reads `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, which Lambda sets. The
    /// last one may be missing: who is no role has none.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let region = env.required("AWS_REGION")?;
        // It becomes part of the host that is called.
        if !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(config::Error::invalid("AWS_REGION", "is not the name of a region"));
        }
        let (id, secret) = (env.required("AWS_ACCESS_KEY_ID")?, env.required("AWS_SECRET_ACCESS_KEY")?);
        let session = env.optional("AWS_SESSION_TOKEN").map(str::to_owned);
        let credentials = Credentials::new(id, secret, session, None, "environment");
        Ok(Self { region: region.to_owned(), credentials })
    }

    /// Where AWS is called.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// What a call is signed with.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }
}

/// Signs tokens as somebody.
#[derive(Clone)]
pub(crate) struct Signer(Identity);

impl Signer {
    /// Reads `variable`, which chooses how to sign in: `iam` makes a signer and reads its [`Identity`]; unset there is
    /// none, and the password of the URL counts.
    pub(crate) fn if_chosen(env: &Env, variable: &str) -> Result<Option<Self>, config::Error> {
        match env.optional(variable) {
            None => Ok(None),
            Some("iam") => Ok(Some(Self(Identity::from_env(env)?))),
            Some(_) => Err(config::Error::invalid(variable, "is not iam")),
        }
    }

    /// A password for `user` of the RDS database, Aurora cluster or RDS Proxy at `host` and `port`, made at `now`. The
    /// host [is a name](is_name).
    pub(crate) fn postgres_token(&self, host: &str, port: u16, user: &str, now: SystemTime) -> String {
        let user = utf8_percent_encode(user, RESERVED);
        self.token("rds-db", &format!("{host}:{port}/?Action=connect&DBUser={user}"), now)
    }

    /// A password for `user` of the `ElastiCache` serverless cache of that name, made at `now`. The cache [is a
    /// name](is_name).
    pub(crate) fn redis_token(&self, cache: &str, user: &str, now: SystemTime) -> String {
        let user = utf8_percent_encode(user, RESERVED);
        let request = format!("{cache}/?Action=connect&User={user}&ResourceType=ServerlessCache");
        self.token("elasticache", &request, now)
    }

    /// A presigned `GET` without its scheme: AWS's Signature Version 4, in the query.
    fn token(&self, service: &str, request: &str, now: SystemTime) -> String {
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(LIFE);
        let Self(Identity { region, credentials }) = self;
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
            .expect("names and what is encoded make a URL");
        let signed = sign(unsigned, &signing).expect("a request without headers can be signed");
        let (_, mut parameters) = signed.into_parts().0.into_parts();
        // Any order is right; this one is botocore's, so that the two can be compared.
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

    fn signer(session: &str) -> Signer {
        let env = Env::of([&CREDENTIALS[..], &[("AWS_SESSION_TOKEN", session), ("AUTH", "iam")]].concat());
        Signer::if_chosen(&env, "AUTH").unwrap().unwrap()
    }

    /// What a token is made of, and the token.
    #[derive(serde::Deserialize)]
    struct Answer {
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

    /// That botocore itself makes them of the same is a test of the bundle's.
    #[test]
    fn tokens_are_those_of_botocore() {
        let answers: Vec<Answer> = serde_json::from_str(include_str!("iam/tokens.json")).unwrap();
        for Answer { env, now, store, token } in answers {
            let signer = Signer(Identity::from_env(&Env::of(env)).unwrap());
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now);
            let ours = match &store {
                Store::Postgres { host, port, user } => signer.postgres_token(host, *port, user, now),
                Store::Redis { cache, user } => signer.redis_token(cache, user, now),
            };
            assert_eq!(ours, token, "{store:?}");
        }
    }

    #[test]
    fn a_token_is_another_one_a_second_later() {
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
    fn an_identity_is_what_lambda_sets_and_shows_no_secret() {
        let env = Env::of(CREDENTIALS);
        let identity = Identity::from_env(&env).unwrap();
        assert_eq!(identity.region(), "eu-central-1");
        assert_eq!(identity.credentials().access_key_id(), "AKIAEXAMPLE");
        assert_eq!(identity.credentials().secret_access_key(), "wJalr/EXAMPLE+KEY");
        assert_eq!(identity.credentials().session_token(), None);
        let named = Env::of(CREDENTIALS).with([("AWS_SESSION_TOKEN", "IQoJb3Jp")]);
        let named = Identity::from_env(&named).unwrap();
        assert_eq!(named.credentials().session_token(), Some("IQoJb3Jp"));
        let shown = format!("{named:?}");
        assert!(!shown.contains("EXAMPLE+KEY") && !shown.contains("IQoJb3Jp"), "{shown}");
    }

    #[test]
    fn without_a_part_of_it_or_a_region_that_can_be_one_there_is_no_identity() {
        for (missing, _) in CREDENTIALS {
            let env = Env::of(CREDENTIALS).with([(missing, "")]);
            assert_eq!(Identity::from_env(&env).err(), Some(config::Error::Missing(missing.into())));
        }
        for nonsense in ["evil.example/", "eu_central_1", "eu-central-1 "] {
            let env = Env::of(CREDENTIALS).with([("AWS_REGION", nonsense)]);
            let error = Identity::from_env(&env).unwrap_err().to_string();
            assert_eq!(error, "AWS_REGION is not the name of a region");
        }
    }

    #[test]
    fn credentials_are_asked_for_only_where_tokens_are_chosen() {
        let env = Env::of(CREDENTIALS);
        assert!(Signer::if_chosen(&env, "AUTH").unwrap().is_none());
        assert_eq!(env.asked().into_iter().collect::<Vec<_>>(), ["AUTH"]);
        for (missing, _) in CREDENTIALS {
            let env = Env::of(
                CREDENTIALS.into_iter().filter(|(name, _)| *name != missing).chain([("AUTH", "iam")]),
            );
            assert_eq!(Signer::if_chosen(&env, "AUTH").err(), Some(config::Error::Missing(missing.into())));
        }
        let error = Signer::if_chosen(&Env::of([("AUTH", "IAM")]), "AUTH").err().unwrap();
        assert_eq!(error.to_string(), "AUTH is not iam");
    }
}
