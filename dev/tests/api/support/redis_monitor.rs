//! What Redis executes for a test, as its `MONITOR` reports it: each command, and each one that a script sends.

use redis::aio::MultiplexedConnection;
use testkit::TestContext;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;

use super::redis_keys::connection;

/// A script that was run: how it was called, and what it did.
#[derive(Debug)]
pub(crate) struct ScriptRun {
    /// The digest of `EVALSHA` or the text of `EVAL`.
    pub(crate) script: String,
    /// The keys that the caller has declared.
    pub(crate) declared: Vec<String>,
    /// The commands that the script sent, each a name with its arguments.
    pub(crate) commands: Vec<Vec<String>>,
}

/// A connection that Redis reports every command to.
pub(crate) struct RedisMonitor {
    lines: Lines<BufReader<TcpStream>>,
    client: MultiplexedConnection,
    prefix: String,
}

impl RedisMonitor {
    /// Begins to watch what the functions of `context` send.
    pub(crate) async fn start(context: &TestContext) -> Self {
        let url = context.redis_admin_url().split_once("://").unwrap().1;
        let (login, address) = url.rsplit_once('@').unwrap_or(("", url));
        let mut stream = TcpStream::connect(address.split('/').next().unwrap()).await.unwrap();
        let sign_in = login.split_once(':').map(|(user, password)| format!("AUTH {user} {password}"));
        let commands: Vec<_> = sign_in.into_iter().chain(["MONITOR".to_owned()]).collect();
        stream.write_all((commands.join("\r\n") + "\r\n").as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        for command in commands {
            assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("+OK"), "{command}");
        }
        let prefix = context.variable("REDIS_KEY_PREFIX").to_owned();
        Self { lines, client: connection(context).await, prefix }
    }

    /// The scripts that ran with keys of the context since the start.
    pub(crate) async fn script_runs(mut self) -> Vec<ScriptRun> {
        let end = format!("{}end", self.prefix);
        redis::cmd("ECHO").arg(&end).exec_async(&mut self.client).await.unwrap();
        let mut runs: Vec<ScriptRun> = Vec::new();
        let mut is_own = false;
        while let Some(line) = self.lines.next_line().await.unwrap() {
            let command = arguments(&line);
            if command.last() == Some(&end) {
                break;
            }
            // `+1700000000.000001 [0 127.0.0.1:5] "GET" "key"`, and for a script `[0 lua]`. Scripts are atomic, so
            // their commands follow their own call.
            if !line.contains(" lua] ") {
                let run = script_run(&command).filter(|run| run.declared.iter().any(|key| self.is_own(key)));
                is_own = run.is_some();
                runs.extend(run);
            } else if is_own {
                runs.last_mut().unwrap().commands.push(command);
            }
        }
        runs
    }

    fn is_own(&self, key: &str) -> bool {
        key.starts_with(&self.prefix)
    }
}

/// The call of a script; `None` if `command` is another one.
fn script_run(command: &[String]) -> Option<ScriptRun> {
    let (name, arguments) = command.split_first()?;
    if !["EVALSHA", "EVAL"].contains(&name.to_uppercase().as_str()) {
        return None;
    }
    let count = arguments[1].parse().unwrap();
    let declared = arguments[2..].iter().take(count).cloned().collect();
    Some(ScriptRun { script: arguments[0].clone(), declared, commands: Vec::new() })
}

/// The name and the arguments of the command in a line, which are quoted there.
fn arguments(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line.chars();
    while rest.by_ref().any(|c| c == '"') {
        let mut argument = String::new();
        while let Some(c) = rest.next().filter(|c| *c != '"') {
            argument.push(if c == '\\' { unescaped(&mut rest) } else { c });
        }
        found.push(argument);
    }
    found
}

/// The character that the rest of an escape sequence stands for. Bytes beyond ASCII are no keys.
fn unescaped(rest: &mut std::str::Chars<'_>) -> char {
    match rest.next() {
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        Some('x') => {
            let digits: String = rest.by_ref().take(2).collect();
            char::from(u8::from_str_radix(&digits, 16).unwrap())
        }
        other => other.unwrap_or_default(),
    }
}
