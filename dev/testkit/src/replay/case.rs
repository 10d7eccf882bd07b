//! A case: an event as AWS sends it, and beside it what the function answers, in which state.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stack::environment::Failure;
use stack::{Context as _, Result, workspace};

use super::step::Step;

/// How the file with the expectation ends; the rest of its name is that of the event.
const EXPECTED: &str = ".expected.json";

/// Two files of `events/<function>/`.
#[derive(Debug)]
pub struct Case {
    function: String,
    name: String,
    file: PathBuf,
    event: Value,
    expectation: Expectation,
}

/// What `<case>.expected.json` holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectation {
    /// What was done before, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) given: Vec<Step>,
    /// Variables that differ from those of the stack.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) variables: BTreeMap<String, String>,
    /// What is handed back to Lambda, with patterns for what differs from time to time.
    pub(super) answer: Value,
}

/// Every case in `events/`, by name.
pub fn cases() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for folder in entries(&folder()?)?.into_iter().filter(|path| path.is_dir()) {
        let events = entries(&folder)?.into_iter().filter(|file| is_event(file));
        for file in events {
            cases.push(Case::read(&file)?);
        }
    }
    Ok(cases)
}

/// Where the cases are.
pub(super) fn folder() -> Result<PathBuf> {
    Ok(workspace::root()?.join("events"))
}

/// The answer to an event as expectations have it: a body that is JSON as that, a runtime error as Lambda shows it.
pub(super) fn readable(answer: Result<Value, Failure>) -> Value {
    match answer {
        Err(Failure { error_type, error_message }) => {
            json!({"errorType": error_type, "errorMessage": error_message})
        }
        Ok(mut answer) => {
            let body = answer["body"].as_str().and_then(|body| serde_json::from_str::<Value>(body).ok());
            if let Some(body) = body.filter(|body| body.is_object() || body.is_array()) {
                answer["body"] = body;
            }
            answer
        }
    }
}

impl Case {
    fn read(file: &Path) -> Result<Self> {
        let part = |path: Option<&std::ffi::OsStr>| path.unwrap_or_default().to_string_lossy().into_owned();
        let expected = file.with_extension("").with_extension(&EXPECTED[1..]);
        Ok(Self {
            function: part(file.parent().and_then(Path::file_name)),
            name: part(file.file_stem()),
            event: read(file)?,
            // A case that is to be recorded has none yet.
            expectation: if expected.exists() { read(&expected)? } else { Expectation::default() },
            file: expected,
        })
    }

    /// `<function>/<case>`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.function, self.name)
    }

    /// The function that answers it.
    #[must_use]
    pub fn function(&self) -> &str {
        &self.function
    }

    /// The event, with its placeholders.
    #[must_use]
    pub fn event(&self) -> &Value {
        &self.event
    }

    /// The answer, with its patterns; `null` if none is recorded.
    #[must_use]
    pub fn answer(&self) -> &Value {
        &self.expectation.answer
    }

    pub(super) fn expectation(&self) -> &Expectation {
        &self.expectation
    }

    /// Writes the expectation anew, with this answer.
    pub(super) fn expect(&self, answer: Value) -> Result<()> {
        let expectation = Expectation { answer, ..self.expectation.clone() };
        let writing = || format!("write {}", self.file.display());
        let text = serde_json::to_string_pretty(&expectation).context(writing())?;
        fs::write(&self.file, text + "\n").context(writing())
    }
}

/// Reads the event of the case `<function>/<case>`.
pub(super) fn event(name: &str) -> Result<Value> {
    read(&folder()?.join(format!("{name}.json")))
}

fn is_event(file: &Path) -> bool {
    let name = file.to_string_lossy();
    name.ends_with(".json") && !name.ends_with(EXPECTED)
}

fn read<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<T> {
    let reading = || format!("read {}", file.display());
    let text = fs::read(file).context(reading())?;
    serde_json::from_slice(&text).context(reading())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).context(format!("look into {}", folder.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}
