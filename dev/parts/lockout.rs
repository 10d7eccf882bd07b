//! The lockout: two wrong PINs within five minutes lock a card for one minute.

use shared::config::Env;
use shared::protection::lockout::{Admission, Lockout, Rule};
use shared::protection::quota::MINUTE;
use shared::stores::redis::Redis;

const CARD: Rule = Rule::new("card", 2, MINUTE.saturating_mul(5), MINUTE);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lockout = Lockout::new(&Redis::from_env(&Env::of_process())?);
    for pin in ["0000", "1234", "1111", "2222", "1234"] {
        // Before the PIN is checked; the counter's parts say whose guess it is.
        match lockout.begin(vec![lockout.counter(CARD, &["card 17"])]).await? {
            Admission::Locked(wait) => println!("{pin}: locked for {} s", wait.as_secs_f32().ceil()),
            Admission::Allowed(attempt) if pin == "1234" => {
                attempt.succeeded().await?;
                println!("{pin}: right");
            }
            Admission::Allowed(attempt) => println!("{pin}: wrong, {} failed", attempt.failed().await?),
        }
    }
    Ok(())
}
