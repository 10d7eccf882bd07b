//! The known answers of the module `iam` are those of botocore. Its unit test compares the code with these answers.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tokio::task::spawn_blocking;

#[tokio::test]
async fn botocore_makes_the_same_tokens_from_the_same_inputs() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/api"));
    let file = folder.join("../../../shared/src/stores/iam/tokens.json");
    let responses: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let expected: Vec<_> =
        responses.as_array().unwrap().iter().map(|response| response["token"].as_str().unwrap()).collect();
    assert!(expected.iter().any(|token| token.contains("%2Frds-db%2F")), "{expected:?}");
    assert!(expected.iter().any(|token| token.contains("%2Felasticache%2F")), "{expected:?}");

    let python = stack::tools::python(&folder.join("support/moto/requirements.txt")).await.unwrap();
    let mut command = Command::new(python);
    // Without a cache of bytecode among the sources.
    command.arg("-B").arg(folder.join("tls/tokens.py")).arg(file).env_remove("AWS_PROFILE");
    let Output { status, stdout, stderr } = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(status.success(), "{status}\n{}", String::from_utf8_lossy(&stderr));
    assert_eq!(String::from_utf8(stdout).unwrap().lines().collect::<Vec<_>>(), expected);
}
