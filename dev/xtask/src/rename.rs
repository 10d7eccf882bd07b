//! `cargo xtask rename`: gives the project another name, everywhere.
//!
//! The name is one word in three spellings: in stacks, roles, users, keys and problem types; in titles and metrics; in
//! variables of the environment. Roles are made by migrations, so a project that has been deployed keeps its name.

use stack::{Error, Result};

use crate::format;
use crate::sources::Sources;

/// What can be chosen.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The new name: a word of 2 to 20 lower-case letters and numbers, such as `movieshelf`.
    name: String,
}

/// The name that the project has.
pub(crate) const NAME: &str = "bookshelf";

/// What keeps the old name: the history of the project, and recorded signatures of requests with names in them.
pub(crate) const KEPT: [&str; 2] = ["CHANGELOG.md", "shared/src/stores/iam/tokens.json"];

/// The widest comment that a test permits.
const COLUMNS: usize = 120;

/// Renames the project.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let name = &options.name;
    check(name)?;
    let sources = Sources::committed()?;
    let mut wide = Vec::new();
    for path in sources.paths()?.iter().filter(|path| !KEPT.contains(&path.as_str())) {
        let Some(before) = sources.find(path) else { continue };
        let after = renamed(path, &before, name);
        let renamed_path = path.replace(NAME, name);
        if renamed_path != *path {
            sources.delete(path)?;
        }
        if renamed_path != *path || after != before {
            sources.write(&renamed_path, &after)?;
            let lines =
                (1..).zip(after.lines()).filter(|(_, line)| is_wide_comment(line) && line.contains(name));
            wide.extend(lines.map(|(number, _)| format!("{renamed_path}:{number}")));
        }
    }
    format::all().await?;
    println!(
        "Renamed to {name}. Your local data has roles of the old name: begin with `cargo xtask up --fresh`."
    );
    println!("Next: `cargo xtask check`. Comments may have at most {COLUMNS} columns; these have more now:");
    for line in wide {
        println!("{line}");
    }
    Ok(())
}

fn is_wide_comment(line: &str) -> bool {
    ["//", "#", "--"].iter().any(|start| line.trim_start().starts_with(start))
        && line.chars().count() > COLUMNS
}

/// Roles, identifiers of AWS and namespaces of URNs permit this.
fn check(name: &str) -> Result<()> {
    let is_word = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if is_word && (2..=20).contains(&name.len()) {
        return Ok(());
    }
    Err(Error::new(format!("{name:?} is no name: 2 to 20 lower-case letters and numbers, a letter first")))
}

/// The text of a file with the new name.
fn renamed(path: &str, text: &str, name: &str) -> String {
    let text = if path.ends_with(".expected.json") { with_lengths(text, name) } else { text.to_owned() };
    spellings(NAME).into_iter().zip(spellings(name)).fold(text, |text, (old, new)| text.replace(&old, &new))
}

/// In lower case, with a capital letter, and in upper case.
fn spellings(name: &str) -> [String; 3] {
    [name.to_owned(), name[..1].to_uppercase() + &name[1..], name.to_uppercase()]
}

/// An expected response with the length that its body has under the new name. The body is JSON in the file, and comes
/// before the headers.
fn with_lengths(text: &str, name: &str) -> String {
    const HEADER: &str = "\"content-length\": ";
    let Some((before, header)) = text.split_once(HEADER) else { return text.to_owned() };
    let body = before.rsplit_once("\"body\": ").map_or("", |(_, body)| body);
    let is_digit = |c: char| c.is_ascii_digit();
    let (Some(start), Some(end)) = (header.find('"'), header.find(is_digit)) else { return text.to_owned() };
    let digits: String = header[end..].chars().take_while(char::is_ascii_digit).collect();
    let is_number = end == start + 1 && header[end + digits.len()..].starts_with('"');
    let (Ok(length), true) = (digits.parse::<usize>(), is_number) else { return text.to_owned() };
    let count: usize = spellings(NAME).iter().map(|old| body.matches(old.as_str()).count()).sum();
    let length = length + count * name.len() - count * NAME.len();
    format!("{before}{HEADER}{}{length}{}", &header[..end], &header[end + digits.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_name_is_replaced() {
        let [lower, capital, upper] = spellings(NAME);
        let text = format!("urn:problem-type:{lower}:x {lower}_books {capital} {upper}_STACK_ENV");
        let expected = "urn:problem-type:films:x films_books Films FILMS_STACK_ENV";
        assert_eq!(renamed("a.rs", &text, "films"), expected);
    }

    #[test]
    fn a_recorded_response_gets_the_length_of_its_new_body() {
        let text = |name: &str, length: usize| {
            format!(
                "\"body\": {{ \"type\": \"urn:{name}:x\" }},\n\"headers\": {{ \"content-length\": \"{length}\" }}"
            )
        };
        let renamed = renamed("a.expected.json", &text(NAME, 100), "films");
        assert_eq!(renamed, text("films", 100 + "films".len() - NAME.len()));
        let pattern = text(NAME, 1).replace("\"1\"", "\"{{digits 1-9}}\"");
        assert_eq!(with_lengths(&pattern, "films"), pattern);
        let list = text(NAME, 100).replace("\"100\"", "[\n  \"100\"\n]");
        assert!(with_lengths(&list, "films").contains(&format!("[\n  \"{}\"\n]", 105 - NAME.len())));
    }

    #[test]
    fn a_name_is_one_word() {
        for wrong in
            ["", "a", "Films", "my-films", "my_films", "1films", "a-name-that-is-too-long", "ｆｉｌｍｓ"]
        {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        assert!(check("films2").is_ok());
    }
}
