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
    /// Those of making a folder; what is there already is one.
    pub fn make(&self) -> io::Result<()> {
        fs::create_dir_all(FOLDER)?;
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
            fs::set_permissions(to, found.permissions()).map_err(at(to))?;
            *changed = true;
        }
        let entries = fs::read_dir(from).map_err(at(from))?;
        for entry in entries {
            let entry = entry.map_err(at(from))?;
            place(&entry.path(), &to.join(entry.file_name()), changed)?;
        }
        return Ok(());
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
    beside.as_file().set_permissions(found.permissions()).map_err(at(to))?;
    beside.persist(to).map(|_| ()).map_err(|error| (to.to_path_buf(), error.error))
}

/// Whether `to` is already what `from` is: kind, permissions and content.
fn is_same(from: &Path, found: &Metadata, to: &Path) -> io::Result<bool> {
    let Ok(there) = fs::symlink_metadata(to) else { return Ok(false) };
    if found.is_symlink() {
        return Ok(there.is_symlink() && fs::read_link(from)? == fs::read_link(to)?);
    }
    let mode = |metadata: &Metadata| metadata.permissions().mode() & 0o7777;
    if !there.is_file() || there.len() != found.len() || mode(&there) != mode(found) {
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
