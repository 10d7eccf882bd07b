//! The programs in `dev/parts`, which docs/PARTS.md quotes: each uses one part as another project would.

use std::fs;
use std::process::Command;

use stack::stack::{Persistence, Stack};
use stack::workspace;

/// What each program prints.
const PRINTED: [(&str, &str); 6] = [
    (
        "part-limiter",
        "admitted: true, 2 left\nadmitted: true, 1 left\nadmitted: true, 0 left\nadmitted: false, 0 left\n",
    ),
    (
        "part-lockout",
        "0000: wrong, 1 failed\n1234: right\n1111: wrong, 1 failed\n2222: wrong, 2 failed\n1234: locked for 60 s\n",
    ),
    ("part-cache", "queried\nb\"{\\\"items\\\":[]}\"\nqueried\n"),
    (
        "part-idempotency",
        "ada, milk: 201, replayed: false\nada, milk: 201, replayed: true\nada, eggs: 422, replayed: false\n\
         bob, eggs: 201, replayed: false\n",
    ),
    ("part-tokens", "user 7, user\nas a refresh token: Err(Invalid)\n"),
    ("part-connections", "the write failed: true\nthe next read: 42\na script: hello\n"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_part_serves_a_project_outside_the_workspace() {
    let root = workspace::root().unwrap();
    let folder = root.join("dev/parts");
    // The versions of the workspace, of which cargo keeps those that are needed.
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let build = workspace::cargo(["build"]).unwrap().dir(&folder);
    let programs = workspace::executables(build).await.unwrap();

    let mut stack = Stack::start("e2e-parts-stack", Persistence::Temporary).await.unwrap();
    stack.seed().await.unwrap();
    let mut printed = Vec::new();
    for (name, _) in PRINTED {
        let program = programs.iter().find(|program| program.target.name == name).unwrap();
        let mut run = Command::new(&program.file);
        // The functions' user may use none of these keys.
        run.env_clear()
            .envs(stack.env())
            .env("REDIS_URL", stack.redis_admin_url())
            .env("REDIS_PATIENCE_MS", "1000");
        let output = run.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        printed.push((name, String::from_utf8_lossy(&output.stdout).into_owned() + &errors));
    }
    stack.stop().await;
    assert_eq!(printed, PRINTED.map(|(name, text)| (name, text.to_owned())));
}
