//! Documents name tests as proof of what they say: each of those tests must exist.

use std::collections::BTreeSet;
use std::fs;

use super::{crates, package_name, root, sources, words_after};

/// The documents that name tests.
const DOCUMENTS: [&str; 2] = ["SECURITY.md", "docs/ASVS.md"];

/// The tests of the workspace by module and function. Those in `dev/tests/api` have no prefix, those in
/// `dev/tests/e2e` begin with `e2e`, and unit tests with the name of their crate.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in crates() {
        let prefix = match folder.as_str() {
            "dev/tests/api" => String::new(),
            "dev/tests/e2e" => "e2e".to_owned(),
            _ => package_name(folder.trim_end_matches("/src")).replace('-', "_"),
        };
        for (file, lines) in sources(&folder) {
            let path = file.trim_start_matches(folder.as_str()).trim_end_matches(".rs");
            let modules = [prefix.as_str()].into_iter().chain(path.split('/'));
            let modules: Vec<_> = modules.filter(|name| !["", "lib", "main"].contains(name)).collect();
            found.extend(tests_in(modules, &lines));
        }
    }
    found
}

/// The tests in one file, which is the module `modules`, and in the modules that stand in it.
fn tests_in<'a>(mut modules: Vec<&'a str>, lines: &'a [String]) -> Vec<String> {
    let (depth, mut is_test, mut found) = (modules.len(), false, Vec::new());
    for line in lines {
        if let Some(name) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(" {")) {
            modules.truncate(depth);
            modules.push(name);
        }
        let line = line.trim_start();
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        if is_test && let Some(function) = words_after(line, "fn ").first() {
            found.push(format!("{}::{function}", modules.join("::")));
            is_test = false;
        }
    }
    found
}

/// The tests that a text names in backquotes: `module::function`, all in lower case.
fn named_in(text: &str) -> Vec<&str> {
    let is_name = |span: &&str| {
        span.contains("::") && span.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_' | ':'))
    };
    text.split('`').skip(1).step_by(2).filter(is_name).collect()
}

#[test]
fn every_test_that_a_document_names_exists() {
    let tests = tests();
    for document in DOCUMENTS {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let named = named_in(&text);
        assert!(!named.is_empty(), "{document} names tests");
        let missing: Vec<_> = named.into_iter().filter(|name| !tests.contains(*name)).collect();
        assert!(missing.is_empty(), "{document} names tests that do not exist:\n{}", missing.join("\n"));
    }
}
