//! Builds of the commands, of the functions and of the tests enable the same features of their common dependencies.
//!
//! Cargo compiles a dependency once for each set of features. With one set, a build of the tests reuses what a build of
//! the functions has compiled, and that one what a build of the commands has compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use testkit::functions::FUNCTIONS;

use super::root;

/// The sets of features that each dependency has in a build of the packages in `selection`.
fn features(selection: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let tree = ["tree", "--offline", "--prefix", "none", "--format", "{p}|{f}", "--edges"];
    let output = Command::new("cargo").args(tree).args(selection).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        if let Some((package, features)) = line.trim_end_matches(" (*)").rsplit_once('|') {
            // Packages of the workspace are followed by their folder.
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
    let mut wrong = Vec::new();
    for (smaller, larger) in [(&commands, &functions), (&functions, &tests)] {
        for (package, features) in smaller.iter().filter(|(package, set)| !set.is_subset(&larger[*package])) {
            wrong.push(format!("{package}: {features:?} or {:?}", larger[package]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
