//! No file uses another that uses it in turn, directly or through others: whoever reads one of them could not stop.

use std::path::Path;

use super::imports::{Crate, circle};
use super::{crates, root};

#[test]
fn no_files_use_each_other_in_a_circle() {
    let circles: Vec<_> = crates()
        .iter()
        .filter_map(|sources| {
            let files = circle(&Crate::read(&root().join(sources)).uses())?;
            Some(format!("{sources}: {}", files.join("\n  uses ")))
        })
        .collect();
    assert!(circles.is_empty(), "{}", circles.join("\n\n"));
}

#[test]
fn a_circle_is_found_through_re_exports_parents_and_paths_in_the_code() {
    let folder = std::env::temp_dir().join(format!("imports-{}", std::process::id()));
    let write = |files: &[(&str, &str)]| {
        let _ = std::fs::remove_dir_all(&folder);
        for (file, text) in files {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        circle(&Crate::read(Path::new(&folder)).uses()).map(|files| files.len())
    };
    let through_the_root = [
        ("lib.rs", "mod a;\nmod b;\npub use b::B;\n"),
        ("a.rs", "use crate::{B};\npub struct A;\n"),
        ("b.rs", "pub struct B(crate::a::A);\n"),
    ];
    assert_eq!(write(&through_the_root), Some(2));
    let with_the_parent = [
        ("lib.rs", "mod a;\n"),
        ("a.rs", "mod child;\nuse child::C;\npub struct A;\n"),
        ("a/child.rs", "use super::A;\npub struct C;\n"),
    ];
    assert_eq!(write(&with_the_parent), Some(2));
    let none = [
        ("lib.rs", "mod a;\nmod b;\npub use b::B;\n// use a::A;\n"),
        ("a.rs", "use crate::B;\n#[cfg(test)]\nmod tests { use super::*; }\n"),
        ("b.rs", "pub struct B;\n"),
    ];
    assert_eq!(write(&none), None);
    std::fs::remove_dir_all(&folder).unwrap();
}
