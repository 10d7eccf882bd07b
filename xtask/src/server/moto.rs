//! moto: Secrets Manager and more of AWS, in Python, for tests alone.

use std::path::Path;

use rustix::process::Signal;

use super::{Ready, Server};
use crate::{Result, launch::Launch, ports, tools};

impl Server {
    /// A moto that remembers nothing, with just the packages that the file `requirements` names. Not started yet.
    pub async fn moto(requirements: &Path) -> Result<Self> {
        let port = ports::free()?;
        let launch = Launch::new("moto", tools::python(requirements).await?)
            .args(["-B", "-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            // It tells of each request.
            .log("/dev/null");
        Ok(Self {
            name: "moto",
            url: format!("http://127.0.0.1:{port}"),
            launch,
            ready: Ready::Http { port },
            stop_with: Signal::TERM,
            process: None,
        })
    }

    /// What clients connect to.
    #[must_use]
    pub fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}
