//! `cargo xtask acceptance` passes at the local API, and names what is wrong at one that behaves otherwise.

mod faulty_proxy;
mod stand_in_gateway;

use std::env::temp_dir;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output};

use stack::local_api::LocalApi;
use stack::stack::Persistence;
use stack::{settings, workspace};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use self::faulty_proxy::FaultyProxy;
use self::stand_in_gateway::{REQUEST_ID, StandInGateway};
use crate::options;

/// What the program ended with, what it printed, and its report.
struct Outcome {
    code: Option<i32>,
    printed: String,
    report: String,
}

impl Outcome {
    /// The names of the checks with this result.
    fn checks(&self, result: &str) -> Vec<&str> {
        let cells = self.report.lines().map(|line| line.split(" | ").collect::<Vec<_>>());
        let found = cells.filter(|cells| cells.get(1) == Some(&result));
        found.map(|cells| cells[0].trim_start_matches("| ")).collect()
    }
}

/// The program, built from the sources as they are now.
async fn program() -> PathBuf {
    let build = workspace::cargo(["build", "--quiet", "--package", "acceptance"]).unwrap();
    let programs = workspace::executables(build).await.unwrap();
    programs.into_iter().find(|program| program.target.name == "acceptance").unwrap().file
}

/// Runs the program with these arguments and variables. Its report is called `name`.
async fn accept(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Outcome {
    let file = workspace::target().unwrap().join("e2e").join(format!("acceptance-{name}.md"));
    let mut command = Command::new(program().await);
    command.args(arguments).arg("--report").arg(&file).envs(variables.iter().copied());
    let Output { status, stdout, stderr } = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let printed = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    Outcome { code: status.code(), printed, report: fs::read_to_string(file).unwrap() }
}

#[tokio::test(flavor = "multi_thread")]
async fn acceptance_passes_at_the_local_api_and_names_each_fault_of_another() {
    let mut options = options("e2e-stack", Persistence::Temporary);
    // With the quotas of a person two runs wait some minutes.
    let generous = |quota: &str| (format!("RATE_LIMIT_{quota}"), "1000/60".to_owned());
    options.variables.push(generous("DEFAULT"));
    // part of auth
    options.variables.extend(["LOGIN", "REGISTER"].map(generous));
    // end of part
    let api = LocalApi::start(options).await.unwrap();
    // The administrator, if the stack has one.
    let variables = api.stack().env().clone();
    let names = ["ADMIN_USERNAME", "ADMIN_PASSWORD"].map(|name| (format!("ACCEPTANCE_{name}"), name));
    let admin = names.iter().filter_map(|(ours, name)| Some((&**ours, &**variables.get(*name)?)));
    let admin: Vec<_> = admin.collect();

    let sound = accept("sound", &[&api.url()], &admin).await;
    let proxy = FaultyProxy::start(&api.url()).await;
    let arguments = ["--aws", "--cold-start", "--origin", "https://app.example", &proxy.url()];
    let faulty = accept("faulty", &arguments, &admin).await;
    api.stop().await;

    assert_eq!((sound.code, sound.checks("FAILED")), (Some(0), vec![]), "{}", sound.printed);
    let not_run = sound.checks("not run");
    assert!(not_run.iter().all(|name| name.starts_with("aws:") || name.starts_with("cors:")), "{not_run:?}");
    assert!(sound.checks("passed").len() > 5, "{}", sound.report);
    // part of auth and books
    assert!(sound.checks("passed").len() > 40, "{}", sound.report);
    // end of part

    let expected = [
        "aws: the first request after a deployment",
        "security headers",
        // part of auth and books
        "cache: a list shows every write before it",
        // end of part
        "cors: the preflight permits the origin",
        "cors: the origin may read the response",
        "aws: TLS with a certificate of a public authority",
        "aws: HTTP/2",
        "aws: the gateway answers for unknown paths",
        "aws: the gateway's throttle",
        "aws: a line in the access log",
        // part of auth and books
        "cleanup: an administrator deletes the run's books",
        // end of part
    ];
    assert_eq!((faulty.code, faulty.checks("FAILED")), (Some(1), expected.to_vec()), "{}", faulty.printed);
    for outcome in [sound, faulty] {
        let told = [outcome.printed, outcome.report].concat();
        let tells = |name: &str| variables.get(name).is_some_and(|value| told.contains(value));
        assert!(!tells("ADMIN_PASSWORD") && !told.contains("eyJ"), "{told}");
    }
}

/// Of the API itself nothing is there, so all other checks fail.
#[tokio::test(flavor = "multi_thread")]
async fn acceptance_knows_a_gateway_and_trusts_only_authorities_of_the_machine() {
    let folder = temp_dir().join(format!("gateway-{}", Uuid::new_v4()));
    fs::create_dir_all(&folder).unwrap();
    let aws = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/acceptance/aws.sh");
    symlink(aws, folder.join("aws")).unwrap();
    let authority = folder.join("authority.pem");
    let gateway = StandInGateway::start(&authority).await.unwrap();
    let url = gateway.url();
    let arguments = ["--aws", "--cold-start", "--access-log", "the-log", &*url];
    let path = format!("{}:{}", folder.display(), settings::var("PATH").unwrap());
    let trusting = [("PATH", &*path), ("SSL_CERT_FILE", authority.to_str().unwrap())];
    let trusted = accept("gateway", &arguments, &trusting).await;
    let untrusted = accept("untrusted", &arguments, &trusting[..1]).await;
    fs::remove_dir_all(folder).unwrap();

    let of_aws = |checks: Vec<&str>| checks.into_iter().filter(|name| name.starts_with("aws:")).count();
    assert_eq!((of_aws(trusted.checks("passed")), trusted.code), (6, Some(1)), "{}", trusted.report);
    assert!(trusted.report.contains(" of 60 at once were refused"), "{}", trusted.report);
    assert_eq!(of_aws(untrusted.checks("FAILED")), 6, "{}", untrusted.report);
    assert!(!untrusted.report.contains(REQUEST_ID), "nothing was sent: {}", untrusted.report);
}

#[tokio::test]
async fn acceptance_sends_no_password_in_the_clear_to_another_machine() {
    let mut command = Command::new(program().await);
    let output = spawn_blocking(move || command.arg("http://192.0.2.1").output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("in the clear"), "{told}");
}
