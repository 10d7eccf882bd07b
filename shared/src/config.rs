//! Configuration: the one place that reads the environment.
//!
//! Each module takes the variables it needs in a `from_env`, once, at the start. [`Env`] remembers which names were
//! asked for, so that a test can compare them with the variables that a function is given in its deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Mutex;

/// The variables a process was started with.
#[derive(Debug, Default)]
pub struct Env {
    values: BTreeMap<String, String>,
    asked: Mutex<BTreeSet<String>>,
}

/// Why a process can't start. Names the variable, never its value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A variable that has no default is not set, or is empty.
    #[error("{0} is not set")]
    Missing(String),
    /// A variable is set to something that can't be used.
    #[error("{name} {problem}")]
    Invalid {
        /// The variable.
        name: String,
        /// What is wrong with it, as the rest of a sentence that begins with the name.
        problem: String,
    },
}

impl Error {
    /// A value that can't be used: `problem` continues the sentence "`NAME` …" and must not quote the value.
    pub fn invalid(name: &str, problem: impl Display) -> Self {
        Self::Invalid { name: name.to_owned(), problem: problem.to_string() }
    }
}

impl Env {
    /// Reads the environment of this process. A name that is not UTF-8 is left out, and a value that is not is read
    /// with replacement characters.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    pub fn of_process() -> Self {
        // `vars` would panic on a value that is not UTF-8, and print it.
        Self::of(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        }))
    }

    /// The variables given.
    pub fn of<K: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (K, V)>) -> Self {
        let values = variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { values, asked: Mutex::default() }
    }

    /// The same with these variables set. What was asked for stays remembered.
    #[must_use]
    pub fn with<K: Into<String>, V: Into<String>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.values.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// The value of `name`, if it is set and not empty.
    pub fn optional(&self, name: &str) -> Option<&str> {
        if let Ok(mut asked) = self.asked.lock() {
            asked.insert(name.to_owned());
        }
        self.values.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of `name`.
    pub fn required(&self, name: &str) -> Result<&str, Error> {
        self.optional(name).ok_or_else(|| Error::Missing(name.to_owned()))
    }

    /// The value of `name` as a `T`, or `default` when it is not set.
    pub fn parsed<T: FromStr>(&self, name: &str, default: T) -> Result<T, Error> {
        match self.optional(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| {
                Error::invalid(name, format_args!("is not a valid {}", std::any::type_name::<T>()))
            }),
        }
    }

    /// The name of this deployment: `STACK_NAME`, 1 to 128 ASCII letters, digits and hyphens (default `bookshelf`). It
    /// is part of everything that this deployment shares a store or an account with others by: keys, records, metrics.
    pub fn stack_name(&self) -> Result<&str, Error> {
        const NAME: &str = "STACK_NAME";
        let name = self.optional(NAME).unwrap_or("bookshelf");
        if name.len() > 128 || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(Error::invalid(NAME, "is not 1 to 128 letters, digits and hyphens"));
        }
        Ok(name)
    }

    /// The names with this prefix of the variables that are set and not empty.
    #[must_use]
    pub fn names_starting_with(&self, prefix: &str) -> Vec<&str> {
        let set = self.values.iter().filter(|(name, value)| name.starts_with(prefix) && !value.is_empty());
        set.map(|(name, _)| name.as_str()).collect()
    }

    /// Every name that was asked for so far.
    #[must_use]
    pub fn asked(&self) -> BTreeSet<String> {
        self.asked.lock().map(|asked| asked.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_counts_as_missing() {
        let env = Env::of([("REDIS_URL", "")]);
        assert_eq!(env.required("REDIS_URL"), Err(Error::Missing("REDIS_URL".into())));
    }

    #[test]
    fn an_error_names_the_variable_and_not_its_value() {
        let env = Env::of([("BCRYPT_COST", "hunter2")]);
        let error = env.parsed("BCRYPT_COST", 12_u32).unwrap_err().to_string();
        assert!(error.contains("BCRYPT_COST") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn the_name_of_a_stack_is_one_that_cloudformation_permits() {
        let longest = "x".repeat(128);
        for (value, name) in [("", "bookshelf"), ("Books-2", "Books-2"), (&longest, &longest)] {
            assert_eq!(Env::of([("STACK_NAME", value)]).stack_name(), Ok(name));
        }
        // With a colon, the keys of one stack could be among those of another.
        for value in ["a:b", "a b", "a_b", "a.b", "ä", "*", &"x".repeat(129)] {
            let error = Env::of([("STACK_NAME", value)]).stack_name().unwrap_err().to_string();
            assert!(error.starts_with("STACK_NAME ") && !error.contains(value), "{error}");
        }
    }

    #[test]
    fn every_name_asked_for_is_remembered() {
        let env = Env::default();
        let _ = (env.optional("B"), env.required("A"));
        assert_eq!(env.asked().into_iter().collect::<Vec<_>>(), ["A", "B"]);
    }
}
