//! Lists the files of `migrations/` for the crate to embed.
//!
//! refinery has a macro for that, which would compile refinery and all that it needs a second time, for the compiler.

#![expect(clippy::disallowed_methods, reason = "a build script learns from cargo where to write")]

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations").canonicalize()?;
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    let line = |file: &std::path::PathBuf| {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        format!("({name:?}, include_str!({:?})),\n", file.display().to_string())
    };
    let list: String = files.iter().map(line).collect();
    let out = env::var_os("OUT_DIR").map(std::path::PathBuf::from).unwrap_or_default();
    fs::write(out.join("migrations.rs"), format!("&[\n{list}]\n"))
}
