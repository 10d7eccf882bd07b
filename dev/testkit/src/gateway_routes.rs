//! The routes of the HTTP API: which one the gateway chooses for a path. Its events say so.

use std::sync::LazyLock;

use serde_json::{Map, Value};

/// The paths of the local router. Tests compare them with the code and with `template.yaml`.
static PATHS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let lines = include_str!("../../../Cargo.toml").lines();
    let paths = lines.filter_map(|line| Some(line.strip_prefix('"')?.split_once('"')?.0));
    paths.filter(|path| path.starts_with('/') && !path.contains("{*")).collect()
});

/// A route, and what it found in a path.
pub(crate) struct Route {
    /// The path of the route, such as `/books/{id}`.
    pub(crate) path: String,
    /// The parameters by name; none has more than one.
    pub(crate) parameters: Map<String, Value>,
}

impl Route {
    /// The route that the gateway chooses for `path`: the most specific one. `None` for an unknown path, for which it
    /// would invoke no function.
    pub(crate) fn of(path: &str) -> Option<Self> {
        Self::exact(path).or_else(|| Self::with_parameter(path)).or_else(|| Self::below(path))
    }

    fn new(path: String, parameter: Option<(&str, &str)>) -> Self {
        let parameters = parameter.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        Self { path, parameters: parameters.collect() }
    }

    fn exact(path: &str) -> Option<Self> {
        let found = PATHS.iter().any(|other| *other == path && !is_open(other));
        found.then(|| Self::new(path.to_owned(), None))
    }

    /// A route whose last segment is a parameter; none has one elsewhere.
    fn with_parameter(path: &str) -> Option<Self> {
        let (parent, value) = path.rsplit_once('/').filter(|(_, value)| !value.is_empty())?;
        PATHS.iter().find_map(|route| {
            let name = route.strip_prefix(parent)?.strip_prefix("/{")?.strip_suffix('}')?;
            Some(Self::new((*route).to_owned(), Some((name, value))))
        })
    }

    /// A route for everything below.
    fn below(path: &str) -> Option<Self> {
        PATHS.iter().filter(|route| is_open(route)).find_map(|route| {
            let rest = path.strip_prefix(*route)?;
            Some(Self::new(format!("{route}{{proxy+}}"), Some(("proxy", rest))))
        })
    }
}

/// Whether this path, which ends with a slash, is `{proxy+}` in the gateway, where no route can end like that.
fn is_open(path: &str) -> bool {
    path.len() > 1 && path.ends_with('/')
}
