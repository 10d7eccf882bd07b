//! The stores and the password hash by themselves: orders for the program in `dev/bench/bare`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use stack::{Context as _, Error, Result};

/// The running program. Dropping it ends it.
pub(super) struct Bare {
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Bare {
    pub(super) fn start(program: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("start dev/bench/bare")?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| Error::new("dev/bench/bare has no pipes"))?;
        Ok(Self { child, pipes: Mutex::new((input, BufReader::new(output))) })
    }

    /// One PING through the crate that the functions use.
    pub(super) fn ping(&self, redis: &str) -> Result<Duration> {
        self.order(&json!({"do": "ping", "url": redis}))
    }

    /// One PING on a blocking socket.
    pub(super) fn socket_ping(&self, redis: &str) -> Result<Duration> {
        self.order(&json!({"do": "socket_ping", "url": redis}))
    }

    /// One hash.
    pub(super) fn bcrypt(&self, cost: u32) -> Result<Duration> {
        self.order(&json!({"do": "bcrypt", "cost": cost}))
    }

    /// Statements one after another, typed.
    pub(super) fn query(&self, postgres: &str, statements: &Value) -> Result<Duration> {
        self.order(&json!({"do": "query", "url": postgres, "statements": statements}))
    }

    /// Commands in one trip, through the crate that the functions use.
    pub(super) fn commands(&self, redis: &str, commands: &Value) -> Result<Duration> {
        self.order(&json!({"do": "commands", "url": redis, "commands": commands}))
    }

    fn order(&self, order: &Value) -> Result<Duration> {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let (input, output) = &mut *pipes;
        writeln!(input, "{order}").context("give dev/bench/bare an order")?;
        let mut line = String::new();
        output.read_line(&mut line).context("hear from dev/bench/bare")?;
        let nanoseconds = line.trim().parse().map(Duration::from_nanos);
        nanoseconds.map_err(|_| Error::new(format!("dev/bench/bare says: {}", line.trim())))
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The calls of scripts among what a client has sent to Redis, for [`Bare::commands`]: each as its parts, in base64.
pub(super) fn commands(mut sent: &[u8]) -> Value {
    let mut found = Vec::new();
    while let Some(count) = counted(&mut sent, b'*') {
        let parts: Vec<_> = (0..count).map_while(|_| part(&mut sent)).collect();
        if parts.first().is_some_and(|name| *name == b"EVALSHA") {
            found.push(parts.into_iter().map(|part| STANDARD.encode(part)).collect::<Vec<_>>());
        }
    }
    json!(found)
}

/// A part of a command (RESP's bulk string): its length on a line, its bytes, the end of a line.
fn part<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = counted(bytes, b'$')?;
    let (part, rest) = bytes.split_at_checked(length)?;
    *bytes = rest.get(2..)?;
    Some(part)
}

/// The number on a line that begins with `kind`.
fn counted(bytes: &mut &[u8], kind: u8) -> Option<usize> {
    let line = bytes.strip_prefix(&[kind])?;
    let end = line.iter().position(|byte| *byte == b'\r')?;
    *bytes = line.get(end + 2..)?;
    std::str::from_utf8(&line[..end]).ok()?.parse().ok()
}

/// The typed statements among what a client has sent to Postgres, for [`Bare::query`]: text, types, values.
///
/// Each is a `Parse` message and the `Bind` that follows it; what else there is, authentication too, is skipped.
pub(super) fn statements(sent: &[u8]) -> Value {
    let mut found = Vec::new();
    let mut parsed = None;
    for (kind, body) in messages(sent) {
        match kind {
            b'P' => parsed = parse(body),
            b'B' => found.extend(parsed.take().and_then(|(sql, types)| {
                let values = bind(body)?;
                let parameters: Vec<_> = types.iter().zip(values).map(|(oid, value)| {
                    json!({"oid": oid, "value": value.map(|value| STANDARD.encode(value))})
                }).collect();
                Some(json!({"sql": sql, "parameters": parameters}))
            })),
            _ => {}
        }
    }
    found.into()
}

/// Messages of the frontend protocol: a letter, a length that counts itself, a body.
fn messages(mut bytes: &[u8]) -> Vec<(u8, &[u8])> {
    let mut found = Vec::new();
    while let Some((&kind, rest)) = bytes.split_first() {
        let length = number::<4>(rest, 0).unwrap_or_default();
        let Some(body) = rest.get(4..length) else { break };
        found.push((kind, body));
        bytes = &rest[length..];
    }
    found
}

/// `Parse`: the statement's name, its text, the types of its parameters.
fn parse(body: &[u8]) -> Option<(String, Vec<usize>)> {
    let (_name, body) = text(body)?;
    let (sql, body) = text(body)?;
    let count = number::<2>(body, 0)?;
    let types = (0..count).map(|n| number::<4>(body, 2 + 4 * n)).collect::<Option<_>>()?;
    Some((sql, types))
}

/// `Bind`: names of portal and statement, formats, values.
fn bind(body: &[u8]) -> Option<Vec<Option<&[u8]>>> {
    let (_portal, body) = text(body)?;
    let (_statement, body) = text(body)?;
    let mut at = 2 + 2 * number::<2>(body, 0)?;
    let count = number::<2>(body, at)?;
    at += 2;
    (0..count)
        .map(|_| {
            let length = number::<4>(body, at)?;
            at += 4;
            if length == NULL {
                return Some(None);
            }
            let value = body.get(at..at + length)?;
            at += length;
            Some(Some(value))
        })
        .collect()
}

/// The length of a value that is null: -1.
const NULL: usize = u32::MAX as usize;

fn text(body: &[u8]) -> Option<(String, &[u8])> {
    let end = body.iter().position(|byte| *byte == 0)?;
    Some((String::from_utf8(body[..end].to_vec()).ok()?, &body[end + 1..]))
}

fn number<const N: usize>(body: &[u8], at: usize) -> Option<usize> {
    Some(body.get(at..at + N)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_of_a_script_is_found_with_its_parts() {
        let sent = b"*1\r\n$4\r\nPING\r\n*3\r\n$7\r\nEVALSHA\r\n$2\r\nab\r\n$2\r\n\r\n\r\n*2\r\n$3\r\nGE";
        assert_eq!(commands(sent), json!([["RVZBTFNIQQ==", "YWI=", "DQo="]]));
    }

    #[test]
    fn a_statement_is_found_with_its_types_and_values() {
        let parse = [&b"\0select $1, $2\0"[..], &[0, 2, 0, 0, 0, 25, 0, 0, 0, 20]].concat();
        let bind = [&b"\0\0"[..], &[0, 1, 0, 1, 0, 2, 0, 0, 0, 2], b"hi", &[255, 255, 255, 255, 0, 1, 0, 1]]
            .concat();
        let message = |kind: u8, body: &[u8]| {
            let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
            [&[kind], &length[..], body].concat()
        };
        let sent = [message(b'P', &parse), message(b'B', &bind), message(b'S', b"")].concat();
        assert_eq!(
            statements(&sent),
            json!([{"sql": "select $1, $2", "parameters": [{"oid": 25, "value": "aGk="}, {"oid": 20, "value": null}]}])
        );
        assert_eq!(statements(&sent[..9]), json!([]));
    }
}
