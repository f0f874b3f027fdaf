//! A container engine made of files, for tests without one: a daemon behind a socket that answers look-ups and removals, and a
//! client, a shell script called `docker`, that makes and removes the same files. Knows nothing of what is tested.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// `fail-COMMAND` and `break-COMMAND` in the folder have a command fail before and after it did its work; with
/// `block-COMMAND` it says on the fifo `ready` that it is there, and waits to be ended.
const CLIENT: &str = r#"#!/bin/sh
echo "$*" >>"$FAKE/log"
command=$1
if [ -e "$FAKE/fail-$command" ]; then echo "docker: $command fails" >&2; exit 1; fi
keep() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$FAKE/new-$$" && mv "$FAKE/new-$$" "$FAKE/$1"; }
case $command in
build) while [ "$1" != --tag ]; do shift; done; keep "image-$2" ;;
create)
    if [ -e "$FAKE/container-$3" ]; then echo "docker: $3 is in use" >&2; exit 1; fi
    keep "container-$3"
    ;;
rm) rm "$FAKE/container-$2" || exit ;;
rmi) rm "$FAKE/image-$2" || exit ;;
esac
if [ -e "$FAKE/break-$command" ]; then echo "docker: $command breaks" >&2; exit 1; fi
if [ -e "$FAKE/block-$command" ]; then echo >"$FAKE/ready"; exec sleep 60; fi
exit 0
"#;

/// How the daemon answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Manner {
    /// As an engine does.
    Well,
    /// With what is no answer.
    Garbage,
    /// Well this many times, then not at all.
    StopsAfter(usize),
    /// Not at all, with the connection open; it says on the fifo `ready` that it is asked.
    #[allow(dead_code)] // Of the binaries that use this module, one asks for it; so with the next two.
    Hangs,
    /// Without ever coming to an end.
    #[allow(dead_code)]
    Endless,
    /// With the container `mine` whatever is asked for.
    #[allow(dead_code)]
    Lies,
}

/// The engine.
pub struct Daemon {
    folder: tempfile::TempDir,
    asked: Arc<AtomicUsize>,
}

impl Daemon {
    /// An engine that has nothing.
    pub fn new(manner: Manner) -> std::io::Result<Daemon> {
        let folder = tempfile::Builder::new().prefix("imk-fake.").tempdir()?;
        let bin = folder.path().join("bin");
        fs::create_dir(&bin)?;
        let client = bin.join("docker");
        fs::write(&client, CLIENT)?;
        fs::set_permissions(&client, fs::Permissions::from_mode(0o755))?;
        let daemon = Daemon { folder, asked: Arc::default() };
        daemon.listen("e.sock", manner)?;
        let fifo = std::process::Command::new("mkfifo").arg(daemon.path().join("ready")).status()?;
        if fifo.success() { Ok(daemon) } else { Err(std::io::Error::other("no fifo")) }
    }

    /// Listens at a further socket of this name.
    pub fn listen(&self, socket: &str, manner: Manner) -> std::io::Result<()> {
        let listener = UnixListener::bind(self.path().join(socket))?;
        let (folder, asked) = (self.path().to_owned(), Arc::clone(&self.asked));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (folder, asked) = (folder.clone(), Arc::clone(&asked));
                std::thread::spawn(move || serve(stream, &folder, manner, &asked));
            }
        });
        Ok(())
    }

    /// The folder of its files.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Its address.
    pub fn address(&self, socket: &str) -> String {
        format!("unix://{}", self.path().join(socket).display())
    }

    /// `PATH` with its client.
    pub fn search_path(&self) -> String {
        format!("{}:/usr/local/bin:/usr/bin:/bin", self.path().join("bin").display())
    }

    /// Marks how commands go: `fail-cp`, `block-cp`.
    pub fn mark(&self, name: &str) -> std::io::Result<()> {
        fs::write(self.path().join(name), b"")
    }

    /// What it has, sorted.
    pub fn things(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut things: Vec<String> =
            names.filter(|name| name.starts_with("container-") || name.starts_with("image-")).collect();
        things.sort();
        things
    }

    /// How many requests came to the socket.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until a command blocks; an error where none does.
    pub fn wait_until_blocked(&self) -> std::io::Result<()> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let ready = self.path().join("ready");
        std::thread::spawn(move || sender.send(fs::read(ready).map(drop)));
        let late = |_| std::io::Error::other("no command blocks");
        receiver.recv_timeout(Duration::from_secs(60)).map_err(late)?
    }
}

/// The head of the next request; none when the other side is done. That of one with a body is not told from it: no question that imk
/// asks an engine has one.
pub fn next_request(stream: &mut UnixStream) -> Option<String> {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    while memchr::memmem::find(&received, b"\r\n\r\n").is_none() {
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => received.extend_from_slice(&buffer[..count]),
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&received).into_owned())
}

/// Writes an answer.
pub fn respond(stream: &mut UnixStream, status: u16, body: &str) -> std::io::Result<()> {
    let head = format!("HTTP/1.1 {status} X\r\nApi-Version: 1.41\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes())
}

fn serve(mut stream: UnixStream, folder: &Path, manner: Manner, asked: &AtomicUsize) {
    while let Some(request) = next_request(&mut stream) {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        let mut words = request.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (status, body) = match manner {
            Manner::StopsAfter(count) if number >= count => return,
            Manner::Hangs => {
                let ready = folder.join("ready");
                std::thread::spawn(move || fs::write(ready, b"\n"));
                // Until the other side gives up.
                let _ = stream.read(&mut [0; 64]);
                return;
            }
            Manner::Endless => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n\r\n");
                while stream.write_all(&[0; 4096]).is_ok() {}
                return;
            }
            Manner::Lies if target.contains("/containers/") => {
                answer(method, "/v1/containers/mine/json", folder)
            }
            Manner::Garbage => (200, "{\"Id\": [[[".to_owned()),
            _ => answer(method, target, folder),
        };
        if respond(&mut stream, status, &body).is_err() {
            return;
        }
    }
}

/// What the engine in `folder` answers to a request, well: status and body.
pub fn answer(method: &str, target: &str, folder: &Path) -> (u16, String) {
    let target = target.replace("%3A", ":").replace("%3a", ":");
    let path = target.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').skip(2).collect();
    let (kind, name) = match (method, parts.as_slice()) {
        (_, []) => return (200, "OK".to_owned()),
        ("GET", ["version"]) => {
            let version = r#"{"Version":"20.10.24","ApiVersion":"1.41","Os":"linux","Arch":"amd64"}"#;
            return (200, version.to_owned());
        }
        ("GET", ["containers", name, "json"]) | ("DELETE", ["containers", name]) => ("container", *name),
        ("GET", ["images", name, "json"]) | ("DELETE", ["images", name]) => ("image", *name),
        ("GET", ["containers", "json"]) => return (200, listed_containers(folder)),
        ("GET", ["images", "json"]) => return (200, "[]".to_owned()),
        _ => return (404, "{}".to_owned()),
    };
    let Some((file, id)) = find(folder, kind, name) else {
        return (404, "{\"message\":\"no such thing\"}".to_owned());
    };
    if method == "DELETE" {
        let _ = fs::remove_file(file);
        return (200, "[]".to_owned());
    }
    let own = file.file_name().unwrap_or_default().to_string_lossy()[kind.len() + 1..].to_owned();
    let time = fs::metadata(&file).and_then(|status| status.modified()).ok();
    let seconds = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |time| time.as_secs());
    let time = rfc3339(seconds);
    (
        200,
        match kind {
            "container" => {
                format!(r#"{{"Id":"{id}","Name":"/{own}","Created":"{time}","Image":"sha256:0"}}"#)
            }
            _ => format!(
                r#"{{"Id":"sha256:{id}","RepoTags":["{own}"],"Created":"{time}","Metadata":{{"LastTagTime":"{time}"}}}}"#
            ),
        },
    )
}

/// All containers, with the labels that a client keeps beside them.
fn listed_containers(folder: &Path) -> String {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let entry = |name: String| {
        // Not of other files: one of them is a fifo.
        let own = name.strip_prefix("container-")?;
        let id = fs::read_to_string(folder.join(&name)).ok()?;
        let labels = fs::read_to_string(folder.join(format!("labels-{name}"))).unwrap_or_default();
        Some(format!(r#"{{"Id":"{id}","Names":["/{own}"],"Created":0,"Labels":{{{labels}}}}}"#))
    };
    let all: Vec<String> =
        names.filter_map(|file| file.file_name().into_string().ok()).filter_map(entry).collect();
    format!("[{}]", all.join(","))
}

/// The file of a thing by its name or id, and its id.
fn find(folder: &Path, kind: &str, name: &str) -> Option<(PathBuf, String)> {
    let by_name = folder.join(format!("{kind}-{name}"));
    if let Ok(id) = fs::read_to_string(&by_name) {
        return Some((by_name, id));
    }
    let bare = name.trim_start_matches("sha256:");
    let prefix = format!("{kind}-");
    let own = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    let mut own =
        own.filter(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&prefix)));
    own.find_map(|path| fs::read_to_string(&path).ok().filter(|id| id == bare).map(|id| (path.clone(), id)))
}

/// A time of UTC in the form of the engine's answers.
pub fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let is_leap =
        |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let (mut year, mut day) = (1970, days);
    while day >= 365 + u64::from(is_leap(year)) {
        day -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", month + 1, day + 1)
}
