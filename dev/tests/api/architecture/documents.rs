//! Documents name tests as proof of what they say: each of those tests must exist. They also quote files: what they
//! quote must stand there.

use std::collections::BTreeSet;
use std::fs;

use super::{crates, package_name, root, sources, words_after};

/// The documents that name tests.
const DOCUMENTS: &[&str] = &[
    "SECURITY.md",
    // part of auth
    "docs/ASVS.md",
    // end of part
];

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

/// The documents at the root and in `docs/`, with their text.
fn documents() -> Vec<(String, String)> {
    let files = ["", "docs"].into_iter().flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let paths = files.map(|entry| entry.unwrap().path());
    let documents = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    documents.map(|path| (path.display().to_string(), fs::read_to_string(&path).unwrap())).collect()
}

/// A block of code whose fence names, after the language, the file that it is taken from.
struct Excerpt<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
}

fn excerpts(document: &str) -> Vec<Excerpt<'_>> {
    let mut found: Vec<Excerpt<'_>> = Vec::new();
    let mut block: Option<Excerpt<'_>> = None;
    for line in document.lines() {
        match (line.strip_prefix("```"), &mut block) {
            (Some(_), Some(_)) => found.extend(block.take()),
            (Some(info), None) => {
                let file = info.split_once(' ').map_or("", |(_, file)| file);
                block = Some(Excerpt { file, lines: Vec::new() });
            }
            (None, Some(excerpt)) => excerpt.lines.push(line),
            (None, None) => {}
        }
    }
    found.retain(|excerpt| !excerpt.file.is_empty());
    found
}

/// The first line of an excerpt that does not follow in `text`. A comment of `…` alone stands for lines that were left
/// out; between two of those the lines must stand together.
fn first_untrue_line<'a>(excerpt: &Excerpt<'a>, text: &str) -> Option<&'a str> {
    let mut rest: Vec<&str> = text.lines().collect();
    let parts = excerpt.lines.split(|line| ["// …", "# …", "-- …"].contains(line));
    for part in parts.filter(|part| !part.is_empty()) {
        let agreeing = |window: &[&str]| part.iter().zip(window).take_while(|(a, b)| a == b).count();
        let at = rest.windows(part.len()).position(|window| window == part);
        let Some(at) = at else {
            let longest = rest.windows(part.len()).map(agreeing).max().unwrap_or_default();
            return part.get(longest).copied();
        };
        rest.drain(..at + part.len());
    }
    None
}

#[test]
fn every_excerpt_in_a_document_stands_in_the_file_that_it_names() {
    let (mut count, mut untrue) = (0, Vec::new());
    for (document, text) in documents() {
        for excerpt in excerpts(&text) {
            let file = fs::read_to_string(root().join(excerpt.file));
            let file = file.unwrap_or_else(|error| panic!("{document}: {}: {error}", excerpt.file));
            let line = first_untrue_line(&excerpt, &file);
            untrue.extend(line.map(|line| format!("{document}: {} has no {line:?} there", excerpt.file)));
            count += 1;
        }
    }
    assert!(untrue.is_empty(), "{}", untrue.join("\n"));
    assert!(count > 0, "the documents have excerpts");
    // part of auth and books
    assert!(count > 20, "the documents have {count} excerpts");
    // end of part
}

#[test]
fn an_excerpt_is_untrue_from_the_first_line_that_differs() {
    let check = |lines: &[&'static str]| {
        first_untrue_line(&Excerpt { file: "", lines: lines.to_vec() }, "a\nb\nc\nd\na\n")
    };
    assert_eq!(check(&["a", "b", "// …", "d"]), None);
    assert_eq!(check(&["a", "// …", "a"]), None);
    assert_eq!(check(&["a", "c"]), Some("c"));
    assert_eq!(check(&["c", "// …", "b"]), Some("b"));
    assert_eq!(check(&["e"]), Some("e"));
}
