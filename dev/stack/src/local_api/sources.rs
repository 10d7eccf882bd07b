//! Whether the sources have changed, found out by looking at them.
//!
//! cargo-lambda's own watcher is told of every file below the root, also in `target`; when a build or a test makes
//! many at once its queue overflows, and it never reloads again.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use tokio::time::sleep;

/// What the functions are built from.
const SOURCES: [&str; 6] = ["Cargo.toml", "Cargo.lock", "functions", "migrations", "openapi.json", "shared"];

const PAUSE: Duration = Duration::from_millis(400);

/// How the sources were when they were last looked at.
pub(super) struct Sources {
    root: PathBuf,
    seen: Look,
}

/// How many files there are, and when the newest was written: another number or another time is a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Look {
    files: usize,
    newest: SystemTime,
}

impl Sources {
    pub(super) fn of(root: &Path) -> Self {
        Self { root: root.to_owned(), seen: look(root) }
    }

    /// Returns when something has changed and nothing changes any more. May be dropped at any time.
    pub(super) async fn changed(&mut self) {
        let mut last = self.seen;
        loop {
            sleep(PAUSE).await;
            let now = look(&self.root);
            if now != self.seen && now == last {
                self.seen = now;
                return;
            }
            last = now;
        }
    }
}

fn look(root: &Path) -> Look {
    let mut look = Look { files: 0, newest: SystemTime::UNIX_EPOCH };
    for source in SOURCES {
        // A file that goes while it is looked at is a change, which the next look sees.
        let _ = add(&mut look, &root.join(source));
    }
    look
}

fn add(look: &mut Look, path: &Path) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            add(look, &entry?.path())?;
        }
    } else {
        look.files += 1;
        look.newest = look.newest.max(metadata.modified()?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_comes_goes_or_is_written_is_a_change() {
        let root = std::env::temp_dir().join(format!("sources-{}", std::process::id()));
        let file = root.join("shared/src/lib.rs");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let mut looks = vec![look(&root)];
        fs::write(&file, "one").unwrap();
        looks.push(look(&root));
        let later = SystemTime::now() + Duration::from_secs(5);
        fs::File::options().append(true).open(&file).unwrap().set_modified(later).unwrap();
        looks.push(look(&root));
        fs::write(root.join("README.md"), "not a source").unwrap();
        assert_eq!(look(&root), looks[2]);
        fs::remove_file(&file).unwrap();
        looks.push(look(&root));
        fs::remove_dir_all(&root).unwrap();
        assert!(looks.windows(2).all(|pair| pair[0] != pair[1]), "{looks:?}");
    }
}
