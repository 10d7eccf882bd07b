//! The part of HTTP/1.1 that a runtime API and a keep-alive client need. It reads and writes on the calling thread, so
//! that only the kernel is between the clock and the socket.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// A request or a response.
#[derive(Debug)]
pub(super) struct Message {
    /// The first line.
    pub(super) start: String,
    pub(super) body: Vec<u8>,
}

/// Reads one message; `None` if the other side has closed the connection.
pub(super) fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Message>> {
    let mut start = String::new();
    if stream.read_line(&mut start)? == 0 {
        return Ok(None);
    }
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        chunked |= name.eq_ignore_ascii_case("transfer-encoding");
    }
    let mut body = Vec::new();
    if chunked {
        while read_chunk(stream, &mut body)? {}
    } else {
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
    }
    Ok(Some(Message { start: start.trim_end().to_owned(), body }))
}

fn read_chunk(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> io::Result<bool> {
    let mut size = String::new();
    stream.read_line(&mut size)?;
    let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
    let from = body.len();
    body.resize(from + size, 0);
    stream.read_exact(&mut body[from..])?;
    stream.read_line(&mut String::new())?;
    Ok(size > 0)
}

/// Writes one message by one system call.
pub(super) fn write(
    mut stream: &TcpStream,
    start: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<()> {
    let mut message = format!("{start}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        message.extend([name, ": ", value, "\r\n"]);
    }
    message.push_str("\r\n");
    let mut message = message.into_bytes();
    message.extend_from_slice(body);
    stream.write_all(&message)
}
