//! The connection settings of Postgres, and how a connection is opened from them: with or without TLS, with a password
//! or an IAM token.
//!
//! `tokio-postgres` splits a connection into a client and a future that does its I/O. [`ConnectionSettings::connect`]
//! spawns that future as a [`ConnectionTask`], which is aborted when it is dropped. Without that it could outlive its
//! client: on a network path that drops packets silently it would wait for ever for the server to close.

use std::future::Future;
use std::time::SystemTime;

use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{self, Env};
use crate::stores::describe::describe;
use crate::stores::iam::{TokenSigner, is_valid_name};
use crate::stores::{tcp, tls};

const URL: &str = "DATABASE_URL";
const AUTH: &str = "DATABASE_AUTH";

/// Address, user, TLS and authentication, as `DATABASE_URL` and `DATABASE_AUTH` say.
#[derive(Clone)]
pub struct ConnectionSettings {
    config: Config,
    /// `None` where the URL does not require it.
    tls: Option<MakeRustlsConnect>,
    iam: Option<IamLogin>,
}

/// Authentication by IAM tokens. A token is valid for one host, port and user.
#[derive(Clone)]
struct IamLogin {
    signer: TokenSigner,
    host: String,
    port: u16,
    user: String,
}

/// The task that does the I/O of a connection. It is aborted when this is dropped.
#[must_use = "a connection ends with its task"]
pub struct ConnectionTask(Option<JoinHandle<()>>);

impl ConnectionTask {
    /// Lets the task run until its client is dropped, for a connection that is used until the end of a process.
    pub fn detach(mut self) {
        self.0 = None;
    }
}

impl Drop for ConnectionTask {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl ConnectionSettings {
    /// Reads `DATABASE_URL` and `DATABASE_AUTH`. Opens no connection.
    ///
    /// With `sslmode=require` in the URL, the server must present a valid certificate for its host name; `verify-full`,
    /// as other clients call it, means the same. Both read `TLS_ROOTS` or `AWS_REGION`. With `DATABASE_AUTH=iam` each
    /// connection signs in with a token, and TLS is mandatory.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let mut config = parse(env.required(URL)?)
            .ok_or_else(|| config::Error::invalid(URL, "is not a Postgres connection string"))?;
        config.connect_timeout(tcp::CONNECT_TIMEOUT).tcp_user_timeout(tcp::USER_TIMEOUT);
        let requires_tls = config.get_ssl_mode() == SslMode::Require;
        let tls =
            if requires_tls { Some(MakeRustlsConnect::new(tls::config_for_postgres(env)?)) } else { None };
        let iam = match TokenSigner::from_env(env, AUTH)? {
            None => None,
            Some(_) if !requires_tls => {
                return Err(config::Error::invalid(URL, "must say sslmode=require, for tokens are secrets"));
            }
            Some(signer) => Some(IamLogin::from_config(signer, &config)?),
        };
        Ok(Self { config, tls, iam })
    }

    /// Adds command-line options for the server, such as `-c lock_timeout=0`, to those of the URL. They count from the
    /// first statement on, and more than the settings of the role and the database. RDS Proxy and `PgBouncer` refuse
    /// connections with options.
    #[must_use]
    pub fn with_options(&self, options: &str) -> Self {
        let mut settings = self.clone();
        let all = [self.config.get_options().unwrap_or_default(), options].join(" ");
        settings.config.options(all.trim_start());
        settings
    }

    /// Opens a connection. A token, if one is needed, is signed for `now`. Signing in has no timeout of its own.
    pub async fn connect(&self, now: SystemTime) -> Result<(Client, ConnectionTask), tokio_postgres::Error> {
        let mut config = self.config.clone();
        if let Some(iam) = &self.iam {
            config.password(iam.signer.postgres_token(&iam.host, iam.port, &iam.user, now));
        }
        match &self.tls {
            None => config.connect(NoTls).await.map(|(client, io)| (client, spawn(io))),
            Some(tls) => {
                let (client, io) = config.connect(tls.clone()).await?;
                Ok((client, spawn(io)))
            }
        }
    }
}

impl IamLogin {
    /// Takes host, port and user from the URL, which must name one host and a user.
    fn from_config(signer: TokenSigner, config: &Config) -> Result<Self, config::Error> {
        let host = match config.get_hosts() {
            [Host::Tcp(host)] if is_valid_name(host) => host.clone(),
            _ => return Err(config::Error::invalid(URL, "does not name one host")),
        };
        let user = config.get_user().ok_or_else(|| config::Error::invalid(URL, "does not name a user"))?;
        let port = config.get_ports().first().copied().unwrap_or(5432);
        Ok(Self { signer, host, port, user: user.to_owned() })
    }
}

/// Parses a connection string. `tokio-postgres` does not know `verify-full`; here `require` verifies just as much.
fn parse(url: &str) -> Option<Config> {
    let Some((address, options)) = url.split_once('?') else { return url.parse().ok() };
    let options = options.split('&').map(|option| match option {
        "sslmode=verify-full" => "sslmode=require",
        other => other,
    });
    format!("{address}?{}", options.collect::<Vec<_>>().join("&")).parse().ok()
}

fn spawn(io: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static) -> ConnectionTask {
    ConnectionTask(Some(tokio::spawn(async move {
        if let Err(error) = io.await {
            tracing::info!(error = describe(&error), "a postgres connection ended");
        }
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    const IAM: [(&str, &str); 4] = [
        (AUTH, "iam"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-central-1"),
    ];

    #[test]
    fn a_url_that_requires_no_tls_reads_no_further_variable() {
        for url in ["postgres://u:p@localhost/d", "postgres://u:p@localhost/d?application_name=x"] {
            let env = Env::of([(URL, url)]);
            assert!(ConnectionSettings::from_env(&env).unwrap().tls.is_none(), "{url}");
            assert_eq!(env.asked().into_iter().collect::<Vec<_>>(), [AUTH, URL]);
        }
    }

    #[test]
    fn verify_full_means_the_same_as_require() {
        for mode in ["require", "verify-full"] {
            let url = format!("postgres://u@localhost/d?connect_timeout=3&sslmode={mode}");
            let env = Env::of([(URL, url.as_str()), ("AWS_REGION", "us-east-1")]);
            assert!(ConnectionSettings::from_env(&env).unwrap().tls.is_some(), "{mode}");
        }
        let env = Env::of([(URL, "postgres://u@localhost/d?sslmode=verify-ca")]);
        assert!(ConnectionSettings::from_env(&env).is_err());
    }

    #[test]
    fn iam_needs_a_url_with_tls_one_host_and_a_user() {
        for (url, problem) in [
            ("postgres://u@db/d", "must say sslmode=require, for tokens are secrets"),
            ("postgres://u@db/d?sslmode=prefer", "must say sslmode=require, for tokens are secrets"),
            ("postgres://u@db,db2/d?sslmode=require", "does not name one host"),
            ("postgres://u@%2Ftmp/d?sslmode=require", "does not name one host"),
            ("postgres://db/d?sslmode=require", "does not name a user"),
        ] {
            let env = Env::of([&IAM[..], &[(URL, url)]].concat());
            assert_eq!(
                ConnectionSettings::from_env(&env).err(),
                Some(config::Error::invalid(URL, problem)),
                "{url}"
            );
        }
        let env = Env::of([&IAM[..], &[(URL, "postgres://u@db/d?sslmode=require")]].concat());
        assert_eq!(ConnectionSettings::from_env(&env).unwrap().iam.unwrap().port, 5432);
    }
}
