//! `template.yaml` as AWS's own tools see it: linted, translated, and created as far as an emulator can.
//!
//! No account is needed, and none is reached. What stands in the template is held against the code in `api`.

use std::path::Path;
use std::process::{Command, Output};

use tokio::task::spawn_blocking;

#[tokio::test]
async fn the_linters_of_aws_find_nothing() {
    run("sam.txt", "lint.py").await;
}

#[tokio::test]
async fn checkov_finds_what_the_template_waives_and_nothing_else() {
    run("checkov.txt", "waivers.py").await;
}

#[tokio::test]
async fn every_reference_leads_somewhere_whatever_is_chosen() {
    run("sam.txt", "resolve.py").await;
}

#[tokio::test]
async fn an_emulator_creates_all_it_knows() {
    run("sam.txt", "create.py").await;
}

/// Runs a script beside this file with the packages of `requirements`; shows what it printed if it fails.
async fn run(requirements: &str, script: &str) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/template"));
    let python = stack::tools::python(&folder.join(requirements)).await.unwrap();
    let mut command = Command::new(python);
    // Without a cache of bytecode among the sources, and without a word to anybody.
    command.arg("-B").arg(folder.join(script)).env("SAM_CLI_TELEMETRY", "0");
    // No real account, whatever this machine is signed in to.
    command.env("AWS_DEFAULT_REGION", "eu-west-1").env_remove("AWS_PROFILE");
    command.env("AWS_ACCESS_KEY_ID", "testing").env("AWS_SECRET_ACCESS_KEY", "testing");
    let Output { status, stdout, stderr } = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(status.success(), "{script}: {status}\n{stdout}\n{stderr}");
    println!("{script}: {}", stdout.trim());
}
