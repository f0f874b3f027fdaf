//! Requirements files of pip: which lines name a version for good. As the pip manual's "Requirements File Format" has it. Knows
//! nothing of Dockerfiles.

/// A requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The package as written, without its marker.
    pub text: String,
    /// One-based line.
    pub line: usize,
    /// Whether it means the same version for good.
    pub pinned: bool,
    /// The repository, where it is fetched from one by anything but a commit.
    pub branch: Option<String>,
}

/// What a requirements file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requirements {
    /// Its packages, in order.
    pub all: Vec<Requirement>,
    /// The files that it takes in (`-r`), relative to it.
    pub includes: Vec<String>,
    /// The files that constrain it (`-c`), relative to it.
    pub constraints: Vec<String>,
    /// Options that turn a check of the connection off.
    pub insecure: Vec<String>,
    /// Whether it installs a folder of sources (`-e .`, `./lib`).
    pub project: bool,
}

/// Reads a requirements file.
pub fn read(text: &str) -> Requirements {
    let mut found = Requirements::default();
    let mut lines = text.lines().enumerate();
    while let Some((number, first)) = lines.next() {
        let mut line = first.to_owned();
        while line.ends_with('\\') {
            line.pop();
            match lines.next() {
                Some((_, next)) => line.push_str(next),
                None => break,
            }
        }
        let line = uncommented(&line).trim();
        let mut words = line.split_whitespace();
        let Some(word) = words.next() else { continue };
        let value = |names: [&str; 2]| {
            let attached =
                names.iter().find_map(|name| word.strip_prefix(&format!("{name}="))).map(str::to_owned);
            let next =
                names.contains(&word).then(|| line.split_whitespace().nth(1).map(str::to_owned)).flatten();
            let short = names.iter().filter(|name| name.len() == 2).find_map(|name| word.strip_prefix(name));
            attached.or(next).or_else(|| short.filter(|rest| !rest.is_empty()).map(str::to_owned))
        };
        if let Some(path) = value(["-r", "--requirement"]) {
            found.includes.push(path);
        } else if let Some(path) = value(["-c", "--constraint"]) {
            found.constraints.push(path);
        } else if word.starts_with("--trusted-host") {
            found.insecure.push(line.to_owned());
        } else if let Some(what) = value(["-e", "--editable"]) {
            match what.contains("://") {
                true => found.all.push(requirement(&what, number + 1)),
                false => found.project = true,
            }
        } else if word.starts_with('-') {
            // An index, a hash mode: nothing that is installed.
        } else if word.starts_with('.') || (word.starts_with('/') && !word.ends_with(".whl")) {
            found.project = true;
        } else {
            found.all.push(requirement(line, number + 1));
        }
    }
    found
}

/// `line` without its comment: a `#` at its start, or after a blank.
fn uncommented(line: &str) -> &str {
    let mut before = true;
    for (at, c) in line.char_indices() {
        if c == '#' && before {
            return &line[..at];
        }
        before = c.is_whitespace();
    }
    line
}

/// The requirement that `text` is: a name with a version, a URL, a repository.
pub fn requirement(text: &str, line: usize) -> Requirement {
    let text = text.split(" --").next().unwrap_or(text);
    let shown = text.split(';').next().unwrap_or(text).trim().to_owned();
    let branch = repository(&shown);
    let pinned = match &branch {
        Some(_) => true,
        None => shown.contains("://") || is_pinned(&shown),
    };
    Requirement { text: shown, line, pinned, branch }
}

/// The repository that is fetched otherwise than by commit.
fn repository(text: &str) -> Option<String> {
    let start = ["git+", "hg+", "bzr+", "svn+"].iter().filter_map(|kind| text.find(kind)).min()?;
    let url = text[start..].split_whitespace().next()?;
    let url = url.split('#').next().unwrap_or(url);
    let path = url.split_once("://").map_or(url, |(_, path)| path);
    // The user's `@` stands before the first slash.
    let revision =
        path.split_once('/').and_then(|(_, path)| path.rsplit_once('@')).map(|(_, revision)| revision);
    let commit = revision.is_some_and(|revision| {
        revision.len() >= 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit())
            || revision.contains('…')
    });
    (!commit).then(|| url.to_owned())
}

/// Whether a specifier names one version: `==1.2`, but not `==1.*`.
fn is_pinned(text: &str) -> bool {
    let local = [".whl", ".tar.gz", ".zip", ".tgz"]
        .iter()
        .any(|ending| text.ends_with(ending) || text.contains(&format!("{ending}[")));
    let exact = text.find("==").map(|at| text[at..].trim_start_matches('=').trim());
    local
        || exact.is_some_and(|version| {
            !version.split(',').next().unwrap_or(version).contains('*') && !version.is_empty()
        })
}

/// A package's name as PyPI compares it (PEP 503): extras and versions off, lower case, runs of `-_.` as one dash.
pub fn name_of(text: &str) -> String {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len());
    let mut out = String::with_capacity(end);
    for c in text[..end].chars() {
        match c {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            c => out.push(c.to_ascii_lowercase()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_pip_reads_them() {
        let text = "# c\n-i https://x\nflask==2.0 \\\n    --hash=sha256:ab\nDjango>=4 ; python_version > '3'\n-r more.txt\n\
                    -c limits.txt\n-e .\ngit+https://h/o/r@main#egg=r\na @ https://h/a-1.whl # why\nx==1.*\n--trusted-host h\n";
        let found = read(text);
        let shown: Vec<(&str, usize, bool)> =
            found.all.iter().map(|one| (one.text.as_str(), one.line, one.pinned)).collect();
        let expected = [
            ("flask==2.0", 3, true),
            ("Django>=4", 5, false),
            ("git+https://h/o/r@main#egg=r", 9, true),
            ("a @ https://h/a-1.whl", 10, true),
            ("x==1.*", 11, false),
        ];
        assert_eq!(shown, expected);
        assert_eq!(
            (found.includes.as_slice(), found.constraints.as_slice()),
            (&["more.txt".to_owned()][..], &["limits.txt".to_owned()][..])
        );
        assert!(found.project && found.insecure.len() == 1);
        assert_eq!(found.all[2].branch.as_deref(), Some("git+https://h/o/r@main"));
    }

    #[test]
    fn commits_are_no_branches() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(requirement(&format!("git+ssh://git@h/o/r@{commit}"), 1).branch, None);
        assert!(requirement("git+ssh://git@h/o/r", 1).branch.is_some());
        assert_eq!(name_of("Foo.Bar__baz[x]==1"), "foo-bar-baz");
    }
}
