//! Random changes: of files, of what blocks say, of variables, of imk's own records, and of what the engine has. Each says in words what
//! it did. Knows no run.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::builder::Made;
use super::engine::{Engine, State};
use super::taskfile::{
    BASES, CONTEXTS, Cleanup, FILES, Taskfile, VARIABLES, ignore_file, ignore_text, instruction, one_of,
};

/// A change of a file that is done later, perhaps while a build reads it.
#[derive(Clone, Debug)]
pub enum FileChange {
    Write(PathBuf, String),
    /// Other text of the same size, and the time of change as it was.
    Silently(PathBuf),
    Touch(PathBuf),
    /// The time of change a year back.
    Age(PathBuf),
    Mode(PathBuf, u32),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
    /// A new file with the same text and times.
    Renew(PathBuf),
}

impl FileChange {
    pub fn random(folder: &Path) -> FileChange {
        let path = || folder.join(one_of(&CONTEXTS)).join(one_of(&FILES));
        let own = path();
        match fastrand::u8(..12) {
            0..4 => FileChange::Write(own, fastrand::u8(..3).to_string()),
            4 | 5 => FileChange::Silently(own),
            6 => FileChange::Touch(own),
            7 => FileChange::Age(own),
            8 => FileChange::Mode(own, one_of(&[0o644, 0o755, 0o600])),
            9 => FileChange::Remove(own),
            10 => FileChange::Rename(own, path()),
            _ => FileChange::Renew(own),
        }
    }

    /// Does it, where it can be done.
    pub fn apply(&self) {
        let set = |path: &Path, time: SystemTime| {
            File::options().append(true).open(path).and_then(|file| file.set_modified(time))
        };
        let modified = |path: &Path| fs::metadata(path).and_then(|status| status.modified());
        let _ = match self {
            FileChange::Write(path, text) => fs::write(path, text),
            FileChange::Silently(path) => modified(path).and_then(|time| {
                let text: String =
                    fs::read_to_string(path)?.chars().map(|one| if one == '8' { '9' } else { '8' }).collect();
                fs::write(path, text)?;
                set(path, time)
            }),
            FileChange::Touch(path) => set(path, SystemTime::now()),
            FileChange::Age(path) => set(path, SystemTime::now() - Duration::from_secs(31_536_000)),
            FileChange::Mode(path, mode) => fs::set_permissions(path, fs::Permissions::from_mode(*mode)),
            FileChange::Remove(path) => fs::remove_file(path),
            FileChange::Rename(path, to) => fs::rename(path, to),
            FileChange::Renew(path) => modified(path).and_then(|time| {
                let mode = fs::metadata(path)?.permissions();
                let new = path.with_extension("new");
                fs::write(&new, fs::read(path)?)?;
                fs::set_permissions(&new, mode)?;
                set(&new, time)?;
                fs::rename(new, path)
            }),
        };
    }
}

/// A file as it was, to be put back: its text and time of change.
#[derive(Clone, Debug)]
pub struct Kept {
    pub path: PathBuf,
    text: Option<Vec<u8>>,
    modified: SystemTime,
}

impl Kept {
    pub fn of(path: PathBuf) -> Kept {
        let modified = fs::metadata(&path).and_then(|status| status.modified());
        let modified = modified.unwrap_or(SystemTime::UNIX_EPOCH);
        Kept { text: fs::read(&path).ok(), path, modified }
    }

    /// Puts it back as it was.
    pub fn put_back(&self) {
        let _ = match &self.text {
            Some(text) => fs::write(&self.path, text)
                .and_then(|()| File::options().append(true).open(&self.path)?.set_modified(self.modified)),
            None => fs::remove_file(&self.path),
        };
    }
}

/// An image that nobody built here.
pub fn foreign(number: u64) -> Made {
    Made { layers: vec![number.to_string()], env: vec!["PATH=/bin".to_owned()], ..Made::default() }
}

/// Changes something between two runs.
pub fn change(taskfile: &mut Taskfile, folder: &Path, engine: &Engine) -> String {
    match fastrand::u8(..20) {
        0..7 => {
            let change = FileChange::random(folder);
            change.apply();
            format!("{change:?}")
        }
        7..10 => change_dockerfile(taskfile, folder),
        10 | 11 => {
            let (file, text) = (ignore_file(taskfile), ignore_text());
            let _ = if fastrand::u8(..3) == 0 {
                fs::remove_file(folder.join(&file))
            } else {
                fs::write(folder.join(&file), &text)
            };
            format!("{} is now {text:?}, or gone", file.display())
        }
        12 | 13 => change_variable(taskfile, folder),
        14 => {
            let _ = fs::write(folder.join("token"), fastrand::u8(..).to_string());
            "the secret".to_owned()
        }
        15 | 16 => change_records(folder),
        _ => change_engine(taskfile, &mut engine.state()),
    }
}

fn change_dockerfile(taskfile: &mut Taskfile, folder: &Path) -> String {
    let number = fastrand::usize(..taskfile.blocks.len());
    let others = taskfile.blocks[..number].to_vec();
    let block = &mut taskfile.blocks[number];
    let lasting = others.iter().filter(|other| other.cleanup != Cleanup::Always);
    let below: Vec<String> = lasting.map(|other| other.tags[0].clone()).collect();
    if fastrand::bool() {
        block.dockerfile.style = fastrand::u64(..);
    } else {
        let at = fastrand::usize(..block.dockerfile.stages.len());
        let lines = &mut block.dockerfile.stages[at].lines;
        match fastrand::u8(..3) {
            0 if lines.len() > 1 => drop(lines.remove(fastrand::usize(..lines.len()))),
            1 => lines.push(instruction(at, &below, block.named_context)),
            _ => {
                let line = fastrand::usize(..lines.len());
                lines[line] = instruction(at, &below, block.named_context);
            }
        }
    }
    block.look_below(&others);
    let (file, text) = (block.file(number), block.dockerfile.text());
    let _ = fs::write(folder.join(&file), &text);
    format!("{file} is now {text:?}")
}

fn change_variable(taskfile: &mut Taskfile, folder: &Path) -> String {
    let (name, value) = (one_of(&VARIABLES), fastrand::u8(..3).to_string());
    let what = format!("{name}={value}");
    match fastrand::u8(..4) {
        0 => drop(taskfile.given.insert(name, value)),
        1 => drop(taskfile.given.remove(name)),
        2 => drop(taskfile.defaults.insert(name, value)),
        _ => drop(taskfile.environment.insert(name, value)),
    }
    let _ = fs::write(folder.join("Makefile"), taskfile.text());
    what
}

/// Something befalls imk's own folder.
fn change_records(folder: &Path) -> String {
    let own = folder.join(".imk");
    if fastrand::u8(..4) == 0 {
        let _ = fs::remove_dir_all(&own);
        return ".imk is gone".to_owned();
    }
    let mut files = Vec::new();
    let mut pending = vec![own];
    while let Some(folder) = pending.pop() {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let (folders, plain): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
        pending.extend(folders);
        files.extend(plain);
    }
    files.sort();
    if files.is_empty() {
        return String::new();
    }
    let path = one_of(&files);
    let length = fs::metadata(&path).map_or(0, |status| status.len());
    let _ = match fastrand::u8(..3) {
        0 => fs::remove_file(&path),
        1 => File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_len(fastrand::u64(..length.max(1)))),
        _ => fs::write(&path, "garbage\0\n"),
    };
    format!("{} is gone, cut or garbage", path.display())
}

/// Somebody does something on the engine.
fn change_engine(taskfile: &Taskfile, state: &mut State) -> String {
    let lasting = taskfile.blocks.iter().filter(|block| block.cleanup != Cleanup::Always);
    let mut tags: Vec<String> = lasting.flat_map(|block| block.tags.clone()).collect();
    if tags.is_empty() || fastrand::u8(..3) == 0 {
        let base = one_of(&BASES).to_owned();
        state.commit(foreign(fastrand::u64(..3)), std::slice::from_ref(&base));
        return format!("{base} is another image");
    }
    tags.sort();
    let tag = one_of(&tags);
    if fastrand::bool() {
        state.tags.remove(&tag);
        return format!("{tag} is removed");
    }
    let mut ids: Vec<String> = state.tags.values().cloned().collect();
    ids.sort();
    let id = one_of(&ids);
    state.tag(&tag, &id);
    format!("{tag} is given to {id}")
}
