//! TCP to the stores: how long a path that drops packets may keep a connection.
//!
//! Such a path gives no sign of itself; the kernel sends the same bytes again, for a quarter of an hour by default.
//! Both limits are far longer than any path within a region needs, and short enough for a request to go on over a new
//! connection.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long sent bytes may stay unacknowledged before the kernel gives the connection up (`TCP_USER_TIMEOUT`, RFC
/// 5482). A server that is frozen or busy still acknowledges: its kernel does.
pub(super) const USER_TIMEOUT: Duration = Duration::from_millis(500);

/// How long the handshake of TCP may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Opens a connection with these limits.
pub(super) async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect((host, port)));
    let stream = connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(stream)
}
