//! `cargo xtask new`: adds a function or a migration to the project.
//!
//! A new function is a crate that works, made from the files in `new/`, in which the name is `sample-name`. In
//! `template.yaml` it gets what `system` has, without what the other function alone needs.

mod lists;
mod sql;
mod template;

use stack::workspace::{cargo, execute};
use stack::{Error, Result, signals};

use crate::format;
use crate::launch_files;
use crate::names::Names;
use crate::sources::Sources;

/// What can be added.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// A function with one route, its own quota, recorded events, and its resources in the template.
    Function {
        /// Its name: lower-case words with hyphens between, such as `reviews`.
        name: String,
        /// With a table in the database, and a role that may read it.
        #[arg(long)]
        store: bool,
    },
    /// An empty migration, which the template names as the newest.
    Migration {
        /// What it does: lower-case words with hyphens between, such as `review-stars`.
        name: String,
    },
}

/// A file of a new function: its path, and its text.
type File = (&'static str, &'static str);

/// A text in `new/`.
macro_rules! sample {
    ($path:literal) => {
        include_str!(concat!("new/", $path))
    };
}

const FUNCTION: [File; 9] = [
    ("functions/sample-name/Cargo.toml", sample!("function/Cargo.toml.txt")),
    ("functions/sample-name/src/lib.rs", sample!("function/lib.rs.txt")),
    ("functions/sample-name/src/main.rs", sample!("function/main.rs.txt")),
    ("events/sample-name/show_sample_name.json", sample!("function/events/show_sample_name.json")),
    (
        "events/sample-name/show_sample_name.expected.json",
        sample!("function/events/show_sample_name.expected.json"),
    ),
    ("events/sample-name/show_sample_name_rest.json", sample!("function/events/show_sample_name_rest.json")),
    (
        "events/sample-name/show_sample_name_rest.expected.json",
        sample!("function/events/show_sample_name_rest.expected.json"),
    ),
    (
        "events/sample-name/show_sample_name_function_url.json",
        sample!("function/events/show_sample_name_function_url.json"),
    ),
    (
        "events/sample-name/show_sample_name_function_url.expected.json",
        sample!("function/events/show_sample_name_function_url.expected.json"),
    ),
];

const FUNCTION_WITH_STORE: [File; 10] = [
    ("functions/sample-name/Cargo.toml", sample!("store/Cargo.toml.txt")),
    ("functions/sample-name/src/lib.rs", sample!("store/lib.rs.txt")),
    ("functions/sample-name/src/main.rs", sample!("function/main.rs.txt")),
    ("functions/sample-name/src/store.rs", sample!("store/store.rs.txt")),
    (
        "events/sample-name/show_sample_name_that_is_none.json",
        sample!("store/events/show_sample_name_that_is_none.json"),
    ),
    (
        "events/sample-name/show_sample_name_that_is_none.expected.json",
        sample!("store/events/show_sample_name_that_is_none.expected.json"),
    ),
    (
        "events/sample-name/show_sample_name_that_is_none_rest.json",
        sample!("store/events/show_sample_name_that_is_none_rest.json"),
    ),
    (
        "events/sample-name/show_sample_name_that_is_none_rest.expected.json",
        sample!("store/events/show_sample_name_that_is_none_rest.expected.json"),
    ),
    (
        "events/sample-name/show_sample_name_that_is_none_function_url.json",
        sample!("store/events/show_sample_name_that_is_none_function_url.json"),
    ),
    (
        "events/sample-name/show_sample_name_that_is_none_function_url.expected.json",
        sample!("store/events/show_sample_name_that_is_none_function_url.expected.json"),
    ),
];

const MIGRATION: &str = sample!("migration.sql.txt");
const MIGRATION_OF_STORE: &str = sample!("store/migration.sql.txt");

const CHOOSE: &str =
    "`remove` would take the module of that name out with the function. Choose another name.";

/// Adds what is asked for.
pub(crate) async fn run(command: &Command) -> Result<()> {
    match command {
        Command::Migration { name } => {
            let file = migrate(&Sources::committed()?, &Names::of(name)?, MIGRATION)?;
            println!("Write the statements into {file}.");
        }
        Command::Function { name, store } => {
            let name = Names::of(name)?;
            if *store {
                sql::check(&name)?;
            }
            let sources = Sources::committed()?;
            if sources.read("Cargo.lock")?.contains(&format!("\nname = \"{}\"\n", name.kebab)) {
                return Err(Error::new(format!("there is a crate called {} already", name.kebab)));
            }
            if let Some(module) = name.modules().iter().find(|module| sources.find(module).is_some()) {
                return Err(Error::new(format!("{module} is about something else")).hint(CHOOSE));
            }
            format::spread_lists().await?;
            add_function(&sources, &name, *store)?;
            format::all().await?;
            // Writes the crate into Cargo.lock, and leaves what was there.
            let lock = cargo(["update", "--workspace", "--offline", "--quiet"])?;
            signals::unless_interrupted(execute(&lock)).await?;
            println!(
                "Added functions/{}. Next: `cargo xtask openapi`, then `cargo xtask check`.",
                name.kebab
            );
        }
    }
    Ok(())
}

fn add_function(sources: &Sources, name: &Names, store: bool) -> Result<()> {
    let files = if store { &FUNCTION_WITH_STORE[..] } else { &FUNCTION };
    for (path, text) in files {
        sources.write(&named(path, name), &named(text, name))?;
    }
    let path = if store { "/sample-name/{id}" } else { "/sample-name" };
    let path = named(path, name);
    lists::add(sources, name, &path)?;
    launch_files::update(sources)?;
    sources.edit("template.yaml", |text| template::with(text, name, &path, store))?;
    // Lambda wants a hundred executions that nobody has reserved.
    let more = template::RESERVED;
    for document in ["template.yaml", "docs/RUNBOOK.md"] {
        sources.edit(document, |text| template::raised(text, "quota of ", more))?;
    }
    if store {
        migrate(sources, name, MIGRATION_OF_STORE)?;
        // Twice, since after a deployment environments of both versions have connections.
        sources.edit("template.yaml", |text| template::raised(text, "max_connections: '", 2 * more))?;
    }
    Ok(())
}

/// `text` with the name of the new function.
fn named(text: &str, name: &Names) -> String {
    text.replace("SAMPLE_NAME", &name.snake.to_uppercase())
        .replace("SampleName", &name.pascal)
        .replace("sample_name", &name.snake)
        .replace("sample-name", &name.kebab)
}

/// Writes the next migration, and names it in the template, so that a deployment applies it. Returns its path.
fn migrate(sources: &Sources, name: &Names, text: &str) -> Result<String> {
    let paths = sources.paths()?;
    let versions = paths
        .iter()
        .filter_map(|path| path.strip_prefix("migrations/V")?.split_once("__")?.0.parse::<u32>().ok());
    let next = versions.max().unwrap_or_default() + 1;
    let newest = format!("V{next}__{}", name.snake);
    let path = format!("migrations/{newest}.sql");
    sources.write(&path, &named(text, name))?;
    sources.edit("template.yaml", |text| template::with_newest(text, &newest))?;
    Ok(path)
}
