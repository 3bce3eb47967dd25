//! A file is written where nobody sees it, and gets its name once it is whole.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::{TempDir, TempPath};

use crate::store::StoreError;

/// What SQLite keeps beside a database, and would take for a part of another one of its name.
pub(super) const LOGS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A file in a folder of its own, which stands in the folder that it will move to, and which only
/// this user may enter. It goes away with its logs unless it gets a name.
#[derive(Debug)]
pub(super) struct Hidden {
    path: PathBuf,
    folder: TempDir,
}

impl Hidden {
    /// A place for what is to become this file. Nothing is there yet.
    pub(super) fn beside(to: &Path) -> Result<Self, StoreError> {
        let mut prefix = OsString::from(".");
        prefix.push(to.file_name().unwrap_or_default());
        prefix.push(".");
        let folder = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".partial")
            .tempdir_in(folder_of(to))
            .map_err(|error| {
                setup(format!(
                    "{} cannot be written: see that its folder exists and may be written to: {}",
                    to.display(),
                    error.kind()
                ))
            })?;
        Ok(Self { path: folder.path().join("copy.db"), folder })
    }

    /// Where it is until then.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file the mode of another one, and lets its owner write to it.
    pub(super) fn take_mode_of(&self, other: &Path) -> Result<(), StoreError> {
        let mode = || -> io::Result<()> {
            #[cfg_attr(not(unix), expect(unused_mut))]
            let mut mode = fs::metadata(other)?.permissions();
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                mode.set_mode(mode.mode() | 0o200);
            }
            fs::set_permissions(&self.path, mode)
        };
        mode().map_err(|error| {
            setup(format!("a copy cannot be given the mode of {}: {error}", other.display()))
        })
    }

    /// Gives the file a name that no other has, and returns once both are on the disk; `false` if
    /// another file has the name.
    pub(super) fn create(self, to: &Path) -> Result<bool, StoreError> {
        let place = || -> io::Result<bool> {
            self.sync()?;
            match TempPath::try_from_path(&self.path)?.persist_noclobber(to) {
                Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => {
                    return Ok(false);
                }
                placed => placed?,
            }
            File::open(folder_of(to))?.sync_all()?;
            Ok(true)
        };
        place().map_err(|error| cannot_write(to, &error))
    }

    /// Puts the file in the place of another one, with the mode and the owner of that one, and returns
    /// once that is on the disk. That nobody uses the other one is for the caller to know. Nor is it
    /// opened here: SQLite's locks on a file end with any other opening of it in this process.
    pub(super) fn replace(self, to: &Path) -> Result<(), StoreError> {
        like(&self.path, to).map_err(|error| {
            setup(format!(
                "the restored database cannot be given the owner and the mode of {}: run this as \
                 its owner, or as root: {error}",
                to.display()
            ))
        })?;
        let place = || -> io::Result<()> {
            self.sync()?;
            // Of a database that cannot be opened any more they may be left.
            for ending in LOGS {
                match fs::remove_file(beside(to, ending)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            fs::rename(&self.path, to)?;
            File::open(folder_of(to))?.sync_all()
        };
        place().map_err(|error| cannot_write(to, &error))
    }

    /// The file is on the disk, and is all there is: what a log still held would be lost.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()?;
        if fs::read_dir(self.folder.path())?.count() > 1 {
            return Err(io::Error::other("SQLite has not moved its log into it"));
        }
        Ok(())
    }
}

/// Gives a file the mode and the owner of another one.
fn like(path: &Path, other: &Path) -> io::Result<()> {
    let other = fs::metadata(other)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, chown};
        let own = fs::metadata(path)?;
        let user = (own.uid() != other.uid()).then(|| other.uid());
        let group = (own.gid() != other.gid()).then(|| other.gid());
        if user.is_some() || group.is_some() {
            chown(path, user, group)?;
        }
    }
    fs::set_permissions(path, other.permissions())
}

/// What stands beside a file, under its name with an ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn cannot_write(to: &Path, error: &io::Error) -> StoreError {
    setup(format!("{} cannot be written: {error}", to.display()))
}

pub(super) fn setup(message: String) -> StoreError {
    StoreError::Setup { message, source: None }
}
