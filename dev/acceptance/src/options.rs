//! The command line.

use std::path::PathBuf;

use clap::Parser;
use stack::{Error, Result};
use url::{Host, Url};

/// Check a running API from outside, and report what it does otherwise than promised.
///
/// All that the run makes has a name that begins with `acceptance-`. With the variables `ACCEPTANCE_ADMIN_USERNAME` and
/// `ACCEPTANCE_ADMIN_PASSWORD` it deletes at the end what can be deleted; the report tells what stays.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask acceptance", bin_name = "cargo xtask acceptance")]
pub struct Options {
    /// Where the API is: the output `ApiUrl` of a deployment, or <http://127.0.0.1:9000>.
    pub url: Url,
    /// An origin among `CorsOrigins`, whose preflight and requests must then carry CORS headers.
    #[arg(long)]
    pub origin: Option<String>,
    /// Also check what only a deployment shows: TLS, HTTP/2, and what the gateway answers by itself.
    #[arg(long)]
    pub aws: bool,
    /// With `--aws`: the run's first request is the first one since a deployment, so tell how long it took.
    #[arg(long)]
    pub cold_start: bool,
    /// With `--aws`: the gateway's log group, read with the program `aws`, which must be signed in.
    #[arg(long, value_name = "LOG_GROUP")]
    pub access_log: Option<String>,
    /// Where the report is written [default: `target/acceptance/report.md`].
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

impl Options {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// When passwords would travel in the clear, or the URL is not one of an API.
    pub fn check(&self) -> Result<()> {
        let is_plain =
            self.url.query().is_none() && self.url.fragment().is_none() && self.url.username().is_empty();
        match self.url.scheme() {
            "https" if is_plain => Ok(()),
            "http" if is_plain && self.is_loopback() => Ok(()),
            "http" if is_plain => {
                Err(Error::new("http is for this machine only: passwords would travel in the clear"))
            }
            _ => Err(Error::new("the URL is http or https, a host, and perhaps a port and a stage")),
        }
    }

    fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_travel_in_the_clear_on_this_machine_only() {
        let check = |url| Options::try_parse_from(["acceptance", url]).unwrap().check();
        for url in
            ["https://api.example", "https://api.example/prod", "http://127.0.0.1:9000", "http://[::1]:1"]
        {
            assert!(check(url).is_ok(), "{url}");
        }
        for url in [
            "http://api.example",
            "ftp://127.0.0.1",
            "https://ada:secret@api.example",
            "https://api.example?x",
        ] {
            assert!(check(url).is_err(), "{url}");
        }
    }
}
