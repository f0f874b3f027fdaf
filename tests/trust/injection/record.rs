//! Which system calls of `strace`'s log imk makes itself, and which of them were made to fail. Knows nothing of what was run.

use std::collections::{BTreeMap, HashMap, HashSet};

/// How often imk made each call: in the process that was started, and in its threads and in children until they run their program.
#[derive(Debug, Default, Clone)]
pub struct Record {
    /// Of the process that was started, its program replaced by itself included.
    pub process: BTreeMap<String, usize>,
    /// Of its other threads, and of children.
    pub others: BTreeMap<String, usize>,
}

/// A line of the log: the process, the call and what follows its name; none of signals, ends, and what was resumed.
fn call(line: &str) -> Option<(&str, &str, &str)> {
    let (pid, rest) = line.split_once(' ')?;
    let rest = rest.trim_start();
    let name = &rest[..rest.find('(')?];
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then_some((pid, name, rest))
}

/// The process that a line tells the start of.
fn started(line: &str) -> Option<(&str, &str)> {
    let (pid, rest) = line.split_once(' ')?;
    let starts = ["clone(", "clone3(", "vfork(", "fork(", "<... clone", "<... vfork", "<... fork"];
    if !starts.iter().any(|start| rest.trim_start().starts_with(start)) {
        return None;
    }
    let child = rest.rsplit_once(" = ")?.1.split(' ').next()?;
    child.parse::<u32>().is_ok_and(|child| child > 0).then_some((pid, child))
}

/// Whether a line tells that a process runs another program now.
fn replaced(line: &str) -> bool {
    (line.contains(" execve(") || line.contains("<... execve resumed")) && line.trim_end().ends_with(" = 0")
}

impl Record {
    /// Reads the log of `strace -f` on imk.
    pub fn of(log: &str) -> Record {
        let first = log.split(' ').next().unwrap_or_default();
        let parents: HashMap<&str, &str> =
            log.lines().filter_map(started).map(|(parent, child)| (child, parent)).collect();
        let mut record = Record::default();
        // A child that runs another program is no longer imk, and what it starts is not.
        let mut foreign: HashSet<&str> = HashSet::new();
        let mut seen_foreign_child: HashMap<&str, bool> = HashMap::new();
        for line in log.lines() {
            let Some(pid) = line.split(' ').next() else { continue };
            let is_own = pid == first
                || !*seen_foreign_child
                    .entry(pid)
                    .or_insert_with(|| parents.get(pid).is_none_or(|parent| foreign.contains(parent)));
            if !is_own || foreign.contains(pid) {
                foreign.insert(pid);
                continue;
            }
            if let Some((_, name, _)) = call(line) {
                let counts = if pid == first { &mut record.process } else { &mut record.others };
                *counts.entry(name.to_owned()).or_default() += 1;
            }
            if pid != first && replaced(line) {
                foreign.insert(pid);
            }
        }
        record
    }

    /// All calls.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.process.keys().chain(self.others.keys()).map(String::as_str)
    }
}

/// The calls of a log that were made to fail.
pub fn injected(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("(INJECTED)")).collect()
}
