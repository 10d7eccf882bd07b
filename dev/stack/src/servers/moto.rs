//! moto: Secrets Manager and more of AWS, in Python, for tests alone.

use std::path::Path;

use super::server::Server;
use crate::{Result, http, ports, process_spec::ProcessSpec, tools};

impl Server {
    /// A moto that remembers nothing, with just the packages that the file `requirements` names. Not started yet.
    pub async fn moto(requirements: &Path) -> Result<Self> {
        let port = ports::free()?;
        let spec = ProcessSpec::new("moto", tools::python(requirements).await?)
            .args(["-B", "-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            // It tells of each request.
            .log("/dev/null");
        let url = format!("http://127.0.0.1:{port}");
        let address = url.clone();
        Ok(Self::new("moto", url, spec, move || {
            let address = address.clone();
            async move { http::send("GET", &address, "").await.is_ok() }
        }))
    }

    /// What clients connect to.
    #[must_use]
    pub fn address(&self) -> &str {
        self.url().trim_start_matches("http://")
    }
}
