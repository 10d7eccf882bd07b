// part of rl-demo, bf-demo
//! The demonstrations of limits and locks, where they are deployed.

pub(crate) mod bf_demo;
pub(crate) mod rl_demo;

use crate::response::Response;
use crate::verdict::NotPassed;

/// The gateway or the API has no such path.
fn if_deployed(response: &Response) -> Result<(), NotPassed> {
    if response.status == 404 { Err(NotPassed::NotRun("not deployed".into())) } else { Ok(()) }
}
// end of part
