//! A case: an event as AWS sends it, and the answer that is expected in a given state.
//!
//! The event is in `events/<function>/<case>.json` and the expectation in `<case>.expected.json` beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stack::environment::Failure;
use stack::{Context as _, Result, workspace};

use super::step::Step;

/// The ending of the name of the expectation; the event has the same name with the ending `.json`.
const EXPECTED: &str = ".expected.json";

/// An event and its expectation.
#[derive(Debug)]
pub struct Case {
    function: String,
    name: String,
    /// The file of the expectation.
    file: PathBuf,
    event: Value,
    expectation: Expectation,
}

/// The content of `<case>.expected.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expectation {
    /// The steps that prepare the state, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) given: Vec<Step>,
    /// Variables of the function that differ from those of the stack.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) variables: BTreeMap<String, String>,
    /// The answer to Lambda, with patterns in place of values that differ from time to time.
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

/// The folder of all cases.
pub(super) fn folder() -> Result<PathBuf> {
    Ok(workspace::root()?.join("events"))
}

/// The answer in the form of expectations: with a JSON body parsed, or a runtime error as Lambda shows it.
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
            // A case that has not been recorded has no expectation yet.
            expectation: if expected.exists() { read(&expected)? } else { Expectation::default() },
            file: expected,
        })
    }

    /// `<function>/<case>`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}/{}", self.function, self.name)
    }

    /// The name of its function.
    #[must_use]
    pub fn function(&self) -> &str {
        &self.function
    }

    /// The event, with its placeholders.
    #[must_use]
    pub fn event(&self) -> &Value {
        &self.event
    }

    /// The expected answer, with its patterns; `null` if none is recorded.
    #[must_use]
    pub fn answer(&self) -> &Value {
        &self.expectation.answer
    }

    pub(super) fn expectation(&self) -> &Expectation {
        &self.expectation
    }

    /// Writes the expectation with this answer.
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
