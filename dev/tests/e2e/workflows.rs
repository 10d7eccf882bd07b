//! What a copy of this repository has on GitHub: its workflows, forms and Dependabot's configuration, and the roles
//! with which it deploys. Nothing here reaches GitHub or AWS.

use crate::scripts;

#[tokio::test]
async fn what_github_reads_is_well_formed_and_has_no_known_weakness() {
    run("requirements.txt", "lint.py").await;
}

#[tokio::test]
async fn ci_runs_what_a_contributor_runs_and_every_action_is_pinned() {
    run("requirements.txt", "rules.py").await;
}

#[tokio::test]
async fn the_roles_for_github_are_confined_and_suffice_for_the_template() {
    run("../template/sam.txt", "oidc.py").await;
}

/// Runs a script in `workflows/`. Fails with its output if the script fails.
async fn run(requirements: &str, script: &str) {
    let printed = scripts::run_with(requirements, "workflows", script, &[]).await;
    println!("{script}: {}", printed.unwrap_or_else(|error| panic!("{error}")));
}
