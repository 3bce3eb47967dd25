//! The files of a cache, and their limit.
//!
//! Several processes may use the same folder. A file appears whole, by a rename, or not at all;
//! what a crash leaves half written has another kind of name, and is deleted when it is old.
//! Nothing is synchronised to the disk: what a failure of power damages is noticed by its digest.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tempfile::Builder;

use crate::clock;

/// How the names of our files end; whatever else is in the folder is not touched.
const ENDING: &str = ".feed-cache";

/// How the names of files begin that are being written.
const UNFINISHED: &str = ".unfinished-";

/// When a file that is being written has been forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);

/// A folder of files, together no larger than a limit.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    max_bytes: u64,
    /// `None` before the files have been counted.
    count: Mutex<Option<Count>>,
}

/// What the files take.
#[derive(Debug, Clone, Copy)]
struct Count {
    bytes: u64,
    /// Those written since others' files were counted.
    written: u64,
}

struct Found {
    path: PathBuf,
    modified: SystemTime,
    bytes: u64,
}

impl Folder {
    /// A folder, made if it is missing, readable to nobody else.
    pub(super) fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.recursive(true).create(path)?;
        // Whether it can be written to.
        Builder::new().prefix(UNFINISHED).tempfile_in(path)?;
        Ok(Self { path: path.to_owned(), max_bytes, count: Mutex::new(None) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A file's bytes; `None` if there is none, or if it is larger than it can be.
    pub(super) fn read(&self, name: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.file(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
        if size > most {
            self.remove(name);
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(size);
        file.take(most as u64).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Writes a file, if there is room for it, after room has been made for it.
    pub(super) fn write(&self, name: &str, head: &[u8], body: &[u8]) -> io::Result<()> {
        let bytes = (head.len() + body.len()) as u64;
        if bytes > self.max_bytes {
            return Ok(());
        }
        self.make_room(bytes)?;
        let mut file = Builder::new().prefix(UNFINISHED).tempfile_in(&self.path)?;
        file.write_all(head)?;
        file.write_all(body)?;
        file.persist(self.file(name)).map_err(|error| error.error)?;
        Ok(())
    }

    /// Deletes a file. If that fails, it is found damaged again, or written anew.
    pub(super) fn remove(&self, name: &str) {
        let _ = fs::remove_file(self.file(name));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}{ENDING}"))
    }

    /// Counts what is about to be written, and deletes the oldest files if that is too much.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let known = count.filter(|it| {
            it.bytes + bytes <= self.max_bytes && it.written + bytes <= self.max_bytes / 16
        });
        let now = match known {
            Some(known) => known,
            None => Count { bytes: self.tidy(bytes)?, written: 0 },
        };
        *count = Some(Count { bytes: now.bytes + bytes, written: now.written + bytes });
        Ok(())
    }

    /// Deletes the oldest files until so much more fits in, and returns what is left. A tenth more
    /// than is needed goes, so that this is not done for each file.
    fn tidy(&self, bytes: u64) -> io::Result<u64> {
        let mut found = self.list()?;
        let mut total: u64 = found.iter().map(|it| it.bytes).sum();
        if total + bytes <= self.max_bytes {
            return Ok(total);
        }
        found.sort_by_key(|it| it.modified);
        for oldest in found {
            if total + bytes <= self.max_bytes / 10 * 9 || total == 0 {
                break;
            }
            // Another process may have deleted it.
            let _ = fs::remove_file(&oldest.path);
            total -= oldest.bytes;
        }
        Ok(total)
    }

    fn list(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_unfinished = name.starts_with(UNFINISHED);
            if !is_unfinished && !name.ends_with(ENDING) {
                continue;
            }
            // Another process may have deleted it.
            let Ok(metadata) = entry.metadata() else { continue };
            let modified = metadata.modified()?;
            if is_unfinished {
                let age = clock::now().duration_since(modified).unwrap_or_default();
                if age > FORGOTTEN {
                    let _ = fs::remove_file(entry.path());
                }
                continue;
            }
            found.push(Found { path: entry.path(), modified, bytes: metadata.len() });
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Folder) -> Vec<String> {
        let name = |it: Found| it.path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut names: Vec<_> = folder.list().unwrap().into_iter().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn the_oldest_files_make_room_for_the_newest_and_others_are_not_touched() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/cache");
        let folder = Folder::open(&path, 1000).unwrap();
        fs::write(path.join("notes.txt"), vec![b'x'; 5000]).unwrap();
        let begun = SystemTime::UNIX_EPOCH;
        for n in 0..10_u32 {
            folder.write(&n.to_string(), b"head", &[b'x'; 96]).unwrap();
            let file = File::options().write(true).open(folder.file(&n.to_string())).unwrap();
            file.set_modified(begun + Duration::from_secs(n.into())).unwrap();
        }
        assert_eq!(names(&folder).len(), 10);
        folder.write("new", b"", &[b'x'; 100]).unwrap();
        assert_eq!(names(&folder), ["2", "3", "4", "5", "6", "7", "8", "9", "new"]);
        folder.write("huge", b"", &[b'x'; 1001]).unwrap();
        assert_eq!(folder.read("huge", 5000).unwrap(), None);
        assert_eq!(folder.read("9", 5000).unwrap().unwrap().len(), 100);
        assert_eq!(folder.read("9", 99).unwrap(), None, "it is larger than it can be");
        assert_eq!(folder.read("9", 5000).unwrap(), None, "and so it was deleted");
        assert!(path.join("notes.txt").exists());
    }

    #[test]
    fn the_files_of_another_process_count() {
        let home = tempfile::tempdir().unwrap();
        let one = Folder::open(home.path(), 1600).unwrap();
        let other = Folder::open(home.path(), 1600).unwrap();
        for n in 0..40 {
            one.write(&format!("one-{n}"), b"", &[b'x'; 90]).unwrap();
            other.write(&format!("other-{n}"), b"", &[b'x'; 90]).unwrap();
            let total: u64 = one.list().unwrap().iter().map(|it| it.bytes).sum();
            assert!(total <= 1600 + 2 * 100, "{total}");
        }
    }

    #[test]
    fn what_a_crash_left_half_written_is_deleted_when_it_is_old() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::open(home.path(), 1000).unwrap();
        let half = home.path().join(".unfinished-abc");
        fs::write(&half, "half").unwrap();
        folder.list().unwrap();
        assert!(half.exists());
        let file = File::options().write(true).open(&half).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        folder.list().unwrap();
        assert!(!half.exists());
    }
}
