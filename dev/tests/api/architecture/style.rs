//! Rules of taste. Whoever has another one deletes this file and its line in `architecture.rs`; nothing else needs it.

use std::fs;

use super::{crates, root, sources};

#[test]
fn no_file_is_too_long_to_read() {
    const LONGEST: usize = 300;
    for folder in crates().into_iter().filter(|folder| !folder.starts_with("dev/tests/")) {
        for (file, lines) in sources(&folder) {
            assert!(lines.len() <= LONGEST, "{file} has {} lines of code", lines.len());
        }
    }
}

#[test]
fn no_comment_is_wider_than_120_columns() {
    const WIDEST: usize = 120;
    let mut wide = Vec::new();
    for file in ["shared", "functions", "dev"].into_iter().flat_map(sources).map(|(file, _)| file) {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        let comments = text.lines().filter(|line| line.trim_start().starts_with("//"));
        let comments = comments.filter(|line| line.chars().count() > WIDEST);
        wide.extend(comments.map(|line| format!("{file}: {}", line.trim())));
    }
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}
