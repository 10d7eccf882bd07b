//! The oldest servers that the functions work with. Programs of the machine that are older are not used, and a stack
//! does not start with an older server of the person's own.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use percent_encoding::percent_decode_str;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_postgres::{Config, NoTls, config::SslMode};
use url::Url;

use crate::{Error, Result, error::Context};

/// Major and minor version.
type Version = [u32; 2];

/// The oldest version of each server, by the word that names the product in what it prints.
const OLDEST: [(&str, Version); 3] = [("postgres", [15, 0]), ("valkey", [7, 2]), ("redis", [7, 0])];

/// How long a server may take to tell its version.
const ANSWER: Duration = Duration::from_secs(5);

/// Whether `program` is a server, or `initdb`, of a version that can be used.
pub(crate) fn is_recent_enough(program: &Path) -> bool {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    output.is_ok_and(|output| {
        let printed = String::from_utf8_lossy(&output.stdout);
        oldest(&printed).is_some_and(|oldest| parse(&printed) >= Some(oldest))
    })
}

/// Checks the Postgres at `url`.
///
/// # Errors
/// If it does not answer, or is too old.
pub(crate) async fn check_postgres(url: &str) -> Result<()> {
    let config: Config = url.parse().context("read DATABASE_URL")?;
    if config.get_ssl_mode() == SslMode::Require {
        println!("The version of the server of DATABASE_URL is not checked, because it requires TLS");
        return Ok(());
    }
    let asking = async {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        client.query_one("show server_version", &[]).await?.try_get::<_, String>(0)
    };
    let answer = timeout(ANSWER, asking).await.context("ask the server of DATABASE_URL for its version")?;
    check("DATABASE_URL", "postgres", &answer.context("ask the server of DATABASE_URL for its version")?)
}

/// Checks the Redis or Valkey at `url`.
///
/// # Errors
/// If it does not answer, or is too old.
pub(crate) async fn check_redis(url: &str) -> Result<()> {
    let url = Url::parse(url).context("read REDIS_URL")?;
    if url.scheme() != "redis" {
        println!("The version of the server of REDIS_URL is not checked, because it requires TLS");
        return Ok(());
    }
    let answer = timeout(ANSWER, hello(&url)).await.context("ask the server of REDIS_URL for its version")?;
    let answer = answer.context("ask the server of REDIS_URL for its version")?;
    let members: Vec<_> = answer.lines().collect();
    // Each name and each value follows a line with its length.
    let member = |name: &str| members.iter().skip_while(|member| **member != name).nth(2);
    match (member("server"), member("version")) {
        (Some(server), Some(version)) => check("REDIS_URL", server, version),
        _ => Err(Error::new(format!("cannot use the server of REDIS_URL: {}", answer.trim_end()))),
    }
}

/// Signs in with `HELLO`, which every user may send, and returns the answer, in which server and version are members.
async fn hello(url: &Url) -> std::io::Result<String> {
    let [user, password] = [url.username(), url.password().unwrap_or_default()]
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned());
    let user = if user.is_empty() { "default".to_owned() } else { user };
    let sign_in = ["AUTH".to_owned(), user, password.clone()];
    let arguments = sign_in.into_iter().filter(|_| !password.is_empty());
    let words: Vec<_> = ["HELLO".to_owned(), "2".to_owned()].into_iter().chain(arguments).collect();
    let words = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    let command: String = std::iter::once(format!("*{}\r\n", words.len())).chain(words).collect();
    let mut server =
        TcpStream::connect((url.host_str().unwrap_or_default(), url.port().unwrap_or(6379))).await?;
    server.write_all(command.as_bytes()).await?;
    server.write_all(b"*1\r\n$4\r\nQUIT\r\n").await?;
    let mut answer = String::new();
    server.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn check(variable: &str, product: &str, version: &str) -> Result<()> {
    match oldest(product) {
        Some(oldest) if parse(version) < Some(oldest) => {
            let [major, minor] = oldest;
            Err(Error::new(format!(
                "cannot use the server of {variable}: {product} {version} is older than {major}.{minor}"
            )))
        }
        _ => Ok(()),
    }
}

/// The oldest version of the product that `text` names.
fn oldest(text: &str) -> Option<Version> {
    let text = text.to_lowercase();
    OLDEST.iter().find(|(product, _)| text.contains(product)).map(|(_, version)| *version)
}

/// The first version in `text`, for example of `initdb (PostgreSQL) 18.1 (Debian 18.1-1)` or of `17beta2`.
fn parse(text: &str) -> Option<Version> {
    let start = text.find(|c: char| c.is_ascii_digit())?;
    let mut numbers = text[start..].split('.').map(|part| {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        part[..end].parse().unwrap_or_default()
    });
    Some([numbers.next()?, numbers.next().unwrap_or_default()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_servers_and_programs_say() {
        for (text, version) in [
            ("initdb (PostgreSQL) 18.1 (Debian 18.1-1)", [18, 1]),
            ("17beta2", [17, 0]),
            ("Valkey server v=9.1.2 sha=00000000:0 malloc=libc bits=64", [9, 1]),
            ("Redis server v=6.0.16 sha=00000000:0", [6, 0]),
        ] {
            assert_eq!(parse(text), Some(version), "{text}");
        }
        assert_eq!(parse("unknown"), None);
    }

    #[test]
    fn an_older_server_is_refused_in_one_line() {
        for (product, version, oldest) in [
            ("postgres", "14.19 (Debian 14.19-1)", "15.0"),
            ("valkey", "7.0.1", "7.2"),
            ("redis", "6.2.14", "7.0"),
        ] {
            let refused = check("X_URL", product, version).unwrap_err().to_string();
            let expected =
                format!("cannot use the server of X_URL: {product} {version} is older than {oldest}");
            assert_eq!(refused, expected);
        }
        for (product, version) in
            [("postgres", "15.0"), ("valkey", "7.2.4"), ("redis", "7.0.0"), ("other", "1.0")]
        {
            check("X_URL", product, version).unwrap();
        }
    }
}
