//! The rate limiter: a quota of one's own, counted in Redis.

use shared::config::Env;
use shared::protection::limiter::{Limiter, RateLimitKey};
use shared::protection::quota::{MINUTE, Quota};
use shared::stores::redis::Redis;

const UPLOADS: Quota = Quota::new("uploads", 3).per(MINUTE);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let env = Env::of_process();
    let limiter = Limiter::with_quotas(&env, Redis::from_env(&env)?, &[UPLOADS])?;
    for _ in 0..4 {
        let decision = limiter.admit(UPLOADS, RateLimitKey::Client("ada")).await?;
        println!("admitted: {}, {} left", decision.admitted, decision.remaining);
    }
    Ok(())
}
