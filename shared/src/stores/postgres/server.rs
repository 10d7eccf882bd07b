//! Where the database is and how to get in: with or without TLS, with a password or a token.

use std::future::Future;
use std::time::SystemTime;

use tokio::task::JoinHandle;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{self, Env};
use crate::stores::iam::{Signer, is_name};
use crate::stores::tls;

const URL: &str = "DATABASE_URL";
const AUTH: &str = "DATABASE_AUTH";

/// The database's server, as the configuration describes it.
#[derive(Clone)]
pub struct Server {
    config: Config,
    /// None where the URL does not demand it.
    tls: Option<MakeRustlsConnect>,
    login: Option<Login>,
}

/// Somebody who shows tokens.
#[derive(Clone)]
struct Login {
    signer: Signer,
    host: String,
    port: u16,
    user: String,
}

/// The task that moves the bytes of a connection. Ends when it is dropped: on a path that was dropped silently it would
/// wait for ever for the server's goodbye.
#[must_use = "a connection ends with its driver"]
pub struct Driver(Option<JoinHandle<()>>);

impl Driver {
    /// Leaves the end of the connection to its client: for one that lasts as long as a task.
    pub fn detach(mut self) {
        self.0 = None;
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl Server {
    /// Reads `DATABASE_URL` and `DATABASE_AUTH`. Opens no connection.
    ///
    /// With `sslmode=require` in the URL, the server must show a certificate for its host name; `verify-full`, as other
    /// clients call it, is the same. That reads `TLS_ROOTS` or `AWS_REGION`. With `DATABASE_AUTH=iam` each connection
    /// shows a token, and TLS is a must.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let config = parse(env.required(URL)?)
            .ok_or_else(|| config::Error::invalid(URL, "is not a Postgres connection string"))?;
        let encrypted = config.get_ssl_mode() == SslMode::Require;
        let tls = if encrypted { Some(MakeRustlsConnect::new(tls::to_postgres(env)?)) } else { None };
        let login = match Signer::if_chosen(env, AUTH)? {
            None => None,
            Some(_) if !encrypted => {
                return Err(config::Error::invalid(URL, "must say sslmode=require, for tokens are secrets"));
            }
            Some(signer) => Some(Login::of(signer, &config)?),
        };
        Ok(Self { config, tls, login })
    }

    /// Opens a connection at `now`, which the token is made for if there is one. Has no limit of its own.
    pub async fn connect(&self, now: SystemTime) -> Result<(Client, Driver), tokio_postgres::Error> {
        let mut config = self.config.clone();
        if let Some(login) = &self.login {
            config.password(login.signer.postgres_token(&login.host, login.port, &login.user, now));
        }
        match &self.tls {
            None => config.connect(NoTls).await.map(|(client, connection)| (client, drive(connection))),
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await?;
                Ok((client, drive(connection)))
            }
        }
    }
}

impl Login {
    /// A token is for one host, port and user, so the URL must name them.
    fn of(signer: Signer, config: &Config) -> Result<Self, config::Error> {
        let host = match config.get_hosts() {
            [Host::Tcp(host)] if is_name(host) => host.clone(),
            _ => return Err(config::Error::invalid(URL, "does not name one host")),
        };
        let user = config.get_user().ok_or_else(|| config::Error::invalid(URL, "does not name a user"))?;
        let port = config.get_ports().first().copied().unwrap_or(5432);
        Ok(Self { signer, host, port, user: user.to_owned() })
    }
}

/// `tokio-postgres` knows no `verify-full`, because who is trusted is not its concern; here nothing less is done.
fn parse(url: &str) -> Option<Config> {
    let Some((address, options)) = url.split_once('?') else { return url.parse().ok() };
    let options = options.split('&').map(|option| match option {
        "sslmode=verify-full" => "sslmode=require",
        other => other,
    });
    format!("{address}?{}", options.collect::<Vec<_>>().join("&")).parse().ok()
}

fn drive(connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static) -> Driver {
    Driver(Some(tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::info!(%error, "a postgres connection ended");
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
    fn a_url_that_demands_nothing_builds_no_tls_and_asks_for_nothing() {
        for url in ["postgres://u:p@localhost/d", "postgres://u:p@localhost/d?application_name=x"] {
            let env = Env::of([(URL, url)]);
            assert!(Server::from_env(&env).unwrap().tls.is_none(), "{url}");
            assert_eq!(env.asked().into_iter().collect::<Vec<_>>(), [AUTH, URL]);
        }
    }

    #[test]
    fn what_other_clients_call_verify_full_is_what_require_does() {
        for mode in ["require", "verify-full"] {
            let url = format!("postgres://u@localhost/d?connect_timeout=3&sslmode={mode}");
            let env = Env::of([(URL, url.as_str()), ("AWS_REGION", "us-east-1")]);
            assert!(Server::from_env(&env).unwrap().tls.is_some(), "{mode}");
        }
        let env = Env::of([(URL, "postgres://u@localhost/d?sslmode=verify-ca")]);
        assert!(Server::from_env(&env).is_err());
    }

    #[test]
    fn a_token_is_never_made_for_a_url_without_tls_or_without_host_and_user() {
        for (url, problem) in [
            ("postgres://u@db/d", "must say sslmode=require, for tokens are secrets"),
            ("postgres://u@db/d?sslmode=prefer", "must say sslmode=require, for tokens are secrets"),
            ("postgres://u@db,db2/d?sslmode=require", "does not name one host"),
            ("postgres://u@%2Ftmp/d?sslmode=require", "does not name one host"),
            ("postgres://db/d?sslmode=require", "does not name a user"),
        ] {
            let env = Env::of([&IAM[..], &[(URL, url)]].concat());
            assert_eq!(Server::from_env(&env).err(), Some(config::Error::invalid(URL, problem)), "{url}");
        }
        let env = Env::of([&IAM[..], &[(URL, "postgres://u@db/d?sslmode=require")]].concat());
        assert_eq!(Server::from_env(&env).unwrap().login.unwrap().port, 5432);
    }
}
