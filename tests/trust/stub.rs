//! An engine's client that this program is where it is run under a client's name: it answers imk out of the folder of the engine
//! made of files (`daemon`), and goes wrong at the question that it is told to. Commands of recipes it hands to that engine's
//! own client. Knows nothing of what is tried.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::daemon::answer;

/// The names that make this program a client.
pub const NAMES: [&str; 4] = ["docker", "podman", "buildah", "git"];

/// How a client goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has an error.
    Fails,
    /// It is killed in the midst of its answer.
    Dies,
    /// It prints what is no answer.
    Garbage,
    /// It succeeds in silence.
    Nothing,
    /// It tells of the user's container whatever container it is asked for, and of removals that it does not do.
    Lies,
    /// Ids and names that it tells are options.
    Options,
    /// It prints 200 MB without a line's end.
    Flood,
    /// It prints a string of JSON of 200 MB.
    Text,
    /// It prints 60 MB of JSON that is right.
    Objects,
    /// It prints 60 MB of what could be ids.
    Ids,
    /// It prints 200 MB of errors, then its answer.
    Errors,
    /// It gives no answer.
    Hangs,
    /// It answers, and leaves a child that has its streams.
    Child,
    /// It never comes to the end of its answer.
    Endless,
}

impl Fault {
    /// What a question can meet, where no question is to be waited for without end.
    pub const ENDING: [Fault; 11] = [
        Fault::Fails,
        Fault::Dies,
        Fault::Garbage,
        Fault::Nothing,
        Fault::Lies,
        Fault::Options,
        Fault::Flood,
        Fault::Text,
        Fault::Objects,
        Fault::Ids,
        Fault::Errors,
    ];
    const UNENDING: [Fault; 3] = [Fault::Hangs, Fault::Child, Fault::Endless];

    fn called(name: &str) -> Option<Fault> {
        let mut all = Fault::ENDING.into_iter().chain(Fault::UNENDING);
        all.find(|fault| format!("{fault:?}") == name)
    }
}

/// Has the clients go wrong at the question of this number, the first being 0; and at all after it, where it `stays`.
pub fn go_wrong(folder: &Path, fault: Fault, at: usize, stays: bool) -> io::Result<()> {
    go_well(folder)?;
    fs::write(folder.join("fault"), format!("{fault:?} {at} {stays}"))
}

/// Has the clients go well, and forget what they were asked.
pub fn go_well(folder: &Path) -> io::Result<()> {
    for file in ["fault", "questions"] {
        match fs::remove_file(folder.join(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// What the clients were asked, a line a question.
pub fn asked(folder: &Path) -> String {
    fs::read_to_string(folder.join("questions")).unwrap_or_default()
}

/// Answers as the client whose name this program has; the exit status. None where it has no client's name.
pub fn as_client() -> Option<i32> {
    let mut words = std::env::args();
    let own = words.next()?;
    let name = Path::new(&own).file_name().and_then(OsStr::to_str).filter(|name| NAMES.contains(name))?;
    let folder = PathBuf::from(std::env::var_os("FAKE")?);
    let words: Vec<String> = words.collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Some(match is_question(name, &words) {
        true => asked_for(name, &folder, &words).unwrap_or(125),
        false => hand_on(&folder, &words),
    })
}

/// Whether imk asks, and no recipe.
fn is_question(name: &str, words: &[&str]) -> bool {
    let asking = [
        "image",
        "container",
        "volume",
        "network",
        "images",
        "ps",
        "containers",
        "version",
        "inspect",
        "save",
        "buildx",
    ];
    name == "git" || words.first().is_some_and(|first| asking.contains(first)) || words.get(1) == Some(&"--")
}

fn hand_on(folder: &Path, words: &[&str]) -> i32 {
    let mut words = words.to_vec();
    if let Some(first) = words.first_mut().filter(|first| **first == "from") {
        *first = "create";
    }
    let fault = Command::new(folder.join("bin/docker")).args(words).exec();
    eprintln!("{fault}");
    127
}

/// What a client prints, and its exit status.
#[derive(Default)]
struct Said {
    output: String,
    errors: String,
    status: i32,
}

impl Said {
    fn output(output: impl Into<String>) -> Said {
        Said { output: output.into(), ..Said::default() }
    }

    fn absent(kind: &str, name: &str) -> Said {
        Said { errors: format!("Error: no such {kind}: {name}\n"), status: 1, ..Said::default() }
    }

    fn say(&self) -> io::Result<i32> {
        io::stderr().write_all(self.errors.as_bytes())?;
        io::stdout().write_all(self.output.as_bytes())?;
        io::stdout().flush()?;
        Ok(self.status)
    }
}

fn asked_for(name: &str, folder: &Path, words: &[&str]) -> io::Result<i32> {
    let mut log = fs::OpenOptions::new().create(true).append(true).open(folder.join("questions"))?;
    writeln!(log, "{name} {}", words.join(" "))?;
    let number = asked(folder).lines().count() - 1;
    let told = fs::read_to_string(folder.join("fault")).unwrap_or_default();
    let told: Vec<&str> = told.split(' ').collect();
    let fault = match told.as_slice() {
        [fault, at, stays] => {
            let at: usize = at.parse().unwrap_or(usize::MAX);
            Fault::called(fault).filter(|_| number == at || (*stays == "true" && number > at))
        }
        _ => None,
    };
    let well = || says(folder, words);
    let Some(fault) = fault else { return well().say() };
    match fault {
        Fault::Fails => Said {
            errors: "Error: cannot connect to the engine\n".to_owned(),
            status: 125,
            ..Said::default()
        }
        .say(),
        Fault::Dies => {
            let mut said = well();
            said.output.truncate(said.output.len() / 2);
            said.say()?;
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::KILL)?;
            Ok(1)
        }
        Fault::Garbage => {
            io::stdout().write_all(b"{\"Id\": [[[\xff\x1b[2J\n")?;
            Ok(0)
        }
        Fault::Nothing => Ok(0),
        Fault::Lies => lie(folder, words).unwrap_or_else(well).say(),
        Fault::Options => options(words).unwrap_or_else(well).say(),
        Fault::Flood => pour(&mut io::stdout(), b"", b"a", 200).map(|()| 0),
        Fault::Text => pour(&mut io::stdout(), b"[{\"Id\":\"", b"a", 200).map(|()| 0),
        Fault::Objects => {
            pour(&mut io::stdout(), b"[", b"{},", 60)?;
            io::stdout().write_all(b"{}]").map(|()| 0)
        }
        Fault::Ids => pour(&mut io::stdout(), b"", b"0a\n", 60).map(|()| 0),
        Fault::Errors => {
            pour(&mut io::stderr(), b"", b"\xff", 200)?;
            well().say()
        }
        Fault::Hangs => {
            let mut child = Command::new("sleep").arg("600").spawn()?;
            fs::write(folder.join("ready"), b"\n")?;
            child.wait().map(|_| 1)
        }
        Fault::Child => {
            let status = well().say()?;
            Command::new("sleep").arg("600").stdin(Stdio::null()).spawn()?;
            fs::write(folder.join("ready"), b"\n")?;
            Ok(status)
        }
        Fault::Endless => {
            fs::write(folder.join("ready"), b"\n")?;
            pour(&mut io::stdout(), &member(), b"\0", usize::MAX).map(|()| 0)
        }
    }
}

/// Writes `start`, and so many megabytes of what is repeated. A reader that turns away ends it.
fn pour(to: &mut impl Write, start: &[u8], repeated: &[u8], megabytes: usize) -> io::Result<()> {
    let part = repeated.repeat((1 << 20) / repeated.len());
    to.write_all(start)?;
    for _ in 0..megabytes {
        to.write_all(&part)?;
    }
    to.flush()
}

/// The head of an archive's member that is longer than any disk.
fn member() -> Vec<u8> {
    let mut head = vec![0; 512];
    head[..5].copy_from_slice(b"layer");
    head[100..108].copy_from_slice(b"0000644\0");
    head[124..136].copy_from_slice(b"77777777777\0");
    head[156] = b'0';
    head[257..265].copy_from_slice(b"ustar\x0000");
    head[148..156].fill(b' ');
    let sum: u32 = head.iter().map(|&byte| u32::from(byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    head
}

/// What is asked for by a question's words: its kind, and the names behind `--`.
fn subject<'w>(words: &[&'w str]) -> (&'static str, Vec<&'w str>) {
    let mut names = words.iter().skip_while(|word| **word != "--").skip(1);
    let kind = match words {
        ["image", ..] | ["inspect", "--type", "image", ..] | ["rmi", ..] | ["save", ..] => "images",
        ["volume", ..] => "volumes",
        ["network", ..] => "networks",
        _ => "containers",
    };
    (kind, names.by_ref().copied().collect())
}

fn is_removal(words: &[&str]) -> bool {
    matches!(words, [_, "rm", ..] | ["rm" | "rmi", ..])
}

/// What a client says that does its work.
fn says(folder: &Path, words: &[&str]) -> Said {
    let (kind, names) = subject(words);
    let get = |name: &str| {
        let (status, body) = answer("GET", &format!("/v1.41/{kind}/{name}/json"), folder);
        (status == 200).then_some(body)
    };
    match words {
        ["version", ..] => Said::output(r#"{"Client":{"Version":"5.0.0"},"version":"1.30"}"#),
        ["tag", "--", image, tag] => {
            let bare = |name: &str| name.trim_start_matches("sha256:").to_owned();
            let own =
                things(folder, "image-").into_iter().find(|(name, id)| name == image || *id == bare(image));
            match own.map(|(_, id)| fs::write(folder.join(format!("image-{tag}")), id)) {
                Some(Ok(())) => Said::default(),
                _ => Said::absent("image", image),
            }
        }
        _ if is_removal(words) => {
            for name in &names {
                let (status, _) = answer("DELETE", &format!("/v1.41/{kind}/{name}"), folder);
                if status != 200 {
                    return Said::absent(kind.trim_end_matches('s'), name);
                }
            }
            Said::output(format!("{}\n", names.join("\n")))
        }
        ["inspect", "--type", "image", ..] => {
            match names.first().and_then(|name| id_of(folder, "image-", name)) {
                Some(id) => Said::output(format!(r#"{{"FromImageID":"{id}","OCIv1":{{}}}}"#)),
                None => Said::absent("image", names.first().unwrap_or(&"")),
            }
        }
        ["image" | "container" | "volume" | "network", "inspect", ..] => {
            let found: Vec<String> = names.iter().filter_map(|name| get(name)).collect();
            let output = format!("[{}]\n", found.join(","));
            match names.iter().find(|name| get(name).is_none()) {
                None => Said::output(output),
                Some(name) => Said { output, ..Said::absent(kind.trim_end_matches('s'), name) },
            }
        }
        ["images", "--json", ..] => {
            let entry =
                |(name, id): (String, String)| format!(r#"{{"id":"{id}","names":["localhost/{name}"]}}"#);
            listed(things(folder, "image-").into_iter().map(entry))
        }
        ["containers", ..] => {
            let entry = |(name, id): (String, String)| {
                format!(r#"{{"id":"{id}","containername":"{name}","imageid":""}}"#)
            };
            listed(things(folder, "container-").into_iter().map(entry))
        }
        // Nothing of this engine has a label.
        ["images" | "ps", ..] if words.iter().any(|word| word.starts_with("label=")) => Said::default(),
        ["images", ..] => Said::output(
            things(folder, "image-").iter().map(|(_, id)| format!("sha256:{id}\n")).collect::<String>(),
        ),
        ["ps", ..] => Said::output(
            things(folder, "container-").iter().map(|(_, id)| format!("{id}\n")).collect::<String>(),
        ),
        ["buildx", ..] => Said::output(format!("Name: x\nDigest: sha256:{}\n", "1".repeat(64))),
        _ => Said { errors: format!("unknown: {words:?}\n"), status: 125, ..Said::default() },
    }
}

fn listed(entries: impl Iterator<Item = String>) -> Said {
    Said::output(format!("[{}]\n", entries.collect::<Vec<_>>().join(",")))
}

/// Names and ids of the things of a kind.
fn things(folder: &Path, prefix: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?.strip_prefix(prefix)?.to_owned();
        Some((name, fs::read_to_string(entry.path()).ok()?))
    });
    named.collect()
}

/// The id of a thing by its name or id.
fn id_of(folder: &Path, prefix: &str, name: &str) -> Option<String> {
    let bare = name.trim_start_matches("sha256:");
    let own = things(folder, prefix).into_iter().find(|(other, id)| other == name || id == bare);
    own.map(|(_, id)| id)
}

/// A removal that it does not do, or the user's container; none where the question is of something else.
fn lie(folder: &Path, words: &[&str]) -> Option<Said> {
    match words {
        _ if is_removal(words) => Some(Said::output(format!("{}\n", subject(words).1.join("\n")))),
        ["container", "inspect", ..] => Some(says(folder, &["container", "inspect", "--", "mine"])),
        ["containers", ..] => {
            let id = id_of(folder, "container-", "mine")?;
            Some(Said::output(format!(r#"[{{"id":"{id}","containername":"mine","imageid":""}}]"#)))
        }
        _ => None,
    }
}

/// An answer whose ids are options, and some names; none where the question has none.
fn options(words: &[&str]) -> Option<Said> {
    let name = subject(words).1.first().copied().unwrap_or("-f");
    Some(Said::output(match words {
        ["inspect", ..] => r#"{"FromImageID":"--all","OCIv1":{}}"#.to_owned(),
        ["image" | "container" | "network" | "volume", "inspect", ..] => {
            let created = "\"Created\":\"2026-01-01T00:00:00Z\"";
            format!(r#"[{{"Id":"--all","Name":"{name}","RepoTags":["{name}"],{created}}}]"#)
        }
        ["images", "--json", ..] => r#"[{"id":"--all","names":["-f:1"]}]"#.to_owned(),
        ["containers", ..] => r#"[{"id":"--all","containername":"app-t","imageid":"--all"}]"#.to_owned(),
        ["images" | "ps", ..] => "--all\n-f\n".to_owned(),
        ["buildx", ..] => "Name: -f\nDigest: --all\n".to_owned(),
        _ => return None,
    }))
}
