//! The name of a function in the forms in which the sources write it.

use stack::{Error, Result};

/// What a function has in the template: `RlDemoFunction`, `RlDemoLog` and so on.
const KINDS: [&str; 5] = ["Function", "Log", "CacheUser", "Errors", "Slow"];

/// The forms of one name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Names {
    /// `rl-demo`: the folder, the crate, the binary.
    pub(crate) kebab: String,
    /// `rl_demo`: the crate in Rust, and its role in the database.
    pub(crate) snake: String,
    /// `RlDemo`: its resources in the template.
    pub(crate) pascal: String,
    /// `rlDemo`: its metrics in the alarms of the template.
    pub(crate) camel: String,
    /// `rldemo`: its row in the mapping `Concurrency` of the template.
    pub(crate) key: String,
}

impl Names {
    /// The modules of other crates that are about this function alone, if it has them: each has its name.
    pub(crate) fn modules(&self) -> [String; 3] {
        ["dev/tests/api", "dev/acceptance/src/checks", "functions/smoke-test/src/checks"]
            .map(|folder| format!("{folder}/{}.rs", self.snake))
    }

    /// The forms of `name`.
    ///
    /// # Errors
    /// If it is not made of lower-case words and numbers with hyphens between.
    pub(crate) fn of(name: &str) -> Result<Self> {
        let words: Vec<_> = name.split('-').collect();
        let is_word = |word: &&str| {
            word.starts_with(|first: char| first.is_ascii_lowercase())
                && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        if !words.iter().all(is_word) || name.len() > 30 {
            let message =
                format!("{name:?} is no name: at most 30 letters a-z, numbers and hyphens, as in rl-demo");
            return Err(Error::new(message));
        }
        let pascal: String = words.iter().map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        Ok(Self {
            kebab: name.to_owned(),
            snake: words.join("_"),
            camel: pascal[..1].to_lowercase() + &pascal[1..],
            key: words.concat(),
            pascal,
        })
    }

    /// Whether a line of the template names the function: one of its resources, its role, its binary, or a key of its
    /// own.
    pub(crate) fn are_in(&self, line: &str) -> bool {
        let is_resource = |before: &str, after: &str| {
            let is_kind = |kind: &&str| {
                let rest = after.strip_prefix(*kind);
                // `RlDemoFunctionRole` is made by SAM.
                rest.is_some_and(|rest| *kind == "Function" || !rest.starts_with(char::is_alphanumeric))
            };
            !before.ends_with(char::is_alphanumeric) && KINDS.iter().any(is_kind)
        };
        let within = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
        let is_word = |before: &str, after: &str| !before.ends_with(within) && !after.starts_with(within);
        let is_role =
            |before: &str, after: &str| before.ends_with(char::is_alphanumeric) && !after.starts_with(within);
        occurs(line, &self.pascal, is_resource)
            || occurs(line, &format!("_{}", self.snake), is_role)
            || [&self.kebab, &self.camel, &self.key].into_iter().any(|name| occurs(line, name, is_word))
    }

    /// Whether a line of any file names the function, as in the template or as a word of its own.
    pub(crate) fn are_mentioned_in(&self, line: &str) -> bool {
        let is_word = |before: &str, after: &str| {
            !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
        };
        self.are_in(line) || [&self.kebab, &self.snake].into_iter().any(|name| occurs(line, name, is_word))
    }
}

/// Whether `name` occurs in `line` with something before and after it that `fits` accepts.
fn occurs(line: &str, name: &str, fits: impl Fn(&str, &str) -> bool) -> bool {
    line.match_indices(name).any(|(at, _)| fits(&line[..at], &line[at + name.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_five_forms() {
        let names = Names::of("rl-demo").unwrap();
        let forms = [&names.snake, &names.pascal, &names.camel, &names.key].map(String::as_str);
        assert_eq!(forms, ["rl_demo", "RlDemo", "rlDemo", "rldemo"]);
        for wrong in ["", "Rl", "rl_demo", "-rl", "rl-", "1rl", "ｒ"] {
            assert!(Names::of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_line_names_a_function_by_whole_words() {
        let names = Names::of("book").unwrap();
        for line in
            ["  BookFunction:", "- Id: book", "book: { Reserved: '5' }", "${BookLog}", "Binary: book }"]
        {
            assert!(names.are_in(line), "{line}");
        }
        for line in ["  BooksFunction:", "- Id: books", "bookshelf-book-user", "MyBookLog", "BookLogLevel"] {
            assert!(!names.are_in(line), "{line}");
        }
    }
}
