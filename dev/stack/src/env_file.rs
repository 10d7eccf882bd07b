//! The `env` file: `KEY=value` lines for `set -a; . target/stack/env` and for tools that read such files.

use std::{
    collections::BTreeMap,
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// One line per variable, each safe to be read by a POSIX shell.
#[must_use]
pub fn render(variables: &BTreeMap<String, String>) -> String {
    variables.iter().flat_map(|(name, value)| [name, "=", &quote(value), "\n"].map(str::to_owned)).collect()
}

/// Reads such a file. Lines that are none of its own are left out.
#[must_use]
pub fn parse(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines.map(|(name, value)| (name.to_owned(), unquote(value))).collect()
}

/// Writes a file with secrets, which its owner alone can read.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut file = File::create_new(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

fn unquote(word: &str) -> String {
    match word.strip_prefix('\'').and_then(|word| word.strip_suffix('\'')) {
        Some(quoted) => quoted.replace(r"'\''", "'"),
        None => word.to_owned(),
    }
}

/// `value` as one word of a POSIX shell.
fn quote(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,=-".contains(c);
    if value.chars().all(plain) { value.to_owned() } else { format!("'{}'", value.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    #[test]
    fn only_what_needs_quotes_gets_them() {
        assert_eq!(quote("postgres://u:p@127.0.0.1:1/d"), "postgres://u:p@127.0.0.1:1/d");
        assert_eq!(quote(r#"{"keys":[]}"#), r#"'{"keys":[]}'"#);
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote("a&b"), "'a&b'");
        assert_eq!(quote(""), "");
    }

    #[test]
    fn what_was_written_is_read_back() {
        let values = ["plain", "", "it's", r#"{"a": "'b'"}"#, "-----BEGIN\\n=="];
        let variables: BTreeMap<_, _> =
            values.iter().enumerate().map(|(n, value)| (format!("V{n}"), (*value).to_owned())).collect();
        assert_eq!(parse(&render(&variables)), variables);
    }

    #[test]
    fn a_shell_reads_back_what_was_written() {
        let value = r#"-----BEGIN\nMII+/=\n $HOME `id` "it's" \ #x"#;
        let file = std::env::temp_dir().join(format!("env-file-{}", std::process::id()));
        fs::write(&file, render(&BTreeMap::from([("V".to_owned(), value.to_owned())]))).unwrap();
        let script = format!("set -a; . {}; printenv V", file.display());
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        fs::remove_file(&file).unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{value}\n"));
    }
}
