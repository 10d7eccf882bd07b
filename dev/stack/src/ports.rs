//! Free ports on 127.0.0.1.

use std::{
    env,
    net::{Ipv4Addr, TcpListener},
};

use crate::{Error, Result, lock::Lock, random};

/// A free port below the range from which systems take ports for outgoing connections.
///
/// A server must find its port still free when it is started again after a crash, and a client that
/// keeps trying a dead port of that range would in the end connect to itself.
pub fn free() -> Result<u16> {
    for _ in 0..100 {
        let port = 20_000 + random::below(12_000)?;
        if is_free(port) {
            return Ok(port);
        }
    }
    Err(Error::new("no free port between 20000 and 32000 on 127.0.0.1"))
}

/// `port` if it is given and free, else another one.
pub(crate) fn free_as(port: Option<u16>) -> Result<u16> {
    port.filter(|port| is_free(*port)).map_or_else(free, Ok)
}

/// A port that no other local API of this user will take as long as this lives, also none of another checkout or copy.
///
/// Two that start at once would both see the same port free, and one would talk to the other's API. So the locks are
/// not in `target`, but where temporary files are.
#[derive(Debug)]
pub(crate) struct PortLock {
    pub(crate) port: u16,
    _lock: Lock,
}

impl PortLock {
    /// Exactly `port`; `None` if it is taken.
    pub(crate) fn on(port: u16) -> Result<Option<Self>> {
        let user = rustix::process::geteuid().as_raw();
        let lock = Lock::acquire(&env::temp_dir().join(format!("local-api-{user}-{port}.lock")))?;
        Ok(lock.filter(|_| is_free(port)).map(|lock| Self { port, _lock: lock }))
    }

    /// The first free one from `port` on.
    pub(crate) fn from(port: u16) -> Result<Self> {
        for port in port..=port.saturating_add(99) {
            if let Some(claim) = Self::on(port)? {
                return Ok(claim);
            }
        }
        Err(Error::new(format!("ports {port} and the next hundred are all taken")))
    }
}

/// Whether a server could listen there now.
fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
