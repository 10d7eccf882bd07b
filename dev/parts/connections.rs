//! Connections that outlive freezes: opened at the start, checked before use, replaced when they are lost.

use shared::config::Env;
use shared::stores::{self, postgres::Postgres, redis::Redis, redis::Script};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let env = Env::of_process();
    let (postgres, redis) = (Postgres::from_env(&env)?, Redis::from_env(&env)?);
    // Once, in the init phase; later uses find both open.
    stores::connect(&postgres, &redis).await;

    // The server ends the connection, as it may while a process is frozen.
    let ended = postgres.write("select pg_terminate_backend(pg_backend_pid())", &[]).await;
    println!("the write failed: {}", ended.is_err());
    let rows = postgres.read("select 6 * 7", &[]).await?;
    println!("the next read: {}", rows[0].get::<_, i32>(0));

    let script = Script::new("return ARGV[1]");
    let echoed: String = redis.run(&script.call::<&str>(&[]).arg("hello")).await?;
    println!("a script: {echoed}");
    Ok(())
}
