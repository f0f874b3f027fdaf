//! Files copied out of an image, put in their place: atomically, and only where they differ. Knows nothing of engines.

use crate::image::journal::FOLDER;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// A private folder for what is on its way. It belongs to the journal's folder, and whoever made it removes it.
#[derive(Clone, Debug)]
pub struct Passage {
    folder: PathBuf,
}

impl Passage {
    /// The folder number `number` of the run whose journal has `token`, not made yet.
    pub fn new(token: &str, number: usize) -> Passage {
        Passage { folder: Path::new(FOLDER).join(format!("extract-{token}-{number}")) }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder.
    ///
    /// # Errors
    /// Those of making a folder; what is there already is one, and so is a link in the place of the journal's folder.
    pub fn make(&self) -> io::Result<()> {
        fs::create_dir_all(FOLDER)?;
        if fs::symlink_metadata(FOLDER)?.is_symlink() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        fs::DirBuilder::new().mode(0o700).create(&self.folder)
    }

    /// Where the engine's client is to write.
    pub fn path(&self) -> PathBuf {
        self.folder.join("copy")
    }

    /// Puts what the client wrote into its place. Tells whether anything was changed.
    ///
    /// # Errors
    /// Those of reading and writing, with the path concerned.
    pub fn deliver(&self, source: &[u8], destination: &[u8]) -> Result<bool, (PathBuf, io::Error)> {
        let mut changed = false;
        place(&self.path(), &landing(source, destination), &mut changed)?;
        Ok(changed)
    }
}

/// The path that `source` gets: inside `destination` where that is a folder, like `docker cp` does it.
pub fn landing(source: &[u8], destination: &[u8]) -> PathBuf {
    let path = Path::new(OsStr::from_bytes(destination));
    let source = Path::new(OsStr::from_bytes(source));
    match source.file_name() {
        Some(name) if destination.ends_with(b"/") || path.is_dir() => path.join(name),
        _ => path.to_path_buf(),
    }
}

fn place(from: &Path, to: &Path, changed: &mut bool) -> Result<(), (PathBuf, io::Error)> {
    let at = |path: &Path| {
        let path = path.to_path_buf();
        move |error| (path, error)
    };
    let found = fs::symlink_metadata(from).map_err(at(from))?;
    if found.is_dir() {
        if !to.is_dir() {
            fs::create_dir_all(to).map_err(at(to))?;
            fs::set_permissions(to, permissions(&found)).map_err(at(to))?;
            *changed = true;
        }
        let entries = fs::read_dir(from).map_err(at(from))?;
        for entry in entries {
            let entry = entry.map_err(at(from))?;
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            // The destination itself may be a link: its owner named it. A link below it may have come out of an earlier image,
            // and what it names is not the destination's.
            let leads_away = || fs::symlink_metadata(&to).is_ok_and(|there| there.is_symlink());
            if entry.file_type().map_err(at(&from))?.is_dir() && leads_away() {
                fs::remove_file(&to).map_err(at(&to))?;
            }
            place(&from, &to, changed)?;
        }
        return Ok(());
    }
    if !found.is_file() && !found.is_symlink() {
        let kind = io::Error::new(io::ErrorKind::Unsupported, "neither a file, a folder nor a link");
        return Err((from.to_path_buf(), kind));
    }
    if is_same(from, &found, to).map_err(at(from))? {
        return Ok(());
    }
    let folder = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(at(folder))?;
    *changed = true;
    if found.is_symlink() {
        let target = fs::read_link(from).map_err(at(from))?;
        let beside = tempfile::Builder::new().prefix(".imk-").make_in(folder, |path| symlink(&target, path));
        return beside
            .and_then(|beside| beside.persist(to).map_err(|error| error.error))
            .map(|_| ())
            .map_err(at(to));
    }
    let mut beside = tempfile::Builder::new().prefix(".imk-").tempfile_in(folder).map_err(at(folder))?;
    let mut content = fs::File::open(from).map_err(at(from))?;
    io::copy(&mut content, beside.as_file_mut()).map_err(at(to))?;
    beside.as_file().set_permissions(permissions(&found)).map_err(at(to))?;
    beside.persist(to).map(|_| ()).map_err(|error| (to.to_path_buf(), error.error))
}

/// The permissions that a thing out of an image gets: none to act as somebody else.
fn permissions(found: &Metadata) -> fs::Permissions {
    fs::Permissions::from_mode(found.permissions().mode() & 0o777)
}

/// Whether `to` is already what `from` is: kind, permissions and content.
fn is_same(from: &Path, found: &Metadata, to: &Path) -> io::Result<bool> {
    let Ok(there) = fs::symlink_metadata(to) else { return Ok(false) };
    if found.is_symlink() {
        return Ok(there.is_symlink() && fs::read_link(from)? == fs::read_link(to)?);
    }
    let mode = |permissions: fs::Permissions| permissions.mode() & 0o7777;
    let is_alike = mode(there.permissions()) == mode(permissions(found));
    if !there.is_file() || there.len() != found.len() || !is_alike {
        return Ok(false);
    }
    let (mut one, mut other) = (fs::File::open(from)?, fs::File::open(to)?);
    let (mut left, mut right) = ([0; 16 * 1024], [0; 16 * 1024]);
    loop {
        let length = one.read(&mut left)?;
        if length == 0 {
            return Ok(true);
        }
        if other.read_exact(&mut right[..length]).is_err() || left[..length] != right[..length] {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with what a client copied out, `copy/`, and the project beside it.
    fn scene() -> tempfile::TempDir {
        let scene = tempfile::tempdir().expect("a folder");
        for folder in ["copy", "project", "elsewhere"] {
            fs::create_dir(scene.path().join(folder)).expect("a folder");
        }
        scene
    }

    fn deliver(scene: &tempfile::TempDir) -> Result<bool, (PathBuf, io::Error)> {
        let mut changed = false;
        place(&scene.path().join("copy"), &scene.path().join("project"), &mut changed)?;
        Ok(changed)
    }

    #[test]
    fn a_link_of_an_earlier_image_leads_nowhere() {
        let scene = scene();
        symlink("../elsewhere", scene.path().join("copy/x")).expect("a link");
        assert!(deliver(&scene).expect("delivered"));
        fs::remove_file(scene.path().join("copy/x")).expect("removed");
        fs::create_dir(scene.path().join("copy/x")).expect("a folder");
        fs::write(scene.path().join("copy/x/y"), "from the image").expect("written");
        assert!(deliver(&scene).expect("delivered"));
        assert!(!scene.path().join("elsewhere/y").exists());
        assert_eq!(fs::read(scene.path().join("project/x/y")).expect("read"), b"from the image");
        assert!(!deliver(&scene).expect("delivered"), "nothing is left to change");
    }

    #[test]
    fn a_destination_that_is_a_link_is_followed() {
        let scene = scene();
        fs::remove_dir(scene.path().join("project")).expect("removed");
        symlink("elsewhere", scene.path().join("project")).expect("a link");
        fs::write(scene.path().join("copy/y"), "").expect("written");
        assert!(deliver(&scene).expect("delivered"));
        assert!(scene.path().join("elsewhere/y").exists());
    }

    #[test]
    fn nothing_out_of_an_image_acts_as_somebody_else() {
        let scene = scene();
        let (from, to) = (scene.path().join("copy/run"), scene.path().join("project/run"));
        fs::write(&from, "#!/bin/sh\n").expect("written");
        fs::set_permissions(&from, fs::Permissions::from_mode(0o6755)).expect("permissions");
        assert!(deliver(&scene).expect("delivered"));
        assert_eq!(fs::metadata(&to).expect("there").permissions().mode() & 0o7777, 0o755);
        assert!(!deliver(&scene).expect("delivered"), "it is the same");
    }

    #[test]
    fn what_is_no_file_is_refused_and_not_waited_for() {
        let scene = scene();
        let path = scene.path().join("copy/pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
            .expect("a pipe");
        let (at, fault) = deliver(&scene).expect_err("refused");
        assert_eq!((at, fault.kind()), (path, io::ErrorKind::Unsupported));
    }
}
