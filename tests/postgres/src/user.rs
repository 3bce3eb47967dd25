//! As whom PostgreSQL runs.

use std::process::Command;

/// Another user than the one of this process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl User {
    /// The user that PostgreSQL is to run as: nothing for the user of this process, unless that is
    /// root, which it refuses.
    pub(crate) fn for_postgres() -> Result<Option<Self>, String> {
        if id(&["-u"]) != Some(0) {
            return Ok(None);
        }
        ["postgres", "nobody"]
            .into_iter()
            .find_map(|name| Some(Self { uid: id(&["-u", name])?, gid: id(&["-g", name])? }))
            .map(Some)
            .ok_or_else(|| "PostgreSQL refuses to run as root, and there is no user nobody".into())
    }
}

/// What the program `id` says.
fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
