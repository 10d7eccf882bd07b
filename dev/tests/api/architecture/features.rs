//! Cargo compiles a dependency once for each set of features that it is asked for. What the commands, the functions and
//! the tests have in common is asked for with one set, so that nobody waits for it twice.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use testkit::functions::FUNCTIONS;

use super::root;

/// The sets of features that each dependency has in a build of these packages.
fn features(selection: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let tree = ["tree", "--offline", "--prefix", "none", "--format", "{p}|{f}", "--edges"];
    let output = Command::new("cargo").args(tree).args(selection).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        if let Some((package, features)) = line.trim_end_matches(" (*)").rsplit_once('|') {
            // Without the folder of a package of ours.
            let package = package.split(" (").next().unwrap_or_default();
            found.entry(package.to_owned()).or_default().insert(features.to_owned());
        }
    }
    found
}

#[test]
fn common_dependencies_have_one_set_of_features_in_every_build() {
    let commands = ["--package", "xtask"];
    let functions: Vec<_> =
        FUNCTIONS.iter().flat_map(|function| ["--package", function.name]).chain(commands).collect();
    let commands = features(&[&["normal,build"], &commands[..]].concat());
    let functions = features(&[&["normal,build"], &functions[..]].concat());
    let tests = features(&["normal,build,dev", "--workspace"]);
    for (fewer, more) in [(&commands, &functions), (&functions, &tests)] {
        for (package, features) in fewer {
            assert!(features.is_subset(&more[package]), "{package}: {features:?} or {:?}", more[package]);
        }
    }
}
