//! Lua scripts, as a managed service accepts them.
//!
//! A script is called by its hash (`EVALSHA`). A server that does not know it gets its source with the same arguments
//! (`EVAL`): where another node may answer each time, loading the script first would guarantee nothing. Every key that
//! a script touches is among the keys of its call, and no script calls `TIME`, since some services refuse it in
//! scripts. A script reads the server's clock from the expiry of a key of its own instead (`PEXPIRE`, then
//! `PEXPIRETIME`).

use ::redis::aio::MultiplexedConnection;
use ::redis::{Arg, Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, ToRedisArgs, cmd};

/// A script and its hash.
pub struct Script {
    source: &'static str,
    hash: String,
}

/// A call of a script with its keys and arguments. It may be sent several times.
pub struct ScriptCall<'a> {
    script: &'a Script,
    /// The call by hash.
    command: Cmd,
}

impl Script {
    /// The script with this source.
    #[must_use]
    pub fn new(source: &'static str) -> Self {
        Self { source, hash: ::redis::Script::new(source).get_hash().to_owned() }
    }

    /// Begins a call on `keys`: all keys that the script touches, in the order in which it expects them.
    #[must_use]
    pub fn call<K: ToRedisArgs>(&self, keys: &[K]) -> ScriptCall<'_> {
        let mut command = cmd("EVALSHA");
        command.arg(&self.hash).arg(keys.len());
        for key in keys {
            command.arg(key);
        }
        ScriptCall { script: self, command }
    }
}

impl ScriptCall<'_> {
    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, value: impl ToRedisArgs) -> Self {
        self.command.arg(value);
        self
    }

    pub(super) async fn send<T: FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<T> {
        match self.command.query_async(connection).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.with_source().query_async(connection).await
            }
            result => result,
        }
    }

    /// The same call with the source in the place of the hash.
    fn with_source(&self) -> Cmd {
        let mut command = cmd("EVAL");
        command.arg(self.script.source);
        for argument in self.command.args_iter().skip(2) {
            if let Arg::Simple(bytes) = argument {
                command.arg(bytes);
            }
        }
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_call_by_source_has_the_keys_and_arguments_of_the_call_by_hash() {
        let script = Script::new("return 1");
        let call = script.call(&["a", "b"]).arg(7).arg(b"\x00\xff");
        let packed = |command: &Cmd| command.get_packed_command();
        let mut by_hash = cmd("EVALSHA");
        by_hash
            .arg("e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
            .arg(2)
            .arg("a")
            .arg("b")
            .arg(7)
            .arg(b"\x00\xff");
        assert_eq!(packed(&call.command), packed(&by_hash));
        let mut by_source = cmd("EVAL");
        by_source.arg("return 1").arg(2).arg("a").arg("b").arg(7).arg(b"\x00\xff");
        assert_eq!(packed(&call.with_source()), packed(&by_source));
    }
}
