//! Reads the commands and statements of a function from the bytes that it sent to Redis and Postgres.
//!
//! The benchmark sends them again by themselves, with the same parameters, so what it compares with is always what the
//! code does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The commands in what a client sent to Redis. Each is an array of its parts, in base64.
pub(super) fn commands(mut sent: &[u8]) -> Value {
    let mut found = Vec::new();
    while let Some(count) = number_line(&mut sent, b'*') {
        let parts: Vec<_> = (0..count).map_while(|_| part(&mut sent)).collect();
        if parts.len() == count {
            found.push(parts.into_iter().map(|part| STANDARD.encode(part)).collect::<Vec<_>>());
        }
    }
    json!(found)
}

/// Reads one part of a command, a bulk string of the protocol RESP: a line with its length, its bytes, a line end.
fn part<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = number_line(bytes, b'$')?;
    let (part, rest) = bytes.split_at_checked(length)?;
    *bytes = rest.get(2..)?;
    Some(part)
}

/// Reads a line that consists of `kind` and a number.
fn number_line(bytes: &mut &[u8], kind: u8) -> Option<usize> {
    let line = bytes.strip_prefix(&[kind])?;
    let end = line.iter().position(|byte| *byte == b'\r')?;
    *bytes = line.get(end + 2..)?;
    std::str::from_utf8(&line[..end]).ok()?.parse().ok()
}

/// The statements in what a client sent to Postgres, with the types and values of their parameters.
///
/// Each statement is a `Parse` message and the `Bind` message that follows it. All other messages are skipped.
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

/// Splits bytes into messages of the frontend protocol: a letter, a length that includes itself, and a body.
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

/// Reads the text and the types of the parameters from a `Parse` message.
fn parse(body: &[u8]) -> Option<(String, Vec<usize>)> {
    let (_name, body) = text(body)?;
    let (sql, body) = text(body)?;
    let count = number::<2>(body, 0)?;
    let types = (0..count).map(|n| number::<4>(body, 2 + 4 * n)).collect::<Option<_>>()?;
    Some((sql, types))
}

/// Reads the values of the parameters from a `Bind` message.
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

/// The length that stands for a null value: -1.
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
    fn a_command_is_found_with_its_parts() {
        let sent = b"*1\r\n$4\r\nPING\r\n*3\r\n$7\r\nEVALSHA\r\n$2\r\nab\r\n$2\r\n\r\n\r\n*2\r\n$3\r\nGE";
        assert_eq!(commands(sent), json!([["UElORw=="], ["RVZBTFNIQQ==", "YWI=", "DQo="]]));
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
