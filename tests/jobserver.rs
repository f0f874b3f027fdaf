//! The jobserver with real pipes, fifos, threads and processes, and, where the environment variable GNU_MAKE names a
//! program, with GNU make as its client.

use imk::os::jobserver::{Acquired, Error, Jobserver, Style, Unavailable, complaint, message};
use rustix::io::{Errno, read, write};
use rustix::pipe::pipe;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const NOW: Option<Duration> = Some(Duration::ZERO);
const STYLES: [Style; 2] = [Style::Fifo, Style::Pipe];

fn make(style: Style, jobs: u32) -> Jobserver {
    Jobserver::make(style, jobs, Path::new(env!("CARGO_TARGET_TMPDIR"))).expect("it can be made")
}

fn nothing(_: RawFd) -> Option<OwnedFd> {
    None
}

fn join(jobserver: &Jobserver) -> Jobserver {
    Jobserver::join(jobserver.auth(), &nothing).expect("it is there")
}

#[test]
fn there_is_a_token_for_each_job_but_the_first() {
    for style in STYLES {
        let mut jobserver = make(style, 3);
        assert_eq!(jobserver.made(), Some(2));
        for _ in 0..2 {
            assert_eq!(jobserver.acquire(None, NOW), Ok(Acquired::Token));
        }
        assert_eq!(jobserver.acquire(None, Some(Duration::from_millis(1))), Ok(Acquired::TimedOut));
        assert_eq!(jobserver.try_acquire(), Ok(false));
        assert_eq!(jobserver.held(), 2);
        assert_eq!(jobserver.release(), Ok(true));
        assert_eq!(jobserver.try_acquire(), Ok(true));
        assert_eq!(jobserver.release_all(), Ok(()));
        assert_eq!((jobserver.held(), jobserver.release()), (0, Ok(false)));
        assert_eq!(jobserver.drain(), Ok(2));
    }
    assert_eq!(make(Style::Pipe, 0).made(), Some(0));
    assert_eq!(make(Style::Fifo, 1).drain(), Ok(0));
}

#[test]
fn more_jobs_than_a_pipe_has_room_for_do_not_hang() {
    let jobserver = make(Style::Pipe, u32::MAX);
    let made = jobserver.made();
    assert!(made >= Some(4096), "{made:?}");
    assert_eq!(jobserver.drain().ok(), made);
}

#[test]
fn a_fifo_lives_as_long_as_its_maker() {
    let first = make(Style::Fifo, 2);
    let second = make(Style::Fifo, 2);
    let path = first.fifo().expect("a fifo").to_owned();
    assert_ne!(Some(path.as_path()), second.fifo());
    assert_eq!(first.auth(), format!("fifo:{}", path.display()).as_bytes());
    drop(join(&first));
    assert!(path.exists());
    drop(first);
    assert!(!path.exists());
}

#[test]
fn a_fifo_that_is_left_is_named() {
    let mut gone = make(Style::Fifo, 2);
    std::fs::remove_file(gone.fifo().expect("a fifo")).expect("it is there");
    assert_eq!(gone.remove(), Ok(()));
    let mut server = make(Style::Fifo, 2);
    let path = server.fifo().expect("a fifo").to_owned();
    std::fs::remove_file(&path).expect("it is there");
    std::fs::create_dir(&path).expect("its name is free");
    let error = server.remove().expect_err("a folder is no file");
    std::fs::remove_dir(&path).expect("it is there");
    assert_eq!(error, Error::Remove(path.clone(), Errno::ISDIR));
    let text = format!("jobserver is left: {}: Is a directory", path.display());
    assert_eq!(String::from_utf8(message(&error)), Ok(text));
    assert_eq!(server.fifo(), None);
    assert_eq!(server.remove(), Ok(()));
}

#[test]
fn members_share_the_tokens() {
    for style in STYLES {
        let mut server = make(style, 2);
        let mut client = join(&server);
        assert_eq!((client.made(), client.fifo()), (None, None));
        assert_eq!(client.auth(), server.auth());
        assert_eq!(client.try_acquire(), Ok(true));
        assert_eq!(server.try_acquire(), Ok(false));
        // Waits without end, until the other thread gives its token back.
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| server.acquire(None, None));
            assert_eq!(client.release(), Ok(true));
            assert_eq!(waiting.join().expect("no panic"), Ok(Acquired::Token));
        });
        assert_eq!(client.try_acquire(), Ok(false));
        assert_eq!(server.release_all(), Ok(()));
        assert_eq!(server.drain(), Ok(1));
    }
}

#[test]
fn a_wait_ends_when_the_caller_is_woken() {
    let (bell, rope) = pipe().expect("a pipe");
    let mut jobserver = make(Style::Fifo, 1);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| jobserver.acquire(Some(bell.as_fd()), None));
        assert_eq!(write(&rope, b"!"), Ok(1));
        assert_eq!(waiting.join().expect("no panic"), Ok(Acquired::Woken));
    });
    // What woke the caller comes before a token.
    let mut jobserver = make(Style::Fifo, 2);
    assert_eq!(jobserver.acquire(Some(bell.as_fd()), NOW), Ok(Acquired::Woken));
    assert_eq!(read(&bell, &mut [0; 8]), Ok(1));
    assert_eq!(jobserver.acquire(Some(bell.as_fd()), NOW), Ok(Acquired::Token));
    assert_eq!(jobserver.acquire(Some(bell.as_fd()), NOW), Ok(Acquired::TimedOut));
}

#[test]
fn many_threads_never_hold_more_tokens_than_there_are() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let server = make(Style::Pipe, 4);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let mut client = join(&server);
            let (running, most) = (&running, &most);
            scope.spawn(move || {
                for _ in 0..200 {
                    assert_eq!(client.acquire(None, None), Ok(Acquired::Token));
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    running.fetch_sub(1, Ordering::SeqCst);
                    assert_eq!(client.release(), Ok(true));
                }
            });
        }
    });
    assert!((1..=3).contains(&most.into_inner()));
    assert_eq!(server.drain(), Ok(3));
}

#[test]
fn tokens_go_back_as_the_bytes_they_were() {
    let (reader, writer) = pipe().expect("a pipe");
    assert_eq!(write(&writer, b"ab"), Ok(2));
    let auth = format!("{},{} and more", reader.as_raw_fd(), writer.as_raw_fd());
    let mut client = Jobserver::join(auth.as_bytes(), &nothing).expect("it is there");
    assert_eq!(client.inherited(), Some([reader.as_raw_fd(), writer.as_raw_fd()]));
    assert_eq!((client.try_acquire(), client.try_acquire()), (Ok(true), Ok(true)));
    assert_eq!(client.release_all(), Ok(()));
    let mut tokens = [0; 8];
    assert_eq!(read(&reader, &mut tokens), Ok(2));
    assert_eq!(&tokens[..2], b"ba");
}

#[test]
fn a_pipe_is_inherited_only_while_that_is_wanted() {
    let jobserver = make(Style::Pipe, 2);
    let [reader, writer] = jobserver.inherited().expect("a pipe");
    let script = format!("test -e /proc/self/fd/{reader} && test -e /proc/self/fd/{writer}");
    let seen = || Command::new("sh").args(["-c", &script]).status().expect("there is a shell").success();
    assert!(!seen());
    assert!(jobserver.set_inheritable(true) && seen());
    assert!(jobserver.set_inheritable(false) && !seen());
    assert!(jobserver.is_pipe() && !make(Style::Fifo, 2).is_pipe());
}

#[test]
fn what_cannot_be_joined_is_told_apart() {
    let file = std::fs::File::open(std::env::current_exe().expect("it runs")).expect("it is there");
    let file = format!("{0},{0}", file.as_raw_fd());
    let refused = |auth: &str| Jobserver::join(auth.as_bytes(), &nothing).err();
    assert_eq!(refused("-2,-2"), Some(Unavailable::NotPassedOn));
    assert_eq!(refused("3,-2"), Some(Unavailable::NotPassedOn));
    for closed in ["998,999", "-1,-1", &file] {
        assert_eq!(refused(closed), Some(Unavailable::NoPipe), "{closed}");
    }
    for wrong in ["", "3", "3,", "x,y", "3;4", "99999999999,4", "fifo"] {
        let expected = Unavailable::Syntax(wrong.as_bytes().to_vec());
        assert_eq!(
            complaint(&expected),
            Some(format!("invalid --jobserver-auth string '{wrong}'").into_bytes())
        );
        assert_eq!(refused(wrong), Some(expected));
    }
    let none = refused("fifo:/nowhere/fifo").expect("refused");
    assert_eq!(none, Unavailable::Open("/nowhere/fifo".into(), Errno::NOENT));
    let text = complaint(&none).expect("said");
    assert_eq!(text, b"cannot open jobserver /nowhere/fifo: No such file or directory");
    let folder = Jobserver::make(Style::Fifo, 2, Path::new("/nowhere")).err().expect("refused");
    let text = String::from_utf8(message(&folder)).expect("text");
    assert!(text.starts_with("jobserver mkfifo: /nowhere/GMfifo"), "{text}");
    assert!(matches!(folder, Error::Make(_, Errno::NOENT)));
}

#[test]
fn gnu_make_is_a_client_like_any_other() {
    let Some(program) = std::env::var("GNU_MAKE").ok().filter(|path| !path.is_empty()) else { return };
    let makefile = "all: a b c d e; @echo done\na b c d e:; @true\n";
    for style in STYLES {
        let jobserver = make(style, 4);
        let flags = format!(" -j4 --jobserver-auth={}", String::from_utf8_lossy(jobserver.auth()));
        let mut command = Command::new(&program);
        command.args(["-f", "-"]).env("MAKEFLAGS", flags).env("MAKELEVEL", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        assert!(jobserver.set_inheritable(true));
        let mut child = command.spawn().expect("GNU_MAKE names a program");
        assert!(jobserver.set_inheritable(false));
        std::io::Write::write_all(&mut child.stdin.take().expect("piped"), makefile.as_bytes())
            .expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{style:?}");
        assert_eq!(jobserver.drain(), Ok(3));
    }
}

/// The other way round: a process started by GNU make joins its jobserver.
#[test]
fn gnu_makes_jobserver_is_joined() {
    if let Ok(auth) = std::env::var("JOIN_THIS") {
        let mut client = Jobserver::join(auth.as_bytes(), &nothing).expect("it is there");
        assert_eq!(client.acquire(None, NOW), Ok(Acquired::Token));
        assert_eq!(client.acquire(None, NOW), Ok(Acquired::TimedOut));
        assert_eq!(client.release(), Ok(true));
        return;
    }
    let Some(program) = std::env::var("GNU_MAKE").ok().filter(|path| !path.is_empty()) else { return };
    let this = std::env::current_exe().expect("it runs");
    let makefile = format!(
        "auth = $(patsubst --jobserver-auth=%,%,$(filter --jobserver-auth=%,$(MAKEFLAGS)))\n\
         all:; +@JOIN_THIS='$(auth)' {} --exact gnu_makes_jobserver_is_joined\n",
        this.display()
    );
    for style in ["--jobserver-style=fifo", "--jobserver-style=pipe"] {
        let mut command = Command::new(&program);
        command
            .args(["-j2", style, "-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("GNU_MAKE names a program");
        std::io::Write::write_all(&mut child.stdin.take().expect("piped"), makefile.as_bytes())
            .expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{style}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    }
}
