//! The user that servers run as. Postgres refuses to run as root, and the other servers need no rights of root; so if
//! this program runs as root, it starts all of them as the user `nobody`.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

use crate::{Error, Result, error::Context};

/// A user by numbers; always `nobody`, who owns no files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl User {
    /// Whom servers should run as: `None` means as ourselves.
    pub(crate) fn for_servers() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let passwd = fs::read_to_string("/etc/passwd").context("read /etc/passwd")?;
        match nobody(&passwd) {
            Some(user) => Ok(Some(user)),
            None => Err(Error::new(
                "there is no user `nobody` to run the servers as; run this as an ordinary user",
            )),
        }
    }

    /// Whether this user gets as far as `path`, for example not below a `/root` of mode 700.
    pub(crate) fn reaches(self, path: &Path) -> bool {
        let mut ls = Command::new("ls");
        ls.arg("-d").arg(path).uid(self.uid).gid(self.gid).current_dir("/");
        ls.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        ls.status().is_ok_and(|status| status.success())
    }

    /// Makes this user the owner of `path`.
    pub(crate) fn own(self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid), Some(self.gid)).context(format!("give {} to nobody", path.display()))
    }
}

fn nobody(passwd: &str) -> Option<User> {
    let mut fields = passwd.lines().find(|line| line.starts_with("nobody:"))?.split(':').skip(2);
    // macOS writes -2.
    let mut id = || fields.next()?.parse::<i64>().ok().and_then(|id| u32::try_from(id & 0xffff_ffff).ok());
    Some(User { uid: id()?, gid: id()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_read_from_passwd() {
        let debian =
            "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin";
        assert_eq!(nobody(debian), Some(User { uid: 65534, gid: 65533 }));
        assert_eq!(
            nobody("nobody:*:-2:-2::/var/empty:/usr/bin/false"),
            Some(User { uid: 4_294_967_294, gid: 4_294_967_294 })
        );
        assert_eq!(nobody("root:x:0:0:root:/root:/bin/bash"), None);
    }
}
