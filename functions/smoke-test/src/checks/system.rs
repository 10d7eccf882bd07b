//! Readiness: asks of each store what requests ask of it.

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[Check {
    method: "GET",
    path: "/health/ready",
    query: "",
    form: None,
    status: 200,
    is_right: |body| body["postgres"] == "ok" && body["redis"] == "ok",
}];
